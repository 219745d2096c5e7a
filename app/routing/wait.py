"""What a waiting caller may be told: place and how long, as a range that is no promise (DOMAIN 2.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from app.interactions.models import Interaction, State
from app.routing.dispatch import is_free, is_live
from app.routing.handling import handle_s
from app.routing.in_hand import Consult, ConsultState
from app.routing.models import AgentSession, AgentState, Presence, Queue, QueueMember

LOOK_BACK = timedelta(minutes=30)
PADDING = 1.5
"""The high end of the range: half as long again as the estimate."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A place in the line: 1 is next, 0 means it no longer waits.

    `estimate_s` and the range in whole minutes (at least 1, rounded up) are None when nobody staffs the queue: any
    number would be made up.
    """

    position: int
    estimate_s: float | None
    low_min: int | None
    high_min: int | None


def waiting(session: Session, interaction: Interaction) -> Waiting:
    """Where this interaction stands in its queue now."""
    if interaction.state == State.OFFERED:
        return Waiting(1, 0.0, 1, 1)
    if interaction.state != State.QUEUED or interaction.queue_id is None:
        return Waiting(0, None, None, None)
    queue = session.get_one(Queue, interaction.queue_id)
    position = _position(session, interaction)
    estimate = _estimate(session, queue, position, *_staff(session, queue))
    return (
        Waiting(position, None, None, None)
        if estimate is None
        else Waiting(position, estimate, *spoken_range(estimate))
    )


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """A queue at this moment. `waiting` includes those who ring; `oldest_wait_s` by the true wait, 0 when nobody waits.

    The estimate is a newcomer's, None when nobody is there. `service_level` is the share of the last half hour's
    answered and lost contacts that were answered in time (short abandons do not count), None before there were any.
    """

    waiting: int
    oldest_wait_s: float
    staffed: int
    idle: int
    estimate_s: float | None
    low_min: int | None
    high_min: int | None
    service_level: float | None


def queue_status(session: Session, queue: Queue) -> QueueStatus:
    """What a supervisor sees of a queue."""
    count, oldest = _in_line(session, queue)
    staffed, idle = _staff(session, queue)
    estimate = _estimate(session, queue, count + _asking(session, queue) + 1, staffed, idle)
    low, high = spoken_range(estimate) if estimate is not None else (None, None)
    return QueueStatus(count, oldest, staffed, idle, estimate, low, high, _service_level(session, queue))


def staffed_now(session: Session, queue: Queue) -> int:
    """How many of the queue's agents are there, busy ones too."""
    return _staff(session, queue)[0]


def _in_line(session: Session, queue: Queue) -> tuple[int, float]:
    oldest = func.extract("epoch", func.clock_timestamp() - func.min(Interaction.virtual_start))
    row = session.execute(
        select(func.count(), oldest).where(
            Interaction.queue_id == queue.id, Interaction.state.in_((State.QUEUED, State.OFFERED))
        )
    ).one()
    return row[0], max(0.0, float(row[1] or 0))


def _asking(session: Session, queue: Queue) -> int:
    """Agents with a customer on hold who wait for somebody of the queue, or for whom somebody of it rings."""
    asks = Consult.state.in_((ConsultState.WAITING, ConsultState.RINGING))
    return session.execute(select(func.count()).where(asks, Consult.queue_id == queue.id)).scalar_one()


def _estimate(session: Session, queue: Queue, position: int, staffed: int, idle: int) -> float | None:
    if staffed == 0:
        return None
    return estimate_s(
        position=position,
        idle=idle,
        staffed=staffed,
        handle_s=handle_s(session, queue),
        abandon_rate=_abandon_rate(session, queue),
    )


