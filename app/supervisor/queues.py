"""The queues of the floor: who waits, for how long, who is there for them, and how the day went.

A handful of queries for all queues together, so that fifty cost hardly more than one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.callbacks.models import TRYING, Callback, CallbackState
from app.customers.models import Customer
from app.db import database_now
from app.interactions.models import Interaction, Segment, State
from app.routing.dispatch import is_free, is_live
from app.routing.handling import handle_s_of_all
from app.routing.models import AgentSession, AgentState, Offer, OfferState, Presence, Queue, QueueMember
from app.routing.wait import LOOK_BACK, estimate_s, spoken_range
from app.supervisor.asking import asking_contacts, asking_counts

MOST_WAITING = 200
"""Contacts told one by one; the numbers count all of them."""
ON_THE_LINE = Interaction.callback_id.is_(None)
"""Who is kept a place for a callback does not hold the line: such a place counts by itself."""
LONGEST_DAY = timedelta(hours=25)
"""A day on which the clocks are set back."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of contacts in a span of time. `short` gave up at once and count neither for nor against us."""

    answered: int = 0
    in_time: int = 0
    abandoned: int = 0
    short: int = 0

    @property
    def service_level(self) -> float | None:
        """Percent answered in time of all that counted; None before there was one. Source: DOMAIN 5, the default."""
        counted = self.answered + self.abandoned - self.short
        return round(100 * self.in_time / counted, 1) if counted > 0 else None

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(mine + theirs for mine, theirs in zip(_values(self), _values(other), strict=True)))


def _values(tally: Tally) -> list[int]:
    return list(asdict(tally).values())


def queues(session: Session) -> list[dict[str, Any]]:
    """Every queue with its numbers: docs/contracts.md, "the floor"."""
    rows = session.scalars(select(Queue).order_by(Queue.name, Queue.id)).all()
    waits, asking, staff = _waits(session), asking_counts(session), _staff(session)
    lately, today = tallies(session)
    handled, callbacks, none = handle_s_of_all(session), _callbacks(session), Tally()
    return [
        _queue(
            queue,
            waits.get(queue.id, (0, None)),
            asking.get(queue.id, 0),
            staff.get(queue.id, (0, 0, 0)),
            lately.get(queue.id, none),
            today.get(queue.id, none),
            handled.get(queue.id, float(queue.default_aht_s)),
        )
        | {"callbacks_due": callbacks.get(queue.id, 0)}
        for queue in rows
    ]


def _queue(
    queue: Queue,
    waits: tuple[int, datetime | None],
    asking: int,
    staff: tuple[int, int, int],
    lately: Tally,
    today: Tally,
    handle_s: float,
) -> dict[str, Any]:
    waiting, oldest = waits
    members, staffed, idle = staff
    left = lately.answered + lately.abandoned
    estimate = (
        estimate_s(
            position=waiting + asking + 1,
            idle=idle,
            staffed=staffed,
            handle_s=handle_s,
            abandon_rate=lately.abandoned / left if left else 0.0,
        )
        if staffed
        else None
    )
    return {
        "id": queue.id,
        "key": queue.key,
        "name": queue.name,
        "waiting": waiting,
        "asking": asking,
        "oldest_since": oldest.isoformat() if oldest else None,
        "members": members,
        "staffed": staffed,
        "idle": idle,
        "estimate_min": list(spoken_range(estimate)) if estimate is not None else None,
        "target": queue.service_level_target,
        "target_s": queue.service_level_s,
        "service_level": lately.service_level,
        "service_level_today": today.service_level,
        "answered_today": today.answered,
        "abandoned_today": today.abandoned,
        "tally_today": asdict(today),
        "tally": asdict(lately),
    }


def waiting_contacts(session: Session) -> list[dict[str, Any]]:
    """Who waits, the longest first: in the queue, or while a phone rings for them, and colleagues who ask a queue.

    At most MOST_WAITING of each.
    """
    in_queue = _contact(select(Interaction)).where(Interaction.state == State.QUEUED)
    rings = (
        _contact(select(Interaction))
        .join(Offer, and_(Offer.interaction_id == Interaction.id, Offer.state == OfferState.PENDING))
        .where(Interaction.state == State.OFFERED)
        .distinct(Interaction.id)
    )
    found = [
        *session.execute(
            in_queue.order_by(Interaction.counted_from, Interaction.virtual_start, Interaction.id).limit(MOST_WAITING)
        ),
        *session.execute(rings.limit(MOST_WAITING)),
    ]
    told = [*(_contact_json(row) for row in found), *asking_contacts(session)]
    return sorted(told, key=lambda contact: datetime.fromisoformat(contact["since"]))


