"""Numbers that are not to be called: put on the list with a reason, taken off it, and heeded at each dial (C-9)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callbacks.change import cancel_callback
from app.callbacks.models import OPEN, Callback
from app.callbacks.rows import hold
from app.customers.identify import BadAddress, identify, normalise
from app.customers.models import ContactPoint
from app.db import database_now

LONGEST_REASON = 200


class NoCallsRefused(ValueError):
    """The number cannot be put on the list; the message says what can."""


def forbid(session: Session, number: str, reason: str, *, actor: str) -> ContactPoint:
    """Nobody calls this number (E.164) any more; what was promised to it is canceled, but for who talks just now.

    A number that nobody has yet gets a customer. Said again, only the reason changes.
    """
    identify(session, "phone", number)
    point = held(session, number)
    assert point is not None  # identify has made it
    point.no_calls_at = point.no_calls_at or database_now(session)
    point.no_calls_reason = reason[:LONGEST_REASON] or None
    session.flush()
    promised = select(Callback.id).where(Callback.number == number, Callback.state.in_(OPEN))
    for callback_id in session.scalars(promised).all():
        callback = hold(session, callback_id)
        if callback is not None:
            cancel_callback(session, callback, actor=actor, reason="no_calls")
    return point


def permit(session: Session, number: str) -> None:
    """The number may be called again; one that nobody forbade stays as it is."""
    point = held(session, number)
    if point is not None:
        point.no_calls_at = point.no_calls_reason = None
        session.flush()


def held(session: Session, number: str) -> ContactPoint | None:
    """The number's row, locked until the transaction ends."""
    mine = select(ContactPoint).where(ContactPoint.kind == "phone", ContactPoint.value == number)
    return session.scalars(mine.with_for_update().execution_options(populate_existing=True)).one_or_none()


def number_as_stored(text: str) -> str:
    """A telephone number in E.164. Raises NoCallsRefused for a word, a short code, or no number at all."""
    try:
        number = normalise("phone", text)
    except BadAddress as wrong:
        raise NoCallsRefused(str(wrong)) from wrong
    if number is None or not number.startswith("+"):
        raise NoCallsRefused("That is no phone number: write it with + and the country code, like +15550100123.")
    return number
