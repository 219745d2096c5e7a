"""Queues that may call at any time, and callbacks in them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.callbacks.models import Callback, Kind
from app.callbacks.policy import set_policy
from app.callbacks.request import Window, request
from app.customers.models import Customer
from app.db import database_now
from app.routing.models import Queue
from tests import factories

AT_ANY_TIME = {"quiet": "00:00-24:00"}
MIRA = "+15550142030"


def a_queue(session: Session, key: str = "sales", **rules: Any) -> Queue:
    """A queue that may call at any time of day, whatever else `rules` say."""
    made = factories.queue(session, key)
    set_policy(session, made.id, **(AT_ANY_TIME | rules))
    return made


def a_callback(
    session: Session,
    queue: Queue,
    number: str = MIRA,
    *,
    kind: Kind = Kind.VIRTUAL_HOLD,
    in_min: float | None = None,
    minutes: int = 60,
    customer: Customer | None = None,
    **values: Any,
) -> Callback:
    """A promise to call; with `in_min` in a window that begins in so many minutes."""
    window = None
    if in_min is not None:
        window = Window(database_now(session) + timedelta(minutes=in_min), minutes, "UTC")
    person = customer or factories.customer(session, number)
    return request(
        session,
        queue,
        kind=kind,
        customer_id=person.id,
        number=number,
        our_address=factories.OUR_NUMBER,
        actor="caller",
        window=window,
        **values,
    )


def pass_time(session: Session, callback: Callback, by: timedelta) -> None:
    """Let time pass for a callback: all its times lie that much further back."""
    for name in ("virtual_start", "window_start", "window_end", "due_at", "expires_at", "own_until"):
        moment: datetime | None = getattr(callback, name)
        if moment is not None:
            setattr(callback, name, moment - by)
    session.flush()
