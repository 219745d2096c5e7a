"""Calls that are handed on and supervised, as everybody in them hears them: each person has a tone of their own.

What somebody must not hear is looked for in everything that came out of their telephone, and in the recording.
"""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from app.db import unit_of_work
from app.events import Event
from app.routing.models import Queue, QueueMember
from telephony.local_carrier.audio import pcm16_to_mulaw
from tests.faults.calls import (
    AGENT_HZ,
    CALLER_HZ,
    assert_nothing_is_lost,
    interactions,
    read,
    recordings_home,
    ring_in,
    talk,
    wrap_up,
)
from tests.support.house import Agent, House
from tests.support.people import a_person
from tests.telephony.local_carrier.phone import ScriptedPhone, loudness, strength, tone

pytestmark = pytest.mark.timeout(180)

BEN_HZ, SAM_HZ, OUTSIDE_HZ = 1700, 2300, 1250
OUTSIDE = "+15559990001"
LONG_S = 60.0
WINDOW = 1600  # 0.2 s
LONGEST_PAUSE_S = 2.5
"""Between two talks, while the music's first sound is fetched. Nobody thinks that the line is dead so soon."""


@pytest.fixture
def ana_and_caller(house: House) -> tuple[Agent, ScriptedPhone]:
    ana = house.agent("Ana")
    caller = ring_in(house)
    ana.phone.answer()
    talk(caller, ana)
    return ana, caller


