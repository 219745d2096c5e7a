"""Texts, both ways, on one record."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.customers.models import ContactPoint, Customer
from app.db import database_now
from app.interactions.messages import (
    MessageRefused,
    apply_delivery,
    complete_idle_conversations,
    receive_message,
    send_message,
)
from app.interactions.models import Interaction, Message
from tests import factories as make
from tests.support.acd import events_named, jobs_named, reach_deadline

MIRA = "+15550109999"


@pytest.fixture
def ana(session: Session) -> User:
    make.our_number(session)
    return make.user(session, "Ana")


@pytest.fixture
def mira(session: Session) -> Customer:
    return make.customer(session, MIRA, "Mira")


def receive(session: Session, body: str, provider_id: str | None = None, from_address: str = MIRA) -> Message | None:
    return receive_message(
        session,
        provider_id=provider_id or f"SM{uuid.uuid4().hex}",
        from_address=from_address,
        to_address=make.OUR_NUMBER,
        body=body,
    )


def conversations(session: Session) -> list[Interaction]:
    return list(
        session.scalars(select(Interaction).where(Interaction.channel == "sms").order_by(Interaction.created_at))
    )


def test_a_text_from_a_known_number_lands_on_that_record_and_opens_a_conversation(
    session: Session, mira: Customer
) -> None:
    message = receive(session, "Is my order here? 🙂")
    assert message is not None
    assert (message.customer_id, message.status, message.segments) == (mira.id, "received", 1)
    (conversation,) = conversations(session)
    assert (conversation.state, conversation.direction) == ("active", "inbound")
    assert [event.data["message_id"] for event in events_named(session, "message.received")] == [message.id]


def test_the_same_text_delivered_again_is_not_kept_again(session: Session) -> None:
    assert receive(session, "Hello", "SM1") is not None
    assert receive(session, "Hello", "SM1") is None
    assert len(session.scalars(select(Message)).all()) == 1


def test_an_answer_continues_the_conversation_and_its_agent_hears_of_the_next_text(
    session: Session, ana: User, mira: Customer
) -> None:
    receive(session, "Is my order here?")
    answer = send_message(session, ana, mira.id, "It is on its way.", "c1")
    receive(session, "Thanks")
    (conversation,) = conversations(session)
    assert answer.interaction_id == conversation.id
    assert f"user:{ana.id}" in events_named(session, "message.received")[-1].topics


def test_a_conversation_silent_for_a_day_is_completed_and_the_next_text_opens_another(session: Session) -> None:
    receive(session, "Hello")
    (first,) = conversations(session)
    assert first.wake_at is not None
    assert first.wake_at - database_now(session) == pytest.approx(timedelta(hours=24), abs=timedelta(seconds=5))
    assert complete_idle_conversations(session) == 0
    reach_deadline(session, first)
    assert (complete_idle_conversations(session), complete_idle_conversations(session)) == (1, 0)
    receive(session, "Hello again")
    assert [each.state for each in conversations(session)] == ["completed", "active"]
    assert conversations(session)[0].disposition_code == "CONVERSATION_IDLE"


def test_a_text_from_a_withheld_or_strange_sender_is_kept_all_the_same(session: Session) -> None:
    for sender in ("anonymous", "sip:someone@example.com", "BANK", "72727"):
        assert receive(session, "Hello", from_address=sender) is not None
    assert len(session.scalars(select(Customer)).all()) == 4


def test_a_text_with_a_null_character_is_kept_without_it(session: Session) -> None:
    message = receive(session, "a\x00b")
    assert message is not None
    assert message.body == "ab"


def test_writing_a_text_queues_it_once_for_the_carrier(session: Session, ana: User, mira: Customer) -> None:
    message = send_message(session, ana, mira.id, "  Your parcel is here.  ", "c1")
    assert (message.body, message.status, message.remote_address, message.our_address, message.sent_by) == (
        "Your parcel is here.",
        "queued",
        MIRA,
        make.OUR_NUMBER,
        ana.id,
    )
    assert send_message(session, ana, mira.id, "Your parcel is here.", "c1") is message
    assert jobs_named(session, "sms.send") == [{"message_id": message.id}]
    assert [event.actor for event in events_named(session, "message.queued")] == [f"user:{ana.id}"]


def test_a_flow_may_write_too(session: Session, ana: User, mira: Customer) -> None:
    message = send_message(session, None, mira.id, "You are number 3.", "flow:1", our_address="+15550100077")
    assert (message.sent_by, message.our_address) == (None, "+15550100077")
    assert [event.actor for event in events_named(session, "message.queued")] == ["flow"]


def test_the_answer_comes_from_the_number_the_customer_knows(session: Session, ana: User, mira: Customer) -> None:
    make.our_number(session, "+15550100055")
    receive_message(session, provider_id="SM1", from_address=MIRA, to_address="+15550100055", body="Hello")
    assert send_message(session, ana, mira.id, "Hello Mira", "c1").our_address == "+15550100055"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param({"body": "  \n"}, "empty", id="nothing to say"),
        pytest.param({"body": "\x00"}, "empty", id="only a null"),
        pytest.param({"body": "x" * 1601}, "too_long", id="1601 characters"),
        pytest.param({"client_id": ""}, "bad_client_id", id="no client id"),
        pytest.param({"client_id": "x" * 101}, "bad_client_id", id="endless client id"),
        pytest.param({"to": "not a number at all"}, "bad_number", id="no number"),
        pytest.param({"to": "+15550100001"}, "not_theirs", id="somebody else's number"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_reason(
    session: Session, ana: User, mira: Customer, given: dict[str, str], code: str
) -> None:
    with pytest.raises(MessageRefused) as refused:
        send_message(session, ana, mira.id, **{"body": "Hello", "client_id": "c1", **given})
    assert refused.value.code == code
    assert str(refused.value)
    assert conversations(session) == []


def test_1600_characters_are_not_too_long(session: Session, ana: User, mira: Customer) -> None:
    assert send_message(session, ana, mira.id, "x" * 1600, "c1").segments == 11


def test_a_client_id_belongs_to_one_text(session: Session, ana: User, mira: Customer) -> None:
    send_message(session, ana, mira.id, "Hello", "c1")
    with pytest.raises(MessageRefused) as refused:
        send_message(session, ana, make.customer(session).id, "Hello", "c1")
    assert refused.value.code == "client_id_taken"


def test_a_customer_without_a_number_cannot_be_written_to(session: Session, ana: User) -> None:
    nobody = make.customer(session, "anonymous")
    with pytest.raises(MessageRefused) as refused:
        send_message(session, ana, nobody.id, "Hello", "c1")
    assert refused.value.code == "no_number"


def test_a_short_code_cannot_be_answered(session: Session, ana: User) -> None:
    message = receive(session, "Your code is 1234", from_address="72727")
    assert message is not None
    with pytest.raises(MessageRefused) as refused:
        send_message(session, ana, message.customer_id, "Thanks", "c1")
    assert refused.value.code == "no_reply"


def test_without_a_number_of_ours_nothing_is_sent(session: Session, mira: Customer) -> None:
    with pytest.raises(MessageRefused, match="ask an admin"):
        send_message(session, make.user(session), mira.id, "Hello", "c1")


def test_an_unknown_customer_is_not_found(session: Session, ana: User) -> None:
    with pytest.raises(LookupError):
        send_message(session, ana, uuid.uuid4(), "Hello", "c1")


@pytest.mark.parametrize(
    "word", ["STOP", "stop", " Stop. ", "STOPALL", "unsubscribe", "CANCEL", "END", "QUIT", "REVOKE"]
)
def test_a_stop_word_alone_ends_texting_until_start(session: Session, ana: User, mira: Customer, word: str) -> None:
    assert receive(session, word) is not None, "the text itself is kept"
    with pytest.raises(MessageRefused, match="STOP") as refused:
        send_message(session, ana, mira.id, "Hello", "c1")
    assert refused.value.code == "opted_out"
    receive(session, "start")
    assert send_message(session, ana, mira.id, "Welcome back", "c2").status == "queued"
    assert [event.data["opted_out"] for event in events_named(session, "consent.changed")] == [True, False]


@pytest.mark.parametrize("body", ["Please stop by tomorrow", "stop it", "The end", "yes", "nonstop"])
def test_the_word_inside_a_sentence_is_no_stop(session: Session, mira: Customer, body: str) -> None:
    receive(session, body)
    assert events_named(session, "consent.changed") == []


def test_stop_said_twice_is_told_once(session: Session, mira: Customer) -> None:
    receive(session, "STOP")
    receive(session, "STOP")
    assert len(events_named(session, "consent.changed")) == 1


def test_a_carrier_that_says_opted_out_is_believed(session: Session, ana: User, mira: Customer) -> None:
    message = send_message(session, ana, mira.id, "Hello", "c1")
    assert apply_delivery(session, message.id, "failed", 21610)
    assert message.error_text == "The customer has opted out (texted STOP)."
    point = session.scalars(select(ContactPoint).where(ContactPoint.customer_id == mira.id)).one()
    session.refresh(point)
    assert point.sms_opted_out_at is not None


STEPS = {
    "in order": (["sending", "sent", "delivered", "read"], "read"),
    "delivered overtakes sent": (["sending", "delivered", "sent"], "delivered"),
    "a lost answer, then word of it": (["sending", "unknown", "sent"], "sent"),
    "unknown after sent is no news": (["sent", "unknown"], "sent"),
    "failed is final": (["sending", "failed", "delivered"], "failed"),
    "undelivered is final": (["sent", "undelivered", "sent"], "undelivered"),
    "delivered does not fail later": (["delivered", "failed"], "delivered"),
    "said twice": (["sent", "sent"], "sent"),
}


@pytest.mark.parametrize(("told", "stands"), STEPS.values(), ids=STEPS.keys())
def test_a_status_never_steps_back(session: Session, ana: User, mira: Customer, told: list[str], stands: str) -> None:
    message = send_message(session, ana, mira.id, "Hello", "c1")
    changed = [apply_delivery(session, message.id, status) for status in told]
    assert message.status == stands
    assert len(events_named(session, "message.status")) == sum(changed)


def test_an_unknown_error_code_still_says_its_number(session: Session, ana: User, mira: Customer) -> None:
    message = send_message(session, ana, mira.id, "Hello", "c1")
    apply_delivery(session, message.id, "undelivered", 39999)
    assert message.error_text == "The carrier reported error 39999."


def test_a_status_that_is_not_ours_or_a_message_that_is_not_there_is_an_error(session: Session) -> None:
    received = receive(session, "Hello")
    assert received is not None
    with pytest.raises(ValueError, match="teleported"):
        apply_delivery(session, received.id, "teleported")
    with pytest.raises(LookupError):
        apply_delivery(session, received.id, "sent")
    with pytest.raises(LookupError):
        apply_delivery(session, 404, "sent")
