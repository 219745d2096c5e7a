"""The context card: what an agent should know about a customer before the first word."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, desc, func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.callbacks.models import WAITING_FOR_A_DIAL, Callback
from app.customers.models import Customer
from app.db import database_now
from app.interactions.models import TERMINAL, Interaction, Message, State, Utterance
from app.routing.models import Queue

TRIES_WITHIN = timedelta(minutes=30)
RECENT = 20
EXCERPT = 140
GAVE_UP = (State.ABANDONED, State.ABANDONED_IN_FLOW)


def context_card(
    session: Session, customer_id: uuid.UUID, *, except_interaction: uuid.UUID | None = None
) -> dict[str, Any]:
    """Who this is, how to reach them, and what happened lately; shape in docs/contracts.md.

    `except_interaction` is the call at hand, which is no news about itself. Raises LookupError.
    """
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise LookupError("There is no such customer.")
    now = database_now(session)
    recent = [row for row in _recent(session, customer_id) if row[0].id != except_interaction]
    said = _last_word(session, customer_id)
    return {
        "id": str(customer.id),
        "name": customer.name,
        "language": customer.language,
        "contact_points": [
            {
                "id": point.id,
                "kind": point.kind,
                "value": point.value,
                "sms_opted_out": point.sms_opted_out_at is not None,
                "no_calls": point.no_calls_at is not None,
            }
            for point in customer.contact_points
        ],
        "know": [
            {"code": code, "text": text, "values": values}
            for code, text, values in _to_know(customer, recent, said, _promised(session, customer_id), now)
        ],
        "open": [_open(*row) for row in recent if _is_open(row[0])],
        "last_contact": _last_contact(*recent[0]) if recent else None,
        "last_word": said,
    }


Contact = tuple[Interaction, str | None, str | None]


def _recent(session: Session, customer_id: uuid.UUID) -> list[Contact]:
    """The last interactions with their queue's and agent's names, newest first; a callback's place is none yet."""
    is_callback_place = and_(
        Interaction.callback_id.is_not(None), Interaction.state.in_((State.QUEUED, State.OFFERED, State.CANCELED))
    )
    query = (
        select(Interaction, Queue.name, User.name)
        .join(Queue, Queue.id == Interaction.queue_id, isouter=True)
        .join(User, User.id == Interaction.agent_id, isouter=True)
        .where(Interaction.customer_id == customer_id, ~is_callback_place)
        .order_by(Interaction.created_at.desc())
        .limit(RECENT)
    )
    return [(interaction, queue, agent) for interaction, queue, agent in session.execute(query)]


