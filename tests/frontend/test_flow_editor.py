"""The flow editor in a real browser: one text seen as text, picture and form; proven, published and taken back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.frontend.conftest import Pages, Visitor
from tests.frontend.flow_preview import Kept
from tests.support.browser import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_STEP = ".step[data-step={}]"
MAIN_MENU = OF_STEP.format("main_menu")


def kept(pages: Pages, name: str = "main") -> Kept:
    """The flow as the server holds it."""
    flows: Any = pages.config["FLOWS"]
    found: Kept = flows[name]
    return found


async def at_editor(visitor: Visitor, name: str = "main", **context: Any) -> Person:
    """An admin in front of a flow whose picture stands."""
    person = await visitor(f"/admin/flows/{name}", reduced_motion="reduce", **context)
    await expect(person.page.locator(".step").first).to_be_attached()
    return person


async def line_of(page: Page, line: str) -> None:
    """Scroll until the line is there: the editor draws only what can be seen."""
    await page.locator("#code").hover()
    for _ in range(60):
        if await page.locator(".cm-line", has_text=line).count():
            return
        await page.mouse.wheel(0, 240)
        await page.wait_for_timeout(30)
    raise AssertionError(f"no line has {line}")


async def type_at(page: Page, words: str, line: str) -> None:
    """Write at the end of the first line that holds this."""
    await line_of(page, line)
    await page.locator(".cm-line", has_text=line).first.click()
    await page.keyboard.press("End")
    await page.keyboard.type(words)


async def saved(page: Page) -> None:
    await expect(page.locator("#draft-state")).to_contain_text("Draft saved")


async def choose(page: Page, step: str) -> None:
    """Find a step by its id and choose it, wherever it stands."""
    await page.locator(".diagram-search").fill(step)
    await page.keyboard.press("Enter")
    await expect(page.locator(f"{OF_STEP.format(step)}.is-selected")).to_be_attached()


async def test_every_step_is_drawn_with_its_kind_its_words_and_its_ways(visitor: Visitor) -> None:
    person = await at_editor(visitor)
    menu = person.page.locator(MAIN_MENU)
    await expect(menu).to_contain_text("Menu")
    await expect(menu).to_contain_text("For sales, press 1")
    await expect(menu).to_have_attribute("aria-label", re.compile(r"key 1 or .* to Sales"))
    assert await person.page.locator(".step").count() == 17
    await expect(person.page.locator("#tab-problems .tab-count")).to_have_text("✓")
    assert person.complaints == []


async def test_typed_words_show_on_the_diagram_and_are_saved_as_a_draft(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    await type_at(person.page, " and welcome", "title: Español")
    await expect(person.page.locator(OF_STEP.format("spanish"))).to_contain_text("Español and welc")
    await saved(person.page)
    assert "title: Español and welcome" in (kept(pages).draft or "")
    await expect(person.page.locator("#publish-words")).to_have_text("Publish 1 change")


async def test_mistakes_are_told_in_words_and_lead_to_their_place(visitor: Visitor) -> None:
    person = await at_editor(visitor)
    await type_at(person.page, "x", "next: main_menu")
    await expect(person.page.locator("#tab-problems .tab-count")).to_have_class(re.compile("is-unreachable"))
    await expect(person.page.locator(f"{OF_STEP.format('welcome')}.has-error")).to_be_attached()
    await person.page.click("#tab-problems")
    problem = person.page.locator("#panel-problems .fault").first
    await expect(problem).to_contain_text("main_menux")
    await problem.click()
    await expect(person.page.locator(".cm-activeLine")).to_contain_text("next: main_menux")


async def test_the_text_is_completed_from_the_schema_and_the_file(visitor: Visitor) -> None:
    person = await at_editor(visitor)
    options = person.page.locator(".cm-tooltip-autocomplete li")
    await type_at(person.page, "\nret", "    kind: menu")
    await expect(options.filter(has_text="retry_prompt")).to_have_count(0)  # it stands there already
    await person.page.keyboard.press("Backspace")
    await person.page.keyboard.press("Backspace")
    await person.page.keyboard.press("Backspace")
    await person.page.keyboard.type("tr")
    await expect(options.filter(has_text="tries")).to_be_visible()
    await person.page.keyboard.press("Escape")
    await person.page.keyboard.press("Control+z")
    await person.page.locator(".cm-line", has_text="next: main_menu").first.click()
    await person.page.keyboard.press("End")
    for _ in range(len("main_menu")):
        await person.page.keyboard.press("Backspace")
    await person.page.keyboard.type("sal")
    await person.page.keyboard.press("Control+Space")
    await expect(options.filter(has_text="sales_message")).to_be_visible()


async def test_a_fields_meaning_shows_when_one_points_at_it(visitor: Visitor) -> None:
    person = await at_editor(visitor)
    await person.page.locator(".cm-line", has_text="fallback: front_desk").first.locator("span").first.hover()
    await expect(person.page.locator(".cm-explained")).to_contain_text("fallback")
    await expect(person.page.locator(".cm-explained")).to_contain_text("the id of a step")


async def test_text_and_diagram_follow_each_other(visitor: Visitor) -> None:
    person = await at_editor(visitor)
    await choose(person.page, "billing_message")
    await expect(person.page.locator(".cm-of-step").first).to_contain_text("billing_message:")
    await person.page.locator(".cm-line", has_text="title: Message for billing").click()
    await person.page.keyboard.press("Control+Home")
    await line_of(person.page, "welcome:")
    await person.page.locator(".cm-line", has_text="welcome:").first.click()
    await expect(person.page.locator(f"{OF_STEP.format('welcome')}.is-selected")).to_be_attached()


async def test_a_prompt_is_changed_in_the_form_without_touching_the_rest(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    before = kept(pages).text
    await choose(person.page, "welcome")
    await person.page.get_by_label("What is said, en").fill("Good morning from Meridian.")
    await saved(person.page)
    old, new = before.splitlines(), kept(pages).text.splitlines()
    assert [line for line in new if line not in old] == ["      en: Good morning from Meridian."]
    assert len(old) == len(new)
    await expect(person.page.locator(OF_STEP.format("welcome"))).to_contain_text("Good morning")


async def test_a_menu_branch_is_added_with_a_new_step_and_undone_in_one_step(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    await choose(page, "main_menu")
    await page.get_by_role("button", name="Add a choice").click()
    await page.get_by_role("dialog").get_by_label("Title").fill("Outages")
    await page.locator(".kind-choice", has_text="Speak a text").click()
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator(OF_STEP.format("outages"))).to_contain_text("Outages")
    await saved(page)
    text = kept(pages).text
    assert "      - key: 4\n        to: outages\n" in text
    assert "# recognisers hear sails, too" in text
    await expect(page.locator("#tab-problems .tab-count")).not_to_have_class(re.compile("is-unreachable"))
    await page.click("#undo")
    await expect(page.locator(OF_STEP.format("outages"))).to_have_count(0)


async def test_steps_are_renamed_connected_and_deleted_by_keys_alone(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    await page.keyboard.press("F6")
    await page.keyboard.press("F6")
    await page.keyboard.press("Home")
    for key in ("ArrowRight", "ArrowRight"):
        await page.keyboard.press(key)
    await expect(page.locator(f"{MAIN_MENU}.is-selected")).to_be_attached()
    await page.locator(".diagram-canvas").focus()
    await page.keyboard.press("F2")
    await page.locator("dialog input").fill("first_menu")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"{OF_STEP.format('first_menu')}.is-selected")).to_be_attached()
    await saved(page)
    assert kept(pages).text.count("next: first_menu") == 2
    assert "main_menu" not in kept(pages).text
    await choose(page, "welcome")
    await page.locator(".diagram-canvas").focus()
    await page.keyboard.press("c")
    await page.locator("dialog select").nth(1).select_option("closed_menu")
    await page.get_by_role("button", name="Connect", exact=True).last.click()
    await expect(page.get_by_label("Then go to")).to_have_value("closed_menu")
    await page.locator(".diagram-canvas").focus()
    await page.keyboard.press("Delete")
    await expect(page.locator(OF_STEP.format("welcome"))).to_have_count(0)
    await page.get_by_role("button", name="Undo").last.click()
    await expect(page.locator(OF_STEP.format("welcome"))).to_be_attached()


async def test_a_way_is_drawn_from_one_step_to_another(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    await page.get_by_label("Show the whole flow").click()
    await choose(page, "sales")
    start = await page.locator(".step-handle circle").bounding_box()
    end = await page.locator(OF_STEP.format("billing_message")).locator(".step-shape").bounding_box()
    assert start and end
    await page.mouse.move(start["x"] + 5, start["y"] + 5)
    await page.mouse.down()
    await page.mouse.move(end["x"] + 30, end["y"] + 10, steps=4)
    await page.mouse.up()
    await expect(page.get_by_role("dialog")).to_contain_text("Connect Sales")
    await page.get_by_label("By", exact=True).select_option(label="Nobody answered (now to Message for sales)")
    await page.get_by_role("button", name="Connect", exact=True).last.click()
    await saved(page)
    assert "unanswered: billing_message" in kept(pages).text.split("  sales:")[1].split("  billing:")[0]


async def test_publishing_shows_the_changes_in_words_and_keeps_the_message(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    await choose(page, "welcome")
    await page.get_by_label("What is said, en").fill("Calls are recorded. Good morning.")
    await saved(page)
    await page.click("#publish")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("test calls pass")
    await expect(dialog.locator(".change-list")).to_contain_text("welcome")
    await expect(dialog.locator(".text-diff .is-added")).to_contain_text("Good morning.")
    await page.get_by_label("What changed, and why").fill("A friendlier welcome")
    await dialog.get_by_role("button", name="Publish").click()
    await expect(page.locator("#toasts")).to_contain_text("It is live.")
    await expect(page.locator("#draft-state")).to_contain_text("As it is live")
    assert kept(pages).versions[0]["message"] == "A friendlier welcome"


async def test_a_flow_with_errors_or_failing_test_calls_is_not_published(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    await type_at(page, "x", "next: main_menu")
    await saved(page)
    await page.click("#publish")
    await expect(page.get_by_role("dialog")).to_contain_text("This cannot go live yet")
    await page.keyboard.press("Escape")
    await page.click("#undo")
    await expect(page.locator("#tab-problems .tab-count")).to_have_text("✓")
    await choose(page, "welcome")
    await page.get_by_label("What is said, en").fill("Hello.")
    await saved(page)
    await page.click("#publish")
    await expect(page.get_by_role("dialog")).to_contain_text("These test calls fail")
    assert len(kept(pages).versions) == 2


async def test_history_takes_an_earlier_version_back(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    await page.click("#tab-history")
    await expect(page.locator(".version").first).to_contain_text("Live")
    await page.get_by_role("button", name="What changed").first.click()
    await expect(page.locator("#panel-changes .change-list")).to_contain_text("welcome")
    await page.click("#tab-history")
    await page.get_by_role("button", name="Take back to this").click()
    await expect(page.get_by_role("dialog").locator(".text-diff")).to_contain_text("This call is recorded.")
    await page.get_by_role("button", name="Take back", exact=True).click()
    await expect(page.locator(".version").first).to_contain_text("Taken back")
    assert "This call is recorded." in kept(pages).texts[kept(pages).live]


async def test_somebody_elses_draft_is_never_overwritten(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    flow = kept(pages)
    await type_at(page, " and more", "title: Español")
    flow.draft, flow.rev = flow.text.replace("title: Billing", "title: Bills"), 7  # before this page has saved
    banner = page.locator(".banner")
    await expect(banner).to_contain_text("Nothing of yours or theirs is lost")
    assert "title: Bills" in (flow.draft or "")
    await banner.get_by_role("button", name="Take theirs").click()
    await expect(page.locator(OF_STEP.format("billing"))).to_contain_text("Bills")
    await page.click("#undo")
    await expect(page.locator(OF_STEP.format("spanish"))).to_contain_text("and more")


async def test_one_writes_at_a_time_and_the_other_may_take_over(visitor: Visitor, pages: Pages) -> None:
    kept(pages).lock = {"by": "Bo", "since": "2026-11-20T09:00:00+00:00", "mine": False}
    person = await at_editor(visitor)
    page = person.page
    await expect(page.locator(".banner")).to_contain_text("Bo is writing here")
    await expect(page.locator(".cm-content")).to_have_attribute("contenteditable", "false")
    await page.get_by_role("button", name="Take over").click()
    await expect(page.locator(".cm-content")).to_have_attribute("contenteditable", "true")
    await expect(page.locator(".banner")).to_have_count(0)


async def test_a_file_that_differs_is_shown_and_chosen(visitor: Visitor, pages: Pages) -> None:
    flow = kept(pages)
    flow.conflict = {"kind": "file", "file_version": "f" * 16, "file_text": flow.text.replace("Closed\n", "Shut\n")}
    person = await at_editor(visitor)
    page = person.page
    await page.get_by_role("button", name="Show the difference").click()
    await expect(page.locator("#panel-changes .text-diff .is-added")).to_contain_text("Shut")
    await page.get_by_role("button", name="Take the file").click()
    await expect(page.locator(OF_STEP.format("closed_welcome"))).to_contain_text("Shut")
    await expect(page.locator(".banner")).to_have_count(0)


async def test_a_trial_shows_both_sides_and_goes_live(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    await type_at(page, " (new)", "title: Español")
    await saved(page)
    await page.click("#tab-trial")
    await page.get_by_label("And always for these callers").fill("+1 555 014 2030")
    await page.get_by_role("button", name="Start the trial").click()
    table = page.locator("#panel-trial table")
    await expect(table).to_contain_text("Talked to a person")
    await expect(table).to_contain_text("83 % (38)")
    trial = kept(pages).canary
    assert trial and trial["numbers"] == ["+15550142030"]
    await page.get_by_role("button", name="Make it live for all").click()
    await expect(page.locator("#toasts")).to_contain_text("It is live for everybody now.")
    assert "(new)" in kept(pages).texts[kept(pages).live]


async def test_a_call_is_simulated_on_the_diagram_and_kept_as_a_test_call(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    await page.click("#tab-simulator")
    await expect(page.locator(".sim-log")).to_contain_text("Thank you for calling")
    await expect(page.locator(".sim-state")).to_contain_text("Waits for a key or words")
    await page.get_by_label("What the caller says").fill("billing please")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"{OF_STEP.format('billing')}.is-here")).to_be_attached()
    await expect(page.locator(".way.is-taken")).to_have_count(3)
    await page.get_by_role("button", name="An agent answers").click()
    await expect(page.locator(".sim-state")).to_contain_text("The call is over: answered")
    await page.get_by_role("button", name="Save as test call").click()
    await page.get_by_label("What it proves").fill("Billing by word, answered")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("The test call was saved into the draft.")
    await saved(page)
    before, _, tests = (kept(pages).draft or "").partition("#%scenarios")
    assert "Billing by word, answered" in tests and "Billing by word" not in before
    await page.click("#tab-tests")
    await expect(page.locator("#panel-tests")).to_contain_text("Billing by word, answered")
    await expect(page.locator("#panel-tests")).to_contain_text("test calls pass")


async def test_the_draft_rings_a_phone(visitor: Visitor, pages: Pages) -> None:
    person = await at_editor(visitor)
    page = person.page
    await page.click("#tab-simulator")
    await page.get_by_role("button", name="Call this draft").click()
    await page.get_by_label("Ring this number").fill("+1 555 014 2031")
    await page.get_by_role("button", name="Ring it").click()
    await expect(page.locator("#toasts")).to_contain_text("It rings.")
    assert kept(pages).rung == ["+15550142031"]


async def test_traffic_is_drawn_on_the_ways_and_told_for_each_step(visitor: Visitor) -> None:
    person = await at_editor(visitor)
    page = person.page
    await page.click("#tab-traffic")
    await expect(page.locator(".gauges")).to_contain_text("21 %")
    await expect(page.locator(".traffic-table tbody tr").first).to_contain_text("Main menu")
    await expect(page.locator(f"{MAIN_MENU} .step-note.is-bad")).to_contain_text("47 % left")
    await page.get_by_label("Period").select_option("own")
    await page.get_by_role("textbox", name="From").fill("2026-11-01")
    await expect(page.locator(".gauges")).to_contain_text("300")


async def test_a_past_call_is_replayed_on_its_diagram_beside_its_recording(visitor: Visitor) -> None:
    person = await visitor("/admin/flows/replay/1")
    page = person.page
    await expect(page.locator(OF_STEP.format("office_hours"))).to_be_attached()
    for _ in range(2):
        await page.click("#replay-next")
    await expect(page.locator("#replay-place")).to_have_text("Step 3 of 4")
    await expect(page.locator(f"{MAIN_MENU}.is-here")).to_be_attached()
    await expect(page.locator(".replay-step[aria-current]")).to_contain_text("I want a new plan")
    await expect(page.locator(".replay-step[aria-current]")).to_contain_text("48 % sure")
    await expect(page.locator("#replay-player .scrub")).to_be_visible()
    assert person.complaints == []


async def test_typing_stays_quick_in_a_flow_of_500_steps(visitor: Visitor) -> None:
    """What holds up a key is the page's own work between the key and the next frame: measured, not guessed."""
    person = await at_editor(visitor, "huge")
    page = person.page
    await expect(page.locator(".step")).to_have_count(500)
    await page.locator(".cm-line", has_text="title: A large flow").click()
    await page.keyboard.press("End")
    await page.evaluate(
        """() => { window.__lags = [];
        new PerformanceObserver((list) => { for (const each of list.getEntries())
          if (each.name === "keydown") window.__lags.push(each.processingEnd - each.processingStart); })
          .observe({ type: "event", durationThreshold: 16, buffered: false }); }"""
    )
    for letter in " which grows and grows":
        await page.keyboard.press("Space" if letter == " " else letter)
    await saved(page)
    lags = sorted(await page.evaluate("window.__lags"))
    assert not lags or lags[len(lags) // 2] < 50, lags


async def test_a_large_flow_is_searched_zoomed_and_seen_whole(visitor: Visitor) -> None:
    person = await at_editor(visitor, "large")
    page = person.page
    await expect(page.locator(".minimap")).to_be_visible()
    await choose(page, "menu_150")
    box = await page.locator(OF_STEP.format("menu_150")).bounding_box()
    place = await page.locator(".diagram-canvas").bounding_box()
    assert box and place and place["x"] <= box["x"] and box["x"] + box["width"] <= place["x"] + place["width"]
    await page.locator(".diagram-canvas").focus()
    await page.keyboard.press("0")
    far = await page.locator(OF_STEP.format("menu_150")).bounding_box()
    assert far and far["width"] < box["width"]


async def test_the_list_begins_a_new_flow(visitor: Visitor, pages: Pages) -> None:
    person = await visitor("/admin/flows")
    page = person.page
    await expect(page.locator("tbody tr").first).to_contain_text("Meridian Broadband")
    await page.click("#new-flow")
    await page.get_by_label("Title").fill("Saturday line")
    await expect(page.get_by_label("Name of the file")).to_have_value("saturday_line")
    await page.get_by_role("button", name="Begin").click()
    await page.wait_for_url("**/admin/flows/saturday_line")
    assert kept(pages, "saturday_line").text.startswith("title: Saturday line")


async def test_on_a_telephone_one_part_is_shown_at_a_time(visitor: Visitor) -> None:
    person = await at_editor(visitor)
    page = person.page
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.locator("[data-part-show=text]").click()
    await expect(page.locator("#code")).to_be_visible()
    await expect(page.locator(".diagram-canvas")).to_be_hidden()
    await page.locator("[data-part-show=strip]").click()
    await expect(page.locator("#panel-problems")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
