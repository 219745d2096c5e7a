"""What agents write down."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy.orm import Session

from app.interactions.notes import NoteRefused, add_note
from tests import factories as make
from tests.support.acd import events_named


def test_a_note_is_kept_on_the_record_and_told(session: Session) -> None:
    ana, call = make.user(session, "Ana"), make.call(session)
    note = add_note(session, call.customer_id, ana.id, "  Wants the blue one.\x00 ", call.id)
    assert (note.body, note.interaction_id) == ("Wants the blue one.", call.id)
    (event,) = events_named(session, "note.added")
    assert (event.actor, event.customer_id, event.data) == (f"user:{ana.id}", call.customer_id, {"note_id": note.id})


@pytest.mark.parametrize(
    ("body", "because"), [("", "empty"), (" \n\x00", "empty"), ("x" * 10_001, "10001 of at most 10000")]
)
def test_an_empty_or_endless_note_is_refused(session: Session, body: str, because: str) -> None:
    with pytest.raises(NoteRefused, match=because):
        add_note(session, make.customer(session).id, make.user(session).id, body)


def test_a_note_does_not_land_on_somebody_elses_call(session: Session) -> None:
    with pytest.raises(NoteRefused, match="not one of this customer's"):
        add_note(session, make.customer(session).id, make.user(session).id, "Hello", make.call(session).id)


def test_a_note_needs_a_customer(session: Session) -> None:
    with pytest.raises(LookupError):
        add_note(session, uuid.uuid4(), make.user(session).id, "Hello")
