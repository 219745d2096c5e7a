"""Agents, queues and waiting contacts, read from the tables as the plain data that the match takes.

Nothing here locks: whoever acts on it holds the rows and looks again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.routing.capacity import HOUSE, CapacityRefused, kind_of, read_capacity
from app.routing.match import Line
from app.routing.models import Method, Queue
from app.routing.plain import Agent, Contact, Membership, Rules
from app.routing.skills import SkillsRefused, read_rings

PAGE = 25
"""Contacts of one line that are read at once."""
RETRY_PAUSE_S = 5
"""How long an agent whose phone rang out or could not be reached is not asked again for the same contact."""

OPEN = "o.state IN ('pending', 'accepted', 'wrapping')"
TAB = """
    LATERAL (
        SELECT count(*) > 0 AS is_live, coalesce(bool_or(t.phone_ready), false) AS can_ring
        FROM agent_session t WHERE t.user_id = s.user_id AND t.expires_at > clock_timestamp()
    ) AS tab
"""
SUPERVISING = "SELECT v.user_id FROM supervision v WHERE v.ended_at IS NULL"
AWAY = f"""
    CASE
        WHEN NOT u.active THEN 'barred'
        WHEN s.presence IS NULL OR s.presence = 'offline' THEN 'offline'
        WHEN s.presence = 'break' THEN 'on_break'
        WHEN s.not_responding THEN 'not_responding'
        WHEN s.next_presence IS NOT NULL THEN 'leaving'
        WHEN NOT tab.is_live THEN 'no_session'
        WHEN s.rest_until > clock_timestamp() THEN 'resting'
        WHEN s.user_id IN ({SUPERVISING}) THEN 'supervising'
    END
"""
"""Why an agent is offered nothing at all, the most basic first; NULL for one who is there (A-3)."""
SKILLS = """
    (SELECT jsonb_object_agg(k.key, a.level)
        FROM agent_skill a JOIN skill k ON k.id = a.skill_id WHERE a.user_id = u.id)
"""
WORK = f"(SELECT jsonb_agg(o.channel) FROM offer o WHERE o.user_id = u.id AND {OPEN})"  # noqa: S608 - our own constants
AGENT = f"""
    SELECT u.id AS user_id, u.capacity, extract(epoch FROM s.idle_since)::float8 AS idle_since, tab.can_ring,
        {AWAY} AS away, {SKILLS} AS skills, {WORK} AS open_work,
        (SELECT jsonb_object_agg(m.queue_id, jsonb_build_array(m.level, m.delay_s))
            FROM queue_member m WHERE m.user_id = u.id) AS members
"""  # noqa: S608
FREE = text(
    f"""
    WITH s AS MATERIALIZED (
        SELECT s.* FROM agent_state s JOIN "user" u ON u.id = s.user_id
        WHERE u.active AND s.presence = 'available' AND NOT s.not_responding AND s.next_presence IS NULL
            AND (s.rest_until IS NULL OR s.rest_until <= clock_timestamp())
            AND s.user_id NOT IN ({SUPERVISING})
            AND (u.capacity IS NOT NULL OR s.user_id NOT IN (
                SELECT o.user_id FROM offer o WHERE o.channel = 'voice' AND {OPEN}))
    )
    {AGENT}
    FROM s JOIN "user" u ON u.id = s.user_id CROSS JOIN {TAB}
    WHERE tab.is_live
        AND EXISTS (SELECT 1 FROM queue_member m WHERE m.user_id = s.user_id AND m.queue_id = ANY(:queues))
    """  # noqa: S608
)
"""Agents of these queues who are there and, by the house's capacity, may have room: nobody else is worth a look."""
THESE = text(
    f"""
    {AGENT}
    FROM "user" u LEFT JOIN agent_state s ON s.user_id = u.id CROSS JOIN {TAB} WHERE u.id = ANY(:users)
    """
)
MEMBERS = text(
    f"""
    SELECT member.queue_id, u.id AS user_id, u.capacity, extract(epoch FROM s.idle_since)::float8 AS idle_since,
        tab.can_ring, {AWAY} AS away, {WORK} AS open_work, CASE WHEN :skilled THEN {SKILLS} END AS skills,
        jsonb_build_object(member.queue_id, jsonb_build_array(member.level, member.delay_s)) AS members
    FROM queue_member member JOIN "user" u ON u.id = member.user_id LEFT JOIN agent_state s ON s.user_id = u.id
        CROSS JOIN {TAB}
    WHERE member.queue_id = ANY(:queues)
    """  # noqa: S608
)

