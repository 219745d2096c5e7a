"""An offer rings exactly once, whatever becomes of the carrier's answers."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from app.db import unit_of_work
from app.routing.offers import accept_offer, time_out_offer
from telephony import jobs
from telephony.carrier import CarrierError
from telephony.room import Room, room_of
from tests.telephony.voice.conftest import Caller, House, Softphone, ringing
from tests.telephony.voice.edge import Asked, CutOff


@pytest.fixture
def waiting(house: House, ana: int) -> Caller:
    """A caller who was just offered to Ana; her phone is not rung yet."""
    caller = house.dial()
    caller.press("1")
    from app.routing.dispatch import run_dispatch

    run_dispatch()
    return caller


@pytest.fixture
def room(house: House) -> Room:
    return room_of(house.app)


def lost_answer(house: House, *, reaches: bool) -> Any:
    """The carrier hangs up on us in mid-request, with or without having made the call."""

    def cut(asked: Asked) -> None:
        if asked.method == "POST" and asked.path == "Calls":
            if reaches:
                house.edge.call(
                    to=asked.form["To"].partition("?")[0],
                    status="ringing",
                    date_created=format_datetime(datetime.now(UTC)),
                )
            raise CutOff

    house.edge.answers.append(cut)
    return cut


def test_a_lost_answer_is_looked_up_and_the_agent_rung_once(house: House, waiting: Caller, room: Room) -> None:
    lost_answer(house, reaches=True)
    with pytest.raises(CarrierError, match="carrier"):
        jobs.ring_agent(room, 1)
    assert house.legs()[-1].state == "unknown"
    jobs.ring_agent(room, 1)
    assert len(house.edge.to("POST", "Calls")) == 1
    assert (house.legs()[-1].call_sid, house.legs()[-1].state) == (house.edge.calls[0]["sid"], "dialing")


def test_a_lost_answer_is_settled_by_the_rings_own_callback(house: House, waiting: Caller, room: Room) -> None:
    lost_answer(house, reaches=True)
    with pytest.raises(CarrierError):
        jobs.ring_agent(room, 1)
    phone = ringing(house)
    phone.status("ringing")
    jobs.ring_agent(room, 1)
    assert len(house.edge.to("POST", "Calls")) == 1
    assert phone.answer().find("Dial/Conference") is not None
    assert house.interaction().state == "active"


def test_a_request_that_never_arrived_is_made_again(house: House, waiting: Caller, room: Room) -> None:
    cut = lost_answer(house, reaches=False)
    with pytest.raises(CarrierError):
        jobs.ring_agent(room, 1)
    house.edge.answers.remove(cut)
    jobs.ring_agent(room, 1)
    assert len(house.edge.calls) == 1
    assert house.legs()[-1].state == "dialing"


def test_the_same_job_twice_rings_once(house: House, waiting: Caller, room: Room) -> None:
    jobs.ring_agent(room, 1)
    jobs.ring_agent(room, 1)
    assert len(house.edge.to("POST", "Calls")) == 1


def test_a_busy_carrier_is_asked_again(house: House, waiting: Caller, room: Room) -> None:
    house.edge.answers.append(
        lambda asked: (429, {"code": 20429, "message": "slow down", "status": 429}) if asked.path == "Calls" else None
    )
    with pytest.raises(CarrierError) as refused:
        jobs.ring_agent(room, 1)
    assert refused.value.retryable
    assert not refused.value.unsure
    assert house.offers()[0].state == "pending"


def test_a_phone_that_cannot_be_rung_gives_the_caller_back_in_place(house: House, waiting: Caller, room: Room) -> None:
    began = house.interaction().virtual_start
    house.edge.answers.append(
        lambda asked: (400, {"code": 21211, "message": "invalid To", "status": 400}) if asked.method == "POST" else None
    )
    jobs.ring_agent(room, 1)
    assert (house.offers()[0].state, house.offers()[0].reason) == ("rejected", "unreachable")
    assert (house.interaction().state, house.interaction().virtual_start) == ("queued", began)


def test_an_offer_that_is_over_is_not_rung(house: House, waiting: Caller, room: Room) -> None:
    with unit_of_work() as session:
        time_out_offer(session, 1)
    jobs.ring_agent(room, 1)
    assert house.edge.to("POST", "Calls") == []


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [("no-answer", "timeout", "no_answer"), ("busy", "rejected", "declined"), ("failed", "rejected", "unreachable")],
)
def test_how_a_ring_ends_decides_what_the_offer_was(
    house: House, waiting: Caller, room: Room, status: str, state: str, reason: str
) -> None:
    jobs.ring_agent(room, 1)
    phone = ringing(house)
    phone.status("ringing")
    phone.status(status)
    phone.status(status, 1)
    assert (house.offers()[0].state, house.offers()[0].reason) == (state, reason)
    assert house.interaction().state == "queued"


def test_a_caller_who_gives_up_stops_the_ring(house: House, waiting: Caller, room: Room) -> None:
    jobs.ring_agent(room, 1)
    phone = ringing(house)
    waiting.hang_up()
    jobs.stop_ringing(room, 1)
    assert house.edge.to("POST", f"Calls/{phone.call_sid}")[0].form["Status"] == "canceled"
    late = phone.answer()
    assert late.find("Dial") is None
    assert late.findtext("Say") == "The caller has hung up."
    assert house.interaction().state == "abandoned"


def test_stopping_a_ring_whose_answer_was_lost_looks_it_up_first(house: House, waiting: Caller, room: Room) -> None:
    lost_answer(house, reaches=True)
    with pytest.raises(CarrierError):
        jobs.ring_agent(room, 1)
    waiting.hang_up()
    jobs.stop_ringing(room, 1)
    assert house.edge.to("POST", f"Calls/{house.edge.calls[0]['sid']}")[0].form["Status"] == "canceled"


def test_answering_twice_gets_the_same_room_and_a_second_phone_a_short_word(
    house: House, waiting: Caller, room: Room
) -> None:
    jobs.ring_agent(room, 1)
    phone = ringing(house)
    first, again = phone.answer(), phone.answer()
    assert first.findtext("Dial/Conference") == again.findtext("Dial/Conference") == str(house.interaction().id)
    other = Softphone(house, phone.asked, f"CA{uuid.uuid4().hex}")
    assert other.answer().findtext("Say") == "This call has already been taken."
    assert [event["to"] for event in house.events("interaction.moved")][-1] == "active"


def test_answering_after_the_deadline_is_too_late(house: House, waiting: Caller, room: Room) -> None:
    jobs.ring_agent(room, 1)
    with unit_of_work() as session:
        time_out_offer(session, 1)
    assert ringing(house).answer().findtext("Say") == "This call has already been taken."
    assert house.interaction().state == "queued"


def test_an_accepted_offers_leg_that_ends_before_the_bridge_loses_nobody(
    house: House, waiting: Caller, room: Room
) -> None:
    jobs.ring_agent(room, 1)
    phone = ringing(house)
    phone.answer()
    phone.status("completed")
    assert house.interaction().state == "agent_lost"
    with unit_of_work() as session:
        assert not accept_offer(session, 1).won
