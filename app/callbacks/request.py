"""A callback is asked for. One number has one open callback in a queue (C-1): asked again, it is the same one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callbacks.calendar import take_slot
from app.callbacks.judge import Terms, may_dial, next_time, zones_of
from app.callbacks.models import OPEN, WAITING_FOR_A_DIAL, Callback, CallbackState, Kind
from app.callbacks.places import place
from app.callbacks.policy import WEEKDAYS, Policy, policy_of
from app.callbacks.rows import go, hold, one_at_a_time, open_for, tell, waits_on_the_line
from app.customers.models import ContactPoint
from app.db import database_now
from app.interactions.models import Interaction
from app.routing.enqueue import facts_of
from app.routing.models import Queue
from app.routing.score import value_min

UNCONFIRMED_FOR = timedelta(minutes=30)
"""How long a request from the web waits for its number's owner to say yes."""
LONGEST_NOTE = 500


class CallbackRefused(ValueError):
    """The callback cannot be made, moved or canceled like this. The message says why; `code` is for machines."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Window:
    """When the call may begin: from `start` for `minutes`. `zone` is the wall clock it was agreed on."""

    start: datetime
    minutes: int
    zone: str

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)

    @property
    def wall(self) -> str:
        return self.start.astimezone(ZoneInfo(self.zone)).strftime("%Y-%m-%dT%H:%M")


def request(
    session: Session,
    queue: Queue,
    *,
    kind: Kind,
    customer_id: uuid.UUID,
    number: str,
    our_address: str,
    actor: str,
    window: Window | None = None,
    virtual_start: datetime | None = None,
    priority_min: int = 0,
    kept_min: int | None = None,
    language: str | None = None,
    zone: str | None = None,
    owner_id: int | None = None,
    origin_id: uuid.UUID | None = None,
    facts: dict[str, Any] | None = None,
    note: str | None = None,
    confirmed: bool = True,
    booked: bool = False,
) -> Callback:
    """Promise a call to `number` (E.164); without a `window`, as soon as somebody is free.

    `virtual_start` keeps a place that was waited for, `kept_min` the head start that the wait had, with all that it was
    worth; otherwise `priority_min` and what the queue's value rules say of the contact count, once. `booked`: the
    window was promised before, so it is taken even where its slot is full by now. `confirmed=False` waits for the
    number's owner. What nobody has asked for themselves changes nothing of what they were promised.
    Raises CallbackRefused.
    """
    policy = policy_of(session, queue.id)
    refuse_a_number(session, number, kind)
    one_at_a_time(session, number, queue.id)
    if waits_on_the_line(session, number, queue.id):
        raise CallbackRefused("on_the_line", "This number waits on the line already.")
    now = database_now(session)
    if window is not None:
        refuse_a_window(window, now, policy)
    known = open_for(session, number, queue.id)
    if known is not None:
        is_theirs = confirmed and kind is not Kind.ABANDON
        return _asked_again(session, known.id, window, actor) if is_theirs else known
    if window is not None and not booked:
        take_slot(session, queue, policy, window.start, refused=slot_is_full)
    start, end = (window.start, window.end) if window else (now, now + timedelta(seconds=policy.life_s))
    values: dict[str, Any] = {
        "kind": kind.value,
        "state": (CallbackState.WAITING if confirmed else CallbackState.REQUESTED).value,
        "virtual_start": window.start if window else virtual_start or now,
        "window_start": start,
        "window_end": end,
        "local_start": window.wall if window else None,
        "local_zone": window.zone if window else None,
        "due_at": start,
        "expires_at": end if confirmed else min(end, now + UNCONFIRMED_FOR),
        "max_attempts": policy.max_attempts,
        "owner_id": owner_id,
        "own_until": start + timedelta(seconds=policy.own_for_s) if owner_id is not None else None,
    }
    about = {
        "customer_id": customer_id,
        "number": number,
        "queue_id": queue.id,
        "our_address": our_address,
        "priority_min": _head_start(session, queue, priority_min, kept_min, our_address, language, origin_id),
        "language": language,
        "zone": zone,
        "origin_id": origin_id,
        "facts": facts or {},
        "note": (note or "")[:LONGEST_NOTE] or None,
    }
    callback = Callback(**values, **about)
    session.add(callback)
    session.flush()
    shown = {"number": number, "callback_kind": kind.value, "at": window and window.start.isoformat()}
    tell(session, callback, "callback.requested", actor=actor, queue=queue.name, **shown)
    if confirmed:
        start_waiting(session, callback, policy, now)
    return callback


def _head_start(
    session: Session,
    queue: Queue,
    priority_min: int,
    kept_min: int | None,
    our_address: str,
    language: str | None,
    origin_id: uuid.UUID | None,
) -> int:
    """The minutes that a callback goes before others, counted here and nowhere else."""
    origin = session.get(Interaction, origin_id) if origin_id is not None else None
    known = facts_of(origin) if origin is not None else {}
    facts = known | {"entry_point": our_address, "language": language, "channel": "voice"}
    head_start = priority_min + value_min(queue.value_rules, facts)
    return head_start if kept_min is None else max(head_start, kept_min)


def start_waiting(session: Session, callback: Callback, policy: Policy, now: datetime) -> None:
    """Give it its place at once where it may be dialled now, else look again when it may."""
    terms = terms_of(callback, policy)
    if callback.owner_id is None and may_dial(now, terms):
        place(session, callback)
        return
    callback.due_at = next_time(now, terms) or callback.expires_at
    session.flush()


def terms_of(callback: Callback, policy: Policy) -> Terms:
    """What its dials must keep to."""
    zones = zones_of(callback.number, callback.zone, policy.zone)
    times = policy.calling_times(callback.number)
    days = WEEKDAYS[times.days]
    return Terms(callback.window_start, callback.window_end, zones, times.hours, policy.hours, days)


def refuse_a_number(session: Session, number: str, kind: Kind) -> None:
    """Only whole telephone numbers are called; who never asked and wants no calls is not (C-9). CallbackRefused."""
    try:
        parsed = phonenumbers.parse(number)
        possible = number.startswith("+") and phonenumbers.is_possible_number(parsed)
    except phonenumbers.NumberParseException:
        possible = False
    if not possible:
        raise CallbackRefused("bad_number", "That number cannot be called back: give it with + and its country.")
    if kind is Kind.ABANDON and wants_no_calls(session, number):
        raise CallbackRefused("no_calls", "This person does not want to be called.")
    if kind is Kind.AGENT and must_not_be_called(session, number):
        raise CallbackRefused("no_calls", "This number is on the list of those not to be called: take it off first.")


def wants_no_calls(session: Session, number: str) -> bool:
    """Whether this number is on the list of those not to be called, or opted out of texts."""
    point = _point(session, number)
    return point is not None and (point.no_calls_at is not None or point.sms_opted_out_at is not None)


def must_not_be_called(session: Session, number: str) -> bool:
    """Whether this number is on the list of those not to be called."""
    point = _point(session, number)
    return point is not None and point.no_calls_at is not None


def still_wanted(session: Session, callback: Callback) -> bool:
    """Whether this call may be made at all (C-9): who forbade calls is called only in answer to a later request."""
    match Kind(callback.kind):
        case Kind.ABANDON:
            return not wants_no_calls(session, callback.number)
        case Kind.AGENT:
            return not must_not_be_called(session, callback.number)
    point = _point(session, callback.number)
    return point is None or point.no_calls_at is None or point.no_calls_at <= callback.created_at


def _point(session: Session, number: str) -> ContactPoint | None:
    mine = select(ContactPoint).where(ContactPoint.kind == "phone", ContactPoint.value == number)
    return session.scalars(mine.execution_options(populate_existing=True)).one_or_none()


def refuse_a_window(window: Window, now: datetime, policy: Policy) -> None:
    """A window lies ahead, within the days that the queue plans. Raises CallbackRefused."""
    if window.end <= now:
        raise CallbackRefused("past", "That time is over: choose a later one.")
    if window.start > now + timedelta(days=policy.ahead_days):
        raise CallbackRefused("too_far", "That is too far ahead: choose a sooner time.")


def slot_is_full() -> CallbackRefused:
    return CallbackRefused("slot_full", "That time is taken by now: choose another one.")


def _asked_again(session: Session, callback_id: uuid.UUID, window: Window | None, actor: str) -> Callback:
    """The open callback, moved if another time is wanted now. Nobody loses a place by asking twice."""
    from app.callbacks.change import move_callback

    callback = hold(session, callback_id)
    if callback is None or callback.state not in OPEN:
        raise CallbackRefused("ended", "An earlier callback has just ended: ask once more.")
    if callback.state == CallbackState.REQUESTED and window is None:
        policy = policy_of(session, callback.queue_id)
        go(session, callback, CallbackState.WAITING, actor=actor, expires_at=callback.window_end)
        start_waiting(session, callback, policy, database_now(session))
    elif window is not None and callback.state in WAITING_FOR_A_DIAL and window.start != callback.window_start:
        move_callback(session, callback, window, actor=actor)
    return callback
