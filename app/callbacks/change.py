"""A promise is changed: moved, canceled, confirmed, or taken up by the person's own call."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from app.callbacks.calendar import take_slot
from app.callbacks.models import OPEN, TRYING, WAITING_FOR_A_DIAL, Callback, CallbackState, Outcome
from app.callbacks.places import end_place
from app.callbacks.policy import policy_of
from app.callbacks.request import CallbackRefused, Window, refuse_a_window, slot_is_full, start_waiting
from app.callbacks.rows import go, hold, one_at_a_time, open_for, open_place, open_try, tell
from app.callbacks.tries import end_try
from app.db import database_now
from app.interactions.models import Interaction
from app.routing.enqueue import enqueue_interaction
from app.routing.models import Queue

BY = {
    "customer": CallbackState.CANCELED_BY_CUSTOMER,
    "user": CallbackState.CANCELED_BY_AGENT,
    "system": CallbackState.CANCELED_BY_SYSTEM,
}


def cancel_callback(session: Session, callback: Callback, *, actor: str, reason: str | None = None) -> bool:
    """End a held callback; a line that rings for it is hung up. False once people talk, or when it is over (C-7)."""
    if callback.state not in OPEN or callback.state == CallbackState.CONNECTED:
        return False
    tried = open_try(session, callback)
    if tried is not None:
        end_try(session, callback, Outcome.CANCELED, database_now(session))
    interaction = open_place(session, callback)
    go(session, callback, BY[actor.partition(":")[0]], actor=actor, reason=reason)
    if interaction is not None:
        end_place(session, interaction, "callback_canceled")
    return True


def move_callback(session: Session, callback: Callback, window: Window | None, *, actor: str) -> None:
    """Another time for a held callback; None: as soon as somebody is free. Raises CallbackRefused.

    A new window means a new place: it begins with the window. "As soon as possible" keeps the older place.
    """
    _refuse_if_under_way(callback)
    queue = session.get_one(Queue, callback.queue_id)
    policy = policy_of(session, queue.id)
    now = database_now(session)
    if window is not None:
        refuse_a_window(window, now, policy)
        if window.start != callback.window_start:
            take_slot(session, queue, policy, window.start, refused=slot_is_full)
    interaction = open_place(session, callback)
    if interaction is not None:
        end_place(session, interaction, "callback_moved")
    callback.window_start = window.start if window else now
    callback.window_end = window.end if window else now + timedelta(seconds=policy.life_s)
    callback.virtual_start = window.start if window else min(callback.virtual_start, now)
    callback.local_start, callback.local_zone = (window.wall, window.zone) if window else (None, None)
    if callback.owner_id is not None:
        callback.own_until = callback.window_start + timedelta(seconds=policy.own_for_s)
    go(
        session,
        callback,
        CallbackState.WAITING,
        actor=actor,
        reason="moved",
        due_at=callback.window_start,
        expires_at=callback.window_end,
    )
    tell(session, callback, "callback.moved", actor=actor, at=window and window.start.isoformat())
    start_waiting(session, callback, policy, now)


def confirm_callback(session: Session, callback: Callback, *, actor: str = "customer") -> bool:
    """The number's owner said yes to a request from the web; False when there is nothing to confirm."""
    if callback.state != CallbackState.REQUESTED:
        return False
    go(session, callback, CallbackState.WAITING, actor=actor, reason="confirmed", expires_at=callback.window_end)
    start_waiting(session, callback, policy_of(session, callback.queue_id), database_now(session))
    return True


def take_up(session: Session, callback: Callback, interaction: Interaction) -> bool:
    """The person is on the line themselves: their call takes the held callback's place (C-6).

    A dial that is under way ends: they are on the line already. The caller holds the call. False when they talk with
    an agent, or when the callback is over: it then stays as it is.
    """
    if callback.state not in (*WAITING_FOR_A_DIAL, *TRYING):
        return False
    if open_try(session, callback) is not None:
        end_try(session, callback, Outcome.CANCELED, database_now(session))
    mine = open_place(session, callback)
    start, priority = callback.virtual_start, max(callback.priority_min, interaction.priority_min)
    go(session, callback, CallbackState.SUPERSEDED, actor="caller", reason="called_again")
    if mine is not None:
        end_place(session, mine, "called_again")
    now = database_now(session)
    interaction.virtual_start = min(start, interaction.virtual_start or now, now)
    interaction.priority_min = priority
    session.flush()
    return True


def join_line(session: Session, interaction: Interaction, queue_id: int) -> int | None:
    """A call is about to wait in this queue: a callback of its number there gives it its place (C-6).

    The caller holds the call. The head start that the call has by it, in minutes; None without a callback.
    """
    one_at_a_time(session, interaction.remote_address, queue_id)
    known = open_for(session, interaction.remote_address, queue_id)
    callback = hold(session, known.id) if known else None
    if callback is None or not take_up(session, callback, interaction):
        return None
    return callback.priority_min


def wait_in_its_place(session: Session, callback: Callback, interaction: Interaction) -> bool:
    """Take the place of a callback that is held in turn and wait there now; False when it is not to be had."""
    if not take_up(session, callback, interaction):
        return False
    queue = session.get_one(Queue, callback.queue_id)
    return enqueue_interaction(session, interaction, queue, actor="caller", reason="callback_taken_up")


def _refuse_if_under_way(callback: Callback) -> None:
    if callback.state in TRYING or callback.state == CallbackState.CONNECTED:
        raise CallbackRefused("under_way", "We are calling this number just now.")
    if callback.state not in OPEN:
        raise CallbackRefused("over", "This callback is over: ask for a new one.")
