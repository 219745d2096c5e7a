"""The calendar of a queue's callbacks: slots, what they hold, and when they are full."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.callbacks.models import OPEN, Callback
from app.callbacks.policy import Policy
from app.db import database_now
from app.routing.models import Queue, QueueMember
from ivr_flows.callback_times import on_the_clock

SHARE = 0.5
"""Which part of the queue's people callbacks may take: the others are there for who calls now."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of the calendar with the callbacks agreed for it. `room`: how many it takes."""

    start: datetime
    end: datetime
    taken: int
    room: int
    is_open: bool
    """Whether somebody calls back then."""

    @property
    def is_full(self) -> bool:
        return self.taken >= self.room

    @property
    def load(self) -> float:
        """0 to 1 and, overbooked, above."""
        return self.taken / self.room if self.room else float(self.taken > 0)


def slots_of(session: Session, queue: Queue, policy: Policy, day: date) -> list[Slot]:
    """The day's slots, on the wall clock of the queue's zone: 23 or 25 hours long when the clocks change."""
    begins = slot_starts(policy, day)
    ends = [*begins[1:], on_the_clock(datetime.combine(day + timedelta(days=1), time()), ZoneInfo(policy.zone))]
    taken = _agreed(session, queue.id, begins[0], ends[-1])
    room = room_of(session, queue, policy)
    found = []
    for start, end in zip(begins, ends, strict=True):
        inside = sum(start <= each < end for each in taken)
        found.append(Slot(start, end, inside, room, policy.hours is None or policy.hours.at(start)[0]))
    return found


def open_slots(session: Session, queue: Queue, policy: Policy, days: int | None = None) -> list[Slot]:
    """What can be chosen: ahead, in the opening hours and not full."""
    now = database_now(session)
    today = now.astimezone(ZoneInfo(policy.zone)).date()
    wanted = range(min(days or policy.ahead_days, policy.ahead_days) + 1)
    every = (slot for n in wanted for slot in slots_of(session, queue, policy, today + timedelta(days=n)))
    return [slot for slot in every if slot.start > now and slot.is_open and not slot.is_full]


def full_among(session: Session, queue: Queue, policy: Policy, moments: Iterable[datetime]) -> tuple[str, ...]:
    """Those of these moments (ISO 8601) whose slot takes no more: what a flow should not offer."""
    wanted = sorted(moments)
    if not wanted:
        return ()
    length = timedelta(minutes=policy.slot_min)
    taken = _agreed(session, queue.id, wanted[0] - length, wanted[-1] + length)
    room = room_of(session, queue, policy)
    begins = {moment: slot_begin(policy, moment) for moment in wanted}
    return tuple(
        moment.isoformat()
        for moment, begin in begins.items()
        if sum(begin <= each < begin + length for each in taken) >= room
    )


def slot_starts(policy: Policy, day: date) -> list[datetime]:
    """When the day's slots begin (UTC), each once; an hour that the clocks show twice has its slots twice."""
    zone = ZoneInfo(policy.zone)
    walls = [datetime.combine(day, time()) + timedelta(minutes=m) for m in range(0, 1440, policy.slot_min)]
    again = (wall.replace(tzinfo=zone, fold=1).astimezone(UTC) for wall in walls)
    shown_again = {moment for moment in again if moment.astimezone(zone).fold}
    return sorted({on_the_clock(wall, zone) for wall in walls} | shown_again)


def room_of(session: Session, queue: Queue, policy: Policy) -> int:
    """How many callbacks a slot takes: as set, else what half of the queue's people can do in its time."""
    if policy.per_slot is not None:
        return policy.per_slot
    people = session.scalar(select(func.count()).where(QueueMember.queue_id == queue.id)) or 0
    each_does = policy.slot_min * 60 / max(60, queue.default_aht_s + queue.wrap_up_s)
    return max(1, int(people * SHARE * each_does)) if people else 0


def take_slot(
    session: Session, queue: Queue, policy: Policy, start: datetime, *, refused: Callable[[], Exception]
) -> None:
    """Make sure that the slot of this moment has room, until the transaction ends; raises what `refused` makes.

    Two who want the last room take turns on an advisory lock: the second one sees what the first has booked.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"callback-slots:{queue.id}", 0))))
    begin = slot_begin(policy, start)
    end = begin + timedelta(minutes=policy.slot_min)
    if len(_agreed(session, queue.id, begin, end)) >= room_of(session, queue, policy):
        raise refused()


def slot_begin(policy: Policy, moment: datetime) -> datetime:
    """The begin of the slot that holds this moment."""
    day = moment.astimezone(ZoneInfo(policy.zone)).date()
    return max(start for start in slot_starts(policy, day) if start <= moment)


def _agreed(session: Session, queue_id: int, start: datetime, end: datetime) -> list[datetime]:
    """The begins of the open windows in this stretch."""
    rows = session.scalars(
        select(Callback.window_start).where(
            Callback.queue_id == queue_id,
            Callback.local_start.is_not(None),
            Callback.state.in_(OPEN),
            Callback.window_start >= start,
            Callback.window_start < end,
        )
    )
    return [each.astimezone(UTC) for each in rows]
