"""A queue's limits, watched by the clock: an alert is raised once, told, and ended when the queue is well again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import events
from app.accounts.models import User
from app.clock import tick
from app.db import database_now
from app.routing.models import Queue
from app.supervisor.models import KINDS, Alert
from app.supervisor.queues import queues

AT_LEAST_COUNTED = 5
"""Contacts of the last half hour below which a service level says nothing."""
STEADY = timedelta(seconds=10)
"""How long an alert stands at least: a queue at its limit does not ring and go silent with every call."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that is passed, and by what."""

    queue_id: int
    kind: str
    limit: int
    value: float


@tick("supervisor.alerts", every_s=2)
def watch_queues(session: Session) -> int:
    """Raise what is new and end what is over; how many changed. Nothing is read while no queue has a limit."""
    limits = {queue.id: queue.alerts for queue in session.scalars(select(Queue).where(Queue.alerts != {}))}
    standing = session.scalars(select(Alert).where(Alert.ended_at.is_(None))).all()
    if not limits and not standing:
        return 0
    now = database_now(session)
    found = {(each.queue_id, each.kind): each for each in _found(queues(session), limits, now)}
    raised = sum(_raise(session, each) for each in found.values())
    over = [each for each in standing if (each.queue_id, each.kind) not in found and now - each.raised_at > STEADY]
    for alert in over:
        alert.ended_at = now
        _tell(session, "alert.ended", alert.queue_id, alert.kind, alert.limit, alert.value)
    return raised + len(over)


def _found(standing: Iterable[dict[str, Any]], limits: dict[int, dict[str, int]], now: datetime) -> list[Excess]:
    return [each for queue in standing for each in excesses(queue, limits.get(queue["id"], {}), now)]


def excesses(queue: dict[str, Any], limits: dict[str, int], now: datetime) -> list[Excess]:
    """Which limits of a queue are passed: at least so many waiting or so long a wait, less than a level or staff."""
    oldest = queue["oldest_since"]
    tally = queue["tally"]
    values: dict[str, float | None] = {
        "waiting": queue["waiting"],
        "oldest_wait_s": (now - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0,
        "service_level": queue["service_level"]
        if tally["answered"] + tally["abandoned"] - tally["short"] >= AT_LEAST_COUNTED
        else None,
        "staffed": queue["staffed"],
    }
    return [
        Excess(queue["id"], kind, limits[kind], value)
        for kind in KINDS
        if kind in limits and (value := values[kind]) is not None and _passes(kind, value, limits[kind])
    ]


def _passes(kind: str, value: float, limit: int) -> bool:
    return value < limit if kind in ("service_level", "staffed") else value >= limit


def _raise(session: Session, found: Excess) -> bool:
    """False when it stands already: two clocks raise one alert."""
    row = insert(Alert).values(queue_id=found.queue_id, kind=found.kind, limit=found.limit, value=found.value)
    if session.execute(row.on_conflict_do_nothing().returning(Alert.id)).first() is None:
        return False
    _tell(session, "alert.raised", found.queue_id, found.kind, found.limit, found.value)
    return True


def open_alerts(session: Session) -> list[dict[str, Any]]:
    """What stands now, newest first: `{id, queue_id, kind, limit, value, since, seen_by}`."""
    rows = session.execute(
        select(Alert, User.name)
        .join(User, User.id == Alert.seen_by, isouter=True)
        .where(Alert.ended_at.is_(None))
        .order_by(Alert.raised_at.desc(), Alert.id)
    )
    return [
        {
            "id": alert.id,
            "queue_id": alert.queue_id,
            "kind": alert.kind,
            "limit": alert.limit,
            "value": alert.value,
            "since": alert.raised_at.isoformat(),
            "seen_by": seen_by,
        }
        for alert, seen_by in rows
    ]


def see_alert(session: Session, alert_id: int, user_id: int) -> bool:
    """A supervisor says that they look after it; the first one does. False when it is over or somebody does already."""
    alert = session.scalars(select(Alert).where(Alert.id == alert_id).with_for_update()).one_or_none()
    if alert is None or alert.ended_at is not None or alert.seen_by not in (None, user_id):
        return False
    if alert.seen_by is None:
        alert.seen_by = user_id
        session.flush()
        actor = f"user:{user_id}"
        _tell(session, "alert.seen", alert.queue_id, alert.kind, alert.limit, alert.value, actor=actor)
    return True


def _tell(
    session: Session, kind: str, queue_id: int, limit_of: str, limit: int, value: float, actor: str = "system"
) -> None:
    told: dict[str, Any] = {"alert": limit_of, "limit": limit, "value": value, "queue": queue_id}
    events.record(session, kind, actor=actor, queue_id=queue_id, **told)
