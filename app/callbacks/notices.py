"""The clock writes to people: a reminder before their time, and a word when a promise could not be kept (C-8)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.callbacks import texts
from app.callbacks.expire import NOT_CONFIRMED
from app.callbacks.models import Callback, CallbackState, Kind
from app.callbacks.policy import policy_of
from app.callbacks.rows import lock
from app.clock import tick
from app.db import database_now

AHEAD = timedelta(days=1)
BACK = timedelta(days=1)
AT_ONCE = 100
SOON_AFTER_ASKING = timedelta(minutes=30)
"""Who asked so shortly before their time needs no reminder."""


@tick("callbacks.remind", every_s=20)
def remind(session: Session) -> int:
    """Text whoever is called in a few minutes; how many. Each window is reminded of once."""
    soon = select(Callback.id).where(
        Callback.state == CallbackState.WAITING,
        Callback.local_start.is_not(None),
        Callback.attempts == 0,
        Callback.window_start > func.clock_timestamp(),
        Callback.window_start < func.clock_timestamp() + AHEAD,
        Callback.reminded_for.is_distinct_from(Callback.window_start),
    )
    now = database_now(session)
    done = 0
    for callback_id in session.scalars(soon.limit(AT_ONCE)).all():
        callback = lock(session, callback_id)
        if callback is not None and _is_time(session, callback, now):
            done += texts.write(session, callback, "reminder", f"remind:{callback.window_start.isoformat()}")
            callback.reminded_for = callback.window_start
    session.flush()
    return done


@tick("callbacks.tell_ends", every_s=10)
def tell_ends(session: Session) -> int:
    """Text whoever was promised a call that came to nothing; how many. `reminded_for` notes that it was told."""
    ended = select(Callback.id).where(
        Callback.state.in_((CallbackState.EXPIRED, CallbackState.EXHAUSTED)),
        Callback.ended_at > func.clock_timestamp() - BACK,
        Callback.kind != Kind.ABANDON,  # who never asked was promised nothing
        Callback.end_reason.is_distinct_from(NOT_CONFIRMED),
        Callback.reminded_for.is_distinct_from(Callback.ended_at),
    )
    done = 0
    for callback_id in session.scalars(ended.limit(AT_ONCE)).all():
        callback = lock(session, callback_id)
        if callback is not None and callback.reminded_for != callback.ended_at:
            done += texts.write(session, callback, callback.state, "end")
            callback.reminded_for = callback.ended_at
    session.flush()
    return done


def _is_time(session: Session, callback: Callback, now: datetime) -> bool:
    policy = policy_of(session, callback.queue_id)
    if policy.remind_min == 0 or callback.window_start - callback.created_at < SOON_AFTER_ASKING:
        return False
    return callback.window_start - timedelta(minutes=policy.remind_min) <= now
