"""Handing calls on over HTTP: what one may choose from, who sees what, and everything that is refused."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.db import database_now, unit_of_work
from app.interactions.models import WRAP_UP_TIMEOUT, Interaction
from app.interactions.wrap_up import WrapUpRefused, expire_wrap_ups, force_complete
from app.routing import parking
from app.routing.models import AgentState, Offer, Queue
from app.routing.offers import accept_offer
from tests import factories
from tests.app.conftest import browser
from tests.app.desktop.scenes import caller_hangs_up, state_of, talking


@pytest.fixture
def ben(app) -> int:
    """A free colleague in support."""
    with unit_of_work() as session:
        return factories.agent(session, "Ben", [factories.queue(session, "support")]).id


@pytest.fixture
def boss(app, far_side):
    """Sam, a supervisor with a desktop open."""
    with unit_of_work() as session:
        sam = factories.user(session, "Sam", roles=["supervisor"])
        session.add(AgentState(user_id=sam.id, presence="available"))
        factories.tab(session, sam)
    return browser(app, sam)


def offer_of(user_id: int) -> Offer:
    with unit_of_work() as session:
        return session.query(Offer).filter(Offer.user_id == user_id).order_by(Offer.id.desc()).first()


def test_the_choice_lists_colleagues_queues_and_flows_of_the_moment(ana, far_side, sales, ben) -> None:
    talking(sales)
    with unit_of_work() as session:
        factories.agent(session, "Dora", presence="break")
        factories.agent(session, "Eli", presence="offline")
        factories.agent(session, "Fay", phone_ready=False)
        factories.waiting_call(session, session.get_one(Queue, sales))
    found = ana.get("/desktop/targets").json
    assert [(each["name"], each["state"]) for each in found["agents"]] == [
        ("Ben", "free"),
        ("Dora", "break"),
        ("Fay", "no_phone"),
    ]
    assert found["queues"] == [
        {"key": "sales", "name": "Sales", "waiting": 1, "free": 0, "there": 0},
        {"key": "support", "name": "Support", "waiting": 0, "free": 1, "there": 1},
    ]
    assert all(set(each) == {"name", "title"} for each in found["flows"]), "one that is broken is left out"


def test_a_consult_is_seen_by_both_until_it_is_over(ana, far_side, sales, ben) -> None:
    call = talking(sales)
    reply = ana.post(f"/desktop/calls/{call}/transfer", {"to": {"agent": ben}, "warm": True, "note": "VIP"})
    assert reply.status_code == 200
    mine = reply.json["call"]
    assert (mine["state"], mine["role"]) == ("held", "agent")
    assert (mine["consult"]["state"], mine["consult"]["who"]) == ("ringing", "Ben")
    with unit_of_work() as session:
        accept_offer(session, offer_of(ben).id)
    assert ana.get("/desktop/state").json["call"]["consult"]["state"] == "talking"
    done = ana.post(f"/desktop/calls/{call}/consult/finish", {}).json["call"]
    assert (done["state"], done["role"], done["consult"]) == ("wrapping", "handed_on", None)
    assert ana.get("/desktop/state").json["call"] == done


def test_holding_and_taking_back_wait_until_the_colleague_is_gone(ana, far_side, sales, ben) -> None:
    call = talking(sales)
    ana.post(f"/desktop/calls/{call}/transfer", {"to": {"agent": ben}, "warm": True})
    reply = ana.post(f"/desktop/calls/{call}/hold", {"hold": False})
    assert (reply.status_code, reply.json["error"]["code"]) == (409, "consulting")
    assert far_side.asked == []


@pytest.mark.parametrize(
    "to",
    [
        {},
        {"agent": 1, "queue": "sales"},
        {"agent": "1"},
        {"agent": -4},
        {"agent": 1 << 70},
        {"queue": ""},
        {"queue": "x" * 10_000},
        {"number": "\x00"},
        {"flow": ["main"]},
        None,
        "sales",
    ],
)
def test_a_target_that_is_none_is_refused_by_field(ana, far_side, sales, to) -> None:
    call = talking(sales)
    reply = ana.post(f"/desktop/calls/{call}/transfer", {"to": to, "warm": False})
    assert reply.status_code == 400
    assert state_of(call) == "active"


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ({"agent": 999_999}, 404),
        ({"queue": "nowhere"}, 404),
        ({"flow": "nothing"}, 404),
        ({"number": "12"}, 400),
        ({"number": "+1" + "5" * 30}, 400),
    ],
)
def test_a_target_that_is_not_there_is_refused_and_nothing_changes(ana, far_side, sales, to, status) -> None:
    call = talking(sales)
    assert ana.post(f"/desktop/calls/{call}/transfer", {"to": to}).status_code == status
    assert state_of(call) == "active"


@pytest.mark.parametrize("what", ["transfer", "third", "park", "help", "consult/finish", "consult/back_out"])
def test_a_strangers_call_is_not_touched(ana, bo, far_side, sales, what) -> None:
    call = talking(sales)
    body = {"to": {"queue": "sales"}} if what == "transfer" else {}
    assert bo.post(f"/desktop/calls/{call}/{what}", body).status_code in (403, 409)
    assert bo.post(f"/desktop/calls/{uuid.uuid4()}/{what}", body).status_code in (404, 409)
    assert state_of(call) == "active"


def test_a_parked_call_is_listed_and_taken_up(ana, far_side, sales) -> None:
    call = talking(sales)
    assert ana.post(f"/desktop/calls/{call}/park", {}).json == {"call": None}
    (parked,) = ana.get("/desktop/state").json["parked"]
    assert parked["interaction_id"] == str(call)
    assert ana.post(f"/desktop/calls/{call}/unpark", {}).json["call"]["state"] == "held"
    assert ana.get("/desktop/state").json["parked"] == []


def test_a_parked_call_is_listed_for_the_colleagues_of_its_queue(ana, bo, far_side, sales) -> None:
    call = talking(sales)
    with unit_of_work() as session:
        cho = factories.agent(session, "Cho", [session.get_one(Queue, sales)])
    assert ana.post(f"/desktop/calls/{call}/park", {}).status_code == 200
    (own,) = ana.get("/desktop/state").json["parked"]
    (theirs,) = browser(bo.client.application, cho).get("/desktop/state").json["parked"]
    assert (own["by"], theirs["by"]) == (None, "Ana")
    assert theirs["interaction_id"] == str(call)
    assert theirs["since"] < theirs["until"]
    assert bo.get("/desktop/state").json["parked"] == [], "of another queue"


def test_a_supervisor_sees_takes_gives_and_moves_parked_calls(ana, boss, far_side, sales, ben) -> None:
    call = talking(sales)
    ana.post(f"/desktop/calls/{call}/park", {})
    (parked,) = boss.get("/supervisor/floor").json["parked"]
    assert (parked["interaction_id"], parked["customer"], parked["by"]) == (str(call), "Mira Chen", "Ana")
    assert parked["until"] is not None
    path = f"/supervisor/interactions/{call}"
    assert boss.post(f"{path}/pull", {"agent_id": ben}).status_code == 200
    assert state_of(call) == "offered"
    with unit_of_work() as session:
        accept_offer(session, offer_of(ben).id)
    with unit_of_work() as session:
        parking.park(session, call, ben)
    assert boss.post(f"{path}/requeue", {"queue_id": sales}).json == {"state": "queued", "queue_id": sales}
    assert boss.get("/supervisor/floor").json["parked"] == []


def test_a_supervisor_takes_a_parked_call_up(ana, boss, far_side, sales) -> None:
    call = talking(sales)
    ana.post(f"/desktop/calls/{call}/park", {})
    assert boss.post(f"/desktop/calls/{call}/unpark", {}).json["call"]["state"] == "held"
    assert ana.get("/desktop/state").json["parked"] == []


def test_a_third_is_never_a_queue(ana, far_side, sales) -> None:
    call = talking(sales)
    assert ana.post(f"/desktop/calls/{call}/third", {"to": {"queue": "sales"}}).status_code == 400


def test_a_customer_who_is_gone_cannot_be_handed_on(ana, far_side, sales) -> None:
    call = talking(sales)
    caller_hangs_up(call)
    assert ana.post(f"/desktop/calls/{call}/transfer", {"to": {"queue": "sales"}}).status_code == 409
    assert state_of(call) == "wrapping"


def test_an_agent_may_not_supervise(ana, far_side, sales) -> None:
    call = talking(sales)
    assert ana.post(f"/supervisor/calls/{call}/join", {"mode": "listen"}).status_code == 403


def test_a_supervisor_joins_changes_and_leaves(ana, boss, far_side, sales) -> None:
    call = talking(sales)
    path = f"/supervisor/calls/{call}/join"
    found = boss.post(path, {"mode": "listen"}).json["supervising"]
    assert (found["mode"], found["joined"], found["agent"]) == ("listen", False, "Ana")
    assert boss.post(path, {"mode": "coach"}).json["supervising"]["mode"] == "coach"
    assert boss.get("/desktop/state").json["supervising"]["mode"] == "coach"
    assert boss.post(path, {"mode": "leave"}).json == {"supervising": None}
    assert boss.post(path, {"mode": "shout"}).status_code == 400


def with_mode(sales: int, mode: str) -> None:
    with unit_of_work() as session:
        session.get_one(Queue, sales).wrap_up_mode = mode


def wrapping(sales: int) -> uuid.UUID:
    call = talking(sales)
    caller_hangs_up(call)
    return call


def seconds_left(call: uuid.UUID) -> float:
    with unit_of_work() as session:
        found = session.get_one(Interaction, call)
        assert found.wake_at is not None
        return (found.wake_at - database_now(session)).total_seconds()


@pytest.mark.parametrize(
    ("mode", "least_s", "most_s"),
    [("timed", 50, 60), ("timed_no_exit", 50, 60), ("discretionary", 3500, 3600), ("optional", -9, 0)],
)
def test_the_queues_mode_says_how_long_a_wrap_up_lasts(ana, far_side, sales, mode, least_s, most_s) -> None:
    with_mode(sales, mode)
    assert least_s <= seconds_left(wrapping(sales)) <= most_s


def test_time_on_request_is_given_to_those_who_asked(ana, far_side, sales) -> None:
    with_mode(sales, "on_request")
    call = talking(sales)
    assert ana.post(f"/desktop/interactions/{call}/wrap-up/ask", {"wanted": True}).status_code == 200
    caller_hangs_up(call)
    assert seconds_left(call) > 50


def test_a_wrap_up_without_early_exit_keeps_the_outcome_and_runs_on(ana, far_side, sales) -> None:
    with_mode(sales, "timed_no_exit")
    call = wrapping(sales)
    with unit_of_work() as session:
        factories.disposition(session, "DONE")
    assert ana.post(f"/desktop/interactions/{call}/wrap-up", {"code": "DONE"}).json == {"state": "wrapping"}
    assert ana.post(f"/desktop/interactions/{call}/wrap-up/extend", {}).status_code == 409
    with unit_of_work() as session:
        session.execute(update(Interaction).values(wake_at=Interaction.wake_at - timedelta(hours=1)))
        assert expire_wrap_ups(session) == 1
        assert session.get_one(Interaction, call).disposition_code == "DONE"


def test_a_wrap_up_is_extended_ten_times_and_no_more(ana, far_side, sales) -> None:
    call = wrapping(sales)
    replies = [ana.post(f"/desktop/interactions/{call}/wrap-up/extend", {}).status_code for _ in range(11)]
    assert replies == [200] * 10 + [409]
    assert 600 < seconds_left(call) <= 660


def test_a_supervisor_completes_a_stuck_wrap_up_once_and_no_talk(ana, far_side, sales) -> None:
    call = talking(sales)
    with unit_of_work() as session, pytest.raises(WrapUpRefused, match="not over yet"):
        force_complete(session, call, 1)
    caller_hangs_up(call)
    for _ in range(2):
        with unit_of_work() as session:
            assert force_complete(session, call, 1).disposition_code == WRAP_UP_TIMEOUT
    assert state_of(call) == "completed"


def handed_on(ana, sales: int) -> uuid.UUID:
    """Ana has sent her call to a queue and wraps up her own part of it."""
    with unit_of_work() as session:
        factories.disposition(session, "DONE")
    call = talking(sales)
    assert ana.post(f"/desktop/calls/{call}/transfer", {"to": {"queue": "support"}}).status_code == 200
    return call


def test_whoever_handed_a_call_on_sees_their_own_wrap_up_of_it(ana, far_side, sales, ben) -> None:
    call = handed_on(ana, sales)
    state = ana.get("/desktop/state").json
    mine = state["call"]
    assert (mine["state"], mine["role"], mine["queue"], mine["outcome"]) == ("wrapping", "handed_on", "Sales", None)
    assert mine["wrap_up_ends_at"] is not None
    assert [(each["interaction_id"], each["state"]) for each in state["work"]["now"]] == [(str(call), "wrapping")]
    assert state["me"]["reachability"]["routing_status"] == "wrapping"
    assert (
        ana.post(f"/desktop/interactions/{call}/wrap-up/extend", {}).json["wrap_up_ends_at"] > mine["wrap_up_ends_at"]
    )
    assert ana.post(f"/desktop/interactions/{call}/wrap-up", {"code": "DONE"}).json == {"state": "completed"}
    assert ana.get("/desktop/state").json["call"] is None
    assert state_of(call) == "queued"


def test_the_floor_shows_a_part_and_a_supervisor_ends_it(ana, boss, far_side, sales, ben) -> None:
    call = handed_on(ana, sales)
    [agent] = [each for each in boss.get("/supervisor/floor").json["agents"] if each["name"] == "Ana"]
    assert agent["status"] == "wrapping"
    assert [(each["interaction_id"], each["state"]) for each in agent["work"]] == [(str(call), "wrapping")]
    path = f"/supervisor/interactions/{call}/complete"
    assert boss.post(path, {}).status_code == 409, "the call itself is not over"
    assert boss.post(path, {"agent_id": 999_999}).status_code == 409
    reply = boss.post(path, {"agent_id": ana.user_id})
    assert reply.json == {"state": "completed", "code": WRAP_UP_TIMEOUT}
    assert ana.get("/desktop/state").json["call"] is None


@pytest.mark.parametrize("body", [{}, {"code": ""}, {"code": "x" * 61}, {"code": ["DONE"]}, {"code": "NONE"}, None])
def test_an_outcome_that_is_none_is_refused_by_field(ana, far_side, sales, body) -> None:
    call = talking(sales)
    assert ana.put(f"/desktop/interactions/{call}/outcome", body).status_code == 400


def test_an_outcome_chosen_during_the_call_is_there_after_a_reload_and_at_wrap_up(ana, bo, far_side, sales) -> None:
    with unit_of_work() as session:
        factories.disposition(session, "DONE")
    call = talking(sales)
    path = f"/desktop/interactions/{call}/outcome"
    assert ana.put(path, {"code": "DONE"}).status_code == 204
    assert ana.get("/desktop/state").json["call"]["outcome"] == "DONE"
    assert bo.put(path, {"code": "DONE"}).status_code == 403
    assert ana.put(f"/desktop/interactions/{uuid.uuid4()}/outcome", {"code": "DONE"}).status_code == 404
    caller_hangs_up(call)
    assert ana.get("/desktop/state").json["call"]["outcome"] == "DONE"
    assert ana.put(path, {"code": None}).status_code == 204
    assert ana.get("/desktop/state").json["call"]["outcome"] is None
