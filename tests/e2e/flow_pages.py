"""An admin at the flow pages, and the line whose flow they change."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import numpy as np
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.people import SIGN_IN, Voices
from tests.support.browser import Person
from tests.telephony.local_carrier.phone import ScriptedPhone

LISTEN_EVERY_S = 0.4

BAKERY = """\
# The bakery's line. Rosa reads it on Mondays: leave this note where it is.
title: The bakery
languages: [en]
zone: America/New_York
start: welcome
fallback: message

nodes:
  welcome: # before anything else
    kind: say
    text:
      en: Welcome to the bakery.
    next: main_menu

  main_menu:
    kind: menu
    prompt:
      en: For bread, press 1. For cakes, press 2.
    retry_prompt: {en: "Bread is 1, cakes are 2."}
    timeout_s: 30 # whoever listens by transcript is slow on a busy machine
    choices:
      - key: 1
        words: {en: [bread, bred]} # recognisers hear bred, too
        to: bread
      - key: 2
        words: {en: [cake, cakes]}
        to: cakes
      - {key: 3, words: {en: [message]}, to: message}
    no_input: message
    no_match: message

  bread:
    kind: say
    text: {en: Our bread is baked at six.}
    next: goodbye

  cakes: # the queue is Rosa's
    kind: queue
    title: Cakes
    queue: sales
    before: {en: One moment please.}
    unanswered: message

  goodbye:
    kind: hangup
    say: {en: Goodbye.}
    goal: heard_hours

  message:
    kind: voicemail
    mailbox: sales
    prompt: {en: Please leave a message.}
"""
BAKERY_TEST_CALLS = """\
scenarios:
  - name: Bread by key
    call:
      - press: 1
      - hears: bread
    ends: {node: goodbye}
"""


class AdminDesk:
    """An admin in front of a flow."""

    def __init__(self, person: Person, flow: str) -> None:
        self.person, self.page, self.flow = person, person.page, flow

    @classmethod
    async def opens(cls, browser: Browser, base_url: str, email: str, flow: str) -> AdminDesk:
        """Signs in with a password on the way to a flow, and waits until its picture stands."""
        person = await Person.sits_down(browser, base_url, reduced_motion="reduce")
        desk = cls(person, flow)
        await desk.page.goto(f"/admin/flows/{flow}")
        await desk.page.fill("input[name=email]", email)
        await desk.page.fill("input[name=password]", SIGN_IN["password"])
        await desk.page.keyboard.press("Enter")
        await desk.picture_stands()
        return desk

    async def picture_stands(self) -> None:
        await expect(self.page.locator(".step").first).to_be_attached()

    def step(self, id_: str) -> Locator:
        return self.page.locator(f".step[data-step={id_}]")

    def way(self, label: str) -> Locator:
        """A way on the picture by what is written on it, or told of it."""
        return self.page.locator(".way", has_text=label)

    async def chooses(self, id_: str) -> None:
        """Find a step by its id and choose it, wherever it stands."""
        await self.page.locator(".diagram-search").fill(id_)
        await self.page.keyboard.press("Enter")
        await expect(self.page.locator(f".step[data-step={id_}].is-selected")).to_be_attached()

    async def writes(self, id_: str, words: str) -> None:
        """Change the English words of a step in its form."""
        await self.chooses(id_)
        await self.page.locator("#step-form .language-box textarea, #step-form .language-box input").first.fill(words)
        await self.is_saved()

    async def types_at(self, line: str, words: str) -> None:
        """Write at the end of the first line of the file that holds this."""
        await self.page.locator("#code").hover()
        place = self.page.locator(".cm-line", has_text=line).first
        for _ in range(60):  # the editor draws only what can be seen
            if await place.count():
                break
            await self.page.mouse.wheel(0, 240)
            await self.page.wait_for_timeout(30)
        await place.click()
        await self.page.keyboard.press("End")
        await self.page.keyboard.type(words)

    async def is_saved(self) -> None:
        await expect(self.page.locator("#draft-state")).to_contain_text("Draft saved")

    async def opens_tab(self, name: str) -> Locator:
        """Problems, tests, simulator, changes, history, trial, traffic: the panel, in sight."""
        tab = self.page.locator(f"#tab-{name}")
        if await tab.get_attribute("aria-selected") != "true":
            await tab.click()
        return self.page.locator(f"#panel-{name}")

    async def publishes(self, message: str) -> None:
        await self.page.click("#publish")
        dialog = self.page.get_by_role("dialog")
        await self.page.get_by_label("What changed, and why").fill(message)
        await dialog.get_by_role("button", name="Publish").click()
        await self.is_told("It is live.")
        await expect(self.page.locator("#draft-state")).to_contain_text("As it is live")

    async def is_told(self, words: str | re.Pattern[str]) -> None:
        await expect(self.page.locator("#toasts")).to_contain_text(words)

    async def presses(self, label: str) -> None:
        """A button by what it says, wherever it stands; in a dialog if one is open."""
        dialog = self.page.locator("dialog[open]")
        place: Page | Locator = dialog if await dialog.count() else self.page
        await place.get_by_role("button", name=label, exact=True).last.click()


async def caller_hears(phone: ScriptedPhone, voices: Voices, *wanted: str, within_s: float = 20) -> str:
    """Transcribe what a telephone has heard until all of these words were said; what was heard."""
    deadline, said, known = time.monotonic() + within_s, "", 0
    while time.monotonic() < deadline:
        await asyncio.sleep(LISTEN_EVERY_S)
        pcm = np.frombuffer(phone.heard_pcm16(), dtype="<i2")
        if len(pcm) - known < 8_000:  # a second more is worth a look
            continue
        known = len(pcm)
        said = await voices.words(pcm)
        if all(word in said for word in wanted):
            return said
    raise AssertionError(f"{wanted} was not heard, only: {said!r}")


def by_hand(file: Path, old: str, new: str) -> None:
    """Change a file as an editor does: a new one takes its place."""
    text = file.read_text()
    assert old in text
    put(file, text.replace(old, new))


def put(file: Path, text: str) -> None:
    """Write a file so that nobody reads half of it."""
    unfinished = file.with_suffix(".new")
    unfinished.write_text(text)
    unfinished.replace(file)
