"""The people of an end-to-end test, each at a real page of their own."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Browser, expect

from telephony.local_carrier.audio import pcm16_to_mulaw
from telephony.speech.recogniser import Recogniser
from telephony.speech.tts import Speaker
from tests.support.browser import Person
from tests.telephony.local_carrier.phone import has_tone

LATELY_MS = 14_000
LISTEN_EVERY_MS = 2_000  # each look costs half a second of processor time, which the call needs too
MENU_WORDS = ("press", "message", "sales", "support", "billing", "text", "what you need")
"""Of both menus. A recogniser misses some of them, so a few are enough."""
BEEP_HZ, BEEP_WITHIN_MS = 1_000, 1_500
BREATH_MS = 1_000  # people take one before they speak; by then both legs are in the room
SIGN_IN = {"password": "correct-horse-battery"}


class Voices:
    """Renders what people say, and understands what they hear."""

    def __init__(self) -> None:
        self.speaker = Speaker()
        self.recogniser = Recogniser()

    async def saying(self, text: str, language: str = "en", rate_hz: int = 24_000) -> Path:
        """A WAV of these words."""
        return await self.speaker.render(text, language, rate_hz=rate_hz)

    def wav(self, text: str) -> Path:
        """The same for a telephone (8 kHz, English), where nothing else goes on meanwhile."""
        return self.speaker.render_sync(text, "en")

    async def words(self, pcm16: np.ndarray[Any, Any]) -> str:
        """What was said in 16-bit mono at 8 kHz, in lower case without punctuation."""
        (result,) = await self.recogniser.transcribe(pcm16.tobytes(), rate_hz=8_000, language="en-US", channels=1)
        return _bare(result.text)

    def words_now(self, pcm16: np.ndarray[Any, Any]) -> str:
        """The same, where nothing else goes on meanwhile."""
        (result,) = self.recogniser.transcribe_sync(pcm16.tobytes(), rate_hz=8_000, language="en-US", channels=1)
        return _bare(result.text)


class CallerPage:
    """A caller at the phone page."""

    def __init__(self, person: Person, voices: Voices) -> None:
        self.person, self.page, self.voices = person, person.page, voices

    @classmethod
    async def opens(cls, browser: Browser, base_url: str, voices: Voices, number: str) -> CallerPage:
        person = await Person.sits_down(browser, base_url)
        caller = cls(person, voices)
        await caller.page.goto("/phone")
        await caller.page.click("[popovertarget=numbers-menu]")
        await caller.page.fill("#number-own", number)
        await caller.page.keyboard.press("Enter")
        await expect(caller.page.locator("#line-state")).to_contain_text("Ready", timeout=15_000)
        return caller

    async def dials(self, number: str) -> None:
        await self.page.fill("#to", number)
        await self.page.click("#dial")
        await self.is_told("Connected")

    async def is_told(self, words: str, within_s: float = 15) -> None:
        """The screen says how far the call is."""
        await expect(self.page.locator("#call-steps")).to_contain_text(words, timeout=within_s * 1000)

    async def presses(self, key: str) -> None:
        await self.page.keyboard.press(key)

    async def says(self, text: str, language: str = "en") -> None:
        await self.person.say(await self.voices.saying(text, language))

    async def hears(self, *wanted: str, since: float = 0, within_s: float = 25) -> str:
        """Listen until every one of these words was heard; what was heard."""
        return await hears(self.person, self.voices, wanted, since, within_s)

    async def hears_the_menu(self) -> None:
        """The menu is being spoken; its keys work from its first word."""
        await hears(self.person, self.voices, MENU_WORDS, 0, 25, enough=2)

    async def hears_the_beep(self, within_s: float = 30) -> None:
        """The tone after which a message is spoken."""
        deadline = asyncio.get_running_loop().time() + within_s
        while not beeps(await self.person.heard(await self.person.now() - BEEP_WITHIN_MS)):
            assert asyncio.get_running_loop().time() < deadline, "no beep was heard"
            await self.page.wait_for_timeout(200)

    async def leaves_a_message(self, text: str) -> None:
        """Speak after the beep, and hang up."""
        await self.hears_the_beep()
        await self.says(text)
        await self.page.wait_for_timeout(BREATH_MS)
        await self.hangs_up()

    async def hangs_up(self) -> None:
        await self.page.click("#hangup")

    async def texts(self, body: str) -> None:
        await self.page.click("[data-tab=texts]")
        await self.page.fill("#text-body", body)
        await self.page.keyboard.press("Enter")

    async def reads(self, body: str) -> None:
        await self.page.click("[data-tab=texts]")
        await expect(self.page.locator("#texts-list")).to_contain_text(body)


class AgentDesk:
    """An agent at the desktop."""

    def __init__(self, person: Person, voices: Voices) -> None:
        self.person, self.page, self.voices = person, person.page, voices

    @classmethod
    async def starts_shift(cls, browser: Browser, base_url: str, voices: Voices, email: str) -> AgentDesk:
        """Signs in with a password, starts the shift and is reachable."""
        person = await Person.sits_down(browser, base_url)
        desk = cls(person, voices)
        await desk.page.goto("/desktop")
        await desk.page.fill("input[name=email]", email)
        await desk.page.fill("input[name=password]", SIGN_IN["password"])
        await desk.page.keyboard.press("Enter")
        await expect(desk.page.locator("#start-shift")).to_be_visible()
        await desk.page.click("#start-shift")
        await desk.is_reachable()
        return desk

    async def is_reachable(self) -> None:
        await expect(self.page.locator("#reach")).to_contain_text("you will ring", timeout=20_000)

    async def rings(self, who: str, within_s: float = 20) -> None:
        """The card shows the caller, with their record behind it."""
        await expect(self.page.locator("#ring")).to_contain_text(who, timeout=within_s * 1000)
        await expect(self.page.locator("#person")).to_contain_text(who)

    async def answers(self) -> None:
        await self.page.locator("#ring").get_by_role("button", name=re.compile("Answer")).click()
        await self.talks()
        await self.page.wait_for_timeout(BREATH_MS)

    async def talks(self, within_s: float = 15) -> None:
        await expect(self.page.locator("#call-bar")).to_contain_text("Talking", timeout=within_s * 1000)

    async def says(self, text: str, language: str = "en") -> None:
        await self.person.say(await self.voices.saying(text, language))

    async def hears(self, *wanted: str, since: float = 0, within_s: float = 25) -> str:
        """Listen until every one of these words was heard; what was heard."""
        return await hears(self.person, self.voices, wanted, since, within_s)

    async def sees_live(self, words: str, within_s: float = 25) -> None:
        """The live transcript shows these words."""
        await expect(self.page.locator("#live-turns")).to_contain_text(
            re.compile(words, re.IGNORECASE), timeout=within_s * 1000
        )

    async def does(self, what: str) -> None:
        """A button of the call bar: hold, mute, hangup."""
        await self.page.click(f"#call-bar [data-do={what}]")

    async def wraps_up(self, letters: str, label: str) -> None:
        """Choose an outcome by typing two letters, and finish."""
        await self.page.click("#tab-wrap")
        await self.page.fill("#disposition", letters)
        await self.page.keyboard.press("Enter")
        await expect(self.page.locator("#disposition")).to_have_value(label)
        await self.page.click("#wrap-done")
        await expect(self.page.locator("#call-bar")).to_be_hidden()

    async def texts(self, body: str) -> None:
        await self.page.click("#tab-text")
        await self.page.fill("#compose-input", body)
        await self.page.click("#compose-send")

    async def opens_record_of(self, number: str) -> None:
        """Finds a customer by number."""
        await self.page.fill("#search", re.sub(r"\D", "", number)[-7:])
        await self.page.locator("#search-results").get_by_text(number).first.click()

    async def sees_message(self, words: str) -> None:
        """The record has a message with these words in its transcript."""
        await self.sees_on_record("Left a message")
        player = self.page.locator("#line .player")
        await expect(player).to_contain_text(words, timeout=60_000, ignore_case=True)

    async def sees_on_record(self, words: str, within_s: float = 20) -> None:
        await expect(self.page.locator("#line")).to_contain_text(words, timeout=within_s * 1000)


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9' ]", "", text.lower())


def beeps(pcm16: np.ndarray[Any, Any]) -> bool:
    """Whether a tenth of a second of this (8 kHz) is little else than the beep."""
    window = 800
    stretches = (pcm16[start : start + window] for start in range(0, len(pcm16) - window + 1, window // 2))
    return any(has_tone(pcm16_to_mulaw(stretch.tobytes()), BEEP_HZ, share=0.6) for stretch in stretches)


async def hears(
    person: Person, voices: Voices, wanted: tuple[str, ...], since: float, within_s: float, enough: int | None = None
) -> str:
    """Transcribe what came out of the page lately until every word of `wanted` is there, or `enough` of them."""
    said = ""
    deadline = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < deadline:
        await person.page.wait_for_timeout(LISTEN_EVERY_MS)
        since = max(since, await person.now() - LATELY_MS)
        said = await voices.words(await person.heard(since))
        if sum(word in said for word in wanted) >= (enough or len(wanted)):
            return said
    raise AssertionError(f"{wanted} was not heard, only: {said!r}")
