"""A conversation between two browsers: how late each hears the other, and how well it is understood afterwards.

Real pages, real processes. Mouth to ear: from a tone's first sample in one page's microphone to its first sample at the
other page's loudspeaker. Understood: word error rate of what arrived at either end, beside that of the same speech
brought to a telephone's sound and transcribed directly. Goal: p95 under 150 ms.
"""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from _common import database, folder, machine, percentile, show

from app.config import ROOT
from app.db import unit_of_work
from app.routing.models import Queue
from telephony.local_carrier.audio import decode, encode
from tests.e2e.conftest import an_agent
from tests.e2e.people import AgentDesk, CallerPage, Voices
from tests.support.browser import Person, chromium
from tests.support.house import LINE, House

BEEPS = 20
BEEP_HZ, BEEP_S, GAP_MS = 1_000, 0.08, 1_000
SETTLING_MS = 1_500
CALLER = "+15550142030"
SAID = [
    "Good morning, this is Ana. How can I help you today?",
    "I can see your order from last Tuesday on my screen.",
    "The technician will come to your house on Friday afternoon.",
    "I would like to order a new internet plan for my house.",
    "My router has been broken since the storm last weekend.",
    "Could you please send me the bill by email next month?",
    "Let me check whether the package has left the warehouse yet.",
    "Please hold the line while I talk to my colleague in billing.",
    "We will refund the money to your bank account within a week.",
    "The red light on the front of the box should stop blinking.",
    "Can you tell me the first line of your address, please?",
    "There was a mistake in the invoice that we sent to you.",
    "Our office is closed on public holidays and every Sunday.",
    "You can change your password on the website at any time.",
    "Thank you for waiting, I have found the answer to your question.",
    "The delivery was late because the truck broke down on the way.",
    "I am very sorry about the trouble that this has caused you.",
    "Would you like a receipt for the payment you made yesterday?",
    "Somebody from our team will call you back before noon tomorrow.",
    "The new phone works well but the battery does not last long.",
]


async def mouth_to_ear(mouth: Person, ear: Person) -> list[float]:
    """How late each of many tones was heard, in ms; those that were never heard are left out."""
    took = []
    for _ in range(BEEPS):
        hears = asyncio.create_task(ear.page.evaluate("window.__nextSound(2000)"))
        began = await mouth.page.evaluate("([hz, s]) => window.__beep(hz, s)", [BEEP_HZ, BEEP_S])
        heard = await hears
        if heard is not None:
            took.append(heard - began)
        await mouth.page.wait_for_timeout(GAP_MS)
    return took


async def understood(mouth: Person, ear: Person, voices: Voices, lines: Sequence[str]) -> tuple[float, float]:
    """Word error rates of these lines: as they arrived, and transcribed from the same telephone sound directly."""
    across = direct = words = 0
    for line in lines:
        wav = await voices.saying(line)
        began = await ear.now()
        await mouth.say(wav)
        await ear.page.wait_for_timeout(SETTLING_MS)
        across += errors(line, await voices.words(await ear.heard(began)))
        direct += errors(line, await voices.words(as_telephoned(wav)))
        words += len(plain(line))
    return across / words, direct / words


def as_telephoned(wav: Path) -> np.ndarray[Any, Any]:
    """A file as a line without any loss carries it: 8 kHz, mu-law."""
    with wave.open(str(wav)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
    return decode(encode(soxr.resample(samples, file.getframerate(), 8_000)))


def plain(text: str) -> list[str]:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter in " '").split()


def errors(said: str, heard: str) -> int:
    """Words put in, left out or changed (Levenshtein's distance)."""
    wanted, found = plain(said), plain(heard)
    row = list(range(len(found) + 1))
    for number, word in enumerate(wanted, 1):
        diagonal, row[0] = row[0], number
        for place, other in enumerate(found, 1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (word != other))
    return row[-1]


async def converse(house: House) -> None:
    voices = Voices()
    email = an_agent(house, "Ana Souza")
    async with chromium() as browser:
        agent = await AgentDesk.starts_shift(browser, house.front.url, voices, email)
        caller = await CallerPage.opens(browser, house.front.url, voices, CALLER)
        await caller.dials(LINE)
        await caller.hears_the_menu()
        await caller.presses("1")
        await agent.rings("+1 555 014 2030", within_s=40)
        await agent.answers()
        await caller.page.wait_for_timeout(SETTLING_MS)
        took = await mouth_to_ear(caller.person, agent.person) + await mouth_to_ear(agent.person, caller.person)
        show("tones heard of those spoken", 100 * len(took) / (2 * BEEPS), "%")
        show("mouth to ear of a browser pair, p50", percentile(took, 50), "ms")
        show("mouth to ear of a browser pair, p95", percentile(took, 95), "ms", "goal < 150")
        for who, mouth, ear in (("agent", agent.person, caller.person), ("caller", caller.person, agent.person)):
            across, direct = await understood(mouth, ear, voices, SAID)
            show(f"word error rate, {who} heard over the call", 100 * across, "%")
            show(f"word error rate, {who} transcribed directly", 100 * direct, "%")
    voices.recogniser.close_sync()


def main() -> None:
    machine()
    with database() as url, folder() as here:
        house = House(url, here, hears=True, flows=ROOT / "ivr_flows" / "flows")
        house.furnish()
        with unit_of_work() as session:
            session.add_all(Queue(key=key, name=key.title()) for key in ("support", "billing"))
        try:
            house.open()
            asyncio.run(converse(house))
        finally:
            house.close()


if __name__ == "__main__":
    main()
