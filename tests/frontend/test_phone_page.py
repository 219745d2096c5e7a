"""The caller's phone in a real browser, on a real carrier: what the caller hears, presses, says and writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import expect
from twilio.rest import Client

from tests.frontend.conftest import Pages, Visitor
from tests.support.browser import Person
from tests.telephony.local_carrier.application import Application
from tests.telephony.local_carrier.conftest import Line, Phones, new_number
from tests.telephony.local_carrier.phone import tone, wav_of
from tests.telephony.local_carrier.running import RunningCarrier

pytestmark = pytest.mark.asyncio(loop_scope="module")

EAR_HZ = 8000
PATIENCE_S = 10.0


@pytest.fixture
def own(pages: Pages, carrier: RunningCarrier, line: Line) -> str:
    """The number the page is switched on with."""
    number = new_number()
    pages.config["PHONE"] = {"numbers": [number], "lines": [{"number": line.number, "label": "Northwind"}]}
    pages.config["LINE"] = lambda address: {
        "token": carrier.number_token(address),
        "address": address,
        "url": carrier.url.replace("http", "ws") + "/phone",
    }
    return number


@pytest_asyncio.fixture(loop_scope="module")
async def caller(own: str, visitor: Visitor) -> Person:
    """Somebody at the phone page, with the line up."""
    person = await visitor("/phone")
    await expect(person.page.get_by_text("Ready", exact=True)).to_be_visible()
    return person


async def hears(person: Person, hertz: int, since: float = 0) -> None:
    """Wait until the loudest thing in the last half second is this tone."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    loudest = 0.0
    while asyncio.get_running_loop().time() < deadline:
        sound = (await person.heard(since))[-EAR_HZ // 2 :].astype(float)
        if len(sound) == EAR_HZ // 2 and np.abs(sound).max() > 1000:
            spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
            loudest = float(np.argmax(spectrum)) * EAR_HZ / len(sound)
            if abs(loudest - hertz) < 12:
                return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{hertz} Hz was not heard; the loudest was {loudest} Hz")


async def asked(application: Application, path: str, **params: str) -> dict[str, str]:
    """Wait for a webhook without keeping the page waiting."""
    return (await asyncio.to_thread(application.wait_for, path, **params)).params


async def test_caller_dials_hears_the_prompt_and_presses_a_key(
    caller: Person, own: str, application: Application, line: Line, sounds: Callable[..., str]
) -> None:
    application.on("/voice", f'<Gather numDigits="1" action="/pressed"><Play>{sounds(700, 8.0)}</Play></Gather>')
    application.on("/pressed", f"<Play>{sounds(1300, 6.0)}</Play>")
    page = caller.page
    assert (await page.get_by_label("Number to call").input_value()).replace(" ", "") == line.number
    await page.get_by_role("button", name="Call", exact=True).click()
    first = await asked(application, "/voice")
    assert (first["From"], first["To"]) == (own, line.number)
    await expect(page.get_by_text("Connected")).to_be_visible()
    await hears(caller, 700)
    await page.keyboard.press("5")
    assert (await asked(application, "/pressed"))["Digits"] == "5"
    await hears(caller, 1300)
    await page.get_by_role("button", name="Hang up").click()
    assert (await asked(application, "/ended"))["CallStatus"] == "completed"
    await expect(page.get_by_role("button", name="Call", exact=True)).to_be_visible()
    assert caller.complaints == []


async def test_callers_voice_reaches_the_other_side_until_it_is_muted(
    caller: Person, application: Application, phones: Phones, line: Line, tmp_path: Path
) -> None:
    friend = phones.number()
    application.on("/voice", f"<Dial>{friend.address}</Dial>")
    page = caller.page
    await page.keyboard.press("Enter")
    await asyncio.to_thread(friend.answer)
    await expect(page.get_by_text("Connected")).to_be_visible()
    wav = tmp_path / "tone.wav"
    wav.write_bytes(wav_of(tone(900, 6.0)))
    speaking = asyncio.create_task(caller.say(wav))
    await asyncio.to_thread(friend.wait_to_hear, 900)
    await page.get_by_role("button", name="Mute").click()
    await expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    await asyncio.to_thread(friend.wait_for_silence)
    await speaking


async def test_caller_is_called_back_and_answers(
    caller: Person, own: str, client: Client, line: Line, sounds: Callable[..., str]
) -> None:
    twiml = f"<Response><Play>{sounds(1100, 6.0)}</Play></Response>"
    await asyncio.to_thread(client.calls.create, to=own, from_=line.number, twiml=twiml)
    page = caller.page
    await page.get_by_role("button", name="Answer").click()
    await hears(caller, 1100)
    await expect(page.locator("#call-title")).to_have_text("Northwind")


async def test_declined_call_ends_and_the_keypad_returns(caller: Person, own: str, client: Client, line: Line) -> None:
    call = await asyncio.to_thread(
        client.calls.create, to=own, from_=line.number, twiml="<Response><Pause/></Response>"
    )
    await caller.page.get_by_role("button", name="Decline").click()
    await expect(caller.page.get_by_label("Number to call")).to_be_visible()
    fetched = await asyncio.to_thread(client.calls(str(call.sid)).fetch)
    assert fetched.status == "busy"


async def test_call_that_nobody_can_take_says_so(caller: Person) -> None:
    await caller.page.get_by_label("Number to call").fill("+15550000000")
    await caller.page.get_by_role("button", name="Call", exact=True).click()
    await expect(caller.page.get_by_text("The call could not be connected")).to_be_visible()


async def test_number_that_is_none_is_not_dialled(caller: Person, application: Application) -> None:
    for number in ["", "911", "+0123", "client:agent_1", "x" * 300]:
        await caller.page.reload()
        await caller.page.get_by_label("Number to call").fill(number)
        await expect(caller.page.get_by_text("Ready", exact=True)).to_be_visible()
        await caller.page.get_by_role("button", name="Call", exact=True).click()
        await expect(caller.page.locator("#toasts")).to_contain_text("A number starts with +")
    assert application.requests("/voice") == []


async def test_texts_go_both_ways_and_say_what_became_of_them(
    caller: Person, own: str, client: Client, line: Line, application: Application
) -> None:
    page = caller.page
    await page.get_by_role("button", name="Messages").click()
    await page.get_by_label("Write a text").fill("Is anybody there? <b>😀</b>")
    await page.keyboard.press("Enter")
    assert (await asked(application, "/sms"))["Body"] == "Is anybody there? <b>😀</b>"
    texts = page.get_by_role("log")
    await expect(texts).to_contain_text("Is anybody there? <b>😀</b>")
    await expect(texts.locator(".bubble-state")).to_contain_text("Delivered")
    await asyncio.to_thread(client.messages.create, to=own, from_=line.number, body="We are here.")
    await expect(texts).to_contain_text("We are here.")
    await page.reload()
    await page.get_by_role("button", name="Messages").click()
    await expect(page.get_by_role("log")).to_contain_text("We are here.")


async def test_text_that_comes_while_dialling_is_counted(caller: Person, own: str, client: Client, line: Line) -> None:
    await asyncio.to_thread(client.messages.create, to=own, from_=line.number, body="Hello")
    await expect(caller.page.locator("#unread")).to_have_text("1")


async def test_line_that_breaks_comes_back_by_itself(caller: Person, carrier: RunningCarrier, own: str) -> None:
    before = carrier.port
    await asyncio.to_thread(carrier.kill)
    try:
        await expect(caller.page.get_by_text("Connecting", exact=True)).to_be_visible()
    finally:
        carrier.port = before
        await asyncio.to_thread(carrier.start)
    await expect(caller.page.get_by_text("Ready", exact=True)).to_be_visible(timeout=20_000)


async def test_another_number_is_used_when_it_is_one(caller: Person) -> None:
    page = caller.page
    await page.locator(".own-number").click()
    await page.get_by_label("Another number").fill("12345")
    await page.get_by_role("button", name="Use").click()
    await expect(page.get_by_text("A number starts with + and its country")).to_be_visible()
    await page.get_by_label("Another number").fill("+44 20 7946 0958")
    await page.get_by_role("button", name="Use").click()
    await expect(page.locator("#own-number")).to_have_text("+44 207 946 095 8")
    await expect(page.get_by_text("Ready", exact=True)).to_be_visible()
