"""Calls that are handed on and supervised, as everybody in them hears them: each person has a tone of their own.

Who must not hear what, and what a recording must not hold: tests/e2e/test_spoken_calls.py, in words.
"""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.db import unit_of_work
from app.routing.models import Queue, QueueMember
from tests.faults.calls import (
    AGENT_HZ,
    CALLER_HZ,
    assert_nothing_is_lost,
    interactions,
    read,
    talk,
    wrap_up,
)
from tests.support.house import Agent, House
from tests.support.in_hand import a_supervisor, does, in_conversation, joins, longest_silence_s
from tests.telephony.local_carrier.phone import ScriptedPhone, tone

pytestmark = pytest.mark.timeout(180)

OUTSIDE_HZ = 1250
OUTSIDE = "+15559990001"
LONG_S = 60.0
LONGEST_PAUSE_S = 2.5
"""Between two talks, while the music's first sound is fetched. Nobody thinks that the line is dead so soon."""


@pytest.fixture
def ana_and_caller(house: House) -> tuple[Agent, ScriptedPhone]:
    return in_conversation(house)


def speak(**who: tuple[ScriptedPhone, float]) -> None:
    """Everybody's tone sounds from now on."""
    for phone, hertz in who.values():
        phone.fall_silent()
        phone.say(tone(hertz, LONG_S), wait=False)


def test_either_side_backs_out_of_a_consult(house: House, ana_and_caller: tuple[Agent, ScriptedPhone]) -> None:
    ana, caller = ana_and_caller
    ben = house.agent("Ben")
    for who in (ana, ben):
        does(ana, "transfer", to={"agent": ben.user.id}, warm=True)
        ben.phone.answer()
        house.until(lambda: (ben.state()["call"] or {}).get("role") == "consult", "the colleague talks")
        does(who, "consult/back_out")
        ben.phone.wait_for("ended")
        if who is ben:
            assert does(ana, "hold", hold=False)["call"]["state"] == "active"
        talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house, most_offers=3, most_acceptances=3)


def test_a_third_joins_and_may_be_left_with_the_customer(
    house: House, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    ana, caller = ana_and_caller
    expert = house.phone(OUTSIDE)
    does(ana, "third", to={"number": OUTSIDE})
    expert.answer()
    speak(ana=(ana.phone, AGENT_HZ), expert=(expert, OUTSIDE_HZ), caller=(caller, CALLER_HZ))
    caller.wait_to_hear(AGENT_HZ, OUTSIDE_HZ)
    expert.wait_to_hear(AGENT_HZ, CALLER_HZ)
    does(ana, "consult/finish")
    ana.phone.wait_for("ended")
    expert.wait_to_hear(CALLER_HZ)
    expert.hang_up()
    assert caller.wait_for("ended")
    house.until(lambda: interactions()[0].state == "completed", "the call is over")
    assert_nothing_is_lost(house)


def test_a_customer_sent_to_a_number_hears_music_until_it_answers(
    house: House, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    ana, caller = ana_and_caller
    expert = house.phone(OUTSIDE)
    caller.forget_heard()
    does(ana, "transfer", to={"number": OUTSIDE}, warm=False)
    ring = expert.wait_for_ring()
    ana.phone.wait_for("ended")
    house.until(lambda: len(caller.heard) > 16_000, "music")
    expert.pick_up(ring["callSid"])
    speak(expert=(expert, OUTSIDE_HZ), caller=(caller, CALLER_HZ))
    caller.wait_to_hear(OUTSIDE_HZ)
    expert.wait_to_hear(CALLER_HZ)
    assert longest_silence_s(caller.heard) < LONGEST_PAUSE_S
    caller.hang_up()
    expert.wait_for("ended")
    house.until(lambda: interactions()[0].state == "completed", "the call is over")
    assert_nothing_is_lost(house)


def test_a_parked_customer_hears_music_and_is_taken_up_by_another(
    house: House, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    ana, caller = ana_and_caller
    does(ana, "park")
    ana.phone.wait_for("ended")
    caller.forget_heard()
    house.until(lambda: len(caller.heard) > 12_000, "music")
    assert longest_silence_s(caller.heard) < LONGEST_PAUSE_S
    ben = house.agent("Ben")
    does(ben, "unpark")
    ben.phone.answer()
    house.until(lambda: interactions()[0].state == "active", "they talk")
    talk(caller, ben)
    caller.hang_up()
    wrap_up(house, ben)
    assert_nothing_is_lost(house, most_offers=2, most_acceptances=2)


def test_a_customer_sent_to_a_queue_and_then_a_flow(house: House, ana_and_caller: tuple[Agent, ScriptedPhone]) -> None:
    ana, caller = ana_and_caller
    with unit_of_work() as session:
        support = Queue(key="support", name="Support", ring_s=15, wrap_up_s=60)
        session.add(support)
        session.flush()
        ben_queue = support.id
    ben = house.agent("Ben", queue="support")
    does(ana, "transfer", to={"queue": "support"})
    ben.phone.answer()
    talk(caller, ben)
    wrap_up(house, ana)
    assert read(select(QueueMember).where(QueueMember.queue_id == ben_queue))
    caller.forget_heard()
    does(ben, "transfer", to={"flow": "main"})
    ben.phone.wait_for("ended")
    house.until(lambda: interactions()[0].context["path"], "the flow speaks")
    house.until(lambda: len(caller.heard) > 8000, "the menu is heard")
    caller.press("1")
    ana.phone.answer()
    talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house, most_offers=3, most_acceptances=3)


def test_a_supervisor_takes_a_call_over(house: House, ana_and_caller: tuple[Agent, ScriptedPhone]) -> None:
    ana, caller = ana_and_caller
    sam = a_supervisor(house)
    does(ana, "help", note="He shouts")
    assert ana.state()["call"]["help"]["note"] == "He shouts"
    joins(sam, "take_over")
    sam.phone.answer()
    ana.phone.wait_for("ended")
    wrap_up(house, ana)
    talk(caller, sam)
    sam.hang_up()
    caller.wait_for("ended")
    wrap_up(house, sam)
    assert_nothing_is_lost(house, most_offers=2, most_acceptances=2)
