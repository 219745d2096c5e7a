"""A call handed on and supervised at real desktops: two agents, a supervisor with the floor beside their phone.

The customer has a plain telephone, in whose ear the words are looked for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from app.customers.models import Note
from app.db import unit_of_work
from tests.e2e.conftest import a_colleague, an_agent
from tests.e2e.people import AgentDesk, Voices
from tests.e2e.spoken import Talk
from tests.faults.calls import CALLER, ring_in
from tests.faults.conftest import house
from tests.support.house import House
from tests.support.people import a_customer, a_person
from tests.telephony.local_carrier.phone import ScriptedPhone

__all__ = ["house"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ASKS = "Benjamin, this customer wants another router, can you help her?"
HELPS = "Good morning, this is Benjamin speaking, your router comes tomorrow."
THANKS = "Thank you very much, tomorrow morning would be perfect."
COACHES = "Remember to mention the longer warranty before they hang up."


@pytest.fixture(scope="module")
def running_house(database_url: str, tmp_path_factory: Any, speech_cache: Path) -> Iterator[House]:
    """It need not understand speech: we do."""
    house = House(database_url, tmp_path_factory.mktemp("house"), speech_cache=speech_cache).open()
    yield house
    house.close()


@dataclass
class People:
    """Ana takes the calls, Ben is asked, Sam watches the floor."""

    ana: AgentDesk
    ben: AgentDesk
    sam: AgentDesk
    floor: Page
    """Sam's second tab."""


@pytest.fixture
async def people(house: House, browser: Browser, voices: Voices) -> People:
    """Three people at their desks, and a customer who is known."""
    emails = [
        an_agent(house, "Ana Souza"),
        a_colleague(house, "Ben Okafor", "agent"),
        a_colleague(house, "Sam Reed", "supervisor"),
    ]
    with unit_of_work() as session:
        mira = a_customer(session, CALLER, "Mira Chen")
        session.add(Note(customer_id=mira.id, author_id=a_person("agent", name="Cho Min").id, body="Prefers mornings"))
    base = house.front.url
    ana, ben, sam = await asyncio.gather(*(AgentDesk.starts_shift(browser, base, voices, email) for email in emails))
    floor = await sam.page.context.new_page()
    await floor.goto("/supervisor")
    await expect(floor.locator("#live-state")).to_have_text("Live")
    return People(ana, ben, sam, floor)


async def test_a_call_is_handed_on_with_its_record_and_supervised_from_the_floor(
    house: House, people: People, voices: Voices
) -> None:
    ana, ben, sam, floor, talk = people.ana, people.ben, people.sam, people.floor, Talk(voices)
    caller = await asyncio.to_thread(ring_in, house)
    await ana.rings("Mira Chen")
    await ana.answers()

    await asks_first(ana, "ben", "Wants another router")
    await ben.rings("Mira Chen")
    card = ben.page.locator("#ring")
    await expect(card).to_contain_text("Ana Souza asks you")
    await expect(card).to_contain_text("Wants another router")
    await ben.sees_on_record("Prefers mornings")
    await card.get_by_role("button", name=re.compile("Answer")).click()
    await expect(ana.page.locator("#consult-bar")).to_contain_text(
        "You talk with Ben Okafor. The customer hears music."
    )
    await expect(ben.page.locator("#consult-bar")).to_contain_text("does not hear you")
    caller.forget_heard()
    began = await ben.person.now()
    await ana.says(ASKS)
    await ben.hears("another router", since=began)
    await asyncio.to_thread(talk.holds, caller.heard, absent=[ASKS])

    await ana.page.get_by_role("button", name="Hand over").click()
    await ben.talks()
    await ana.wraps_up("do", "Done")
    await ana.is_reachable()
    await expect(floor.locator("tr.agent", has_text="Ben Okafor")).to_contain_text("Mira Chen")
    await says_until_heard(ben, talk, caller)
    began = await ben.person.now()
    await asyncio.to_thread(caller.say, voices.wav(THANKS))
    await ben.hears("thank you very much", since=began)

    await steers(floor, "Ben Okafor", "Listen")
    own = sam.page.locator("#supervise-bar")
    await expect(own).to_contain_text("You listen to Ben Okafor: nobody hears you.")
    await steers(floor, "Ben Okafor", "Coach Ben Okafor")
    await expect(own).to_contain_text("You coach Ben Okafor: nobody else hears you.")
    await expect(ben.page.locator("#consult-bar")).to_contain_text("Sam Reed coaches you: nobody else hears them.")
    await expect(floor.locator("tr.agent", has_text="Ben Okafor")).to_contain_text("Sam Reed")
    caller.forget_heard()
    began = await ben.person.now()
    await sam.says(COACHES)
    await ben.hears("warranty", since=began)
    await asyncio.to_thread(talk.holds, caller.heard, absent=[COACHES])
    await steers(floor, "Ben Okafor", "Leave the call")
    await expect(own).to_be_hidden()

    await ben.does("hangup")
    await asyncio.to_thread(caller.wait_for, "ended")
    await ben.wraps_up("do", "Done")
    await ben.sees_on_record("pressed 1")
    await ben.sees_on_record("Ben Okafor")
    for desk in (ana, ben, sam):
        assert desk.person.complaints == []


async def asks_first(desk: AgentDesk, whom: str, note: str) -> None:
    """The dialog for handing on, by the keyboard."""
    await desk.page.keyboard.press("Control+Shift+X")
    await expect(desk.page.locator("#transfer-list [role=option]").first).to_be_visible()
    await desk.page.keyboard.type(whom)
    await desk.page.get_by_label("What they should know").fill(note)
    await desk.page.get_by_role("button", name="Ask first").click()
    await expect(desk.page.locator("#transfer-dialog")).to_be_hidden()


async def steers(floor: Page, agent: str, what: str) -> None:
    """A button of an agent's menu on the floor."""
    row = floor.locator("tr.agent", has_text=agent)
    await row.get_by_role("button").click()
    await floor.get_by_role("menuitem", name=what, exact=True).click()


async def says_until_heard(desk: AgentDesk, talk: Talk, caller: ScriptedPhone) -> None:
    """The customer is back from the music and hears who they talk to now."""
    caller.forget_heard()
    await desk.says(HELPS)
    await asyncio.to_thread(talk.is_told, caller, "benjamin", "tomorrow")
