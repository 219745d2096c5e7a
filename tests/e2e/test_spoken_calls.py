"""Calls handed on, supervised and called back, in spoken sentences: who hears which, and what the recording holds.

Real processes, the local carrier and plain telephones, without browsers, which makes it fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.callbacks.models import Callback, CallbackAttempt
from app.callbacks.policy import set_policy
from app.db import database_now, unit_of_work
from app.events import Event
from app.interactions.models import Interaction
from app.routing.in_hand import Consult
from app.routing.models import Queue
from tests.e2e.people import Voices
from tests.e2e.spoken import Talk
from tests.faults.calls import CALLER, assert_nothing_is_lost, interactions, read, ring_in, talk, wrap_up
from tests.faults.conftest import house
from tests.support.house import LINE, Agent, House
from tests.support.in_hand import a_supervisor, does, in_conversation, joins, longest_silence_s, most_of, recorded
from tests.telephony.local_carrier.phone import ScriptedPhone, tone

__all__ = ["house"]
pytestmark = pytest.mark.timeout(180)

SAM_HZ = 2300
LONGEST_PAUSE_S = 2.5
"""Between two talks, while the music's first sound is fetched. Nobody thinks that the line is dead so soon."""
SLOW_RING_S = 60
PARKED_S = 4
LONGEST_LOSS_S = 40
BROKEN = "The yellow sofa has arrived broken."
ASKED = "Could somebody help a lady quickly?"
HELPS = "Certainly, I have another one here."
ALONE = "Hello, is anybody still there?"
GREETS = "Good morning, this is Benjamin speaking."
THANKS = "Thank you, tomorrow would be perfect."
OFFERS = "We could deliver a different sofa on Thursday."
ACCEPTS = "Please send me the contract by letter."
LISTENS = "Nobody should hear the supervisor listening."
COACHES = "Remember to mention the longer warranty."
BARGES = "This is the manager, the delivery costs nothing."
FLOW = """
title: A line with callbacks
languages: [en]
zone: America/New_York
start: menu
fallback: message
nodes:
  menu:
    kind: menu
    prompt: {en: "For sales, press 1. To choose another time, press 2."}
    choices:
      - {key: 1, words: {en: [sales]}, to: line}
      - {key: 2, words: {en: [time]}, to: call_later}
  line: {kind: queue, queue: sales, callback: call_me, unanswered: message}
  call_me: {kind: callback, queue: sales, declined: line}
  call_later:
    kind: callback
    queue: sales
    asap: false
    times: {zone: UTC, weekly: 24/7, every_min: 60, offer: 1}
    declined: line
  message: {kind: voicemail, mailbox: sales, prompt: {en: Speak.}}
"""


@pytest.fixture(scope="module")
def running_house(database_url: str, tmp_path_factory: Any, speech_cache: Path) -> Iterator[House]:
    """One house for all of these calls, with a line that offers callbacks. It need not understand speech: we do."""
    flows = tmp_path_factory.mktemp("flows")
    (flows / "main.yaml").write_text(FLOW)
    house = House(database_url, tmp_path_factory.mktemp("house"), speech_cache=speech_cache, flows=flows).open()
    yield house
    house.close()


@pytest.fixture
def spoken(voices: Voices) -> Talk:
    return Talk(voices)


@pytest.fixture
def ana_and_caller(house: House) -> tuple[Agent, ScriptedPhone]:
    return in_conversation(house)


@pytest.fixture
def calls_back(house: House) -> None:
    """The queue may call at any time of day, and somebody who waits is told so."""
    with unit_of_work() as session:
        queue = session.scalars(select(Queue).where(Queue.key == "sales")).one()
        set_policy(session, queue.id, quiet="00:00-24:00", per_slot=5)