LINES = text(
    """
    WITH RECURSIVE line AS (
        (SELECT queue_id, channel, required_skills FROM interaction
            WHERE state = 'queued' AND queue_id IS NOT NULL
            ORDER BY queue_id, channel, required_skills LIMIT 1)
        UNION ALL
        SELECT following.* FROM line, LATERAL (
            SELECT queue_id, channel, required_skills FROM interaction
            WHERE state = 'queued'
                AND (queue_id, channel, required_skills) > (line.queue_id, line.channel, line.required_skills)
            ORDER BY queue_id, channel, required_skills LIMIT 1
        ) AS following
    )
    SELECT queue_id, channel, required_skills FROM line
    """
)
"""Which lines there are, by one step in the index for each, however many wait in them."""
CONTACT = """
    i.id, i.version, i.queue_id, i.channel, i.required_skills, i.priority_min,
    extract(epoch FROM i.virtual_start)::float8 AS virtual_start,
    extract(epoch FROM coalesce(i.queued_at, i.virtual_start))::float8 AS queued_at,
    CASE WHEN i.preferred_agent_id IS NOT NULL AND EXISTS (
        SELECT 1 FROM agent_state s JOIN queue_member m ON m.user_id = s.user_id AND m.queue_id = i.queue_id
        WHERE s.user_id = i.preferred_agent_id AND s.presence = 'available' AND s.next_presence IS NULL
            AND NOT s.not_responding AND EXISTS (
                SELECT 1 FROM agent_session t WHERE t.user_id = s.user_id AND t.expires_at > clock_timestamp())
    ) THEN i.preferred_agent_id END AS preferred,
    ARRAY(
        SELECT o.user_id FROM offer o WHERE o.interaction_id = i.id AND o.ended_at > clock_timestamp() - CASE
            WHEN o.state = 'rejected' AND o.reason IS DISTINCT FROM 'unreachable'
                THEN make_interval(secs => line.cool_down_s)
            WHEN o.state IN ('rejected', 'timeout') THEN make_interval(secs => :pause_s)
        END
    ) AS tried
"""
"""A contact as the match takes it: an agent who is not there is preferred by nobody."""
PAGES = text(
    f"""
    SELECT line.n, {CONTACT}
    FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS line
        (n int, queue_id bigint, channel text, needs jsonb, cool_down_s int, after_at timestamp,
         after_start timestamptz, after_id uuid)
    CROSS JOIN LATERAL (
        SELECT * FROM interaction
        WHERE state = 'queued' AND queue_id = line.queue_id AND channel = line.channel
            AND required_skills = line.needs
            AND (line.after_id IS NULL
                OR (counted_from, virtual_start, id) > (line.after_at, line.after_start, line.after_id))
        ORDER BY counted_from, virtual_start, id LIMIT :page
    ) AS i
    ORDER BY line.n, i.counted_from, i.virtual_start, i.id
    """  # noqa: S608 - of our own constants
)
ONE = text(
    f"""
    SELECT {CONTACT} FROM interaction i JOIN queue ON queue.id = i.queue_id
    CROSS JOIN LATERAL (SELECT queue.retry_cooldown_s AS cool_down_s) AS line WHERE i.id = :id
    """  # noqa: S608
)
ASKED = text(
    f"""
    SELECT c.id AS consult_id, {CONTACT} FROM consult c JOIN queue ON queue.id = c.queue_id
    CROSS JOIN LATERAL (
        SELECT x.id, x.version, c.queue_id, x.channel, x.required_skills, x.priority_min, c.created_at AS queued_at,
            coalesce(x.virtual_start, c.created_at) AS virtual_start, NULL::bigint AS preferred_agent_id
        FROM interaction x WHERE x.id = c.interaction_id
    ) AS i
    CROSS JOIN LATERAL (SELECT queue.retry_cooldown_s AS cool_down_s) AS line
    WHERE c.state = 'waiting' ORDER BY c.id LIMIT 1000
    """  # noqa: S608 - of our own constants
)
"""Agents who wait for somebody of a queue to ask, in the place that their customer has in line."""
PLACE = text("SELECT counted_from, virtual_start FROM interaction WHERE id = :id")


