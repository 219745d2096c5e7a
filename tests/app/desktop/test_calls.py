"""What an agent does with a call: only the own one, done once, told to the carrier before it is written."""

from __future__ import annotations

import uuid

import pytest

from app.desktop.call_control import CallRefused
from tests.app.desktop.scenes import caller_hangs_up, events_of, jobs_named, offered_text, ringing, state_of, talking


def test_hold_tells_the_carrier_and_then_the_record(ana, far_side, sales) -> None:
    call = talking(sales)
    reply = ana.post(f"/desktop/calls/{call}/hold", {"hold": True})
    assert reply.status_code == 200 and reply.json["call"]["state"] == "held"
    assert far_side.asked == [("hold", call, True)]
    assert events_of(call)[-2:] == ["interaction.moved", "call.held"]


def test_resume_takes_the_customer_back(ana, far_side, sales) -> None:
    call = talking(sales)
    ana.post(f"/desktop/calls/{call}/hold", {"hold": True})
    assert ana.post(f"/desktop/calls/{call}/hold", {"hold": False}).json["call"]["state"] == "active"
    assert [what[2] for what in far_side.asked] == [True, False]


def test_hold_pressed_twice_holds_once(ana, far_side, sales) -> None:
    call = talking(sales)
    replies = [ana.post(f"/desktop/calls/{call}/hold", {"hold": True}) for _ in range(2)]
    assert [reply.json["call"]["state"] for reply in replies] == ["held", "held"]
    assert len(far_side.asked) == 1 and events_of(call).count("call.held") == 1


def test_a_carrier_that_fails_leaves_the_call_as_it_was_and_says_so(ana, far_side, sales) -> None:
    call = talking(sales)
    far_side.refusal = CallRefused("The carrier does not answer. The customer still hears you.")
    reply = ana.post(f"/desktop/calls/{call}/hold", {"hold": True})
    assert reply.status_code == 502
    assert reply.json["error"] == {
        "code": "carrier_failed",
        "message": "The carrier does not answer. The customer still hears you.",
    }
    assert state_of(call) == "active"


def test_a_caller_who_hangs_up_while_being_held_wins(ana, far_side, sales) -> None:
    call = talking(sales)
    far_side.meanwhile = lambda: caller_hangs_up(call)
    reply = ana.post(f"/desktop/calls/{call}/hold", {"hold": True})
    assert reply.status_code == 409
    assert reply.json["call"]["state"] == "wrapping"
    assert state_of(call) == "wrapping"


def test_mute_is_remembered_for_a_page_that_reloads(ana, far_side, sales) -> None:
    call = talking(sales)
    assert ana.post(f"/desktop/calls/{call}/mute", {"mute": True}).json["call"]["muted"] is True
    assert ana.get("/desktop/state").json["call"]["muted"] is True
    assert ana.post(f"/desktop/calls/{call}/mute", {"mute": False}).json["call"]["muted"] is False
    assert [what[3] for what in far_side.asked] == [True, False]


def test_digits_reach_the_carrier_and_no_log(ana, far_side, sales, session) -> None:
    from sqlalchemy import text

    call = talking(sales)
    assert ana.post(f"/desktop/calls/{call}/digits", {"digits": "4111w#"}).status_code == 200
    assert far_side.asked == [("digits", call, "4111w#")]
    assert session.execute(text("SELECT count(*) FROM event WHERE data::text LIKE '%4111%'")).scalar() == 0


@pytest.mark.parametrize("digits", ["", "12a", "1 2", "1" * 33, None, 12, ["1"], "１"])
def test_what_is_no_tone_is_refused_by_field(ana, far_side, sales, digits) -> None:
    call = talking(sales)
    reply = ana.post(f"/desktop/calls/{call}/digits", {"digits": digits})
    assert reply.status_code == 400 and reply.json["error"]["field"] == "digits"
    assert far_side.asked == []


