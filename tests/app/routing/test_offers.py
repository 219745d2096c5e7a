"""An offer rings one agent and ends exactly once."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.routing.dispatch import dispatch
from app.routing.offers import accept_offer, time_out_offer
from app.routing.presence import reachability
from tests import factories as make


def jobs_named(session: Session, name: str) -> list[dict[str, object]]:
    return list(
        session.scalars(text("SELECT args FROM procrastinate_jobs WHERE task_name = :n ORDER BY id"), {"n": name})
    )


def test_a_caller_is_offered_to_the_agent_who_has_been_idle_longest(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales], idle_s=30)
    ben = make.agent(session, "Ben", [sales], idle_s=90)
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    assert (offer.user_id, offer.state, call.state, call.agent_id) == (ben.id, "pending", "offered", ben.id)
    assert jobs_named(session, "voice.ring_agent") == [{"offer_id": offer.id}]
    assert (offer.expires_at - offer.created_at).total_seconds() == sales.ring_s


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


def test_an_unanswered_ring_returns_the_caller_to_the_same_place_and_parks_the_agent(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales, waited_s=100)
    began, limit = call.virtual_start, call.wake_at
    (offer,) = dispatch(session)
    assert time_out_offer(session, offer.id).won
    assert (call.state, call.agent_id, call.virtual_start, call.wake_at) == ("queued", None, began, limit)
    assert jobs_named(session, "voice.stop_ringing") == [{"offer_id": offer.id}]
    assert reachability(session, ana.id).codes == ["not_responding"]
    assert dispatch(session) == []