def parked_contacts(session: Session) -> list[dict[str, Any]]:
    """Calls that are parked, the first to come back first: contacts with `by` (who parked it) and `until`."""
    who = Interaction.context["parked_by"].as_integer()
    rows = session.execute(
        _contact(select(Interaction))
        .join(Segment, and_(Segment.interaction_id == Interaction.id, Segment.ended_at.is_(None)))
        .join(User, User.id == who, isouter=True)
        .add_columns(Segment.started_at, Interaction.wake_at, User.name.label("by"))
        .where(Interaction.state == State.PARKED)
        .order_by(Interaction.wake_at, Interaction.id)
        .limit(MOST_WAITING)
    )
    return [
        _contact_json(row)
        | {
            "since": row.started_at.isoformat(),
            "until": row.wake_at.isoformat() if row.wake_at else None,
            "by": row.by,
        }
        for row in rows
    ]


def _contact(query: Select[Any]) -> Any:
    return query.join(Customer, Customer.id == Interaction.customer_id).with_only_columns(
        Interaction.id,
        Interaction.state,
        Interaction.channel,
        Interaction.queue_id,
        Interaction.remote_address,
        Interaction.priority_min,
        Interaction.callback_id,
        Interaction.virtual_start,
        Interaction.created_at,
        Customer.name,
    )


def _contact_json(row: Row[Any]) -> dict[str, Any]:
    return {
        "interaction_id": str(row.id),
        "state": row.state,
        "channel": row.channel,
        "queue_id": row.queue_id,
        "customer": row.name,
        "number": row.remote_address,
        "priority_min": row.priority_min,
        "is_callback": row.callback_id is not None,
        "since": (row.virtual_start or row.created_at).isoformat(),
    }


def _waits(session: Session) -> dict[int, tuple[int, datetime | None]]:
    """How many wait in each queue, ringing ones too, and since when the first."""
    began = func.coalesce(Interaction.virtual_start, Interaction.created_at)
    in_queue = select(Interaction.id, Interaction.queue_id, began.label("began")).where(
        Interaction.state == State.QUEUED, ON_THE_LINE
    )
    rings = (
        select(Interaction.id, Interaction.queue_id, began)
        .join(Offer, Offer.interaction_id == Interaction.id)
        .where(Offer.state == OfferState.PENDING, Interaction.state == State.OFFERED, ON_THE_LINE)
    )
    both = in_queue.union(rings).subquery()  # a union counts a contact that rings at several phones once
    rows = session.execute(
        select(both.c.queue_id, func.count(), func.min(both.c.began))
        .where(both.c.queue_id.is_not(None))
        .group_by(both.c.queue_id)
    )
    return {queue_id: (count, oldest) for queue_id, count, oldest in rows}


def _callbacks(session: Session) -> dict[int, int]:
    """Callbacks whose time has come, dialled or not, that nobody has been connected to."""
    open_now = Callback.state.in_((CallbackState.DUE, *TRYING))
    rows = session.execute(select(Callback.queue_id, func.count()).where(open_now).group_by(Callback.queue_id))
    return dict(row._tuple() for row in rows)


def _staff(session: Session) -> dict[int, tuple[int, int, int]]:
    """Members, those who are there (busy ones too), and those who could take a call at once."""
    there = and_(
        AgentState.presence == Presence.AVAILABLE,
        AgentState.not_responding.is_(False),
        select(AgentSession.id).where(AgentSession.user_id == AgentState.user_id, is_live()).exists(),
    )
    rows = session.execute(
        select(QueueMember.queue_id, func.count(), func.count().filter(there), func.count().filter(is_free()))
        .join(AgentState, AgentState.user_id == QueueMember.user_id, isouter=True)
        .group_by(QueueMember.queue_id)
    )
    return {queue_id: (members, staffed, idle) for queue_id, members, staffed, idle in rows}


def tallies(session: Session) -> tuple[dict[int, Tally], dict[int, Tally]]:
    """What became of each queue's contacts: in the last half hour, and since the last midnight of the queue's zone."""
    now = database_now(session)
    midnight = func.timezone(Queue.zone, func.date_trunc("day", func.timezone(Queue.zone, now)))
    counted = [*_tally(now - LOOK_BACK, "lately"), *_tally(midnight, "today")]
    earliest = now - LONGEST_DAY
    rows = session.execute(
        select(Queue.id, *counted)
        .join(Queue, Queue.id == Interaction.queue_id)
        .where((Interaction.answered_at >= earliest) | (Interaction.ended_at >= earliest))
        .where(Interaction.direction == "inbound")
        .group_by(Queue.id)
    ).all()
    return {row[0]: Tally(*row[1:5]) for row in rows}, {row[0]: Tally(*row[5:9]) for row in rows}


def _tally(since: Any, name: str) -> list[ColumnElement[int]]:
    began = func.coalesce(Interaction.virtual_start, Interaction.created_at)
    answered = Interaction.answered_at >= since
    gave_up = and_(Interaction.state == State.ABANDONED, Interaction.ended_at >= since)
    in_time = func.make_interval(0, 0, 0, 0, 0, 0, Queue.service_level_s)
    short = func.make_interval(0, 0, 0, 0, 0, 0, Queue.short_abandon_s)
    conditions = [
        answered,
        and_(answered, Interaction.answered_at - began <= in_time),
        gave_up,
        and_(gave_up, Interaction.ended_at - began < short),
    ]
    return [func.count().filter(each).label(f"{name}_{place}") for place, each in enumerate(conditions)]
