"""After the talk: an outcome, or the timer's."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.customers.models import Note
from app.interactions.drafts import drafts_of, keep_draft
from app.interactions.models import Interaction
from app.interactions.notes import NoteRefused
from app.interactions.wrap_up import WrapUpRefused, expire_wrap_ups, finish_wrap_up
from app.routing.dispatch import dispatch
from app.routing.models import AgentState, Offer, Queue
from app.routing.offers import accept_offer
from app.routing.release import caller_gone
from tests import factories as make
from tests.support.acd import events_named, jobs_named, reach_deadline


@pytest.fixture
def ana(session: Session) -> User:
    make.disposition(session, "SALE")
    make.disposition(session, "NO_SALE", "No sale")
    make.disposition(session, "FAX", "Sent a fax", active=False)
    return make.agent(session, "Ana", [make.queue(session)], idle_s=900)


@pytest.fixture
def wrapping(session: Session, ana: User) -> Interaction:
    """A call of Ana's that is over but for the wrap-up."""
    call = make.waiting_call(session, session.scalars(select(Queue)).one())
    accept_offer(session, dispatch(session)[0].id)
    caller_gone(session, call.id)
    return call


def test_an_outcome_and_a_note_complete_the_call_and_free_the_agent(
    session: Session, wrapping: Interaction, ana: User
) -> None:
    asked = len(jobs_named(session, "routing.dispatch"))
    was_idle_since = session.get_one(AgentState, ana.id).idle_since
    finish_wrap_up(session, wrapping.id, ana.id, "SALE", "Wants the blue one.")
    assert (wrapping.state, wrapping.disposition_code, wrapping.wake_at) == ("completed", "SALE", None)
    assert session.scalars(select(Note.body)).all() == ["Wants the blue one."]
    assert session.scalars(select(Offer.state)).all() == ["completed"]
    assert session.get_one(AgentState, ana.id).idle_since > was_idle_since
    assert len(jobs_named(session, "routing.dispatch")) == asked + 1
    assert [event.data for event in events_named(session, "wrap_up.done")] == [{"code": "SALE"}]


def test_pressed_twice_it_is_done_once(session: Session, wrapping: Interaction, ana: User) -> None:
    finish_wrap_up(session, wrapping.id, ana.id, "SALE", "Wants the blue one.")
    finish_wrap_up(session, wrapping.id, ana.id, "SALE", "Wants the blue one.")
    assert len(events_named(session, "wrap_up.done")) == len(session.scalars(select(Note)).all()) == 1


def test_a_written_outcome_is_not_overwritten(session: Session, wrapping: Interaction, ana: User) -> None:
    finish_wrap_up(session, wrapping.id, ana.id, "SALE")
    with pytest.raises(WrapUpRefused, match="already written: SALE"):
        finish_wrap_up(session, wrapping.id, ana.id, "NO_SALE")


def test_an_outcome_that_comes_after_the_timer_still_counts(session: Session, wrapping: Interaction, ana: User) -> None:
    reach_deadline(session, wrapping)
    assert expire_wrap_ups(session) == 1
    finish_wrap_up(session, wrapping.id, ana.id, "SALE", "A late note.")
    assert (wrapping.state, wrapping.disposition_code) == ("completed", "SALE")
    assert [event.data["code"] for event in events_named(session, "wrap_up.done")] == ["WRAP_UP_TIMEOUT", "SALE"]


def test_a_note_begun_when_the_time_is_over_is_kept(session: Session, wrapping: Interaction, ana: User) -> None:
    keep_draft(session, ana.id, wrapping.customer_id, "wrap", "Wants the blue o")
    reach_deadline(session, wrapping)
    assert expire_wrap_ups(session) == 1
    note = session.scalars(select(Note)).one()
    assert (note.body, note.author_id, note.interaction_id) == ("Wants the blue o", ana.id, wrapping.id)
    assert drafts_of(session, ana.id, wrapping.customer_id)["wrap"] == ""


def test_a_note_that_is_finished_is_no_draft_any_more(session: Session, wrapping: Interaction, ana: User) -> None:
    keep_draft(session, ana.id, wrapping.customer_id, "wrap", "Wants the blue o")
    finish_wrap_up(session, wrapping.id, ana.id, "SALE", "Wants the blue one.")
    assert drafts_of(session, ana.id, wrapping.customer_id)["wrap"] == ""
    assert session.scalars(select(Note.body)).all() == ["Wants the blue one."]


@pytest.mark.parametrize(("code", "because"), [("FAX", "retired"), ("NOPE", "unknown"), ("", "empty")])
def test_an_outcome_that_is_not_in_the_list_is_refused(
    session: Session, wrapping: Interaction, ana: User, code: str, because: str
) -> None:
    with pytest.raises(WrapUpRefused, match="choose one of the list") as refused:
        finish_wrap_up(session, wrapping.id, ana.id, code)
    assert refused.value.code == "unknown_code"
    assert wrapping.state == "wrapping"


def test_somebody_else_cannot_finish_it(session: Session, wrapping: Interaction) -> None:
    with pytest.raises(WrapUpRefused) as refused:
        finish_wrap_up(session, wrapping.id, make.user(session, "Ben").id, "SALE")
    assert refused.value.code == "not_yours"


def test_a_call_that_is_not_over_cannot_be_wrapped_up(session: Session, ana: User) -> None:
    call = make.waiting_call(session, session.scalars(select(Queue)).one())
    accept_offer(session, dispatch(session)[0].id)
    with pytest.raises(WrapUpRefused) as refused:
        finish_wrap_up(session, call.id, ana.id, "SALE")
    assert refused.value.code == "not_over"


def test_a_note_that_cannot_be_kept_leaves_the_wrap_up_open(session: Session, wrapping: Interaction, ana: User) -> None:
    with pytest.raises(NoteRefused, match="too long"):
        finish_wrap_up(session, wrapping.id, ana.id, "SALE", "x" * 10_001)
    assert (wrapping.state, wrapping.disposition_code) == ("wrapping", None)


def test_an_unknown_call_is_not_found(session: Session, ana: User) -> None:
    with pytest.raises(LookupError):
        finish_wrap_up(session, uuid.uuid4(), ana.id, "SALE")