def does(agent: Agent, command: str, **body: Any) -> dict[str, Any]:
    """What a button of the desktop does."""
    call = str(interactions()[0].id)
    answer = agent.browser.post(f"/desktop/calls/{call}/{command}", json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def a_supervisor(house: House) -> Agent:
    """Sam at a desktop of their own, in no queue."""
    sam = Agent(house, a_person("supervisor", name="Sam"))
    house._agents.append(sam)
    return sam


def joins(sam: Agent, mode: str) -> None:
    call = str(interactions()[0].id)
    answer = sam.browser.post(f"/supervisor/calls/{call}/join", json={"mode": mode})
    assert answer.is_success, answer.text


def most_of(mulaw: bytes, hertz: float) -> float:
    """The greatest share that a tone has of any fifth of a second which is not silent."""
    windows = [mulaw[at : at + WINDOW] for at in range(0, len(mulaw) - WINDOW, WINDOW // 2)]
    return max((strength(each, hertz) for each in windows if loudness(each) > 60), default=0.0)


def longest_silence_s(mulaw: bytes) -> float:
    """The longest stretch without a sound."""
    longest = now = 0
    for at in range(0, len(mulaw) - 160, 160):
        now = 0 if loudness(mulaw[at : at + 160]) > 30 else now + 160
        longest = max(longest, now)
    return longest / 8000


def recorded(house: House) -> list[bytes]:
    """The call's recording, one mu-law sound for each channel."""
    (recording,) = recordings_home(house)
    with wave.open(io.BytesIO((Path(house.env["RECORDINGS_URL"]) / str(recording.path)).read_bytes())) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    return [pcm16_to_mulaw(samples[:, channel].astype("<i2").tobytes()) for channel in range(samples.shape[1])]


def speak(**who: tuple[ScriptedPhone, float]) -> None:
    """Everybody's tone sounds from now on."""
    for phone, hertz in who.values():
        phone.fall_silent()
        phone.say(tone(hertz, LONG_S), wait=False)


def test_a_warm_transfer_is_heard_as_it_should_be(house: House, ana_and_caller: tuple[Agent, ScriptedPhone]) -> None:
    ana, caller = ana_and_caller
    ben = house.agent("Ben")
    caller.forget_heard()
    does(ana, "transfer", to={"agent": ben.user.id}, warm=True, note="Wants the router exchanged")
    house.until(lambda: ben.state()["offer"], "the colleague's desktop shows the call")
    offer = ben.state()["offer"]
    assert (offer["role"], offer["handed"]["note"]) == ("consult", "Wants the router exchanged")
    assert offer["customer"] == ana.state()["call"]["customer"], "the same record"
    ben.phone.answer()
    speak(ana=(ana.phone, AGENT_HZ), ben=(ben.phone, BEN_HZ), caller=(caller, CALLER_HZ))
    ben.phone.wait_to_hear(AGENT_HZ)
    ana.phone.wait_to_hear(BEN_HZ)
    house.until(lambda: len(caller.heard) > 24_000, "the customer hears music")
    consult_heard = caller.heard
    assert most_of(consult_heard, BEN_HZ) < 0.05, "the customer hears nothing of the consult"
    assert most_of(ben.phone.heard, CALLER_HZ) < 0.05, "nor is heard in it"
    does(ana, "consult/finish")
    ana.phone.wait_for("ended")
    caller.wait_to_hear(BEN_HZ)
    ben.phone.wait_to_hear(CALLER_HZ)
    assert longest_silence_s(caller.heard) < LONGEST_PAUSE_S, "the customer is never in silence"
    wrap_up(house, ana)
    caller.hang_up()
    wrap_up(house, ben)
    assert_nothing_is_lost(house, most_offers=2, most_acceptances=2)
    _, others = recorded(house)
    assert most_of(others, BEN_HZ) > 0.5, "the recording goes on with the colleague"


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


def test_a_coach_is_heard_by_the_agent_alone(house: House, ana_and_caller: tuple[Agent, ScriptedPhone]) -> None:
    ana, caller = ana_and_caller
    sam = a_supervisor(house)
    joins(sam, "coach")
    sam.phone.answer()
    speak(ana=(ana.phone, AGENT_HZ), caller=(caller, CALLER_HZ), sam=(sam.phone, SAM_HZ))
    sam.phone.wait_to_hear(AGENT_HZ, CALLER_HZ)
    ana.phone.wait_to_hear(SAM_HZ)
    house.until(lambda: ana.state()["call"]["supervisors"], "the agent is told")
    caller.forget_heard()
    house.until(lambda: len(caller.heard) > 16_000, "the customer listens for two seconds")
    assert most_of(caller.heard, AGENT_HZ) > 0.5
    assert most_of(caller.heard, SAM_HZ) < 0.01, "the customer does not hear the coach"
    joins(sam, "barge")
    caller.wait_to_hear(SAM_HZ)
    sam.phone.fall_silent()
    joins(sam, "leave")
    sam.phone.wait_for("ended")
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house)
    kinds = [each.kind for each in read(select(Event).order_by(Event.id)) if each.kind.startswith("supervisor.")]
    assert kinds == ["supervisor.asked", "supervisor.joined", "supervisor.changed", "supervisor.left"]


def test_a_recording_holds_no_coach_and_nothing_of_who_listens(
    house: House, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    ana, caller = ana_and_caller
    sam = a_supervisor(house)
    joins(sam, "listen")
    sam.phone.answer()
    speak(ana=(ana.phone, AGENT_HZ), caller=(caller, CALLER_HZ), sam=(sam.phone, SAM_HZ))
    sam.phone.wait_to_hear(AGENT_HZ, CALLER_HZ)
    house.until(lambda: sam.state()["supervising"]["joined"], "the supervisor is in the call")
    ana.phone.forget_heard()
    house.until(lambda: len(ana.phone.heard) > 8_000, "the agent listens for a second")
    assert most_of(ana.phone.heard, SAM_HZ) < 0.01, "who listens is heard by nobody"
    joins(sam, "coach")
    ana.phone.wait_to_hear(SAM_HZ)
    caller.hang_up()
    sam.phone.wait_for("ended")
    wrap_up(house, ana)
    customer, others = recorded(house)
    assert most_of(customer, CALLER_HZ) > 0.5
    assert most_of(others, AGENT_HZ) > 0.5
    assert most_of(customer, SAM_HZ) < 0.01
    assert most_of(others, SAM_HZ) < 0.01


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
