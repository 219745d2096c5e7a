"""What the end of a leg means."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.db import database_now
from app.interactions.models import Interaction, State
from app.interactions.move import move
from app.routing.counts import count_queue
from app.routing.dispatch import dispatch
from app.routing.expire import expire_lost_agents
from app.routing.models import Offer, Queue
from app.routing.offers import accept_offer
from app.routing.outbound import customer_answered
from app.routing.presence import heartbeat, reachability
from app.routing.release import (
    agent_back,
    agent_gone,
    agent_rejoined,
    caller_gone,
    give_up_agent,
    request_hang_up,
)
from tests import factories as make
from tests.support.acd import events_named, jobs_named, lose_tabs, reach_deadline, story


@pytest.fixture
def sales(session: Session) -> Queue:
    return make.queue(session, wrap_up_s=40)


@pytest.fixture
def ana(session: Session, sales: Queue) -> User:
    return make.agent(session, "Ana", [sales])


@pytest.fixture
def talk(session: Session, sales: Queue, ana: User) -> Interaction:
    """A call that Ana has answered."""
    call = make.waiting_call(session, sales, waited_s=30)
    accept_offer(session, dispatch(session)[0].id)
    assert call.state == "active"
    return call


def seconds_left(session: Session, call: Interaction) -> float:
    session.refresh(call)
    assert call.wake_at is not None
    return (call.wake_at - database_now(session)).total_seconds()


def test_a_caller_who_hangs_up_while_waiting_has_abandoned_and_is_never_offered(session: Session, sales: Queue) -> None:
    call = make.waiting_call(session, sales)
    assert caller_gone(session, call.id) == "abandoned"
    assert (call.ended_at is not None, call.wake_at) == (True, None)
    make.agent(session, "Ana", [sales])
    assert dispatch(session) == []


def test_a_caller_who_hangs_up_while_it_rings_stops_the_ringing_and_frees_the_agent(
    session: Session, sales: Queue, ana: User
) -> None:
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    assert caller_gone(session, call.id) == "abandoned"
    session.refresh(offer)
    assert (offer.state, offer.reason, call.agent_id) == ("canceled", "caller_hung_up", None)
    assert jobs_named(session, "voice.stop_ringing") == [{"offer_id": offer.id}]
    assert reachability(session, ana.id).routing_status == "idle"


def test_abandoned_calls_are_counted_the_short_ones_apart(session: Session, sales: Queue) -> None:
    since = database_now(session) - timedelta(minutes=5)
    for waited_s in (0, 0, 60):
        call = make.waiting_call(session, sales)
        if waited_s:
            make.wait_longer(session, call, waited_s)
        caller_gone(session, call.id)
    make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    accept_offer(session, dispatch(session)[0].id)
    counts = count_queue(session, sales, since)
    assert (counts.answered, counts.abandoned, counts.short_abandoned) == (1, 3, 2)


@pytest.mark.parametrize(
    ("contained", "end"), [pytest.param(False, "abandoned_in_flow"), pytest.param(True, "contained")]
)
def test_a_caller_who_leaves_in_the_flow_gave_up_or_had_what_they_wanted(
    session: Session, contained: bool, end: str
) -> None:
    assert caller_gone(session, make.call_in_flow(session).id, contained=contained) == end


def test_a_caller_gone_before_the_flow_began_is_canceled(session: Session) -> None:
    assert caller_gone(session, make.call(session).id) == "canceled"


def test_a_caller_who_hangs_up_in_the_talk_begins_the_wrap_up(session: Session, talk: Interaction, ana: User) -> None:
    assert caller_gone(session, talk.id) == "wrapping"
    assert seconds_left(session, talk) == pytest.approx(40, abs=1)
    assert reachability(session, ana.id).routing_status == "wrapping"
    assert jobs_named(session, "voice.hang_up") == [{"interaction_id": str(talk.id)}]


def test_a_hang_up_told_twice_changes_nothing_more(session: Session, talk: Interaction) -> None:
    caller_gone(session, talk.id)
    told = len(events_named(session, "interaction.moved"))
    assert caller_gone(session, talk.id) == "wrapping"
    assert agent_gone(session, talk.id) == "wrapping"
    assert len(events_named(session, "interaction.moved")) == told


def test_an_unknown_call_is_no_error(session: Session) -> None:
    assert caller_gone(session, uuid.uuid4()) is None
    assert agent_gone(session, uuid.uuid4()) is None
    assert not agent_back(session, uuid.uuid4())


def test_an_agent_who_pressed_hang_up_goes_to_wrap_up_and_the_customers_leg_ends(
    session: Session, talk: Interaction, ana: User
) -> None:
    assert request_hang_up(session, talk.id, ana.id)
    assert (talk.state, talk.hangup_requested_by) == ("active", ana.id)
    assert agent_gone(session, talk.id, ana.id) == "wrapping"
    assert {"interaction_id": str(talk.id)} in jobs_named(session, "voice.hang_up")


def test_only_the_agent_of_the_call_may_hang_up(session: Session, talk: Interaction) -> None:
    assert not request_hang_up(session, talk.id, make.user(session, "Ben").id)
    assert talk.hangup_requested_by is None


def test_an_agent_whose_browser_dies_has_fifteen_seconds_and_the_customer_hears_a_word(
    session: Session, talk: Interaction, ana: User
) -> None:
    lose_tabs(session, ana.id)
    assert agent_gone(session, talk.id, ana.id) == "agent_lost"
    assert seconds_left(session, talk) == pytest.approx(15, abs=1)
    assert jobs_named(session, "voice.agent_lost") == [{"interaction_id": str(talk.id)}]
    assert f"user:{ana.id}" in events_named(session, "call.agent_lost")[0].topics
    assert jobs_named(session, "voice.rejoin_agent") == []


def test_an_agent_lost_on_hold_is_waited_for_too(session: Session, talk: Interaction, ana: User) -> None:
    move(session, talk, State.HELD, actor="test")
    assert agent_gone(session, talk.id, ana.id) == "agent_lost"


def test_a_returned_agent_is_rung_by_their_heartbeat_and_the_call_goes_on(
    session: Session, talk: Interaction, ana: User
) -> None:
    lose_tabs(session, ana.id)
    agent_gone(session, talk.id, ana.id)
    heartbeat(session, ana.id, uuid.uuid4(), True)
    assert jobs_named(session, "voice.rejoin_agent") == [{"interaction_id": str(talk.id)}]
    assert agent_rejoined(session, talk.id, ana.id)
    assert (talk.state, talk.agent_id, talk.wake_at) == ("active", ana.id, None)
    assert story(session, talk)[-2:] == [("agent_lost", "agent_leg_ended"), ("active", "agent_back")]


def test_a_heartbeat_without_a_phone_does_not_ring_the_lost_agent(
    session: Session, talk: Interaction, ana: User
) -> None:
    lose_tabs(session, ana.id)
    agent_gone(session, talk.id, ana.id)
    heartbeat(session, ana.id, uuid.uuid4(), False, "microphone_blocked")
    assert jobs_named(session, "voice.rejoin_agent") == []


def test_an_agent_whose_page_is_alive_is_rung_at_once(session: Session, talk: Interaction, ana: User) -> None:
    agent_gone(session, talk.id, ana.id)
    assert jobs_named(session, "voice.rejoin_agent") == [{"interaction_id": str(talk.id)}]


def test_ringing_a_returned_agent_stretches_the_limit_but_never_beyond_thirty_seconds(
    session: Session, talk: Interaction, ana: User
) -> None:
    lose_tabs(session, ana.id)
    agent_gone(session, talk.id, ana.id)
    make.wait_longer(session, talk, 14)
    agent_back(session, talk.id)
    assert seconds_left(session, talk) == pytest.approx(8, abs=1)
    make.wait_longer(session, talk, 14)
    agent_back(session, talk.id)
    assert seconds_left(session, talk) == pytest.approx(2, abs=1)


def test_an_agent_who_stays_away_loses_the_customer_to_the_front_of_the_queue(
    session: Session, talk: Interaction, ana: User, sales: Queue
) -> None:
    began = talk.virtual_start
    longest = make.waiting_call(session, sales, waited_s=3600)
    lose_tabs(session, ana.id)
    agent_gone(session, talk.id, ana.id)
    reach_deadline(session, talk)
    assert expire_lost_agents(session) == 1
    assert expire_lost_agents(session) == 0
    session.refresh(talk)
    assert (talk.state, talk.agent_id, talk.virtual_start) == ("queued", None, began)
    assert story(session, talk)[-1] == ("queued", "agent_lost")
    assert jobs_named(session, "voice.back_to_queue") == [{"interaction_id": str(talk.id), "reason": "agent_lost"}]
    assert seconds_left(session, talk) == pytest.approx(sales.max_wait_s, abs=2)
    make.agent(session, "Ben", [sales])
    assert [offer.interaction_id for offer in dispatch(session)] == [talk.id]
    assert longest.state == "queued"
    offers = session.scalars(select(Offer).where(Offer.user_id == ana.id)).all()
    assert [(offer.role, offer.state, offer.reason) for offer in offers] == [("handed_on", "wrapping", "agent_lost")]


def test_an_agent_who_comes_back_too_late_does_not_get_the_call_again(
    session: Session, talk: Interaction, ana: User
) -> None:
    lose_tabs(session, ana.id)
    agent_gone(session, talk.id, ana.id)
    give_up_agent(session, talk)
    assert not agent_back(session, talk.id)
    assert not agent_rejoined(session, talk.id, ana.id)


def test_a_late_word_about_an_earlier_agents_leg_changes_nothing(
    session: Session, talk: Interaction, ana: User, sales: Queue
) -> None:
    agent_gone(session, talk.id, ana.id)
    give_up_agent(session, talk)
    lose_tabs(session, ana.id)
    make.agent(session, "Ben", [sales])
    accept_offer(session, dispatch(session)[0].id)
    assert agent_gone(session, talk.id, ana.id) == "active"


def test_a_customer_who_gives_up_on_a_lost_agent_leaves_a_wrap_up(
    session: Session, talk: Interaction, ana: User
) -> None:
    agent_gone(session, talk.id, ana.id)
    assert caller_gone(session, talk.id) == "wrapping"


def _dialled(session: Session, ana: User) -> Interaction:
    from app.interactions.open import open_interaction

    who = make.customer(session)
    call = open_interaction(
        session,
        channel="voice",
        direction="outbound",
        customer_id=who.id,
        remote_address=who.contact_points[0].value,
        our_address=make.OUR_NUMBER,
    )
    move(session, call, State.ACTIVE, actor=f"user:{ana.id}", agent_id=ana.id)
    return call


def test_a_customer_whose_calling_agent_was_lost_goes_to_a_queue_of_that_agent(
    session: Session, ana: User, sales: Queue
) -> None:
    call = _dialled(session, ana)
    agent_gone(session, call.id, ana.id)
    give_up_agent(session, call)
    assert (call.state, call.queue_id) == ("queued", sales.id)


def test_without_any_queue_a_lost_agents_customer_is_let_go(session: Session) -> None:
    cho = make.agent(session, "Cho")
    call = _dialled(session, cho)
    agent_gone(session, call.id, cho.id)
    give_up_agent(session, call)
    assert call.state == "wrapping"
    assert {"interaction_id": str(call.id)} in jobs_named(session, "voice.hang_up")


def test_an_outbound_call_counts_as_answered_when_the_customer_picks_up(session: Session, ana: User) -> None:
    call = _dialled(session, ana)
    assert call.answered_at is None
    customer_answered(session, call.id)
    at = call.answered_at
    assert at is not None
    customer_answered(session, call.id)
    assert call.answered_at == at
