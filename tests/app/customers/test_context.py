"""The context card: what an agent knows before the first word."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.customers.context import context_card
from app.interactions.messages import receive_message, send_message
from app.interactions.models import Interaction, State, Utterance
from app.interactions.move import move
from app.routing.dispatch import dispatch
from app.routing.offers import accept_offer
from app.routing.release import caller_gone
from tests import factories as make

MIRA = "+15550101234"


def codes(session: Session, customer_id: uuid.UUID, **given: uuid.UUID) -> list[str]:
    return [fact["code"] for fact in context_card(session, customer_id, **given)["know"]]


def receive(session: Session, body: str) -> None:
    receive_message(session, provider_id=uuid.uuid4().hex, from_address=MIRA, to_address=make.OUR_NUMBER, body=body)


def earlier(session: Session, call: Interaction, minutes: float) -> None:
    call.created_at -= timedelta(minutes=minutes)
    session.flush()


def test_a_first_caller_is_named_as_such(session: Session) -> None:
    mira = make.customer(session, MIRA, "Mira Chen")
    call = make.call(session, mira)
    card = context_card(session, mira.id, except_interaction=call.id)
    assert card == {
        "id": str(mira.id),
        "name": "Mira Chen",
        "language": None,
        "contact_points": [
            {"id": mira.contact_points[0].id, "kind": "phone", "value": MIRA, "sms_opted_out": False, "no_calls": False}
        ],
        "know": [{"code": "first_contact", "text": "First contact: nothing is known yet.", "values": {}}],
        "open": [],
        "last_contact": None,
        "last_word": None,
    }


@pytest.mark.parametrize(
    ("minutes_ago", "counts"),
    [pytest.param(29, True, id="29 minutes ago"), pytest.param(31, False, id="31 minutes ago")],
)
def test_tries_of_the_last_half_hour_are_told(session: Session, minutes_ago: float, counts: bool) -> None:
    sales, mira = make.queue(session), make.customer(session, MIRA)
    tried = make.waiting_call(session, sales, mira)
    caller_gone(session, tried.id)
    earlier(session, tried, minutes_ago)
    make.waiting_call(session, sales, mira)
    assert ("tried_before" in codes(session, mira.id)) is counts


def test_tries_before_a_call_that_was_answered_are_made_good(session: Session) -> None:
    sales, mira = make.queue(session), make.customer(session, MIRA)
    caller_gone(session, make.waiting_call(session, sales, mira).id)
    make.agent(session, "Ana", [sales])
    answered = make.waiting_call(session, sales, mira)
    accept_offer(session, dispatch(session)[0].id)
    caller_gone(session, answered.id)
    assert "tried_before" not in codes(session, mira.id)


def test_several_tries_are_counted_with_their_queues(session: Session) -> None:
    mira = make.customer(session, MIRA)
    for key in ("sales", "support"):
        caller_gone(session, make.waiting_call(session, make.queue(session, key), mira).id)
    (fact,) = context_card(session, mira.id)["know"]
    assert fact["text"] == "Tried 2 times in the last 30 minutes and gave up (Sales, Support)."


def test_an_unanswered_text_a_stop_and_a_voicemail_are_told(session: Session) -> None:
    mira = make.customer(session, MIRA)
    receive(session, "Where is my sofa?")
    assert codes(session, mira.id) == ["waiting_for_answer"]
    receive(session, "STOP")
    assert "opted_out" in codes(session, mira.id)
    left_word = make.call_in_flow(session, mira)
    move(session, left_word, State.VOICEMAIL, actor="flow")
    assert codes(session, mira.id)[0] == "voicemail"


def test_a_withheld_number_is_told(session: Session) -> None:
    assert "number_withheld" in codes(session, make.customer(session, "anonymous").id)


def test_what_is_open_and_the_last_contact_are_shown_but_not_the_call_at_hand(session: Session) -> None:
    sales, mira = make.queue(session), make.customer(session, MIRA)
    make.agent(session, "Ana", [sales])
    first = make.waiting_call(session, sales, mira)
    accept_offer(session, dispatch(session)[0].id)
    caller_gone(session, first.id)
    at_hand = make.call(session, mira)
    card = context_card(session, mira.id, except_interaction=at_hand.id)
    assert [(each["interaction_id"], each["state"], each["agent"]) for each in card["open"]] == [
        (str(first.id), "wrapping", "Ana")
    ]
    assert card["last_contact"]["interaction_id"] == str(first.id)


def test_the_last_word_is_the_newest_of_texts_and_speech(session: Session) -> None:
    sales, mira = make.queue(session), make.customer(session, MIRA, "Mira")
    ana = make.agent(session, "Ana", [sales])
    make.our_number(session)
    call = make.waiting_call(session, sales, mira)
    accept_offer(session, dispatch(session)[0].id)
    for start_s, speaker, text in ((1, "customer", "Hello"), (3, "agent", "x" * 200)):
        session.add(
            Utterance(
                interaction_id=call.id, speaker=speaker, start_s=start_s, end_s=start_s + 1, text=text, engine="test"
            )
        )
    session.flush()
    said = context_card(session, mira.id)["last_word"]
    assert (said["by"], said["name"], said["channel"], said["text"]) == ("agent", "Ana", "voice", "x" * 139 + "…")
    receive(session, "One more thing")
    assert context_card(session, mira.id)["last_word"]["by"] == "customer"
    send_message(session, ana, mira.id, "Of course", "c1")
    written = context_card(session, mira.id)["last_word"]
    assert (written["by"], written["name"], written["channel"], written["text"]) == ("agent", "Ana", "sms", "Of course")


def test_an_unknown_customer_is_not_found(session: Session) -> None:
    with pytest.raises(LookupError):
        context_card(session, uuid.uuid4())
