"""Agents and queues, read from the tables as the plain data that the match takes.

Nothing here locks: whoever acts on it holds the rows and looks again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.routing.capacity import HOUSE, CapacityRefused, kind_of, read_capacity
from app.routing.models import BLENDED, Method, Queue
from app.routing.plain import Agent, Membership, Rules
from app.routing.skills import Needs, SkillsRefused, last_needs, needs_of_rings, read_rings

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
THESE = text(
    f"""
    {AGENT}
    FROM "user" u LEFT JOIN agent_state s ON s.user_id = u.id CROSS JOIN {TAB} WHERE u.id = ANY(:users)
    """
)
MEMBERS = text(
    f"""
    {AGENT}
    FROM queue_member mine JOIN "user" u ON u.id = mine.user_id LEFT JOIN agent_state s ON s.user_id = u.id
        CROSS JOIN {TAB}
    WHERE mine.queue_id = :queue
    """
)
THERE = "s.presence = 'available' AND NOT s.not_responding AND s.next_presence IS NULL"
RINGS = f"""
    CASE WHEN (s.rest_until IS NULL OR s.rest_until <= clock_timestamp()) AND s.user_id <> ALL(:without)
        THEN EXISTS (SELECT 1 FROM agent_session t WHERE t.user_id = s.user_id AND t.expires_at > clock_timestamp())
            AND EXISTS (SELECT 1 FROM "user" u WHERE u.id = s.user_id AND u.active)
            AND s.user_id NOT IN ({SUPERVISING}) END
"""  # noqa: S608
"""The rest of it, looked at for one agent after another (a CASE is never turned into a join of everybody)."""
FREE = text(
    f"""
    (SELECT s.user_id FROM agent_state s WHERE {THERE} AND NOT s.has_call AND {RINGS} LIMIT :most)
    UNION ALL
    (SELECT s.user_id
        FROM (SELECT id FROM "user" WHERE {BLENDED} OFFSET 0) AS blended
        CROSS JOIN LATERAL (SELECT * FROM agent_state WHERE user_id = blended.id OFFSET 0) AS s
        WHERE {THERE} AND s.has_call AND {RINGS} LIMIT :most)
    """  # noqa: S608
)
"""Who is there and has no call at hand, or may get other work beside one: nobody else is worth a look. By an index of
those alone (`ix_agent_state_free`), however many others are at work."""
LACKS = """
    EXISTS (SELECT 1 FROM jsonb_each_text({needs}) AS need (key, level) WHERE NOT EXISTS (
        SELECT 1 FROM skill k JOIN agent_skill a ON a.skill_id = k.id
        WHERE k.key = need.key AND a.user_id = {user} AND a.level >= need.level::int))
"""
"""Whether an agent lacks something of these needs."""
FIRST_OF_LINES = text(
    f"""
    SELECT line.n, first.user_id
    FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS line
        (n int, queue_id bigint, needs jsonb, must jsonb, by text, last bigint, handled jsonb, rings jsonb)
    CROSS JOIN LATERAL (
        SELECT s.user_id FROM (
            SELECT s.user_id, s.rest_until FROM queue_member m JOIN agent_state s ON s.user_id = m.user_id
            WHERE m.queue_id = line.queue_id AND {THERE}
                AND (NOT s.has_call OR EXISTS (
                    SELECT 1 FROM "user" u WHERE u.id = s.user_id AND {BLENDED}))
            ORDER BY m.level,
                CASE line.by
                    WHEN 'round_robin' THEN (m.user_id <= line.last)::int
                    WHEN 'skills' THEN -(
                        SELECT coalesce(sum(a.level), 0) FROM agent_skill a JOIN skill k ON k.id = a.skill_id
                        WHERE a.user_id = m.user_id AND line.needs ? k.key)
                    WHEN 'fewest_today' THEN coalesce((line.handled ->> m.user_id::text)::int, 0)
                    WHEN 'bullseye' THEN (
                        SELECT count(*) FROM jsonb_array_elements(line.rings) AS ring (needs)
                        WHERE {LACKS.format(needs="ring.needs", user="m.user_id")})
                END,
                CASE WHEN line.by NOT IN ('round_robin', 'linear') THEN s.idle_since END,
                m.user_id
            OFFSET 0
        ) AS s
        WHERE {RINGS}
            AND CASE WHEN line.must <> '{{}}' THEN NOT {LACKS.format(needs="line.must", user="s.user_id")} ELSE true END
        LIMIT :most
    ) AS first
    """  # noqa: S608
)
"""Of each line's agents who are there those whom its queue's method asks first."""
UNRANKED = (Method.LEAST_OCCUPIED, Method.RANDOM)
"""Methods of which the statement above knows nothing: all of such a queue's free agents are read."""
NOT_FREE = text(
    f"""
    SELECT wanted.id, (
        SELECT jsonb_object_agg(each.user_id, each.code) FROM (
            SELECT m.user_id, coalesce({AWAY}, CASE WHEN s.has_call THEN 'at_capacity' END) AS code
            FROM queue_member m JOIN "user" u ON u.id = m.user_id LEFT JOIN agent_state s ON s.user_id = m.user_id
                CROSS JOIN {TAB}
            WHERE m.queue_id = wanted.id
            LIMIT :most
        ) AS each WHERE each.code IS NOT NULL
    ) FROM unnest(CAST(:queues AS bigint[])) AS wanted (id)
    """  # noqa: S608
)