def test_hang_up_is_a_wish_that_survives_this_process(ana, far_side, sales) -> None:
    call = talking(sales)
    reply = ana.post(f"/desktop/calls/{call}/hangup")
    assert reply.json["call"]["hangup_requested"] is True
    assert jobs_named("voice.hang_up") == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [("hold", {"hold": True}), ("mute", {"mute": True}), ("digits", {"digits": "1"}), ("hangup", {})],
)
class TestWhoseCall:
    def test_a_colleagues_call_is_not_ones_own(self, ana, bo, far_side, sales, path, body) -> None:
        call = talking(sales)
        reply = bo.post(f"/desktop/calls/{call}/{path}", body)
        assert reply.status_code == 403 and reply.json["error"]["code"] == "not_yours"
        assert far_side.asked == [] and jobs_named("voice.hang_up") == 0

    def test_a_call_that_rings_is_not_ones_own_yet(self, ana, far_side, sales, path, body) -> None:
        call, _ = ringing(sales)
        assert ana.post(f"/desktop/calls/{call}/{path}", body).status_code == 409
        assert far_side.asked == []

    def test_a_call_that_is_over_says_what_stands(self, ana, far_side, sales, path, body) -> None:
        call = talking(sales)
        caller_hangs_up(call)
        reply = ana.post(f"/desktop/calls/{call}/{path}", body)
        assert reply.status_code == 409
        assert reply.json["call"]["state"] == "wrapping"
        assert "wrap-up" in reply.json["error"]["message"]

    def test_a_call_that_never_was_is_not_found(self, ana, far_side, path, body) -> None:
        assert ana.post(f"/desktop/calls/{uuid.uuid4()}/{path}", body).status_code == 404

    def test_something_else_than_an_id_is_not_found(self, ana, far_side, path, body) -> None:
        assert ana.post(f"/desktop/calls/1%20OR%201=1/{path}", body).status_code == 404

    def test_without_the_pages_token_nothing_happens(self, ana, far_side, sales, path, body) -> None:
        call = talking(sales)
        ana.csrf = ""
        assert ana.post(f"/desktop/calls/{call}/{path}", body).status_code == 400
        assert far_side.asked == [] and jobs_named("voice.hang_up") == 0


@pytest.mark.parametrize("body", [[], "text", None, {"hold": "yes"}, {"hold": 1}, {}, {"hold": None}])
def test_a_body_that_is_no_such_form_is_refused(ana, far_side, sales, body) -> None:
    call = talking(sales)
    reply = ana.client.post(
        f"/desktop/calls/{call}/hold", json=body, headers={"X-CSRFToken": ana.csrf, "Accept": "application/json"}
    )
    assert reply.status_code == 400 and reply.json["error"]["code"] == "bad_input"
    assert far_side.asked == []


class TestDecline:
    def test_the_call_goes_back_to_its_place(self, ana, far_side, sales) -> None:
        call, offer = ringing(sales)
        reply = ana.post(f"/desktop/offers/{offer}/decline")
        assert reply.json["offer"] == {"id": offer, "state": "rejected"}
        assert state_of(call) == "queued" and jobs_named("voice.stop_ringing") == 1

    def test_declined_twice_the_second_is_told_what_stands(self, ana, far_side, sales) -> None:
        _, offer = ringing(sales)
        ana.post(f"/desktop/offers/{offer}/decline")
        reply = ana.post(f"/desktop/offers/{offer}/decline")
        assert reply.status_code == 409 and reply.json["offer"]["state"] == "rejected"

    def test_somebody_elses_offer_rings_on(self, ana, bo, far_side, sales) -> None:
        call, offer = ringing(sales)
        assert bo.post(f"/desktop/offers/{offer}/decline").status_code == 403
        assert state_of(call) == "offered"

    @pytest.mark.parametrize("offer", [0, 99, 2**63 - 1, 2**63, 10**30])
    def test_an_offer_that_never_was_is_not_found(self, ana, far_side, offer) -> None:
        assert ana.post(f"/desktop/offers/{offer}/decline").status_code == 404


class TestTexts:
    """A text that is routed like a call is taken, or not, on the page."""

    def test_it_is_taken_once_and_is_the_agents_conversation(self, ana, far_side, sales) -> None:
        text, offer = offered_text(sales)
        assert ana.get("/desktop/state").json["offer"]["channel"] == "sms"
        for _ in range(2):
            assert ana.post(f"/desktop/offers/{offer}/accept").json["offer"] == {"id": offer, "state": "accepted"}
        assert state_of(text) == "active"
        [work] = ana.get("/desktop/state").json["work"]["now"]
        assert (work["interaction_id"], work["channel"]) == (str(text), "sms")
        assert jobs_named("voice.ring_agent") == jobs_named("voice.bridge") == 0, "no phone has a part in it"

    def test_declined_it_goes_back_to_its_place(self, ana, far_side, sales) -> None:
        text, offer = offered_text(sales)
        assert ana.post(f"/desktop/offers/{offer}/decline").json["offer"]["state"] == "rejected"
        assert state_of(text) == "queued"
        late = ana.post(f"/desktop/offers/{offer}/accept")
        assert (late.status_code, late.json["offer"]) == (409, {"state": "rejected"})

    def test_somebody_elses_is_not_taken(self, ana, bo, far_side, sales) -> None:
        text, offer = offered_text(sales)
        assert bo.post(f"/desktop/offers/{offer}/accept").status_code == 403
        assert state_of(text) == "offered"

    def test_a_call_is_taken_with_the_phone(self, ana, far_side, sales) -> None:
        call, offer = ringing(sales)
        reply = ana.post(f"/desktop/offers/{offer}/accept")
        assert (reply.status_code, reply.json["error"]["code"]) == (409, "by_phone")
        assert state_of(call) == "offered"
        assert ana.post(f"/desktop/offers/{10**30}/accept").status_code == 404
