"""The clock's questions to callbacks: is one due, over, or lost? Each is safe to ask twice, by two workers, or late."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from app.callbacks.judge import may_dial, next_time
from app.callbacks.models import OPEN, WAITING_FOR_A_DIAL, Callback, CallbackState
from app.callbacks.places import LOOK_AGAIN, end_place, place
from app.callbacks.policy import policy_of
from app.callbacks.request import terms_of
from app.callbacks.rows import go, hold_if_free, open_place
from app.callbacks.tries import lost_try
from app.clock import tick
from app.db import database_now
from app.interactions.models import TERMINAL, Interaction, State
from app.routing.dispatch import is_free
from app.routing.models import AgentState

log = structlog.get_logger()

AT_ONCE = 100
NOT_CONFIRMED = "not_confirmed"
"""Why a request from the web ends when its number's owner said nothing."""


@tick("callbacks.due", every_s=1)
def look_at_due(session: Session) -> int:
    """Place the callbacks whose time has come, put back those that may not be dialled any more; how many were seen."""
    due = select(Callback.id).where(
        Callback.state.in_(WAITING_FOR_A_DIAL),
        or_(Callback.due_at <= func.clock_timestamp(), Callback.expires_at <= func.clock_timestamp()),
    )
    return _each(session, due.order_by(Callback.due_at), _look_at)


@tick("callbacks.lost", every_s=5)
def find_lost(session: Session) -> int:
    """Callbacks that are under way without a place of their own: an agent left, or a leg ended unheard. How many."""
    place_is_open = (
        select(Interaction.id)
        .where(Interaction.callback_id == Callback.id, Interaction.state.not_in((*TERMINAL, State.WRAPPING)))
        .exists()
    )
    under_way = Callback.state.in_([state for state in OPEN if state not in ("requested", "waiting")])
    return _each(session, select(Callback.id).where(under_way, ~place_is_open), _find)


Act = Callable[[Session, Callback, datetime], None]


def _each(session: Session, ids: Select[uuid.UUID], act: Act) -> int:
    seen = 0
    for callback_id in session.scalars(ids.limit(AT_ONCE)).all():
        try:
            with session.begin_nested():
                _act(session, callback_id, act)
            seen += 1
        except Exception:
            log.exception("callback.tick_failed", callback_id=str(callback_id))
    return seen


def _act(session: Session, callback_id: uuid.UUID, act: Act) -> None:
    callback = hold_if_free(session, callback_id)
    if callback is not None:
        act(session, callback, database_now(session))


def _look_at(session: Session, callback: Callback, now: datetime) -> None:
    if callback.state not in WAITING_FOR_A_DIAL:
        return
    if now >= callback.expires_at:
        _expire(session, callback)
    elif callback.state == CallbackState.WAITING:
        _wait_or_place(session, callback, now)
    elif callback.state == CallbackState.DUE:
        _stay_or_go_back(session, callback, now)
    else:
        callback.due_at = callback.expires_at


def _wait_or_place(session: Session, callback: Callback, now: datetime) -> None:
    if open_place(session, callback) is not None:  # the last try's line is still ending
        callback.due_at = now
        return
    terms = terms_of(callback, policy_of(session, callback.queue_id))
    if not may_dial(now, terms):
        moment = next_time(now, terms)
        callback.due_at = moment or callback.expires_at
        return
    if callback.owner_id is not None and _waits_for_owner(session, callback, now):
        return
    place(session, callback)
    session.flush()


def _waits_for_owner(session: Session, callback: Callback, now: datetime) -> bool:
    """Whether the agent who wants to make this call is there and busy, so that it pays to wait for them."""
    if callback.own_until is None or now >= callback.own_until:
        return False
    there = session.get(AgentState, callback.owner_id)
    if there is None or there.presence == "offline":
        return False
    return not session.scalar(select(is_free()).where(AgentState.user_id == callback.owner_id))


def _stay_or_go_back(session: Session, callback: Callback, now: datetime) -> None:
    interaction = open_place(session, callback)
    terms = terms_of(callback, policy_of(session, callback.queue_id))
    if interaction is None or interaction.state != State.QUEUED or may_dial(now, terms):
        callback.due_at = min(now + LOOK_AGAIN, callback.expires_at)
        return
    end_place(session, interaction, "not_now")
    moment = next_time(now, terms)
    go(session, callback, CallbackState.WAITING, actor="system", reason="not_now", due_at=moment or callback.expires_at)


def _expire(session: Session, callback: Callback) -> None:
    interaction = open_place(session, callback)
    if interaction is not None and interaction.state not in (State.QUEUED, State.OFFERED):
        return  # an agent is about to dial: the try decides
    unconfirmed = callback.state == CallbackState.REQUESTED
    reason = NOT_CONFIRMED if unconfirmed else "time_is_over"
    go(session, callback, CallbackState.EXPIRED, actor="system", reason=reason)
    if interaction is not None:
        end_place(session, interaction, "expired")


def _find(session: Session, callback: Callback, now: datetime) -> None:
    interaction = open_place(session, callback)
    if interaction is not None and interaction.state != State.WRAPPING:
        return
    if callback.state in OPEN and callback.state not in (CallbackState.REQUESTED, CallbackState.WAITING):
        lost_try(session, callback, now)
