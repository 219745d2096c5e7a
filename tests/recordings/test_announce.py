"""Recording callbacks come twice, late and in any order."""

from __future__ import annotations

import itertools
import uuid

import pytest
from sqlalchemy import select, text

from app.db import unit_of_work
from app.events import Event
from recordings.models import Recording
from tests.recordings.conftest import SID, announce, the_recording
from tests.support.people import a_customer, an_interaction


def fetches() -> int:
    with unit_of_work() as session:
        return session.execute(
            text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'recordings.fetch'")
        ).scalar_one()


def test_a_recording_that_begins_waits_until_it_is_complete(interaction_id: uuid.UUID) -> None:
    assert announce(interaction_id, "in-progress").state == "recording"
    assert fetches() == 0
    assert announce(interaction_id, "completed").state == "announced"
    assert fetches() == 1


@pytest.mark.parametrize("order", list(itertools.permutations(["in-progress", "completed", "completed"])))
def test_any_order_and_any_repetition_ends_in_one_recording_fetched_once(
    interaction_id: uuid.UUID, order: tuple[str, ...]
) -> None:
    for status in order:
        announce(interaction_id, status)
    assert the_recording().state == "announced"
    assert fetches() == 1


def test_what_is_stored_is_not_announced_again(interaction_id: uuid.UUID) -> None:
    announce(interaction_id)
    with unit_of_work() as session:
        session.scalars(select(Recording)).one().state = "stored"
    for status in ("in-progress", "absent", "failed", "completed"):
        assert announce(interaction_id, status).state == "stored"
    assert fetches() == 1


def test_a_recording_that_the_carrier_could_not_make_is_told_in_words(interaction_id: uuid.UUID) -> None:
    announce(interaction_id, "in-progress")
    assert announce(interaction_id, "failed").state == "failed"
    with unit_of_work() as session:
        event = session.scalars(select(Event).where(Event.kind == "recording.failed")).one()
    assert event.data["reason"] == "The carrier could not make the recording."
    assert the_recording().problem == "The carrier could not make the recording."


def test_the_recording_of_one_interaction_is_not_moved_by_the_callback_of_another(interaction_id: uuid.UUID) -> None:
    announce(interaction_id, "in-progress")
    with unit_of_work() as session:
        other = an_interaction(session, a_customer(session, "+15551230002")).id
    announce(other, "completed")
    assert (the_recording().interaction_id, the_recording().state) == (interaction_id, "recording")
    assert fetches() == 0


@pytest.mark.parametrize(
    ("sid", "status", "kind", "says"),
    [
        ("RE../../etc/passwd", "completed", "call", "RecordingSid"),
        ("RE" + "f" * 33, "completed", "call", "RecordingSid"),
        ("", "completed", "call", "RecordingSid"),
        (SID, "exploded", "call", "exploded"),
        (SID, "completed", "opera", "opera"),
    ],
)
def test_an_announcement_that_cannot_be_is_refused_by_name(
    interaction_id: uuid.UUID, sid: str, status: str, kind: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        announce(interaction_id, status, sid=sid, kind=kind)