def _service_level(session: Session, queue: Queue) -> float | None:
    since = func.clock_timestamp() - LOOK_BACK
    waited = func.extract(
        "epoch",
        func.coalesce(Interaction.answered_at, Interaction.ended_at)
        - func.coalesce(Interaction.virtual_start, Interaction.created_at),
    )
    answered = Interaction.answered_at >= since
    lost = and_(Interaction.state == State.ABANDONED, Interaction.ended_at >= since, waited >= queue.short_abandon_s)
    in_time, all_of_them = session.execute(
        select(
            func.count().filter(answered, waited <= queue.service_level_s), func.count().filter(or_(answered, lost))
        ).where(Interaction.queue_id == queue.id, Interaction.direction == "inbound", or_(answered, lost))
    ).one()
    return in_time / all_of_them if all_of_them else None


def estimate_s(*, position: int, idle: int, staffed: int, handle_s: float, abandon_rate: float = 0.0) -> float:
    """Seconds: AHT · max(0, position − idle) / max(1, staffed) · (1 − abandon rate). Unreliable with few agents."""
    return handle_s * max(0, position - idle) / max(1, staffed) * (1 - abandon_rate)


def spoken_range(estimate: float) -> tuple[int, int]:
    """Low and high end in whole minutes, each rounded up, never under one minute."""
    return max(1, math.ceil(estimate / 60)), max(1, math.ceil(PADDING * estimate / 60))


def _position(session: Session, interaction: Interaction) -> int:
    """The place in line: 1 is next. Agents who asked the queue stand in it at the place of their customers."""
    return 1 + _callers_ahead(session, interaction) + _askers_ahead(session, interaction)


def _callers_ahead(session: Session, interaction: Interaction) -> int:
    mine, other = aliased(Interaction), aliased(Interaction)
    ahead = (
        select(func.count())
        .select_from(other)
        .join(mine, mine.id == interaction.id)
        .where(
            other.state == State.QUEUED,
            other.queue_id == mine.queue_id,
            tuple_(other.counted_from, other.virtual_start, other.id)
            < tuple_(mine.counted_from, mine.virtual_start, mine.id),
        )
    )
    return session.execute(ahead).scalar_one()


def _askers_ahead(session: Session, interaction: Interaction) -> int:
    mine, held = aliased(Interaction), aliased(Interaction)
    began = func.coalesce(held.counted_from, func.timezone("UTC", Consult.created_at))
    ahead = (
        select(func.count())
        .select_from(Consult)
        .join(held, held.id == Consult.interaction_id)
        .join(mine, mine.id == interaction.id)
        .where(Consult.state == ConsultState.WAITING, Consult.queue_id == mine.queue_id, began < mine.counted_from)
    )
    return session.execute(ahead).scalar_one()


def _staff(session: Session, queue: Queue) -> tuple[int, int]:
    """How many of the queue's agents are there (busy ones too), and how many of them could take a call at once."""
    there = and_(
        QueueMember.queue_id == queue.id,
        AgentState.presence == Presence.AVAILABLE,
        AgentState.not_responding.is_(False),
        select(AgentSession.id).where(AgentSession.user_id == AgentState.user_id, is_live()).exists(),
    )
    counts = select(func.count(), func.count().filter(is_free())).select_from(AgentState)
    row = session.execute(counts.join(QueueMember, QueueMember.user_id == AgentState.user_id).where(there)).one()
    return row[0], row[1]


def _abandon_rate(session: Session, queue: Queue) -> float:
    """Which part of the contacts that left the queue in the last half hour gave up."""
    gave_up = func.count().filter(Interaction.state == State.ABANDONED)
    since = func.clock_timestamp() - LOOK_BACK
    answered_or_gone = func.coalesce(Interaction.answered_at, Interaction.ended_at) > since
    left = (Interaction.state == State.ABANDONED) | Interaction.answered_at.is_not(None)
    abandoned, all_of_them = session.execute(
        select(gave_up, func.count()).where(Interaction.queue_id == queue.id, left, answered_or_gone)
    ).one()
    return abandoned / all_of_them if all_of_them else 0.0
