"""What supervisors do with agents and contacts, and what they may not."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from app.db import unit_of_work
from app.interactions.models import WRAP_UP_TIMEOUT, Interaction, State
from app.routing.dispatch import dispatch
from app.routing.models import AgentState, Queue
from app.routing.offers import accept_offer
from app.routing.presence import park
from app.routing.release import caller_gone
from app.routing.reserve import hold_if_free
from tests import factories
from tests.app.conftest import Browser
from tests.support.acd import events_named, jobs_named, lose_tabs, story


def a_call(queue_id: int, *, until: str = "queued", waited_s: float = 30) -> uuid.UUID:
    """A caller in the queue, ringing, in a call or in wrap-up; nobody else waits."""
    with unit_of_work() as session:
        call = factories.waiting_call(session, session.get_one(Queue, queue_id), waited_s=waited_s)
        if until in ("offered", "active", "wrapping"):
            [offer] = dispatch(session)
            if until != "offered":
                accept_offer(session, offer.id)
        if until == "wrapping":
            caller_gone(session, call.id)
        return call.id


def standing(interaction_id: uuid.UUID) -> Interaction:
    with unit_of_work() as session:
        return session.get_one(Interaction, interaction_id)


def presence_of(browser: Browser) -> AgentState:
    with unit_of_work() as session:
        return session.get_one(AgentState, browser.user_id)


# -- an agent's state


def test_an_agent_is_sent_on_a_break_and_the_log_says_by_whom(sam: Browser, ana: Browser) -> None:
    reply = sam.post(f"/supervisor/agents/{ana.user_id}/presence", {"presence": "break", "reason": "meeting"})
    assert reply.status_code == 200 and reply.json == {"presence": "break", "next_presence": None}
    with unit_of_work() as session:
        [told] = events_named(session, "supervisor.presence_set")
        assert told.actor == f"user:{sam.user_id}" and told.data["user_id"] == ana.user_id
        assert f"user:{ana.user_id}" in told.topics, "the agent's desktop hears of it"
        assert (told.data["by"], told.data["later"]) == ("Sam", False)
        assert events_named(session, "presence.changed")[-1].actor == f"user:{sam.user_id}"
    assert ana.get("/desktop/state").json["me"]["set_by"] == "Sam"
    ana.post("/desktop/presence", {"presence": "available"})
    assert ana.get("/desktop/state").json["me"]["set_by"] is None


def test_an_agent_at_work_goes_when_the_work_ends(sam: Browser, ana: Browser, sales: int) -> None:
    a_call(sales, until="active")
    reply = sam.post(f"/supervisor/agents/{ana.user_id}/presence", {"presence": "offline"})
    assert reply.json == {"presence": "available", "next_presence": "offline"}


def test_who_missed_a_call_is_not_made_available_by_others(sam: Browser, ana: Browser) -> None:
    with unit_of_work() as session:
        park(session, ana.user_id or 0)
    reply = sam.post(f"/supervisor/agents/{ana.user_id}/presence", {"presence": "available"})
    assert (reply.status_code, reply.json["error"]["code"]) == (409, "not_responding")
    assert presence_of(ana).not_responding


def test_whose_desktop_is_closed_is_not_made_available(sam: Browser, ana: Browser) -> None:
    with unit_of_work() as session:
        lose_tabs(session, ana.user_id or 0)
    reply = sam.post(f"/supervisor/agents/{ana.user_id}/presence", {"presence": "available"})
    assert (reply.status_code, reply.json["error"]["code"]) == (409, "no_session")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"presence": "asleep"},
        {"presence": None},
        {"presence": ["break"]},
        {"presence": "break", "reason": "x" * 61},
        {"presence": "break", "reason": "a\x00b"},
        {"presence": "break", "reason": {"a": 1}},
        [],
        "break",
        {"presence": "break" * 100_000},
    ],
)
def test_a_state_that_is_none_is_refused(sam: Browser, ana: Browser, body: Any) -> None:
    assert sam.post(f"/supervisor/agents/{ana.user_id}/presence", body).status_code == 400
    assert presence_of(ana).presence == "available"


@pytest.mark.parametrize("user_id", [0, 999_999, 10**30])
def test_an_agent_who_is_none_is_not_found(sam: Browser, user_id: int) -> None:
    assert sam.post(f"/supervisor/agents/{user_id}/presence", {"presence": "break"}).status_code == 404


def test_the_same_twice_is_once(sam: Browser, ana: Browser) -> None:
    for _ in range(2):
        reply = sam.post(f"/supervisor/agents/{ana.user_id}/presence", {"presence": "break", "reason": "lunch"})
        assert reply.status_code == 200
    assert presence_of(ana).reason == "lunch"


# -- back to a queue


def test_a_waiting_caller_moves_to_another_queue_and_keeps_their_time(sam: Browser, sales: int, support: int) -> None:
    call = a_call(sales, waited_s=300)
    before = standing(call).virtual_start
    reply = sam.post(f"/supervisor/interactions/{call}/requeue", {"queue_id": support})
    assert reply.status_code == 200 and reply.json == {"state": "queued", "queue_id": support}
    assert standing(call).virtual_start == before


def test_a_ringing_call_is_taken_back_from_the_agent(sam: Browser, ana: Browser, sales: int, support: int) -> None:
    call = a_call(sales, until="offered")
    assert sam.post(f"/supervisor/interactions/{call}/requeue", {"queue_id": support}).status_code == 200
    assert standing(call).state == "queued" and standing(call).queue_id == support
    with unit_of_work() as session:
        assert events_named(session, "offer.ended")[-1].data["state"] == "rescinded"
        assert len(jobs_named(session, "voice.stop_ringing")) == 1
    assert not presence_of(ana).not_responding, "the agent did nothing wrong"


def test_a_call_in_hand_goes_back_to_the_queue_and_the_agent_is_free(sam: Browser, ana: Browser, sales: int) -> None:
    call = a_call(sales, until="active", waited_s=300)
    before = standing(call).virtual_start
    assert sam.post(f"/supervisor/interactions/{call}/requeue", {}).status_code == 200
    waits = standing(call)
    assert (waits.state, waits.agent_id, waits.virtual_start) == ("queued", None, before)
    with unit_of_work() as session:
        [job] = jobs_named(session, "voice.back_to_queue")
        assert job["interaction_id"] == str(call)
        assert [state for state, _ in story(session, waits)] == [
            "created", "in_flow", "queued", "offered", "active", "queued",
        ]  # fmt: skip
        [told] = events_named(session, "supervisor.requeued")
        assert told.actor == f"user:{sam.user_id}"


def test_what_waits_there_already_is_not_moved(sam: Browser, sales: int) -> None:
    call = a_call(sales)
    reply = sam.post(f"/supervisor/interactions/{call}/requeue", {})
    assert (reply.status_code, reply.json["error"]["code"]) == (409, "waits_already")


@pytest.mark.parametrize("queue_id", [999_999, 2**63 - 1])
def test_a_queue_that_is_none_is_refused(sam: Browser, sales: int, queue_id: int) -> None:
    call = a_call(sales)
    reply = sam.post(f"/supervisor/interactions/{call}/requeue", {"queue_id": queue_id})
    assert (reply.status_code, reply.json["error"]["field"]) == (400, "queue_id")


@pytest.mark.parametrize("body", [{"queue_id": "sales"}, {"queue_id": 0}, {"queue_id": 10**40}, [], {"queue_id": [1]}])
def test_a_queue_of_nonsense_is_refused(sam: Browser, sales: int, body: Any) -> None:
    assert sam.post(f"/supervisor/interactions/{a_call(sales)}/requeue", body).status_code == 400


def test_a_contact_that_is_over_or_wrapping_stays_where_it_is(sam: Browser, ana: Browser, sales: int) -> None:
    call = a_call(sales, until="wrapping")
    assert sam.post(f"/supervisor/interactions/{call}/requeue", {}).status_code == 409
    assert sam.post(f"/supervisor/interactions/{call}/complete", {}).status_code == 200
    assert sam.post(f"/supervisor/interactions/{call}/requeue", {}).status_code == 409


# -- wrap-up


def test_a_wrap_up_left_open_is_ended_and_the_agent_is_free(sam: Browser, ana: Browser, sales: int) -> None:
    call = a_call(sales, until="wrapping")
    reply = sam.post(f"/supervisor/interactions/{call}/complete", {})
    assert reply.json == {"state": "completed", "code": WRAP_UP_TIMEOUT}
    with unit_of_work() as session:
        assert hold_if_free(session, ana.user_id or 0)
    assert sam.post(f"/supervisor/interactions/{call}/complete", {}).status_code == 200, "twice is once"
    with unit_of_work() as session:
        assert len(events_named(session, "supervisor.completed")) == 1


def test_it_may_be_ended_with_an_outcome(sam: Browser, ana: Browser, sales: int) -> None:
    with unit_of_work() as session:
        factories.disposition(session, "SALE")
    call = a_call(sales, until="wrapping")
    assert sam.post(f"/supervisor/interactions/{call}/complete", {"code": "NONE"}).status_code == 400
    assert sam.post(f"/supervisor/interactions/{call}/complete", {"code": "SALE"}).json["code"] == "SALE"


@pytest.mark.parametrize("until", ["queued", "offered", "active"])
def test_what_is_not_over_is_not_completed(sam: Browser, ana: Browser, sales: int, until: str) -> None:
    call = a_call(sales, until=until)
    reply = sam.post(f"/supervisor/interactions/{call}/complete", {})
    assert (reply.status_code, reply.json["error"]["code"]) == (409, "not_over")
    assert standing(call).state == until


# -- who may


@pytest.mark.parametrize("what", ["requeue", "complete"])
def test_a_contact_that_is_none_is_not_found(sam: Browser, what: str) -> None:
    assert sam.post(f"/supervisor/interactions/{uuid.uuid4()}/{what}", {}).status_code == 404
    assert sam.post(f"/supervisor/interactions/nonsense/{what}", {}).status_code == 404


def test_an_agent_may_do_none_of_it(ana: Browser, sales: int) -> None:
    call = a_call(sales)
    for path in (f"interactions/{call}/requeue", f"interactions/{call}/complete", "agents/1/presence", "alerts/1/see"):
        assert ana.post(f"/supervisor/{path}", {}).status_code == 403
    assert standing(call).state == State.QUEUED


def test_without_the_pages_token_nothing_is_done(sam: Browser, sales: int) -> None:
    call = a_call(sales)
    assert sam.client.post(f"/supervisor/interactions/{call}/requeue", json={}).status_code == 400


# -- to one chosen agent


def test_a_waiting_caller_rings_at_the_chosen_agent(sam: Browser, ana: Browser, bo: Browser, sales: int) -> None:
    call = a_call(sales)
    reply = sam.post(f"/supervisor/interactions/{call}/pull", {"agent_id": bo.user_id})
    assert reply.status_code == 200 and reply.json["agent_id"] == bo.user_id
    assert (standing(call).state, standing(call).agent_id) == ("offered", bo.user_id)
    with unit_of_work() as session:
        assert [job["offer_id"] for job in jobs_named(session, "voice.ring_agent")] == [reply.json["offer_id"]]
        assert events_named(session, "supervisor.pulled")[0].actor == f"user:{sam.user_id}"


def test_a_call_that_rings_elsewhere_is_pulled(sam: Browser, ana: Browser, bo: Browser, sales: int) -> None:
    call = a_call(sales, until="offered")
    assert sam.post(f"/supervisor/interactions/{call}/pull", {"agent_id": ana.user_id}).status_code == 409
    assert sam.post(f"/supervisor/interactions/{call}/pull", {"agent_id": bo.user_id}).status_code == 200
    with unit_of_work() as session:
        assert [each.data["state"] for each in events_named(session, "offer.ended")] == ["rescinded"]
    assert standing(call).agent_id == bo.user_id


def test_unanswered_it_waits_again_in_its_place(sam: Browser, bo: Browser, sales: int) -> None:
    from app.routing.offers import time_out_offer

    call = a_call(sales, waited_s=200)
    before = standing(call).virtual_start
    offer = sam.post(f"/supervisor/interactions/{call}/pull", {"agent_id": bo.user_id}).json["offer_id"]
    with unit_of_work() as session:
        time_out_offer(session, offer)
    waits = standing(call)
    assert (waits.state, waits.queue_id, waits.virtual_start) == ("queued", sales, before)


def test_who_cannot_be_rung_is_not_rung(sam: Browser, ana: Browser, sales: int, support: int) -> None:
    with unit_of_work() as session:
        away = factories.agent(session, "Cy", presence="break").id
    a_call(sales, until="active")
    call = a_call(support)
    for agent in (away, ana.user_id, sam.user_id):
        reply = sam.post(f"/supervisor/interactions/{call}/pull", {"agent_id": agent})
        assert (reply.status_code, reply.json["error"]["code"]) == (409, "not_free")
    assert sam.post(f"/supervisor/interactions/{call}/pull", {"agent_id": 999_999}).status_code == 404
    waits = standing(call)
    assert (waits.state, waits.queue_id) == ("queued", support), "nothing half done"


def test_without_a_name_the_supervisors_own_phone_rings(sam: Browser, sales: int) -> None:
    with unit_of_work() as session:
        from app.accounts.models import User
        from app.routing.presence import set_presence

        factories.tab(session, session.get_one(User, sam.user_id))
        set_presence(session, sam.user_id or 0, "available")
    call = a_call(sales)
    assert sam.post(f"/supervisor/interactions/{call}/pull", {}).json["agent_id"] == sam.user_id


@pytest.mark.parametrize("until", ["active", "wrapping"])
def test_what_does_not_wait_is_not_pulled(sam: Browser, ana: Browser, bo: Browser, sales: int, until: str) -> None:
    call = a_call(sales, until=until)
    assert sam.post(f"/supervisor/interactions/{call}/pull", {"agent_id": bo.user_id}).status_code == 409
    assert standing(call).state == until


@pytest.mark.parametrize("body", [{"agent_id": "ana"}, {"agent_id": 0}, {"agent_id": 10**40}, [], {"agent_id": [1]}])
def test_an_agent_of_nonsense_is_refused(sam: Browser, sales: int, body: Any) -> None:
    assert sam.post(f"/supervisor/interactions/{a_call(sales)}/pull", body).status_code == 400


def test_two_supervisors_who_pull_at_once_ring_one_phone(sam: Browser, ana: Browser, bo: Browser, support: int) -> None:
    from app.forms import Refusal
    from app.supervisor.steer import pull
    from tests.support.acd import at_once

    call = a_call(support)

    def by(agent_id: int | None) -> Any:
        def deed(session: Any) -> Any:
            try:
                return pull(session, call, agent_id or 0, by=sam.user_id or 0).user_id
            except Refusal as refused:
                session.rollback()
                return refused.code

        return deed

    at_once(by(ana.user_id), by(bo.user_id))
    with unit_of_work() as session:
        ringing = list(events_named(session, "offer.made"))
        ended = events_named(session, "offer.ended")
        assert len(ringing) - len(ended) == 1, "the later one rings, the earlier was taken back"
    assert standing(call).state == "offered"
