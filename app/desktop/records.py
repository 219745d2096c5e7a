"""The customer's record: card, timeline, notes, texts, wrap-up, transcript. Shapes: docs/contracts.md."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from app.customers.change import change_customer
from app.customers.context import context_card
from app.customers.models import Customer, Note
from app.customers.search import search_customers
from app.customers.timeline import timeline
from app.db import request_session, unit_of_work
from app.desktop.card import desktop_card
from app.desktop.forms import (
    CustomerForm,
    DraftForm,
    MessageForm,
    NoteForm,
    OutcomeForm,
    SearchForm,
    TimelineForm,
    WrapUpForm,
    WrapUpWishForm,
)
from app.desktop.state import customer_json, own_call_id
from app.desktop.transcript import transcript_of
from app.desktop.views import own_limit
from app.forms import BadInput, Refusal, parse
from app.interactions.drafts import drafts_of, forget_draft, keep_draft
from app.interactions.messages import MessageRefused, send_message
from app.interactions.models import Interaction, Message
from app.interactions.notes import add_note
from app.interactions.wrap_up import WrapUpRefused, ask_for_wrap_up, choose_outcome, extend_wrap_up, finish_wrap_up
from app.pages import limiter

bp = Blueprint("records", __name__, url_prefix="/desktop")

PAGE = 50


@bp.get("/customers")
@limiter.limit("240/minute", key_func=own_limit)
def search() -> ResponseReturnValue:
    """desktop/_search.html with `customers` and `q`."""
    form = parse(SearchForm)
    found = search_customers(request_session(), form.q) if form.q else []
    return render_template("desktop/_search.html", customers=found, q=form.q)


@bp.get("/customers/<uuid:customer_id>")
def record(customer_id: uuid.UUID) -> ResponseReturnValue:
    """desktop/_record.html with `card`, `timeline` (newest first) and `more`."""
    session = request_session()
    customer = _customer(session, customer_id)
    entries = timeline(session, customer_id, limit=PAGE)
    at_hand = own_call_id(session, current_user.id)
    card = context_card(session, customer_id, except_interaction=at_hand)
    return render_template(
        "desktop/_record.html",
        card=desktop_card(card, customer.created_at.isoformat()),
        timeline=entries,
        more=_is_more(session, customer_id, entries),
    )


@bp.get("/customers/<uuid:customer_id>/timeline")
def older(customer_id: uuid.UUID) -> ResponseReturnValue:
    """desktop/_timeline.html with the entries older than `?before=` (the last shown entry's `before`)."""
    form = parse(TimelineForm)
    session = request_session()
    _customer(session, customer_id)
    entries = timeline(session, customer_id, before=form.before, limit=PAGE)
    return render_template(
        "desktop/_timeline.html",
        card={"id": str(customer_id)},
        timeline=entries,
        more=_is_more(session, customer_id, entries),
    )


@bp.patch("/customers/<uuid:customer_id>")
def edit(customer_id: uuid.UUID) -> ResponseReturnValue:
    """`{name?, language?}` in (null empties), the customer out. What was changed, not to what, is in the log."""
    form = parse(CustomerForm)
    with unit_of_work() as session:
        customer = _customer(session, customer_id)
        changes = {name: getattr(form, name) for name in form.model_fields_set}
        change_customer(session, customer, own=changes, actor=f"user:{current_user.id}")
        return customer_json(customer)


@bp.post("/customers/<uuid:customer_id>/messages")
@limiter.limit("60/minute", key_func=own_limit)
def send(customer_id: uuid.UUID) -> ResponseReturnValue:
    """`{body, client_id, to?}` in, the message out. The same `client_id` again gives the same message, sent once."""
    form = parse(MessageForm)
    with unit_of_work() as session:
        _customer(session, customer_id)
        try:
            message = send_message(session, current_user, customer_id, form.body, str(form.client_id), form.to)
        except MessageRefused as refused:
            raise Refusal(409, refused.code, str(refused)) from refused
        forget_draft(session, current_user.id, customer_id, "text")
        return message_json(message), 201


@bp.post("/customers/<uuid:customer_id>/notes")
def note(customer_id: uuid.UUID) -> ResponseReturnValue:
    """`{body, interaction_id?}` in, the note out."""
    form = parse(NoteForm)
    with unit_of_work() as session:
        _customer(session, customer_id)
        if form.interaction_id:
            _interaction_of(session, customer_id, form.interaction_id)
        made = add_note(session, customer_id, current_user.id, form.body, form.interaction_id)
        forget_draft(session, current_user.id, customer_id, "note")
        return note_json(made), 201


@bp.get("/customers/<uuid:customer_id>/drafts")
def drafts(customer_id: uuid.UUID) -> ResponseReturnValue:
    """`{text, note, wrap}`: what I began to write here, in this or another browser."""
    session = request_session()
    _customer(session, customer_id)
    return drafts_of(session, current_user.id, customer_id), 200, {"Cache-Control": "no-store"}


@bp.put("/customers/<uuid:customer_id>/drafts")
@limiter.limit("240/minute", key_func=own_limit)
def draft(customer_id: uuid.UUID) -> ResponseReturnValue:
    """`{kind: "text" | "note" | "wrap", body}` in, 204 out: the last one stands, an empty one is none."""
    form = parse(DraftForm)
    with unit_of_work() as session:
        _customer(session, customer_id)
        keep_draft(session, current_user.id, customer_id, form.kind, form.body)
    return "", 204


@bp.post("/interactions/<uuid:interaction_id>/wrap-up")
def wrap_up(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{code, note?}` in, `{state}` out: the outcome of the own call, or of the part of it that one handed on."""
    form = parse(WrapUpForm)
    with _wrap_up_checked(), unit_of_work() as session:
        done = finish_wrap_up(session, interaction_id, current_user.id, form.code, form.note)
        return {"state": done.state}


@bp.put("/interactions/<uuid:interaction_id>/outcome")
@limiter.limit("120/minute", key_func=own_limit)
def outcome(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{code}` in (null takes it back), 204 out: chosen during the call, it counts unless another one is given."""
    form = parse(OutcomeForm)
    with _wrap_up_checked(), unit_of_work() as session:
        choose_outcome(session, interaction_id, current_user.id, form.code)
    return "", 204


@bp.post("/interactions/<uuid:interaction_id>/wrap-up/extend")
def extend(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """A minute more for the own wrap-up: `{wrap_up_ends_at}`."""
    with _wrap_up_checked(), unit_of_work() as session:
        return {"wrap_up_ends_at": extend_wrap_up(session, interaction_id, current_user.id).isoformat()}


@bp.post("/interactions/<uuid:interaction_id>/wrap-up/ask")
def ask(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """During the own call: `{wanted}`, time for its wrap-up where the queue gives it on request only."""
    form = parse(WrapUpWishForm)
    with _wrap_up_checked(), unit_of_work() as session:
        ask_for_wrap_up(session, interaction_id, current_user.id, wanted=form.wanted)
    return {"wanted": form.wanted}


@contextmanager
def _wrap_up_checked() -> Iterator[None]:
    """Turn a wrap-up that cannot be changed like this into a refusal."""
    try:
        yield
    except LookupError as unknown:
        raise Refusal(404, "not_found", "There is no such call.") from unknown
    except WrapUpRefused as refused:
        if refused.code == "unknown_code":
            raise BadInput("code", str(refused)) from refused
        status = 403 if refused.code == "not_yours" else 409
        stands = {"state": refused.state} if refused.state else {}
        raise Refusal(status, refused.code, str(refused), **stands) from refused


@bp.get("/interactions/<uuid:interaction_id>/transcript")
def transcript(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{turns, source}`: from the recording once it is transcribed, else what was heard live."""
    session = request_session()
    if session.get(Interaction, interaction_id) is None:
        raise Refusal(404, "not_found", "There is no such call.")
    return transcript_of(session, interaction_id)


def message_json(message: Message) -> dict[str, object]:
    """A text as in the timeline."""
    return {
        "id": message.id,
        "direction": message.direction,
        "body": message.body,
        "status": message.status,
        "error_text": message.error_text,
        "at": message.created_at.isoformat(),
        "sent_by": current_user.name if message.sent_by == current_user.id else None,
        "segments": message.segments,
        "client_id": message.client_id,
        "interaction_id": str(message.interaction_id),
    }


def note_json(note: Note) -> dict[str, object]:
    """A note as in the timeline."""
    return {
        "id": note.id,
        "body": note.body,
        "author": current_user.name,
        "at": note.created_at.isoformat(),
        "interaction_id": str(note.interaction_id) if note.interaction_id else None,
    }


def _is_more(session: Session, customer_id: uuid.UUID, entries: list[dict[str, Any]]) -> bool:
    """Whether anything is older than the last of these."""
    if not entries:
        return False
    oldest = datetime.fromisoformat(entries[-1]["before"])
    return bool(timeline(session, customer_id, before=oldest, limit=1))


def _customer(session: Session, customer_id: uuid.UUID) -> Customer:
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise Refusal(404, "not_found", "There is no such customer. They may have been merged with another.")
    return customer


def _interaction_of(session: Session, customer_id: uuid.UUID, interaction_id: uuid.UUID) -> Interaction:
    interaction = session.get(Interaction, interaction_id)
    if interaction is None or interaction.customer_id != customer_id:
        raise BadInput("interaction_id", "That contact is not this customer's.")
    return interaction
