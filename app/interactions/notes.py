"""What agents write down about a customer."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from app import events
from app.customers.models import Customer, Note
from app.db import database_now
from app.interactions.models import Interaction

LONGEST_NOTE = 10_000


class NoteRefused(ValueError):
    """The note cannot be kept; the message says what to change."""


def add_note(
    session: Session, customer_id: uuid.UUID, author_id: int, body: str, interaction_id: uuid.UUID | None = None
) -> Note:
    """Keep a note on the customer's record, maybe of one interaction. Raises NoteRefused, LookupError."""
    text = body.replace("\x00", "").strip()
    if not text:
        raise NoteRefused("The note is empty: write something first.")
    if len(text) > LONGEST_NOTE:
        raise NoteRefused(f"The note is too long: {len(text)} of at most {LONGEST_NOTE} characters.")
    if session.get(Customer, customer_id) is None:
        raise LookupError("There is no such customer.")
    _refuse_a_strangers_interaction(session, customer_id, interaction_id)
    note = Note(
        customer_id=customer_id,
        interaction_id=interaction_id,
        author_id=author_id,
        body=text,
        created_at=database_now(session),
    )
    session.add(note)
    session.flush()
    events.record(
        session,
        "note.added",
        actor=f"user:{author_id}",
        customer_id=customer_id,
        interaction_id=interaction_id,
        note_id=note.id,
    )
    return note


def _refuse_a_strangers_interaction(session: Session, customer_id: uuid.UUID, interaction_id: uuid.UUID | None) -> None:
    if interaction_id is None:
        return
    interaction = session.get(Interaction, interaction_id)
    if interaction is None or interaction.customer_id != customer_id:
        raise NoteRefused("That interaction is not one of this customer's.")
