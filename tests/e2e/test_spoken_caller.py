"""The simulator's caller speaks: a microphone, the real application and its recogniser, a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.people import Voices
from tests.support.flow_desk import FlowDesk, flow_desk

FLOW = """\
title: Front door
start: menu
fallback: desk

nodes:
  menu:
    kind: menu
    prompt: For sales, press 1 or say sales.
    choices:
      - {key: 1, words: [sales], to: desk}

  desk:
    kind: queue
    queue: sales
    unanswered: message

  message:
    kind: voicemail
    prompt: Leave a message.
    mailbox: sales
"""


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[FlowDesk]:
    yield from flow_desk(database, tmp_path, {"front": FLOW})


async def test_an_admin_speaks_to_a_draft_and_the_call_goes_on(
    desk: FlowDesk, browser: Browser, voices: Voices
) -> None:
    person = await desk.admin_at(browser, "/admin/flows/front")
    page = person.page
    await page.click("#tab-simulator")
    await expect(page.locator(".sim-log")).to_contain_text("For sales, press 1 or say sales.")
    wav = await voices.saying("I would like to talk to sales.")
    speak = page.get_by_role("button", name="Speak")
    await speak.click()
    await expect(page.get_by_role("button", name="Listening: click to end")).to_have_attribute("aria-pressed", "true")
    await person.say(wav)
    said = page.locator(".sim-act")
    await expect(said).to_contain_text(re.compile("says “.*sales", re.IGNORECASE), timeout=60_000)  # models are loaded
    await expect(said).to_contain_text(re.compile(r"heard with \d+ %"))
    await expect(page.locator(".sim-state")).to_contain_text("Waits in the queue")
    await expect(speak).to_have_attribute("aria-pressed", "false")
    assert person.complaints == []


async def test_a_person_who_says_nothing_is_told_so(desk: FlowDesk, browser: Browser) -> None:
    person = await desk.admin_at(browser, "/admin/flows/front")
    page = person.page
    await page.click("#tab-simulator")
    await page.get_by_role("button", name="Speak").click()
    await page.get_by_role("button", name="Listening: click to end").click()
    await expect(page.locator("#toasts")).to_contain_text("Nothing was heard")
    await expect(page.locator(".sim-act")).to_have_count(0)
