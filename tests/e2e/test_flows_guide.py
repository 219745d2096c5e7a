"""docs/flows-guide.md, followed to the letter by somebody who has never seen the page: a flow is live in the end."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from app.config import ROOT
from app.db import unit_of_work
from telephony.models import PhoneNumber
from tests.support.flow_desk import FlowDesk, flow_desk
from tests.support.people import OURS

GUIDE = (ROOT / "docs" / "flows-guide.md").read_text()
TEN_MINUTES_S = 600


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[FlowDesk]:
    """A house with a queue and a number, and no flow at all."""
    with unit_of_work() as session:
        session.add(PhoneNumber(number=OURS, label="Main line", flow="", language="en"))
    yield from flow_desk(database, tmp_path, {})


def what_the_guide_says_to_press() -> set[str]:
    """What stands in bold in its first chapter, less the steps' own names (which end with a dot)."""
    chapter = GUIDE.split("## From nothing to a published flow in ten minutes")[1].split("\n## ")[0]
    return {bold for bold in re.findall(r"\*\*(.+?)\*\*", chapter) if not bold.endswith(".")}


class Reader:
    """Presses what the guide names, and remembers it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed: set[str] = set()

    async def presses(self, name: str, role: str = "button") -> None:
        await self.finds(name, role)
        await self.page.get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]

    async def finds(self, name: str, role: str = "button") -> None:
        await expect(self.page.get_by_role(role, name=name, exact=True).first).to_be_visible()  # type: ignore[arg-type]
        self.pressed.add(name)

    async def has_chosen(self, title: str) -> None:
        step = title.lower().replace(" ", "_")
        await expect(self.page.locator(f".step.is-selected[data-step={step}]")).to_be_attached()

    async def answers(self, title: str, kind: str) -> None:
        """The question for a new step."""
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_label("Title").fill(title)
        await dialog.get_by_role("radio", name=re.compile(rf"^{kind}\b")).check()
        await dialog.get_by_role("button", name="Add", exact=True).click()
        await self.has_chosen(title)


async def test_the_guide_leads_from_nothing_to_a_published_flow(desk: FlowDesk, browser: Browser) -> None:
    began = time.monotonic()
    person = await desk.admin_at(browser, "/admin/flows")
    page, reader = person.page, Reader(person.page)
    # 1 Begin
    await reader.presses("New flow")
    await page.get_by_label("Title").fill("Saturday line")
    await expect(page.get_by_label("Name of the file")).to_have_value("saturday_line")
    await page.get_by_role("button", name="Begin").click()
    # 2 Say something
    await page.locator(".step", has_text="Welcome").click()
    await page.get_by_label("What is said, en").fill("Thank you for calling on a Saturday.")
    await expect(page.locator("#code")).to_contain_text("on a Saturday.")
    await expect(page.locator("#draft-state")).to_contain_text("Draft saved")
    # 3 Ask
    await reader.presses("Add step")
    await reader.answers("What do you need", "Menu")
    await page.get_by_label("Prompt, en").fill("For a message press 1, for sales press 2.")
    await reader.presses("Add a choice")
    # 4 Lead to people
    await reader.answers("Sales", "Queue")
    await page.get_by_placeholder("Find a step").fill("What do you need")
    await page.keyboard.press("Enter")
    await reader.has_chosen("What do you need")
    await expect(page.get_by_label("Where Key 2 leads")).to_have_value("sales")
    await page.get_by_label("Words in en").last.fill("sales, buy")
    # 5 Look at Problems
    await page.get_by_role("tab", name=re.compile("Problems")).click()
    await expect(page.locator("#tab-problems .tab-count")).not_to_have_class(re.compile("is-unreachable"))
    # 6 Call it
    await page.get_by_role("tab", name=re.compile("Simulator")).click()
    reader.pressed.add("Simulator")
    await expect(page.locator(".sim-log")).to_contain_text("for sales press 2.")
    await page.get_by_label("What the caller says").fill("2")
    await page.keyboard.press("Enter")
    await expect(page.locator(".sim-state")).to_contain_text("Waits in the queue")
    await reader.finds("Speak")
    await reader.finds("Call this draft")
    # 7 Keep the call
    await reader.presses("Save as test call")
    await page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("saved into the draft")
    # 8 Publish
    await page.locator("#publish").click()
    dialog = page.get_by_role("dialog", name="Publish")
    await expect(dialog).to_contain_text("All 1 test calls pass")
    await dialog.get_by_label("What changed, and why").fill("The Saturday line")
    await dialog.get_by_role("button", name=re.compile("^Publish")).click()
    await expect(page.locator("#toasts")).to_contain_text("It is live.")
    assert "scenarios:" in (desk.folder / "saturday_line.yaml").read_text()
    # 9 Let it ring
    await page.goto("/admin")
    numbers = page.get_by_role("region", name="Numbers")
    await numbers.get_by_role("button", name=re.compile("Change")).click()
    await page.get_by_label("Flow", exact=True).last.select_option("saturday_line")
    await page.get_by_role("button", name="Save", exact=True).first.click()
    await expect(numbers).to_contain_text("saturday_line")
    assert person.complaints == []
    assert reader.pressed == what_the_guide_says_to_press()
    assert time.monotonic() - began < TEN_MINUTES_S