def test_a_customer_hears_music_while_colleagues_consult_and_then_the_colleague(
    house: House, spoken: Talk, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    ana, caller = ana_and_caller
    ben = house.agent("Ben")
    spoken.say(caller, BROKEN, heard_by=[ana.phone])
    caller.forget_heard()
    does(ana, "transfer", to={"agent": ben.user.id}, warm=True, note="Wants another sofa")
    offer = house.until(lambda: ben.state()["offer"], "the colleague's desktop shows the call")
    assert (offer["role"], offer["handed"]["note"]) == ("consult", "Wants another sofa")
    assert offer["customer"] == ana.state()["call"]["customer"], "the same record"
    ben.phone.answer()
    talk_to_each_other(house, ana, ben)
    spoken.begins(caller, ALONE)
    spoken.say(ana.phone, ASKED, heard_by=[ben.phone], unheard_by=[caller])
    spoken.say(ben.phone, HELPS, heard_by=[ana.phone], unheard_by=[caller])
    spoken.is_unheard(ALONE, ana.phone, ben.phone)
    spoken.holds(caller.heard, absent=[ASKED, HELPS])
    does(ana, "consult/finish")
    ana.phone.wait_for("ended")
    talk(caller, ben)
    assert longest_silence_s(caller.heard) < LONGEST_PAUSE_S, "the customer is never in silence"
    spoken.say(ben.phone, GREETS, heard_by=[caller], unheard_by=[ana.phone])
    spoken.say(caller, THANKS, heard_by=[ben.phone], unheard_by=[ana.phone])
    wrap_up(house, ana)
    caller.hang_up()
    wrap_up(house, ben)
    assert_nothing_is_lost(house, most_offers=2, most_acceptances=2)
    customer, others = recorded(house)
    spoken.holds(customer, present=[BROKEN, THANKS], absent=[ASKED, HELPS])
    spoken.holds(others, present=[GREETS], absent=[ASKED, HELPS])


def test_a_customer_hears_music_while_their_agent_asks_a_queue_until_either_side_backs_out(
    house: House, spoken: Talk, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    """Nobody of the queue is free at first; then Ben is, whom Ana leaves, and once more, who leaves Ana."""
    ana, caller = ana_and_caller
    ben = house.agent("Ben")
    other = ring_in(house, "+15551230002")
    ben.phone.answer()
    talk(other, ben)
    caller.forget_heard()
    does(ana, "transfer", to={"queue": "sales"}, warm=True, note="Wants another sofa")
    house.until(lambda: in_seconds(caller.heard) > 4, "the customer hears the music")
    assert consult_state(ana) == "waiting"
    other.hang_up()
    wrap_up(house, ben)
    ben.phone.answer()
    talk_to_each_other(house, ana, ben)
    spoken.say(ana.phone, ASKED, heard_by=[ben.phone], unheard_by=[caller])
    spoken.say(ben.phone, HELPS, heard_by=[ana.phone], unheard_by=[caller])
    does(ana, "consult/back_out")
    ben.phone.wait_for("ended")
    talk(caller, ana)
    does(ana, "transfer", to={"queue": "sales"}, warm=True)
    ben.phone.answer()
    house.until(lambda: consult_state(ana) == "talking", "they talk again")
    does(ben, "consult/back_out")
    ben.phone.wait_for("ended")
    assert (ana.state()["call"]["state"], consult_state(ana)) == ("held", None), "Ana takes the customer back"
    does(ana, "hold", hold=False)
    talk(caller, ana)
    assert longest_silence_s(caller.heard) < LONGEST_PAUSE_S, "the customer is never in silence"
    caller.hang_up()
    wrap_up(house, ana)
    customer, others = recorded(house, of=CALLER)
    spoken.holds(customer, absent=[ASKED, HELPS])
    spoken.holds(others, absent=[ASKED, HELPS])


def test_a_parked_customer_comes_back_when_the_time_is_over_and_is_never_in_silence(
    house: House, spoken: Talk, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    """To whoever parked them; and to the front of the queue while that one is away."""
    ana, caller = ana_and_caller
    with unit_of_work() as session:
        session.execute(update(Queue).values(park_s=PARKED_S))
    spoken.say(caller, BROKEN, heard_by=[ana.phone])
    caller.forget_heard()
    does(ana, "park")
    ana.phone.wait_for("ended")
    ana.phone.answer()
    talk(caller, ana)
    does(ana, "park")
    ana.phone.wait_for("ended")
    ana.be("break", "lunch")
    house.until(lambda: interactions()[0].state == "queued", "they wait at the front")
    spoken.is_told(caller, "next in line")
    ana.be("available")
    ana.phone.answer()
    talk(caller, ana)
    assert longest_silence_s(caller.heard) < LONGEST_PAUSE_S, "the customer is never in silence"
    spoken.say(ana.phone, OFFERS, heard_by=[caller])
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house, most_offers=3, most_acceptances=3)


def test_a_phone_that_goes_away_leaves_the_customer_with_a_word_and_somebody_who_comes(
    house: House, spoken: Talk, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    """Ana is back in time and has the call again; the second time she stays away, and Ben has it."""
    ana, caller = ana_and_caller
    caller.forget_heard()
    ana.phone.vanish()
    spoken.is_told(caller, "one moment", "reconnecting")
    ana.new_phone().answer()
    talk(caller, ana)
    assert longest_silence_s(caller.heard) < LONGEST_PAUSE_S, "the customer is never in silence"
    spoken.say(caller, BROKEN, heard_by=[ana.phone])
    caller.forget_heard()
    ana.go()
    ana.phone.vanish()
    behind = ring_in(house, "+15551230002")
    house.until(lambda: interactions()[0].state == "queued", "they wait at the front", LONGEST_LOSS_S)
    ben = house.agent("Ben")
    ben.phone.answer()
    talk(caller, ben)
    assert longest_silence_s(caller.heard) < LONGEST_PAUSE_S, "the customer is never in silence"
    spoken.say(ben.phone, GREETS, heard_by=[caller], unheard_by=[behind])
    spoken.say(caller, THANKS, heard_by=[ben.phone], unheard_by=[behind])
    behind.hang_up()
    caller.hang_up()
    wrap_up(house, ben)


def test_a_coach_is_heard_by_the_agent_alone_and_is_on_no_recording(
    house: House, spoken: Talk, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    ana, caller = ana_and_caller
    sam = a_supervisor(house)
    joins(sam, "listen")
    sam.phone.answer()
    house.until(lambda: sam.state()["supervising"]["joined"], "the supervisor is in the call")
    spoken.begins(sam.phone, LISTENS)
    spoken.say(caller, BROKEN, heard_by=[ana.phone, sam.phone])
    spoken.is_unheard(LISTENS, ana.phone, caller)
    joins(sam, "coach")
    is_on_the_air(sam, ana.phone)
    assert ana.state()["call"]["supervisors"], "the agent is told"
    spoken.say(sam.phone, COACHES, heard_by=[ana.phone], unheard_by=[caller])
    spoken.say(ana.phone, OFFERS, heard_by=[caller, sam.phone])
    spoken.say(caller, ACCEPTS, heard_by=[ana.phone, sam.phone])
    spoken.holds(caller.heard, absent=[LISTENS, COACHES])
    assert most_of(caller.heard, SAM_HZ) < 0.01, "not a breath of the coach reaches the customer"
    caller.hang_up()
    sam.phone.wait_for("ended")
    wrap_up(house, ana)
    customer, others = recorded(house)
    spoken.holds(customer, present=[BROKEN, ACCEPTS], absent=[LISTENS, COACHES])
    spoken.holds(others, present=[OFFERS], absent=[LISTENS, COACHES])
    assert max(most_of(customer, SAM_HZ), most_of(others, SAM_HZ)) < 0.01


def test_a_supervisor_who_barges_in_is_heard_by_all_and_hears_all(
    house: House, spoken: Talk, ana_and_caller: tuple[Agent, ScriptedPhone]
) -> None:
    ana, caller = ana_and_caller
    sam = a_supervisor(house)
    joins(sam, "coach")
    sam.phone.answer()
    is_on_the_air(sam, ana.phone)
    joins(sam, "barge")
    is_on_the_air(sam, caller)
    spoken.say(sam.phone, BARGES, heard_by=[ana.phone, caller])
    spoken.say(ana.phone, OFFERS, heard_by=[sam.phone, caller])
    spoken.say(caller, ACCEPTS, heard_by=[ana.phone, sam.phone])
    joins(sam, "leave")
    sam.phone.wait_for("ended")
    talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house)
    customer, others = recorded(house)
    spoken.holds(others, present=[BARGES, OFFERS])
    spoken.holds(customer, present=[ACCEPTS], absent=[BARGES])
    kinds = [each.kind for each in read(select(Event).order_by(Event.id)) if each.kind.startswith("supervisor.")]
    assert kinds == ["supervisor.asked", "supervisor.joined", "supervisor.changed", "supervisor.left"]


def test_who_leaves_the_line_by_a_key_is_called_back_and_they_talk(
    house: House, spoken: Talk, calls_back: None
) -> None:
    ahead = ring_in(house, "+15551230002")
    caller = ring_in(house)
    spoken.is_told(caller, "without losing your place")  # at once, since somebody is ahead
    caller.press("1")
    spoken.is_told(caller, "call you back at")
    caller.press("1")
    spoken.is_told(caller, "as soon as")
    caller.wait_for("ended")
    ahead.hang_up()
    [call] = read(select(Interaction).where(Interaction.remote_address == CALLER, Interaction.direction == "inbound"))
    assert read(select(Callback))[0].virtual_start == call.virtual_start, "the place is kept"
    is_called_back_and_talks(house, spoken, caller)


def test_a_callback_for_later_is_moved_by_its_link_and_rings_at_its_new_time(
    house: House, spoken: Talk, calls_back: None
) -> None:
    caller = house.phone(CALLER)
    caller.dial(LINE)
    spoken.is_told(caller, "another time")
    caller.press("2")
    spoken.is_told(caller, "call you back at")
    caller.press("1")
    spoken.is_told(caller, "for", "press")
    caller.press("1")
    spoken.is_told(caller, "thank you", "call you back")
    [promised] = read(select(Callback))
    moved = moves_by_link(caller)
    house.until(lambda: caller.has_seen("ended"), "the caller has hung up")
    [callback] = read(select(Callback))
    assert callback.window_start > promised.window_start and callback.window_start.isoformat() == moved
    with unit_of_work() as session:  # the hours until then pass
        now = database_now(session)
        session.execute(update(Callback).values(window_start=now, due_at=now, virtual_start=now))
    is_called_back_and_talks(house, spoken, caller)


def consult_state(agent: Agent) -> str | None:
    """How far it is with whoever was asked, by the agent's desktop."""
    consult = agent.state()["call"]["consult"]
    return consult["state"] if consult else None


def in_seconds(mulaw: bytes) -> float:
    return len(mulaw) / 8000


def talk_to_each_other(house: House, ana: Agent, ben: Agent) -> None:
    """Both are in the consult and hear each other."""
    house.until(lambda: read(select(Consult).order_by(Consult.id))[-1].state == "talking", "they talk")
    for one, other, hertz in ((ana, ben, 440), (ben, ana, 1700)):
        one.phone.say(tone(hertz, 20), wait=False)
        other.phone.wait_to_hear(hertz)
        one.phone.fall_silent()


def is_on_the_air(sam: Agent, ear: ScriptedPhone) -> None:
    """The supervisor's microphone is open for this ear."""
    sam.phone.say(tone(SAM_HZ, 20), wait=False)
    ear.wait_to_hear(SAM_HZ)
    sam.phone.fall_silent()


def is_called_back_and_talks(house: House, spoken: Talk, caller: ScriptedPhone) -> None:
    """The agent's phone rings, then the customer's, who hears why, presses 1, and has the agent."""
    ana = house.agent("Ana")
    ana.phone.answer(SLOW_RING_S)
    caller.forget_heard()
    caller.answer(SLOW_RING_S)
    spoken.is_told(caller, "asked for")
    assert read(select(Callback.state)) == ["answered"], "nobody is connected who has not said so"
    caller.press("1")
    house.until(lambda: read(select(Callback.state)) == ["connected"], "the customer is connected")
    talk(caller, ana)
    spoken.say(ana.phone, OFFERS, heard_by=[caller])
    spoken.say(caller, ACCEPTS, heard_by=[ana.phone])
    caller.hang_up()
    wrap_up(house, ana)
    house.until(lambda: read(select(Callback.state)) == ["completed"], "the promise is kept")
    assert read(select(CallbackAttempt.outcome)) == ["connected"]


def moves_by_link(caller: ScriptedPhone) -> str:
    """Open the link of the text that came, choose the latest time there, and move; the time."""
    link = re.search(r"http://\S+/c/\S+", caller.wait_for("message", timeout_s=SLOW_RING_S)["body"])
    assert link is not None
    with httpx.Client(follow_redirects=True, timeout=20) as browser:
        page = browser.get(link[0]).text
        times = re.findall(r'<option value="(\d[^"]+)"', page)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert times and token is not None
        answer = browser.post(f"{link[0]}/move", data={"when": times[-1], "csrf_token": token[1]})
    assert answer.status_code == 200 and "We will call you back" in answer.text
    return str(times[-1])