def free_agents(session: Session, most: int, without: Collection[int] = ()) -> dict[int, Agent] | None:
    """Everybody who is there and may have room for more work; None when they are more than `most`."""
    found = set(session.scalars(FREE, {"most": most + 1, "without": list(without)}))
    return these_agents(session, found) if len(found) <= most else None


@dataclass(frozen=True, slots=True)
class Asked:
    """A line whose first agents are wanted: those of this queue who hold `needs`, in the order of its method."""

    rules: Rules
    needs: Needs


def first_agents(
    session: Session, lines: Sequence[Asked], most: int | None, without: Collection[int] = ()
) -> tuple[dict[int, Agent], bool]:
    """The agents who are there of these lines, at most so many of each, and whether there are more.

    Of a line whose method the database does not know, they are all read.
    """
    found: set[int] = set()
    is_cut = False
    for ranked, limit in ((True, most), (False, None)):
        wanted = [(n, line) for n, line in enumerate(lines) if _is_ranked(line) == ranked]
        facts = {"lines": json.dumps([_line(*each) for each in wanted]), "most": limit, "without": list(without)}
        rows = session.execute(FIRST_OF_LINES, facts).all() if wanted else []
        found |= {user_id for _, user_id in rows}
        is_cut |= limit is not None and max(Counter(n for n, _ in rows).values(), default=0) >= limit
    return these_agents(session, found), is_cut


def _is_ranked(line: Asked) -> bool:
    return line.rules.method not in UNRANKED and not (line.rules.skill_rule == "best" and line.needs)


def _line(n: int, line: Asked) -> dict[str, Any]:
    must: Needs = {}
    if line.rules.skill_rule == "all":
        bullseye = line.rules.method == Method.BULLSEYE
        must = last_needs(line.needs, line.rules.rings) if bullseye else line.needs
    return {
        "n": n,
        "queue_id": line.rules.id,
        "needs": dict(line.needs),
        "must": dict(must),
        "by": line.rules.method,
        "last": line.rules.last_offered,
        "handled": line.rules.handled,
        "rings": needs_of_rings(line.needs, line.rules.rings),
    }


def these_agents(session: Session, user_ids: Collection[int]) -> dict[int, Agent]:
    """These agents as they are now, with the reason of those who are away."""
    if not user_ids:
        return {}
    return {row.user_id: _agent(row) for row in session.execute(THESE, {"users": list(user_ids)})}


def members(session: Session, queue_id: int) -> list[Agent]:
    """Everybody who works in this queue, with the reason of those who are away."""
    return [_agent(row) for row in session.execute(MEMBERS, {"queue": queue_id})]


def not_free(session: Session, queue_ids: Collection[int], most: int) -> dict[int, dict[int, str]]:
    """Of each queue's members (of so many, where there are more) who is away or has a call at hand, and which."""
    rows = session.execute(NOT_FREE, {"queues": list(queue_ids), "most": most})
    return {queue_id: {int(user_id): code for user_id, code in (codes or {}).items()} for queue_id, codes in rows}


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
