"""How long contacts keep a queue's agents at work: talk, hold and wrap-up, without the ring (AHT of DOMAIN 4).

A contact that was handed on is handled once by each queue that had it, with that queue's own part of the talk and the
wrap-up of whoever handed it on there. It counts when it is over, for whatever its parts took.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.routing.models import Queue

LAST_CONTACTS = 50
LOOK_BACK_MIN = 30
OVER = f"call.state = 'completed' AND call.ended_at > clock_timestamp() - interval '{LOOK_BACK_MIN} minutes'"
PARTS = """
    SELECT s.queue_id, extract(epoch FROM s.ended_at - s.started_at) AS seconds
    FROM segment s
    WHERE s.interaction_id = call.id AND s.state IN ('active', 'held', 'agent_lost', 'wrapping')
    UNION ALL
    SELECT o.queue_id, extract(epoch FROM coalesce(o.ended_at, clock_timestamp()) - o.wrapping_at)
    FROM offer o
    WHERE o.interaction_id = call.id AND o.role = 'handed_on' AND o.wrapping_at IS NOT NULL
"""
OF_ONE = text(
    f"""
    SELECT avg(worked.seconds)::float8 FROM (
        SELECT spent.seconds FROM interaction call CROSS JOIN LATERAL (
            SELECT sum(part.seconds) AS seconds FROM ({PARTS}) AS part WHERE part.queue_id = :queue
        ) AS spent
        WHERE {OVER} AND spent.seconds IS NOT NULL
        ORDER BY call.ended_at DESC LIMIT {LAST_CONTACTS}
    ) AS worked
    """  # noqa: S608 - of our own constants
)
OF_ALL = text(
    f"""
    SELECT worked.queue_id, avg(worked.seconds)::float8 FROM (
        SELECT part.queue_id, sum(part.seconds) AS seconds,
            row_number() OVER (PARTITION BY part.queue_id ORDER BY call.ended_at DESC) AS place
        FROM interaction call CROSS JOIN LATERAL ({PARTS}) AS part
        WHERE {OVER} AND part.queue_id IS NOT NULL
        GROUP BY call.id, part.queue_id
    ) AS worked
    WHERE worked.place <= {LAST_CONTACTS} GROUP BY worked.queue_id
    """  # noqa: S608
)


def handle_s(session: Session, queue: Queue) -> float:
    """Average seconds of the queue's last 50 contacts of the last half hour; its own guess before there are any."""
    average = session.execute(OF_ONE, {"queue": queue.id}).scalar()
    return float(queue.default_aht_s if average is None else average)


def handle_s_of_all(session: Session) -> dict[int, float]:
    """The same for every queue that had contacts lately, in one reading."""
    return dict(session.execute(OF_ALL).tuples().all())