@dataclass(frozen=True, slots=True)
class LineKey:
    """What the contacts of a line have in common."""

    queue_id: int
    channel: str
    needs: dict[str, int]


def free_agents(session: Session, queue_ids: Collection[int]) -> list[Agent]:
    """Agents of these queues who are there; whether they have room for a contact, the match sees."""
    return [_agent(row) for row in session.execute(FREE, {"queues": list(queue_ids)})]


def these_agents(session: Session, user_ids: Collection[int]) -> dict[int, Agent]:
    """These agents as they are now, with the reason of those who are away."""
    return {row.user_id: _agent(row) for row in session.execute(THESE, {"users": list(user_ids)})}


def members(session: Session, queue_ids: Collection[int], *, skilled: bool = True) -> dict[int, list[Agent]]:
    """Everybody who works in these queues, by queue, with the reason of those who are away.

    Who works in several is the same object in each of them. Without `skilled` their skills are not read.
    """
    found: dict[int, list[Agent]] = {queue_id: [] for queue_id in queue_ids}
    people: dict[int, Agent] = {}
    for row in session.execute(MEMBERS, {"queues": list(queue_ids), "skilled": skilled}):
        read = _agent(row)
        agent = people.setdefault(row.user_id, read)
        agent.members = {**agent.members, **read.members}
        found[row.queue_id].append(agent)
    return found


def _agent(row: Row[Any]) -> Agent:
    open_work: dict[str, int] = {}
    for channel in row.open_work or ():
        kind = kind_of(channel)
        open_work[kind] = open_work.get(kind, 0) + 1
    return Agent(
        row.user_id,
        row.idle_since or 0.0,
        {int(queue_id): Membership(*each) for queue_id, each in (row.members or {}).items()},
        row.skills or {},
        _capacity(row.capacity),
        open_work,
        row.can_ring,
        row.away,
    )


def _capacity(value: Any) -> Any:
    """One that cannot be read counts as the house's: work goes on, the page that edits it says what is wrong."""
    try:
        return read_capacity(value)
    except CapacityRefused:
        return HOUSE


def waiting_lines(session: Session) -> list[LineKey]:
    """Every line in which somebody waits."""
    return [LineKey(queue_id, channel, needs) for queue_id, channel, needs in session.execute(LINES)]


def open_lines(
    session: Session,
    keys: Sequence[LineKey],
    queues: dict[int, Queue],
    without: Collection[Any] = (),
    page: int = PAGE,
) -> list[Line]:
    """The lines with their first contacts, all read at once; the others are read when the match comes to them.

    Contacts of `without` are left out.
    """
    wanted = [_asked(n, key, queues) for n, key in enumerate(keys)]
    pages: list[list[Contact]] = [[] for _ in keys]
    for row in _read(session, wanted, page):
        pages[row.n].append(contact_of(row))
    everybody = (_contacts(session, wanted[n], contacts, page) for n, contacts in enumerate(pages))
    return [Line(contact for contact in line if contact.id not in without) for line in everybody]


def _asked(n: int, key: LineKey, queues: dict[int, Queue]) -> dict[str, Any]:
    cool_down_s = queues[key.queue_id].retry_cooldown_s
    return {
        "n": n,
        "queue_id": key.queue_id,
        "channel": key.channel,
        "needs": key.needs,
        "cool_down_s": cool_down_s,
    }


