"""What happens at the same instant happens once: real connections, really at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.customers.identify import identify
from app.customers.models import Customer
from app.db import unit_of_work
from app.interactions.messages import receive_message, send_message
from app.interactions.models import Interaction, Message
from app.routing.dispatch import dispatch
from app.routing.models import AgentState, Offer
from app.routing.offers import OfferOutcome, accept_offer, reject_offer, rescind_offer, time_out_offer
from app.routing.presence import set_presence
from app.routing.release import agent_gone, caller_gone
from tests import factories as make
from tests.support.acd import at_once, events_named, jobs_named, story

ROUNDS = range(5)


@pytest.fixture
def ringing(session: Session) -> Offer:
    """An offer that rings, committed."""
    sales = make.queue(session)
    make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    session.commit()
    return offer


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_accept_decline_timeout_and_rescind_exactly_one_wins_and_all_are_told_the_same(
    session: Session, ringing: Offer, round_: int
) -> None:
    deeds = [accept_offer, reject_offer, time_out_offer, rescind_offer, accept_offer]
    outcomes: list[OfferOutcome] = at_once(*(partial(_end, deed, ringing.id) for deed in deeds))
    assert sum(outcome.won for outcome in outcomes) == 1
    assert len({outcome.offer.state for outcome in outcomes}) == 1
    assert len(events_named(session, "offer.ended")) == 1
    session.expire_all()
    call = session.get_one(Interaction, ringing.interaction_id)
    assert call.state == ("active" if outcomes[0].offer.state == "accepted" else "queued")


def _end(deed: Callable[[Session, int], OfferOutcome], offer_id: int, session: Session) -> OfferOutcome:
    return deed(session, offer_id)


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_caller_who_hangs_up_in_the_instant_of_the_answer_is_abandoned_or_talked_never_both(
    session: Session, ringing: Offer, round_: int
) -> None:
    accepted, _, _ = at_once(
        lambda own: accept_offer(own, ringing.id),
        lambda own: caller_gone(own, ringing.interaction_id),
        lambda own: caller_gone(own, ringing.interaction_id),
    )
    session.expire_all()
    call, offer = session.get_one(Interaction, ringing.interaction_id), session.get_one(Offer, ringing.id)
    if accepted.won:
        assert (call.state, offer.state) == ("wrapping", "wrapping")
    else:
        assert (call.state, offer.state) == ("abandoned", "canceled")
        assert not jobs_named(session, "voice.bridge")
    ends = [event.data["to"] for event in events_named(session, "interaction.moved")]
    assert ends.count("abandoned") + ends.count("wrapping") == 1


@pytest.mark.parametrize("round_", ROUNDS)
def test_dispatches_at_once_give_each_caller_one_agent_and_each_agent_one_caller(session: Session, round_: int) -> None:
    sales = make.queue(session)
    for name in ("Ana", "Ben", "Cho"):
        make.agent(session, name, [sales])
        make.waiting_call(session, sales)
    session.commit()
    at_once(*[dispatch] * 4)
    with unit_of_work() as last:
        dispatch(last)  # rows that one dispatch held, another skipped: the next looks at them again
    offers = session.scalars(select(Offer)).all()
    assert (
        len(offers) == len({offer.user_id for offer in offers}) == len({offer.interaction_id for offer in offers}) == 3
    )
    assert len(jobs_named(session, "voice.ring_agent")) == 3


@pytest.mark.parametrize("round_", ROUNDS)
def test_an_agent_who_leaves_while_being_chosen_is_either_rung_and_leaves_later_or_not_rung(
    session: Session, round_: int
) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    session.commit()
    at_once(dispatch, lambda own: set_presence(own, ana.id, "break"))
    session.expire_all()
    state, offered = session.get_one(AgentState, ana.id), session.scalars(select(Offer)).all()
    assert (state.presence, state.next_presence) == (("available", "break") if offered else ("break", None))


def test_the_end_of_both_legs_at_once_begins_one_wrap_up(session: Session, ringing: Offer) -> None:
    accept_offer(session, ringing.id)
    session.commit()
    at_once(
        lambda own: caller_gone(own, ringing.interaction_id),
        lambda own: agent_gone(own, ringing.interaction_id),
    )
    session.expire_all()
    call = session.get_one(Interaction, ringing.interaction_id)
    assert [state for state, _ in story(session, call)].count("wrapping") == 1
    assert call.state == "wrapping"


@pytest.mark.parametrize("round_", ROUNDS)
def test_two_first_calls_from_one_number_belong_to_one_customer(session: Session, round_: int) -> None:
    def who(own: Session) -> object:
        return identify(own, "phone", "+15550107777").id

    assert len(set(at_once(*[who] * 4))) == 1
    assert session.execute(select(func.count()).select_from(Customer)).scalar_one() == 1


def test_one_text_delivered_twice_at_once_is_kept_once(session: Session) -> None:
    def receive(own: Session) -> bool:
        return _receive(own, "SM1") is not None

    assert sorted(at_once(*[receive] * 3)) == [False, False, True]
    assert len(session.scalars(select(Message)).all()) == 1


def test_two_first_texts_at_once_share_one_conversation(session: Session) -> None:
    at_once(*(partial(_receive, provider_id=f"SM{number}") for number in range(3)))
    texts = session.scalars(select(Message)).all()
    assert (len(texts), len({text.interaction_id for text in texts})) == (3, 1)


def _receive(session: Session, provider_id: str) -> Message | None:
    return receive_message(
        session, provider_id=provider_id, from_address="+15550108888", to_address=make.OUR_NUMBER, body="Hello"
    )


def test_a_text_sent_twice_at_once_is_sent_once(session: Session) -> None:
    ana, mira = make.user(session, "Ana"), make.customer(session)
    session.commit()

    def send(own: Session) -> int:
        sender = own.get_one(User, ana.id)
        return send_message(own, sender, mira.id, "On its way", "click-1", our_address=make.OUR_NUMBER).id

    assert len(set(at_once(*[send] * 3))) == 1
    assert len(jobs_named(session, "sms.send")) == 1
