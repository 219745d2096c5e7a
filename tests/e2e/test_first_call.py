"""The first call, with real pages, real audio and real processes."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import CLOSED_LINE, nobody_answers
from tests.e2e.people import AgentDesk, CallerPage, Voices
from tests.e2e.spoken import Talk
from tests.faults.calls import interactions, talk
from tests.support.house import LINE, House
from tests.support.in_hand import recorded

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

CALLER = "+1 555 014 2030"


async def test_a_caller_who_presses_1_talks_to_an_agent_and_all_of_it_is_on_the_record(
    agent: AgentDesk, caller: CallerPage
) -> None:
    await caller.dials(LINE)
    await caller.hears_the_menu()
    await caller.presses("1")
    await agent.rings(CALLER)
    await expect(agent.page.locator("#ring")).to_contain_text("Sales")
    await agent.answers()

    began = await caller.person.now()
    await agent.says("Good morning, this is Ana. How can I help you today?")
    await caller.hears("how can i help", since=began)
    answered = await agent.person.now()
    await caller.says("I would like to order a new internet plan for my house.")
    await agent.hears("internet", "house", since=answered)
    await agent.sees_live("how can I help")
    await agent.sees_live("internet plan")

    await agent.does("hangup")
    await caller.is_told("Call ended")
    await agent.wraps_up("sa", "Sale made")
    await agent.sees_on_record("pressed 1")
    await agent.sees_on_record("Sale made")
    player = agent.page.locator("#line .player")
    await expect(player).to_be_visible(timeout=60_000)
    await expect(player).to_contain_text("internet plan", timeout=60_000, ignore_case=True)
    await expect(player).to_contain_text("how can I help", ignore_case=True)

    await agent.texts("Thank you for your order. Your plan starts on Monday.")
    await caller.reads("Your plan starts on Monday.")
    await caller.texts("Great, see you then!")
    await agent.sees_on_record("Great, see you then!")
    assert agent.person.complaints == []
    assert caller.person.complaints == []


async def test_a_caller_who_says_sales_reaches_sales(agent: AgentDesk, caller: CallerPage) -> None:
    await caller.dials(LINE)
    await caller.hears_the_menu()
    await caller.says("I want to talk to sales please.")
    await agent.rings(CALLER, within_s=30)
    await expect(agent.page.locator("#ring")).to_contain_text("said")
    await agent.answers()
    await caller.hangs_up()
    await expect(agent.page.locator("#call-bar")).to_contain_text("Wrap-up", timeout=10_000)


async def test_a_caller_who_gives_up_while_it_rings_frees_the_agent_and_is_remembered(
    agent: AgentDesk, caller: CallerPage
) -> None:
    await caller.dials(LINE)
    await caller.hears_the_menu()
    await caller.presses("1")
    await agent.rings(CALLER)
    await caller.hangs_up()
    await expect(agent.page.locator("#ring")).to_be_hidden()
    await agent.is_reachable()
    await agent.opens_record_of(CALLER)
    await agent.sees_on_record("Gave up waiting")


async def test_a_caller_out_of_hours_leaves_a_message_that_is_on_the_record(
    agent: AgentDesk, caller: CallerPage
) -> None:
    await caller.dials(CLOSED_LINE)
    await caller.hears_the_menu()
    await caller.presses("1")
    await caller.leaves_a_message("This is Mira Chen. Please call me back about my broken router.")
    await agent.opens_record_of(CALLER)
    await agent.sees_message("broken router")


async def test_a_caller_whom_nobody_answers_in_time_leaves_a_message(agent: AgentDesk, caller: CallerPage) -> None:
    nobody_answers("billing", max_wait_s=6)
    await caller.dials(LINE)
    await caller.hears_the_menu()
    await caller.presses("3")
    await caller.leaves_a_message("Please call me back about my last invoice.")
    await agent.opens_record_of(CALLER)
    await agent.sees_on_record("Billing")
    await agent.sees_message("invoice")


async def test_an_agent_who_reloads_in_mid_call_is_rung_again_and_the_call_goes_on(
    agent: AgentDesk, caller: CallerPage
) -> None:
    await caller.dials(LINE)
    await caller.hears_the_menu()
    await caller.presses("1")
    await agent.rings(CALLER)
    await agent.answers()
    lost = await caller.person.now()
    await agent.page.reload()
    await agent.talks(within_s=30)
    await caller.hears("moment", since=lost)
    began = await caller.person.now()
    await agent.says("Sorry about that, I am back now and we can go on.")
    await caller.hears("back", since=began)
    await agent.does("hangup")
    await caller.is_told("Call ended")


# The same by plain telephones, without pages


def test_a_caller_by_telephone_who_says_sales_talks_to_an_agent_in_words(house: House, voices: Voices) -> None:
    spoken = Talk(voices)
    ana = house.agent("Ana")
    caller = house.phone("+15550142030")
    caller.dial(LINE)
    spoken.is_told(caller, "press")
    caller.say(voices.wav("I want to talk to sales please."))
    ana.phone.answer(timeout_s=30)
    talk(caller, ana)
    spoken.say(ana.phone, "Good morning, this is Ana. How can I help you today?", heard_by=[caller])
    spoken.say(caller, "I would like to order a new internet plan for my house.", heard_by=[ana.phone])
    caller.hang_up()
    [call] = interactions()
    house.until(lambda: ana.state()["call"]["state"] == "wrapping", "the talk is over")
    ana.wrap_up(call.id, "SALE")
    assert any("said" in stop for stop in call.context["path"]), call.context["path"]


def test_a_caller_by_telephone_out_of_hours_leaves_a_message_in_words(house: House, voices: Voices) -> None:
    spoken, message = Talk(voices), "Please call me back about my broken router."
    caller = house.phone("+15550142030")
    caller.dial(CLOSED_LINE)
    spoken.is_told(caller, "message")
    caller.press("1")
    spoken.is_asked_to_speak(caller)
    caller.say(voices.wav(message))
    caller.hang_up()
    [said] = recorded(house)
    spoken.holds(said, present=[message])
    assert interactions()[0].state == "voicemail"
