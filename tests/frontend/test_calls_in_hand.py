"""Handing calls on, in a real browser over example states: what is shown, what the keys do, what is sent."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.frontend import examples
from tests.frontend.conftest import Pages, Visitor
from tests.frontend.test_desktop_page import at_desk, sent

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = f"calls/{examples.CALL}"


async def opened(visitor: Visitor) -> Page:
    """The dialog, with its people."""
    person = await at_desk(visitor, "call")
    await expect(person.page.locator("#call-bar")).to_contain_text("Mira Chen")
    await person.page.keyboard.press("Control+Shift+X")
    await expect(person.page.locator("#transfer-list [role=option]").first).to_be_visible()
    return person.page


async def posted(page: Page, pages: Pages, path: str) -> object:
    """The one body that was posted there."""
    for _ in range(50):
        if found := sent(pages, path):
            return found[0]
        await page.wait_for_timeout(20)
    raise AssertionError(f"nothing was sent to {path}, only {pages.config['SENT']}")


async def test_the_dialog_shows_people_with_their_state_and_queues_with_their_wait(visitor: Visitor) -> None:
    page = await opened(visitor)
    rows = page.locator("#transfer-list [role=option]")
    await expect(rows).to_have_text(
        [
            "Ben OkaforFree",
            "Cho MinBusy",
            "Dora KleinOn a break",
            "Billing4 waiting, 0 free",
            "Support0 waiting, 2 free",
            "Main lineFlow",
        ]
    )
    await expect(page.locator("#transfer-to")).to_be_focused()
    await expect(page.get_by_role("button", name="Ask first")).to_be_enabled()


@pytest.mark.parametrize(
    ("typed", "keys", "path", "body"),
    [
        ("ben", ["Enter"], "transfer", {"to": {"agent": 8}, "warm": True}),
        ("ben", ["Control+Enter"], "transfer", {"to": {"agent": 8}, "warm": False}),
        ("billing", ["Enter"], "transfer", {"to": {"queue": "billing"}, "warm": False}),
        ("main", ["Enter"], "transfer", {"to": {"flow": "main"}, "warm": False}),
        ("+1 555 999 0000", ["Control+Enter"], "transfer", {"to": {"number": "+1 555 999 0000"}, "warm": False}),
        ("", ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "Enter"], "transfer",
         {"to": {"queue": "support"}, "warm": False}),
    ],
    ids=["ask a colleague", "send to a colleague", "queue", "flow", "number", "with the arrows"],
)  # fmt: skip
async def test_a_call_is_handed_on_by_the_keyboard_alone(
    visitor: Visitor, pages: Pages, typed: str, keys: list[str], path: str, body: object
) -> None:
    page = await opened(visitor)
    await page.keyboard.type(typed)
    for key in keys:
        await page.keyboard.press(key)
    assert await posted(page, pages, f"{CALL}/{path}") == body
    await expect(page.locator("#transfer-dialog")).to_be_hidden()


async def test_words_for_the_colleague_go_along(visitor: Visitor, pages: Pages) -> None:
    page = await opened(visitor)
    await page.get_by_label("What they should know").fill("Wants the router exchanged")
    await page.get_by_role("button", name="Add to the call").click()
    sent_ = await posted(page, pages, f"{CALL}/third")
    assert sent_ == {"to": {"agent": 8}, "warm": False, "note": "Wants the router exchanged"}


async def test_a_colleague_who_is_busy_can_be_read_about_and_not_chosen(visitor: Visitor) -> None:
    page = await opened(visitor)
    await page.keyboard.type("cho")
    for name in ("Ask first", "Transfer now", "Add to the call"):
        await expect(page.get_by_role("button", name=name)).to_be_disabled()


async def test_a_refused_transfer_says_why_and_the_dialog_stays(visitor: Visitor) -> None:
    page = await opened(visitor)
    why = "Your colleague has just been given another call. The customer is still with you."
    await page.route(
        "**/transfer",
        lambda route: route.fulfill(status=409, json={"error": {"code": "agent_busy", "message": why}}),
    )
    await page.keyboard.press("Enter")
    await expect(page.locator("#transfer-problem")).to_have_text(why)
    await expect(page.locator("#transfer-dialog")).to_be_visible()


@pytest.mark.parametrize(
    ("case", "chord", "path", "body"),
    [
        ("call", "Control+Shift+5", "park", {}),
        ("call", "Control+Shift+6", "help", {"help": True}),
        ("coached", "Control+Shift+6", "help", {"help": False}),
        ("consult", "Control+Shift+2", "consult/finish", {}),
        ("consult", "Control+Shift+3", "third", {}),
        ("consult", "Control+Shift+4", "consult/back_out", {}),
        ("consult-rings", "Control+Shift+4", "consult/back_out", {}),
        ("joined", "Control+Shift+2", "consult/finish", {}),
        ("consulted", "Control+Shift+4", "consult/back_out", {}),
    ],
)
async def test_every_step_has_a_chord(
    visitor: Visitor, pages: Pages, case: str, chord: str, path: str, body: object
) -> None:
    person = await at_desk(visitor, case)
    await expect(person.page.locator("#call-bar")).to_contain_text("Mira Chen")
    await person.page.keyboard.press(chord)
    assert await posted(person.page, pages, f"{CALL}/{path}") == body


@pytest.mark.parametrize(
    ("case", "words", "buttons"),
    [
        ("consult-rings", "Ben Okafor: ringing", ["Stop ringing"]),
        (
            "consult",
            "You talk with Ben Okafor. The customer hears music.",
            ["Hand over", "All together", "Without Ben Okafor"],
        ),
        ("joined", "You, Ben Okafor and the customer talk together.", ["Hand over", "Without Ben Okafor"]),
        ("consulted", "Ben Okafor asks you. The customer hears music and does not hear you.", ["Leave"]),
    ],
)
async def test_the_consult_bar_says_who_hears_whom(visitor: Visitor, case: str, words: str, buttons: list[str]) -> None:
    person = await at_desk(visitor, case)
    bar = person.page.locator("#consult-bar")
    await expect(bar.get_by_role("status")).to_have_text(words)
    await expect(bar.get_by_role("button")).to_have_text(buttons)
    assert person.complaints == []


async def test_during_a_consult_nothing_can_be_pressed_that_would_surprise_the_customer(visitor: Visitor) -> None:
    person = await at_desk(visitor, "consult")
    bar = person.page.locator("#call-bar")
    for name in ("Take back", "Transfer", "Park"):
        await expect(bar.get_by_role("button", name=name)).to_be_disabled()
    person = await at_desk(visitor, "consulted")
    await expect(person.page.locator("#call-bar").get_by_role("button", name="Hang up")).to_have_count(0)


async def test_a_consult_rings_with_who_asks_and_why(visitor: Visitor) -> None:
    person = await at_desk(visitor, "ringing-consult")
    card = person.page.locator("#ring")
    await expect(card).to_contain_text("Mira Chen")
    await expect(card).to_contain_text("Ben Okafor asks you")
    await expect(card).to_contain_text("Wants the router exchanged")


async def test_the_agent_sees_who_coaches_and_that_help_was_asked_for(visitor: Visitor) -> None:
    person = await at_desk(visitor, "coached")
    await expect(person.page.locator("#consult-bar")).to_contain_text("Sam Reed coaches you: nobody else hears them.")
    await expect(person.page.locator("#call-bar [data-do=help]")).to_have_attribute("aria-pressed", "true")


async def test_a_parked_call_is_taken_up_from_the_list(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "parked")
    await person.page.get_by_role("button", name="Take up").first.click()
    assert await posted(person.page, pages, f"{CALL}/unpark") == {}


async def test_a_supervisor_changes_how_they_are_heard(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "supervising")
    bar = person.page.locator("#supervise-bar")
    await expect(bar).to_contain_text("You listen to Ben Okafor: nobody hears you.")
    await expect(bar.get_by_role("button", name="Listen")).to_have_attribute("aria-pressed", "true")
    await bar.get_by_role("button", name="Coach").click()
    assert await posted(person.page, pages, f"{CALL}/join") == {"mode": "coach"}


async def test_a_wrap_up_is_made_a_minute_longer(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "wrapping", f"&customer={examples.MIRA}")
    await person.page.get_by_role("button", name="A minute more").click()
    assert await posted(person.page, pages, f"interactions/{examples.CALL}/wrap-up/extend") == {}


async def test_an_outcome_chosen_during_the_call_is_sent_at_once_and_stays(visitor: Visitor) -> None:
    page = (await at_desk(visitor, "call")).page
    await page.locator("#tab-wrap").click()
    async with page.expect_request("**/outcome") as told:
        await page.locator("#disposition").fill("sa")
        await page.keyboard.press("Enter")
    request = await told.value
    assert (request.method, request.post_data_json) == ("PUT", {"code": examples.DISPOSITIONS[0]["code"]})
    await expect(page.locator("#wrap-done")).to_be_disabled()


async def test_whoever_handed_a_call_on_finds_the_outcome_chosen_before(visitor: Visitor) -> None:
    page = (await at_desk(visitor, "handed-on")).page
    await expect(page.locator("#call-bar")).to_contain_text("You have handed it on")
    await expect(page.locator("#disposition")).to_have_value(examples.DISPOSITIONS[0]["label"])
    await expect(page.locator("#wrap-done")).to_be_enabled()


async def test_waiting_for_somebody_of_a_queue_is_said_and_ended_either_way(visitor: Visitor) -> None:
    page = (await at_desk(visitor, "consult-waits")).page
    row = page.locator("#consult-bar")
    await expect(row).to_contain_text("Waiting for somebody of Billing. The customer hears music.")
    await expect(row.locator("[data-do=hand-over]")).to_contain_text("Let the customer wait there")
    await expect(row.locator("[data-do=back-out]")).to_contain_text("Stop waiting")


async def test_a_colleagues_parked_call_says_who_parked_it(visitor: Visitor) -> None:
    rows = (await at_desk(visitor, "parked")).page.locator(".work-parked")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text("Parked by Ben Okafor")
