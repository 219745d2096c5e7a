"""Who waits, in lines: contacts of one queue, one channel and the same needs, in the order of their urgency.

Nothing here locks, and nothing reads a whole line: the index gives its next ones.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.routing.match import Line
from app.routing.models import BLENDED, FREE, Queue
from app.routing.plain import Contact
from app.routing.score import counted_from

PAGE = 25
"""Contacts of one line that are read at once."""
RETRY_PAUSE_S = 5
"""How long an agent whose phone rang out or could not be reached is not asked again for the same contact."""

HEAD = "queue_id, channel, required_skills, priority_min, virtual_start, id"
IN_ORDER = "channel, required_skills, counted_from, virtual_start, id"
LINES = """
    SELECT line.queue_id, line.channel, line.required_skills, line.priority_min,
        extract(epoch FROM line.virtual_start)::float8 AS virtual_start, line.id, queue.weight
    FROM line JOIN queue ON queue.id = line.queue_id
"""
LINES_OF = text(
    f"""
    WITH RECURSIVE line AS (
        SELECT head.* FROM unnest(CAST(:queues AS bigint[])) AS wanted (id), LATERAL (
            SELECT {HEAD} FROM interaction WHERE state = 'queued' AND queue_id = wanted.id ORDER BY {IN_ORDER} LIMIT 1
        ) AS head
        UNION ALL
        SELECT following.* FROM line, LATERAL (
            SELECT {HEAD} FROM interaction
            WHERE state = 'queued' AND queue_id = line.queue_id
                AND (channel, required_skills) > (line.channel, line.required_skills)
            ORDER BY {IN_ORDER} LIMIT 1
        ) AS following
    )
    {LINES}
    """  # noqa: S608 - of our own constants
)
LINES_SERVED = text(
    f"""
    WITH RECURSIVE line AS (
        (SELECT {HEAD} FROM interaction WHERE state = 'queued' AND queue_id IS NOT NULL
            ORDER BY queue_id, {IN_ORDER} LIMIT 1)
        UNION ALL
        SELECT following.* FROM line, LATERAL (
            SELECT {HEAD} FROM interaction
            WHERE state = 'queued'
                AND (queue_id, channel, required_skills) > (line.queue_id, line.channel, line.required_skills)
            ORDER BY queue_id, {IN_ORDER} LIMIT 1
        ) AS following
    )
    {LINES}
    WHERE line.queue_id IN (
        SELECT m.queue_id FROM agent_state s JOIN queue_member m ON m.user_id = s.user_id
        WHERE {FREE} AND s.user_id <> ALL(:without)
        UNION ALL
        SELECT m.queue_id FROM (SELECT id FROM "user" WHERE {BLENDED} OFFSET 0) AS blended
        JOIN queue_member m ON m.user_id = blended.id
    )
    """  # noqa: S608
)
"""Which lines there are, each with its first contact, by one step in the index for each, however many wait in them."""
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
    """What the contacts of a line have in common, and the urgency of its first (`Contact.urgency`)."""

    queue_id: int
    channel: str
    needs: dict[str, int]
    urgency: tuple[Any, ...] = ()


def lines_of(session: Session, queue_ids: Collection[int]) -> list[LineKey]:
    """Every line of these queues in which somebody waits, the most urgent first."""
    return _in_order(session.execute(LINES_OF, {"queues": list(queue_ids)}))


def lines_served(session: Session, without: Collection[int] = ()) -> list[LineKey]:
    """Every line in which somebody waits and for whose queue somebody is free, the most urgent first."""
    return _in_order(session.execute(LINES_SERVED, {"without": list(without)}))


def _in_order(rows: Iterable[Row[Any]]) -> list[LineKey]:
    return sorted((_key(row) for row in rows), key=lambda key: key.urgency)


def _key(row: Row[Any]) -> LineKey:
    first = (counted_from(row.virtual_start, row.priority_min, row.weight), row.virtual_start, row.id)
    return LineKey(row.queue_id, row.channel, row.required_skills, first)


def open_lines(
    session: Session,
    keys: Sequence[LineKey],
    queues: Mapping[int, Queue],
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


def _asked(n: int, key: LineKey, queues: Mapping[int, Queue]) -> dict[str, Any]:
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
