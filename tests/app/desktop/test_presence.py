"""Presence, the lease of a tab and the phone's token, as the desktop's scripts use them."""

from __future__ import annotations

import uuid

import pytest

from app.db import unit_of_work
from app.routing.models import AgentSession
from tests.app.desktop.scenes import talking

TAB = str(uuid.uuid4())


def beat(who, **changes):
    return who.post("/desktop/heartbeat", {"session_id": TAB, "phone_ready": True, "problem": None} | changes)


def test_a_heartbeat_says_whether_one_would_ring(ana) -> None:
    assert beat(ana).json == {"reachability": {"reachable": True, "why": [], "routing_status": "idle"}}


def test_a_blocked_microphone_is_said_in_words(ana) -> None:
    with unit_of_work() as session:
        session.query(AgentSession).delete()
    found = beat(ana, phone_ready=False, problem="microphone_blocked").json["reachability"]
    assert found["reachable"] is False and "microphone" in found["why"][0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_id", "not-an-id"),
        ("session_id", None),
        ("phone_ready", "true"),
        ("phone_ready", 1),
        ("problem", "no_such_problem"),
        ("problem", "x" * 100),
        ("problem", "<b>"),
    ],
)
def test_a_wrong_heartbeat_is_refused_by_field(ana, field, value) -> None:
    reply = beat(ana, **{field: value})
    assert reply.status_code == 400 and reply.json["error"]["field"] == field


def test_a_tab_of_somebody_else_cannot_be_kept_alive_or_closed(ana, bo) -> None:
    beat(ana)
    assert beat(bo).status_code == 400
    assert bo.post(f"/desktop/sessions/{TAB}/close").status_code == 204
    with unit_of_work() as session:
        assert session.get_one(AgentSession, uuid.UUID(TAB)).phone_ready is True


def test_a_goodbye_from_send_beacon_stops_the_ringing(ana) -> None:
    beat(ana)
    reply = ana.client.post(f"/desktop/sessions/{TAB}/close", data={"csrf_token": ana.csrf})
    assert reply.status_code == 204
    with unit_of_work() as session:
        assert session.get_one(AgentSession, uuid.UUID(TAB)).phone_ready is False


def test_a_break_is_taken_at_once_when_there_is_no_work(ana) -> None:
    reply = ana.post("/desktop/presence", {"presence": "break", "reason": "lunch"}).json
    assert (reply["presence"], reply["next_presence"]) == ("break", None)
    assert reply["reachability"]["reachable"] is False


def test_a_break_chosen_in_a_call_waits_for_its_end(ana, sales) -> None:
    talking(sales)
    reply = ana.post("/desktop/presence", {"presence": "break"}).json
    assert (reply["presence"], reply["next_presence"]) == ("available", "break")


@pytest.mark.parametrize("presence", ["away", "", None, 1, "AVAILABLE", "available\x00"])
def test_a_presence_that_does_not_exist_is_refused(ana, presence) -> None:
    reply = ana.post("/desktop/presence", {"presence": presence})
    assert reply.status_code == 400 and reply.json["error"]["field"] == "presence"


@pytest.mark.parametrize("reason", ["x" * 61, "x" * 81, "lunch\x00", "\ud800"])
def test_a_reason_that_cannot_be_kept_is_refused(ana, reason) -> None:
    reply = ana.post("/desktop/presence", {"presence": "break", "reason": reason})
    assert reply.status_code == 400 and reply.json["error"]["field"] == "reason"


def test_the_token_is_ones_own_and_is_not_kept_by_caches(ana) -> None:
    reply = ana.get("/desktop/token")
    assert reply.json["identity"] == f"agent_{ana.user_id}"
    assert reply.headers["Cache-Control"] == "no-store"
