"""Calls as people have them: real processes, the local carrier, and telephones that speak and listen."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from app.customers.identify import identify
from app.db import unit_of_work
from app.events import Event
from recordings.models import Recording
from tests.faults.calls import (
    AGENT_HZ,
    CALLER,
    CALLER_HZ,
    assert_nothing_is_lost,
    interactions,
    read,
    recordings_home,
    ring_in,
    talk,
    wrap_up,
)
from tests.support.house import LINE, Agent, House
from tests.support.in_hand import does, in_conversation
from tests.telephony.local_carrier.phone import loudness, tone

pytestmark = pytest.mark.timeout(180)


def test_the_agent_hangs_up_and_the_caller_is_free(house: House) -> None:
    ana, caller = in_conversation(house)
    ana.hang_up()
    assert caller.wait_for("ended")["status"] == "completed"
    ana.phone.wait_for("ended")
    wrap_up(house, ana)
    assert_nothing_is_lost(house)
    [recording] = recordings_home(house)
    assert (recording.channel_map, recording.kind) == ({"0": "customer", "1": "agent"}, "call")


def test_a_caller_on_hold_hears_music_and_is_not_heard_until_taken_back(house: House) -> None:
    ana, caller = in_conversation(house)
    assert does(ana, "hold", hold=True)["call"]["state"] == "held"
    caller.forget_heard()
    house.until(lambda: len(caller.heard) > 8000 and loudness(caller.heard) > 100, "music is heard")
    caller.say(tone(CALLER_HZ, 30), wait=False)
    ana.phone.wait_for_silence()
    assert does(ana, "hold", hold=False)["call"]["state"] == "active"
    ana.phone.wait_to_hear(CALLER_HZ)
    caller.hang_up()
    wrap_up(house, ana)
    kinds = [event.kind for event in read(select(Event).order_by(Event.id)) if event.kind.startswith("call.")]
    assert kinds == ["call.held", "call.resumed"]


def test_a_muted_agent_hears_and_is_not_heard(house: House) -> None:
    ana, caller = in_conversation(house)
    assert does(ana, "mute", mute=True)["call"]["muted"] is True
    ana.phone.say(tone(AGENT_HZ, 30), wait=False)
    caller.wait_for_silence()
    caller.say(tone(CALLER_HZ, 30), wait=False)
    ana.phone.wait_to_hear(CALLER_HZ)
    does(ana, "mute", mute=False)
    caller.wait_to_hear(AGENT_HZ)
    caller.hang_up()
    wrap_up(house, ana)


def test_keys_of_the_agent_reach_the_callers_line(house: House) -> None:
    ana, caller = in_conversation(house)
    does(ana, "digits", digits="12#")
    assert caller.wait_for("dtmf")["digits"] == "12#"
    talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)


def test_a_declined_ring_goes_to_the_next_agent_in_place(house: House) -> None:
    ana = house.agent("Ana")
    caller = ring_in(house)
    ana.phone.reject(ana.phone.wait_for_ring()["callSid"])
    ben = house.agent("Ben")
    ben.phone.answer()
    talk(caller, ben)
    caller.hang_up()
    wrap_up(house, ben)
    assert_nothing_is_lost(house, most_offers=2)
    first, *_ = read(select(Event).where(Event.kind == "offer.ended").order_by(Event.id))
    assert first.data["reason"] == "declined"


def test_a_ring_that_nobody_answers_ends_and_the_caller_waits_on(house: House) -> None:
    ana = house.agent("Ana")
    caller = ring_in(house)
    ana.phone.wait_for_ring()
    ana.phone.wait_for("canceled", "ended", timeout_s=30)
    house.until(lambda: ana.state()["me"]["reachability"]["routing_status"] == "not_responding", "the agent is parked")
    assert interactions()[0].state == "queued"
    ana.be("available")
    ana.phone.answer()
    talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house, most_offers=2)


def test_a_caller_who_gives_up_in_line_is_told_as_abandoned(house: House) -> None:
    caller = ring_in(house)
    house.until(lambda: interactions() and interactions()[0].state == "queued", "the caller waits")
    caller.hang_up()
    house.until(lambda: interactions()[0].state == "abandoned", "the end is known")
    assert_nothing_is_lost(house, state="abandoned")


def test_star_in_line_leads_to_a_message_that_comes_home(house: House) -> None:
    caller = ring_in(house)
    house.until(lambda: interactions() and interactions()[0].state == "queued", "the caller waits")
    house.until(lambda: caller.press("*") or left_the_line(within_s=1), "the key is heard once the music plays")
    caller.wait_to_hear(1000, timeout_s=30)
    caller.say(tone(CALLER_HZ, 2.0))
    caller.hang_up()
    house.until(lambda: interactions()[0].state == "voicemail", "the message waits for somebody")
    [recording] = recordings_home(house)
    assert recording.kind == "voicemail"
    assert recording.duration_s is not None
    assert recording.duration_s >= 1.5


def test_an_agent_calls_a_customer(house: House) -> None:
    ana, call = dials(house)
    customer = house.phone(CALLER)
    ana.phone.answer()
    ring = customer.wait_for_ring()
    assert ring["from"] == LINE
    house.until(lambda: loudness(ana.phone.heard) > 100, "the agent hears it ring")
    customer.pick_up(ring["callSid"])
    talk(customer, ana)
    customer.hang_up()
    wrap_up(house, ana)
    assert str(interactions()[0].id) == call
    assert_nothing_is_lost(house)
    assert recordings_home(house)


def test_a_customer_who_declines_leaves_the_agent_to_wrap_up(house: House) -> None:
    ana, _ = dials(house)
    customer = house.phone(CALLER)
    ana.phone.answer()
    customer.reject(customer.wait_for_ring()["callSid"])
    ana.phone.wait_for("ended")
    wrap_up(house, ana)
    assert_nothing_is_lost(house)
    assert read(select(Recording)) == []


def left_the_line(within_s: float) -> bool:
    """Whether the flow goes on within this time."""
    deadline = time.monotonic() + within_s
    while interactions()[0].state == "queued" and time.monotonic() < deadline:
        time.sleep(0.02)  # polled with a deadline
    return bool(interactions()[0].state == "in_flow")


def dials(house: House) -> tuple[Agent, str]:
    """Ana presses Call on a customer's record."""
    with unit_of_work() as session:
        customer = identify(session, "phone", CALLER)
    ana = house.agent("Ana")
    body = {"customer_id": str(customer.id), "number": CALLER}
    answer = ana.browser.post("/desktop/calls", json=body)
    assert answer.is_success, answer.text
    return ana, str(answer.json()["interaction_id"])
