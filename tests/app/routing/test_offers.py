"""An offer rings one agent and ends exactly once."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.routing.dispatch import dispatch
from app.routing.models import Offer
from app.routing.offers import (
    UnknownOffer,
    accept_offer,
    cancel_offers,
    reject_offer,
    rescind_offer,
    time_out_offer,
)
from app.routing.presence import heartbeat, reachability, set_presence
from tests import factories as make
from tests.support.acd import events_named, jobs_named, ring_out, story

ENDINGS = {
    "accepted": accept_offer,
    "rejected": reject_offer,
    "timeout": time_out_offer,
    "rescinded": rescind_offer,
}


def test_accepting_gives_the_call_to_the_agent_and_bridges_it(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    outcome = accept_offer(session, offer.id)
    assert (outcome.won, outcome.offer.state) == (True, "accepted")
    assert (call.state, call.agent_id, call.answered_at is not None) == ("active", ana.id, True)
    assert jobs_named(session, "voice.bridge") == [{"interaction_id": str(call.id)}]
    assert reachability(session, ana.id).routing_status == "interacting"


def test_accepting_after_the_deadline_is_too_late_and_the_ring_counts_as_unanswered(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    ring_out(session, offer)
    outcome = accept_offer(session, offer.id)
    assert (outcome.won, outcome.offer.state, call.state) == (False, "timeout", "queued")
    assert jobs_named(session, "voice.bridge") == []
    assert reachability(session, ana.id).codes == ["not_responding"]


def test_an_unanswered_ring_returns_the_caller_to_the_same_place_and_parks_the_agent(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales, waited_s=100)
    began, limit = call.virtual_start, call.wake_at
    (offer,) = dispatch(session)
    assert time_out_offer(session, offer.id).won
    assert (call.state, call.agent_id, call.virtual_start, call.wake_at) == ("queued", None, began, limit)
    assert jobs_named(session, "voice.stop_ringing") == [{"offer_id": offer.id}]
    assert story(session, call)[-1] == ("queued", "rona")
    assert reachability(session, ana.id).codes == ["not_responding"]
    assert dispatch(session) == []


def test_an_agent_who_missed_a_call_rings_again_only_after_their_own_act(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    time_out_offer(session, dispatch(session)[0].id)
    heartbeat(session, ana.id, make.tab(session, ana).id, True)
    assert not reachability(session, ana.id).reachable
    set_presence(session, ana.id, "available")
    assert reachability(session, ana.id).reachable


def test_when_half_of_the_agents_missed_calls_no_more_are_parked(session: Session) -> None:
    sales = make.queue(session)
    ana, ben = make.agent(session, "Ana", [sales], idle_s=9), make.agent(session, "Ben", [sales])
    make.waiting_call(session, sales)
    time_out_offer(session, dispatch(session)[0].id)
    (second,) = dispatch(session)
    assert second.user_id == ben.id
    time_out_offer(session, second.id)
    assert not reachability(session, ana.id).reachable
    assert reachability(session, ben.id).reachable
    assert [event.data["not_responding"] for event in events_named(session, "routing.cascade")] == [1]
    assert dispatch(session) == [], "the agent who was left available is paused for this caller"


def test_declining_returns_the_caller_to_the_queue_and_asks_somebody_else(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales], idle_s=60)
    ben = make.agent(session, "Ben", [sales], idle_s=30)
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    assert offer.user_id == ana.id
    assert reject_offer(session, offer.id, "declined").won
    assert reachability(session, ana.id).reachable
    (again,) = dispatch(session)
    assert (again.user_id, again.interaction_id) == (ben.id, call.id)


def test_who_declined_is_not_asked_again_for_that_caller_until_the_cool_down_is_over(session: Session) -> None:
    sales = make.queue(session, retry_cooldown_s=30)
    make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    reject_offer(session, offer.id, "declined")
    assert dispatch(session) == []
    other = make.waiting_call(session, sales)
    assert [each.interaction_id for each in dispatch(session)] == [other.id]


def test_after_the_cool_down_the_same_agent_is_asked_again(session: Session) -> None:
    sales = make.queue(session, retry_cooldown_s=0)
    make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    first = dispatch(session)[0]
    reject_offer(session, first.id, "declined")
    assert [each.user_id for each in dispatch(session)] == [first.user_id]


def test_a_phone_that_could_not_be_rung_counts_as_not_ready_until_its_next_heartbeat(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    tab = make.tab(session, ana)
    make.waiting_call(session, sales)
    reject_offer(session, dispatch(session)[0].id, "unreachable")
    assert reachability(session, ana.id).codes == ["not_registered"]
    assert heartbeat(session, ana.id, tab.id, True).reachable


def test_a_canceled_offer_stops_ringing_and_frees_the_agent(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    assert [each.state for each in cancel_offers(session, call.id, "caller_hung_up")] == ["canceled"]
    assert jobs_named(session, "voice.stop_ringing") == [{"offer_id": offer.id}]
    assert reachability(session, ana.id).routing_status == "idle"
    assert cancel_offers(session, call.id, "caller_hung_up") == []


@pytest.mark.parametrize("winner", ENDINGS)
@pytest.mark.parametrize("loser", ENDINGS)
def test_an_offer_that_has_ended_stays_as_it_ended(session: Session, winner: str, loser: str) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    assert ENDINGS[winner](session, offer.id).won
    stands, told = call.state, len(events_named(session, "offer.ended"))
    outcome = ENDINGS[loser](session, offer.id)
    assert (outcome.won, outcome.offer.state, call.state) == (False, winner, stands)
    assert len(events_named(session, "offer.ended")) == told


def test_the_agents_desktop_is_told_of_the_offer_and_its_end(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    rescind_offer(session, offer.id)
    (made,), (ended,) = events_named(session, "offer.made"), events_named(session, "offer.ended")
    assert f"user:{ana.id}" in made.topics
    assert f"user:{ana.id}" in ended.topics
    assert made.data["queue"] == "Sales"
    assert (ended.data["offer_id"], ended.data["state"]) == (offer.id, "rescinded")


def test_a_presence_chosen_while_it_rings_applies_when_the_ringing_ends(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    assert set_presence(session, ana.id, "break", "lunch").presence == "available"
    reject_offer(session, offer.id, "declined")
    assert reachability(session, ana.id).codes == ["break"]


def test_an_unknown_offer_is_an_error(session: Session) -> None:
    with pytest.raises(UnknownOffer):
        accept_offer(session, 404)
    assert session.get(Offer, 404) is None