def _contacts(session: Session, asked: dict[str, Any], first: list[Contact], page: int) -> Iterator[Contact]:
    contacts = first
    while contacts:
        yield from contacts
        if len(contacts) < page:
            return
        last = session.execute(PLACE, {"id": contacts[-1].id}).one()
        after = {"after_at": str(last[0]), "after_start": str(last[1]), "after_id": str(contacts[-1].id)}
        page = min(page * 4, 1000)
        contacts = [contact_of(row) for row in _read(session, [{**asked, **after}], page)]


def _read(session: Session, wanted: Iterable[dict[str, Any]], page: int) -> Sequence[Row[Any]]:
    facts = {"lines": json.dumps(list(wanted)), "page": page, "pause_s": RETRY_PAUSE_S}
    return session.execute(PAGES, facts).all()


def one_contact(session: Session, interaction_id: uuid.UUID) -> Contact:
    """A contact in a queue, as the match would take it now."""
    return contact_of(session.execute(ONE, {"id": interaction_id, "pause_s": RETRY_PAUSE_S}).one())


def asked_contacts(session: Session) -> list[Contact]:
    """The customers on hold whose agents wait for somebody of a queue."""
    rows = session.execute(ASKED, {"pause_s": RETRY_PAUSE_S})
    return [replace(contact_of(row), consult_id=row.consult_id) for row in rows]


def contact_of(row: Row[Any]) -> Contact:
    id: uuid.UUID = row.id
    return Contact(
        id,
        row.queue_id,
        row.virtual_start,
        row.queued_at,
        row.priority_min,
        row.channel,
        row.required_skills,
        row.preferred,
        frozenset(row.tried),
        row.version,
    )


def load_queues(session: Session, queue_ids: Collection[int]) -> dict[int, Queue]:
    return {queue.id: queue for queue in session.scalars(select(Queue).where(Queue.id.in_(queue_ids)))}


def read_rules(session: Session, queues: Iterable[Queue]) -> dict[int, Rules]:
    """The queues' ways as plain data, with what their methods must remember: whom they asked last, who had how many."""
    queues = list(queues)
    last = _last_offered(session, [queue.id for queue in queues if queue.method == Method.ROUND_ROBIN])
    handled = {queue.id: _handled(session, queue) for queue in queues if queue.method == Method.FEWEST_TODAY}
    return {
        queue.id: Rules(
            queue.id,
            queue.name,
            queue.method,
            queue.skill_rule,
            _rings(queue),
            queue.weight,
            queue.ring_group_n,
            queue.sticky_s,
            queue.voice_reserve_s,
            last.get(queue.id, 0),
            handled.get(queue.id, {}),
        )
        for queue in queues
    }


def _rings(queue: Queue) -> Any:
    try:
        return read_rings(queue.rings) if queue.method == Method.BULLSEYE else ()
    except SkillsRefused:
        return ()


LAST_OFFERED = text(
    """
    SELECT queue.id, (SELECT user_id FROM offer WHERE queue_id = queue.id ORDER BY id DESC LIMIT 1) FROM queue
    WHERE queue.id = ANY(:queues)
    """
)
HANDLED = text(
    """
    SELECT user_id, count(*) FROM offer
    WHERE queue_id = :queue AND state IN ('accepted', 'wrapping', 'completed')
        AND created_at >= date_trunc('day', clock_timestamp() AT TIME ZONE :zone) AT TIME ZONE :zone
    GROUP BY user_id
    """
)


def _last_offered(session: Session, queue_ids: list[int]) -> dict[int, int]:
    rows = session.execute(LAST_OFFERED, {"queues": queue_ids}) if queue_ids else ()
    return {queue_id: user_id for queue_id, user_id in rows if user_id is not None}


def _handled(session: Session, queue: Queue) -> dict[int, int]:
    zone = queue.zone if queue.zone in available_timezones() else "UTC"
    rows = session.execute(HANDLED, {"queue": queue.id, "zone": zone})
    return dict(rows.tuples().all())
