"""The clock's questions: asked twice or late, they do the right thing once."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app import routing
from app.clock import ticks
from app.db import unit_of_work
from app.interactions.models import Interaction
from app.routing import expire
from app.routing.dispatch import dispatch
from app.routing.models import AgentState
from app.routing.offers import accept_offer, time_out_offer
from app.routing.release import caller_gone
from tests import factories as make
from tests.support.acd import jobs_named, reach_deadline, ring_out, story


def test_offers_past_their_deadline_ring_out_and_the_others_ring_on(session: Session) -> None:
    sales = make.queue(session)
    for name in ("Ana", "Ben"):
        make.agent(session, name, [sales])
        make.waiting_call(session, sales)
    late, ringing = dispatch(session)
    ring_out(session, late)
    assert (expire.expire_offers(session), expire.expire_offers(session)) == (1, 0)
    session.expire_all()
    assert (late.state, ringing.state) == ("timeout", "pending")


def test_a_caller_who_waited_as_long_as_allowed_leaves_the_queue_for_the_flow(session: Session) -> None:
    sales = make.queue(session)
    call, patient = make.waiting_call(session, sales), make.waiting_call(session, sales)
    began = call.virtual_start
    reach_deadline(session, call)
    assert (expire.expire_waits(session), expire.expire_waits(session)) == (1, 0)
    session.refresh(call)
    assert (call.state, call.virtual_start, patient.state) == ("in_flow", began, "queued")
    assert jobs_named(session, "voice.leave_queue") == [{"interaction_id": str(call.id), "reason": "max_wait"}]


def test_a_ringing_offer_is_not_cut_by_the_queues_limit_which_strikes_when_it_ends(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    reach_deadline(session, call)
    assert expire.expire_waits(session) == 0
    time_out_offer(session, offer.id)
    assert expire.expire_waits(session) == 0, "it was looked at when the ringing ended"
    assert story(session, call)[-2:] == [("queued", "rona"), ("in_flow", "max_wait")]


def test_a_wrap_up_nobody_finished_is_completed_and_the_agent_is_free(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales], idle_s=500)
    call = make.waiting_call(session, sales)
    accept_offer(session, dispatch(session)[0].id)
    caller_gone(session, call.id)
    assert expire.expire_wrap_up_times(session) == 0
    reach_deadline(session, call)
    before = session.get_one(AgentState, ana.id).idle_since
    assert (expire.expire_wrap_up_times(session), expire.expire_wrap_up_times(session)) == (1, 0)
    session.expire_all()
    assert (call.state, call.disposition_code) == ("completed", "WRAP_UP_TIMEOUT")
    assert session.get_one(AgentState, ana.id).idle_since > before
    next_call = make.waiting_call(session, sales)
    assert [offer.interaction_id for offer in dispatch(session)] == [next_call.id]


def test_a_forgotten_pair_of_caller_and_agent_is_matched_by_the_clock(session: Session) -> None:
    sales = make.queue(session)
    call = make.waiting_call(session, sales)
    assert expire.look_for_matches(session) == 0
    make.agent(session, "Ana", [sales])
    assert (expire.look_for_matches(session), expire.look_for_matches(session)) == (1, 0)
    assert call.state == "offered"


def test_one_deadline_that_fails_does_not_stop_the_others(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    sales = make.queue(session)
    calls = [make.waiting_call(session, sales) for _ in range(3)]
    for call in calls:
        reach_deadline(session, call)
    right = expire.look_at_wait

    def fails_for_one(own: Session, interaction: Interaction) -> None:
        right(own, interaction)
        if interaction.id == calls[1].id:
            raise RuntimeError("this row is broken")

    monkeypatch.setattr(expire, "look_at_wait", fails_for_one)
    assert expire.expire_waits(session) == 2
    session.expire_all()
    assert [call.state for call in calls] == ["in_flow", "queued", "in_flow"]
    assert len(jobs_named(session, "voice.leave_queue")) == 2


def test_a_row_somebody_else_is_moving_is_left_for_the_next_tick(session: Session) -> None:
    sales = make.queue(session)
    call = make.waiting_call(session, sales)
    reach_deadline(session, call)
    session.commit()
    with unit_of_work() as other:
        caller_gone(other, call.id)
        with unit_of_work() as clock:
            assert expire.expire_waits(clock) == 0
    with unit_of_work() as clock:
        assert expire.expire_waits(clock) == 0
    session.refresh(call)
    assert call.state == "abandoned"


def test_every_deadline_of_the_acd_is_on_the_clock() -> None:
    routing.init()
    assert {name: tick.every_s for name, tick in ticks.items() if name.startswith(("routing.", "messages."))} == {
        "routing.offers": 1,
        "routing.sessions": 5,
        "routing.queue_limits": 1,
        "routing.closing": 5,
        "routing.agent_lost": 1,
        "routing.parked": 1,
        "routing.asking": 5,
        "routing.wrap_ups": 1,
        "routing.dispatch": 2,
        "messages.idle_conversations": 60,
    }
