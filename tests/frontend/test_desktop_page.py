"""The agent desktop in a real browser, over example states: what is shown, what the keys do, what is sent."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, WebSocketRoute, expect

from tests.frontend import examples
from tests.frontend.conftest import Pages, Visitor
from tests.support.browser import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN_MIRA = f"&customer={examples.MIRA}"


class Line:
    """The carrier's end of the softphone's line, spoken by the test."""

    def __init__(self) -> None:
        self.sockets: list[WebSocketRoute] = []
        self.heard: list[dict[str, Any]] = []

    def __call__(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda message: isinstance(message, str) and self.heard.append(json.loads(message)))
        socket.send(json.dumps({"event": "registered", "address": "client:agent_7"}))

    def ring(self, **parameters: str) -> None:
        """A call comes in at the phone that registered last."""
        event = {"event": "incoming", "callSid": "CA1", "from": "+1", "to": "client:agent_7", "parameters": parameters}
        self.sockets[-1].send(json.dumps(event))

    def told(self, event: str) -> bool:
        """Whether the phone said this."""
        return any(each["event"] == event for each in self.heard)


async def at_desk(visitor: Visitor, case: str, more: str = "", line: Line | None = None) -> Person:
    """An agent whose phone is connected, in one of the example states."""
    person = await visitor(None)
    await person.page.context.route_web_socket("**/phone/socket*", line or Line())
    await person.page.goto(f"/desktop?case={case}{more}")
    return person


def sent(pages: Pages, path: str) -> list[Any]:
    """The bodies posted to a path below /desktop, all of which had the token."""
    found = [each for each in pages.config["SENT"] if each[0] == path]  # type: ignore[attr-defined]
    assert all(token == "preview-token" for _, _, token in found)
    return [body for _, body, _ in found]


async def focused(page: Page) -> str:
    """The id of the element that has the focus."""
    return str(await page.evaluate("document.activeElement.id"))


async def test_phone_that_is_connected_says_that_it_will_ring(visitor: Visitor) -> None:
    person = await at_desk(visitor, "idle")
    await expect(person.page.locator("#reach")).to_have_text("Phone ready - you will ring")
    assert person.complaints == []


async def test_phone_whose_microphone_is_blocked_says_so_and_how_to_mend_it(visitor: Visitor) -> None:
    person = await visitor(None)
    await person.page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError') }"
    )
    await person.page.goto("/desktop?case=idle")
    await expect(person.page.locator("#reach")).to_contain_text("You will not ring: microphone blocked")
    await expect(person.page.locator("#reach").get_by_role("button", name="Allow")).to_be_visible()


async def test_ringing_shows_who_and_why_and_never_takes_the_focus(visitor: Visitor, pages: Pages) -> None:
    line = Line()
    person = await at_desk(visitor, "idle", OPEN_MIRA, line)
    page = person.page
    await page.get_by_label("Text message").fill("I am writing")
    await expect(page.locator("#reach")).to_contain_text("you will ring")
    await page.context.add_cookies([{"name": "case", "value": "ringing", "url": pages.url}])
    line.ring()
    card = page.get_by_role("alert")
    await expect(card).to_contain_text("Mira Chen")
    await expect(card).to_contain_text("Said “a new plan” in the menu")
    await expect(card).to_contain_text("waited 0:42")
    assert await focused(page) == "compose-input"
    await page.keyboard.type(" on")
    assert await page.get_by_label("Text message").input_value() == "I am writing on"
    assert "is calling" in await page.title() or await page.title() == "Throughline"


async def test_answer_before_the_phone_rang_is_kept_until_it_does(visitor: Visitor) -> None:
    line = Line()
    person = await at_desk(visitor, "ringing", line=line)
    await expect(person.page.locator("#reach")).to_contain_text("Phone ready")
    await person.page.keyboard.press("Control+Shift+A")
    await expect(person.page.get_by_role("button", name="Answer")).to_be_disabled()
    line.ring()
    await until(person.page, lambda: line.told("answer"))


async def test_what_the_agent_asked_for_answers_itself(visitor: Visitor) -> None:
    line = Line()
    person = await at_desk(visitor, "idle", line=line)
    await expect(person.page.locator("#reach")).to_contain_text("you will ring")
    line.ring(autoAnswer="1")
    await until(person.page, lambda: line.told("answer"))


async def test_call_that_is_only_offered_waits_for_the_agent(visitor: Visitor) -> None:
    line = Line()
    person = await at_desk(visitor, "ringing", line=line)
    await expect(person.page.locator("#reach")).to_contain_text("Phone ready")
    line.ring()
    await person.page.wait_for_timeout(300)
    assert not line.told("answer")


async def test_text_that_is_offered_is_accepted_on_the_page_and_looks_like_a_text(
    visitor: Visitor, pages: Pages
) -> None:
    line = Line()
    person = await at_desk(visitor, "ringing-text", line=line)
    card = person.page.get_by_role("alert")
    await expect(card).to_contain_text("Has written")
    assert await pictures(card) == {"message", "check"}
    await expect(card.get_by_role("button", name="Answer")).to_have_count(0)
    await expect(person.page.locator("#work-now")).to_contain_text("Offered")
    assert await pictures(person.page.locator("#work-now")) == {"message"}
    await card.get_by_role("button", name="Accept").click()
    await until(person.page, lambda: sent(pages, "offers/12/accept") == [{}])
    assert not line.told("answer"), "no phone is asked for it"


async def test_card_of_a_callback_says_whom_we_call_and_has_nothing_to_answer_yet(visitor: Visitor) -> None:
    line = Line()
    person = await at_desk(visitor, "calling", line=line)
    card = person.page.get_by_role("alert")
    await expect(card).to_contain_text("Calling Mira Chen for you")
    await expect(card).to_contain_text("You are rung when they answer.")
    assert await pictures(card) == {"phone-outgoing"}
    await expect(person.page.locator("#work-now")).to_contain_text("Calling them")
    await expect(card.get_by_role("button")).to_have_text([re.compile("Decline")])
    await person.page.keyboard.press("Control+Shift+A")
    line.ring()
    await person.page.wait_for_timeout(300)
    assert not line.told("answer"), "the chord answers nothing that does not ring"


async def test_click_on_a_number_calls_it_and_the_bar_says_that_it_rings_there(visitor: Visitor, pages: Pages) -> None:
    line = Line()
    person = await at_desk(visitor, "idle", OPEN_MIRA, line=line)
    page = person.page
    await expect(page.locator("#reach")).to_contain_text("you will ring")
    await page.context.add_cookies([{"name": "case", "value": "dialling", "url": pages.url}])
    await page.locator("[data-call='+15550102030']").click()
    bar = page.locator("#call-bar")
    await expect(bar.get_by_role("status")).to_have_text("Calling them")
    await expect(bar).to_contain_text("Call to +1 555 010 2030")
    await expect(bar.get_by_role("button", name="Hang up")).to_be_enabled()
    assert sent(pages, "calls") == [{"customer_id": examples.MIRA, "number": "+15550102030"}]
    line.ring(autoAnswer="1")
    await until(page, lambda: line.told("answer"))
    await page.context.add_cookies([{"name": "case", "value": "call", "url": pages.url}])
    await page.reload()
    await expect(bar.get_by_role("status")).to_have_text("Talking")


async def test_second_call_is_not_made_while_one_is_at_hand(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "dialling", OPEN_MIRA)
    await person.page.locator("[data-call='+15550102030']").click()
    await expect(person.page.locator(".toast-card")).to_contain_text("Finish the call you are in first")
    assert sent(pages, "calls") == []


async def pictures(place: Locator) -> set[str]:
    """The icons that stand there, by name."""
    found = await place.locator("svg use").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    return {str(each).rpartition("#")[2] for each in found}


async def test_decline_is_sent_once_and_the_card_goes(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "ringing")
    await expect(person.page.get_by_role("alert")).to_be_visible()
    await person.page.keyboard.press("Control+Shift+R")
    await person.page.keyboard.press("Control+Shift+R")
    await expect(person.page.locator("#ring")).to_be_hidden()
    assert sent(pages, "offers/12/decline") == [{}]


@pytest.mark.parametrize(
    ("chord", "path", "body"),
    [
        ("Control+Shift+M", "mute", {"mute": True}),
        ("Control+Shift+H", "hold", {"hold": True}),
        ("Control+Shift+1", "hangup", {}),
    ],
    ids=["mute", "hold", "hang up"],
)
async def test_chords_work_while_writing(visitor: Visitor, pages: Pages, chord: str, path: str, body: object) -> None:
    person = await at_desk(visitor, "call", OPEN_MIRA)
    await person.page.get_by_label("Text message").fill("half a")
    await person.page.keyboard.press(chord)
    await until(person.page, lambda: sent(pages, f"calls/{examples.CALL}/{path}") == [body])
    assert await person.page.get_by_label("Text message").input_value() == "half a"


async def test_held_call_is_taken_back_and_has_no_keypad(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "held")
    bar = person.page.locator("#call-bar")
    await expect(bar).to_contain_text("On hold")
    await expect(bar.get_by_role("button", name="Keypad")).to_be_disabled()
    await bar.get_by_role("button", name="Take back").click()
    await until(person.page, lambda: sent(pages, f"calls/{examples.CALL}/hold") == [{"hold": False}])


async def test_keypad_sends_digits(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "call")
    await person.page.get_by_role("button", name="Keypad").click()
    await person.page.locator("#call-pad").get_by_text("5", exact=True).click()
    await until(person.page, lambda: sent(pages, f"calls/{examples.CALL}/digits") == [{"digits": "5"}])


async def test_live_call_is_on_the_line_with_what_was_said(visitor: Visitor) -> None:
    person = await at_desk(visitor, "call")
    live = person.page.get_by_role("article", name="The call now")
    await expect(live).to_contain_text("Welcome")
    await expect(live).to_contain_text("I called this morning about a new plan")
    await expect(person.page.locator("#call-bar")).to_contain_text("Mira Chen")


async def test_call_stays_in_sight_beside_another_record(visitor: Visitor) -> None:
    person = await at_desk(visitor, "call", f"&customer={examples.JOE}")
    page = person.page
    await page.locator(f"#work-recent [data-customer='{examples.JOE}']").click()
    await expect(page.locator("#line")).to_contain_text("Harbour Street")
    await expect(page.locator("#call-bar")).to_contain_text("Mira Chen")
    await expect(page.locator("#live")).to_be_hidden()
    await page.keyboard.press("Control+Shift+C")
    await expect(page.locator("#live")).to_be_visible()


async def test_outcome_is_chosen_with_two_letters_and_finished_by_key(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "wrapping")
    page = person.page
    await page.get_by_label("How did it end?").first.click()
    await page.keyboard.type("sa")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("How did it end?").first).to_have_value("Sale made")
    await page.get_by_label("Note", exact=True).last.fill("Ring on Friday")
    await page.keyboard.press("Control+Enter")
    path = f"interactions/{examples.CALL}/wrap-up"
    await until(page, lambda: sent(pages, path) == [{"code": "SALE", "note": "Ring on Friday"}])


async def test_note_begun_in_the_wrap_up_is_there_again_after_a_reload(visitor: Visitor) -> None:
    page = (await at_desk(visitor, "wrapping")).page
    await page.locator("#wrap-note").fill("Ring on Fri")
    await page.reload()
    await expect(page.locator("#wrap-note")).to_have_value("Ring on Fri")
    async with page.expect_response(lambda reply: reply.request.method == "PUT" and reply.ok):
        await page.locator("#wrap-note").fill("Ring on Friday")
    other = (await at_desk(visitor, "wrapping")).page
    await expect(other.locator("#wrap-note")).to_have_value("Ring on Friday")


async def test_call_that_still_runs_can_not_be_finished(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "call")
    page = person.page
    await page.get_by_role("tab", name="Wrap up").click()
    await page.keyboard.type("wr")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("How did it end?").first).to_have_value("Wrong number")
    await expect(page.get_by_role("button", name="Finish")).to_be_disabled()


async def test_text_is_sent_with_an_id_of_its_own(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "idle", OPEN_MIRA)
    page = person.page
    await expect(page.locator("#compose-to")).to_have_value("+15550102030")
    box = page.get_by_label("Text message")
    await box.fill("On its way <b>now</b>")
    await page.keyboard.press("Control+Enter")
    await expect(box).to_have_value("")
    [body] = sent(pages, f"customers/{examples.MIRA}/messages")
    assert body["body"] == "On its way <b>now</b>"
    assert body["to"] == "+15550102030"
    assert len(body["client_id"]) == 36


async def test_parts_of_a_long_text_are_counted(visitor: Visitor) -> None:
    person = await at_desk(visitor, "idle", OPEN_MIRA)
    await person.page.get_by_label("Text message").fill("a" * 161)
    await expect(person.page.locator("#compose-count")).to_have_text("2 parts · 145 characters left")


async def test_draft_stays_with_the_customer_it_was_written_to(visitor: Visitor) -> None:
    person = await at_desk(visitor, "idle", OPEN_MIRA)
    page = person.page
    await page.get_by_role("tab", name="Note").click()
    await page.locator("#compose-input").fill("for Mira only")
    await page.locator(f"[data-customer='{examples.JOE}']").first.click()
    await expect(page.locator("#line")).to_contain_text("Harbour Street")
    await expect(page.locator("#compose-input")).to_have_value("")
    await page.locator(f"#work [data-customer='{examples.MIRA}']").click()
    await expect(page.locator("#compose-input")).to_have_value("for Mira only")


async def test_draft_is_there_again_after_a_reload_and_in_another_browser(visitor: Visitor) -> None:
    page = (await at_desk(visitor, "idle", OPEN_MIRA)).page
    async with page.expect_response(lambda response: response.request.method == "PUT"):
        await page.locator("#compose-input").fill("Your new plan starts on")
    await page.reload()
    await expect(page.locator("#compose-input")).to_have_value("Your new plan starts on")
    other = (await at_desk(visitor, "idle", OPEN_MIRA)).page
    await expect(other.locator("#compose-input")).to_have_value("Your new plan starts on")


async def test_draft_that_was_typed_just_before_a_reload_is_there_too(visitor: Visitor) -> None:
    page = (await at_desk(visitor, "idle", OPEN_MIRA)).page
    await page.locator("#compose-input").fill("Half a sent")
    await page.reload()
    await expect(page.locator("#compose-input")).to_have_value("Half a sent")


async def test_draft_while_the_server_is_away_is_saved_when_it_is_back(visitor: Visitor) -> None:
    page = (await at_desk(visitor, "idle", OPEN_MIRA)).page
    await page.clock.install()
    await page.route("**/drafts", lambda route: route.abort() if route.request.method == "PUT" else route.continue_())
    await page.locator("#compose-input").fill("Kept in the tab")
    async with page.expect_event("requestfailed"):
        await page.clock.run_for(1_000)
    await page.unroute("**/drafts")
    async with page.expect_response(lambda reply: reply.request.method == "PUT" and reply.ok) as saved:
        await page.clock.run_for(6_000)
    assert (await saved.value).request.post_data_json == {"kind": "text", "body": "Kept in the tab"}


async def test_text_that_was_sent_leaves_no_draft(visitor: Visitor) -> None:
    page = (await at_desk(visitor, "idle", OPEN_MIRA)).page
    await page.get_by_label("Text message").fill("On its way")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_label("Text message")).to_have_value("")
    assert await page.evaluate("Object.keys(sessionStorage).filter((key) => key.includes('draft'))") == []


async def test_customer_who_said_stop_can_not_be_texted(visitor: Visitor) -> None:
    person = await at_desk(visitor, "idle", f"&customer={examples.JOE}")
    box = person.page.locator("#compose-input")
    await expect(box).to_be_disabled()
    await expect(box).to_have_attribute("placeholder", "They texted STOP: no texts until they text START.")


async def test_long_name_is_there_to_the_last_letter_and_enter_saves_a_new_one(visitor: Visitor, pages: Pages) -> None:
    page = (await at_desk(visitor, "full", OPEN_MIRA)).page
    box = page.get_by_label("Name", exact=True)
    await expect(box).to_have_value(examples.LONG_NAME)
    hidden = await box.evaluate("box => [box.scrollHeight - box.clientHeight, box.scrollWidth - box.clientWidth]")
    assert hidden == [0, 0]
    await box.fill("Mira\n Chen ")
    await box.press("Enter")
    path = f"customers/{examples.MIRA}"
    await until(page, lambda: sent(pages, path) == [{"name": "Mira Chen"}])


async def test_click_on_a_word_plays_from_there(visitor: Visitor) -> None:
    person = await at_desk(visitor, "idle", OPEN_MIRA)
    page = person.page
    player = page.locator(".player").last
    await player.get_by_role("button", name="Transcript").click()
    await player.locator(".word", has_text="Northwind").click()
    await expect(player.get_by_role("slider")).to_have_attribute("aria-valuenow", "2")
    await expect(player.locator(".is-lit")).to_be_visible()


async def test_older_entries_stay_when_something_new_comes(visitor: Visitor) -> None:
    person = await at_desk(visitor, "idle", OPEN_MIRA)
    page = person.page
    await page.get_by_role("button", name="Earlier").click()
    await expect(page.locator("#line")).to_contain_text("Long ago, number 2")
    await page.get_by_label("Text message").fill("Something new")
    async with page.expect_response(lambda response: response.url.endswith(examples.MIRA)):
        await page.keyboard.press("Control+Enter")
    await expect(page.get_by_label("Text message")).to_have_value("")
    keys = await page.locator("#line [data-entry]").evaluate_all("entries => entries.map(e => e.dataset.entry)")
    assert len(keys) == len(set(keys))
    assert keys[:2] == ["start", "texts:502"]
    assert "texts:500" in keys
    assert keys[-1].startswith("call:")


async def test_search_is_all_keys(visitor: Visitor) -> None:
    person = await at_desk(visitor, "idle")
    page = person.page
    await page.keyboard.press("Control+k")
    await page.keyboard.type("mi")
    await expect(page.get_by_role("option")).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(page.locator("#person")).to_contain_text("mira.chen@example.com")


async def test_call_out_from_the_record(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "idle", OPEN_MIRA)
    await person.page.get_by_role("button", name="Call", exact=True).first.click()
    wanted = [{"customer_id": examples.MIRA, "number": "+15550102030"}]
    await until(person.page, lambda: sent(pages, "calls") == wanted)


async def test_of_two_tabs_one_has_the_phone_and_the_other_can_take_it(visitor: Visitor) -> None:
    line = Line()
    person = await at_desk(visitor, "idle", line=line)
    await expect(person.page.locator("#reach")).to_contain_text("you will ring")
    other = await person.page.context.new_page()
    await other.goto("/desktop?case=idle")
    await expect(other.locator("#reach")).to_contain_text("Another tab has the phone")
    assert len(line.sockets) == 1
    await other.get_by_role("button", name="Use here").click()
    await expect(other.locator("#reach")).to_contain_text("you will ring")
    await expect(person.page.locator("#reach")).to_contain_text("Another tab has the phone")
    await other.close()
    await expect(person.page.locator("#reach")).to_contain_text("you will ring")


async def test_closed_tab_says_goodbye(visitor: Visitor, pages: Pages) -> None:
    person = await at_desk(visitor, "idle")
    await expect(person.page.locator("#reach")).to_contain_text("you will ring")
    await person.page.goto("about:blank")
    await until(person.page, lambda: any("/close" in path for path, _, _ in pages.config["SENT"]))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "case",
    ["idle", "off", "ringing", "ringing-text", "calling", "dialling", "call", "wrapping", "missed", "full"],
)
async def test_nothing_is_cut_off_at_any_width(visitor: Visitor, case: str) -> None:
    person = await at_desk(visitor, case, OPEN_MIRA)
    await expect(person.page.locator("#line")).to_contain_text("Gave up waiting")
    for width in (1440, 1024, 390, 320):
        await person.page.set_viewport_size({"width": width, "height": 844})
        beyond = await person.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert (width, beyond) == (width, 0)
    assert person.complaints == []


async def until(page: Page, condition: Any) -> None:
    """Wait for something that happens outside the page."""
    for _ in range(100):
        if condition():
            return
        await page.wait_for_timeout(50)
    assert condition()