def _to_know(
    customer: Customer,
    recent: list[Contact],
    said: dict[str, Any] | None,
    promised: Callback | None,
    now: datetime,
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Sentences that change how an agent begins, the most pressing first, with what was put into them."""
    since_answered = itertools.takewhile(lambda row: row[0].answered_at is None, recent)
    tries = [row for row in since_answered if _is_unanswered_try(row[0], now)]
    if tries:
        yield "tried_before", _tries(tries), {"times": len(tries), "queues": _queues(tries)}
    if recent and recent[0][0].state == State.VOICEMAIL:
        yield "voicemail", "Left a voicemail the last time: listen to it on the timeline.", {}
    if promised is not None:
        at = promised.window_start.isoformat() if promised.local_start else None
        when = f"from {at}" if at else "as soon as somebody is free"
        values = {"number": promised.number, "at": at}
        yield "callback", f"Waits for a call back at {values['number']}, {when}.", values
    if said and said["by"] == "customer" and said["channel"] == "sms":
        yield "waiting_for_answer", f"Their last text has no answer yet: “{said['text']}”", {"text": said["text"]}
    if any(point.sms_opted_out_at for point in customer.contact_points):
        yield "opted_out", "Asked for no more texts (STOP).", {}
    for point in customer.contact_points:
        if point.no_calls_at is not None:
            values = {"number": point.value, "reason": point.no_calls_reason or ""}
            yield "no_calls", f"Not to be called at {point.value}: {point.no_calls_reason or 'no reason given'}", values
    if not customer.contact_points:
        yield "number_withheld", "The number is withheld: ask how to call back.", {}
    if not recent:
        yield "first_contact", "First contact: nothing is known yet.", {}


def _promised(session: Session, customer_id: uuid.UUID) -> Callback | None:
    """The callback that this person waits for."""
    open_ones = select(Callback).where(Callback.customer_id == customer_id, Callback.state.in_(WAITING_FOR_A_DIAL))
    return session.scalars(open_ones.order_by(Callback.window_start).limit(1)).first()


def _is_unanswered_try(interaction: Interaction, now: datetime) -> bool:
    return interaction.state in GAVE_UP and now - interaction.created_at <= TRIES_WITHIN


def _tries(tries: list[Contact]) -> str:
    times = "once" if len(tries) == 1 else f"{len(tries)} times"
    queues = _queues(tries)
    where = f" ({', '.join(queues)})" if queues else ""
    return f"Tried {times} in the last 30 minutes and gave up{where}."


def _queues(tries: list[Contact]) -> list[str]:
    return sorted({queue for _, queue, _ in tries if queue})


def _is_open(interaction: Interaction) -> bool:
    return interaction.state not in TERMINAL


def _open(interaction: Interaction, queue: str | None, agent: str | None) -> dict[str, Any]:
    return {
        "interaction_id": str(interaction.id),
        "channel": interaction.channel,
        "state": interaction.state,
        "since": _iso(interaction.created_at),
        "queue": queue,
        "agent": agent,
    }


def _last_contact(interaction: Interaction, queue: str | None, agent: str | None) -> dict[str, Any]:
    return {
        "interaction_id": str(interaction.id),
        "channel": interaction.channel,
        "direction": interaction.direction,
        "state": interaction.state,
        "at": _iso(interaction.created_at),
        "queue": queue,
        "agent": agent,
    }


def _last_word(session: Session, customer_id: uuid.UUID) -> dict[str, Any] | None:
    """Who spoke last, in a text or on a call, and what they said."""
    return max(
        filter(None, (_last_text(session, customer_id), _last_said(session, customer_id))), key=_at, default=None
    )


def _at(word: dict[str, Any]) -> str:
    return str(word["at"])


def _last_text(session: Session, customer_id: uuid.UUID) -> dict[str, Any] | None:
    row = session.execute(
        select(Message.direction, Message.body, Message.created_at, User.name)
        .join(User, User.id == Message.sent_by, isouter=True)
        .where(Message.customer_id == customer_id)
        .order_by(Message.created_at.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    direction, body, at, name = row
    return _word("customer" if direction == "inbound" else "agent", name, at, body, "sms")


def _last_said(session: Session, customer_id: uuid.UUID) -> dict[str, Any] | None:
    row = session.execute(
        select(Utterance.speaker, Utterance.text, _said_at(), User.name)
        .join(Interaction, Interaction.id == Utterance.interaction_id)
        .join(User, User.id == Interaction.agent_id, isouter=True)
        .where(Interaction.customer_id == customer_id)
        .order_by(desc(Interaction.created_at), desc(Utterance.start_s))
        .limit(1)
    ).first()
    if row is None:
        return None
    speaker, text, at, name = row
    return _word(speaker, name if speaker == "agent" else None, at, text, "voice")


def _said_at() -> Any:
    """When it was said: a transcript made later is no newer than the call it came from."""
    return func.coalesce(func.least(Interaction.ended_at, Utterance.created_at), Utterance.created_at)


def _word(by: str, name: str | None, at: datetime, text: str, channel: str) -> dict[str, Any]:
    short = text if len(text) <= EXCERPT else text[: EXCERPT - 1].rstrip() + "…"
    return {"by": by, "name": name, "at": _iso(at), "text": short, "channel": channel}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
