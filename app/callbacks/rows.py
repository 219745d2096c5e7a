"""A callback's row: how it is held, how it changes, and the story it tells.

Whoever locks more than one of these takes them in this order: the turn of a number in a queue (`one_at_a_time`), the
place (an interaction), the callback, then a slot of the calendar or the customer whom a text goes to.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import events
from app.callbacks.models import OPEN, Callback, CallbackAttempt, CallbackState
from app.db import database_now
from app.interactions.models import TERMINAL, Interaction, State
from app.interactions.move import lock_interaction

TRIES = 5


class Unsettled(RuntimeError):
    """The callback changed its place under our hands again and again; ask once more."""


def hold(session: Session, callback_id: uuid.UUID) -> Callback | None:
    """The callback as it stands now, held with its place until the transaction ends; None for an unknown id."""
    for _ in range(TRIES):
        with session.begin_nested() as attempt:
            place_id = open_place_id(session, callback_id)
            if place_id is not None:
                lock_interaction(session, place_id)
            callback = lock(session, callback_id)
            if callback is None or open_place_id(session, callback_id) == place_id:
                return callback
            attempt.rollback()  # gives the locks back
    raise Unsettled(f"callback {callback_id} does not keep still")


def hold_in_turn(session: Session, known: Callback) -> Callback | None:
    """As `hold`, for whoever may put the number's own call in the place of its callback (C-6)."""
    one_at_a_time(session, known.number, known.queue_id)
    return hold(session, known.id)


def hold_if_free(session: Session, callback_id: uuid.UUID) -> Callback | None:
    """As `hold`, for the clock: None also when somebody is at work with it. The clock waits for nobody."""
    place_id = open_place_id(session, callback_id)
    if place_id is not None:
        place = select(Interaction.id).where(Interaction.id == place_id)
        if session.execute(place.with_for_update(skip_locked=True, key_share=True)).first() is None:
            return None
    query = select(Callback).where(Callback.id == callback_id).with_for_update(skip_locked=True, key_share=True)
    callback = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if callback is None or open_place_id(session, callback_id) != place_id:
        return None
    if place_id is not None:
        session.get(Interaction, place_id, populate_existing=True)
    return callback


def lock(session: Session, callback_id: uuid.UUID) -> Callback | None:
    """The callback alone, for whoever holds its place already."""
    query = select(Callback).where(Callback.id == callback_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def one_at_a_time(session: Session, number: str, queue_id: int) -> None:
    """Whoever asks for this number's callback, and its own call that comes to the same queue, take turns (C-6)."""
    key = f"callback:{queue_id}:{number}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


def waits_on_the_line(session: Session, number: str, queue_id: int) -> bool:
    """Whether this number's own call waits in the queue."""
    live = select(Interaction.id).where(
        Interaction.queue_id == queue_id,
        Interaction.remote_address == number,
        Interaction.direction == "inbound",
        Interaction.channel == "voice",
        Interaction.state.in_((State.QUEUED, State.OFFERED)),
    )
    return session.execute(live.limit(1)).first() is not None


def open_place_id(session: Session, callback_id: uuid.UUID) -> uuid.UUID | None:
    """The interaction that waits, rings or talks for it now."""
    query = select(Interaction.id).where(Interaction.callback_id == callback_id, Interaction.state.not_in(TERMINAL))
    return session.scalars(query).one_or_none()


def open_place(session: Session, callback: Callback) -> Interaction | None:
    place_id = open_place_id(session, callback.id)
    return session.get(Interaction, place_id, populate_existing=True) if place_id else None


def open_try(session: Session, callback: Callback) -> CallbackAttempt | None:
    """The dial that is under way."""
    query = select(CallbackAttempt).where(
        CallbackAttempt.callback_id == callback.id, CallbackAttempt.ended_at.is_(None)
    )
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def open_for(session: Session, number: str, queue_id: int | None = None) -> Callback | None:
    """The callback that this number waits for, the oldest if there are several; nothing is locked."""
    query = select(Callback).where(Callback.number == number, Callback.state.in_(OPEN))
    if queue_id is not None:
        query = query.where(Callback.queue_id == queue_id)
    return session.scalars(query.order_by(Callback.created_at).limit(1)).first()


def go(
    session: Session, callback: Callback, to: CallbackState, *, actor: str, reason: str | None = None, **changes: Any
) -> None:
    """Change a held callback's state and tell it. A terminal state is written once and for all."""
    assert callback.state in OPEN, f"callback {callback.id} is over: {callback.state}"
    over = {} if to in OPEN else {"ended_at": database_now(session), "end_reason": reason}
    for name, value in (changes | over | {"state": to.value}).items():
        setattr(callback, name, value)
    session.flush()
    tell(session, callback, f"callback.{to}", actor=actor, reason=reason)


def tell(session: Session, callback: Callback, kind: str, *, actor: str, **data: Any) -> None:
    """One event of a callback."""
    events.record(
        session,
        kind,
        actor=actor,
        customer_id=callback.customer_id,
        interaction_id=callback.origin_id,
        users=(callback.owner_id,) if callback.owner_id is not None else (),
        queue_id=callback.queue_id,
        callback_id=str(callback.id),
        state=callback.state,
        due_at=callback.due_at.isoformat(),
        **data,
    )
