"""A queue's settings in a real Chromium: folded where there is little room, and what is at fault is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from app.db import sessions, unit_of_work
from app.routing.models import Queue
from tests import factories
from tests.app.conftest import browser as signed_in
from tests.support.browser import Person, chromium
from tests.support.floor import served

pytestmark = pytest.mark.asyncio(loop_scope="module")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PARTS = 8


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chrome() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture
def sales(database: str) -> int:
    with unit_of_work() as session:
        return factories.queue(session, "sales").id


@pytest_asyncio.fixture(loop_scope="module")
async def alma(chrome: Browser, app: Any, far_side: Any) -> AsyncIterator[Person]:
    """An admin at a window."""
    with unit_of_work() as session:
        user = factories.user(session, "Alma", ["admin"])
    cookie = signed_in(app, user).client.get_cookie("session")
    assert cookie
    with served(app) as url:
        person = await Person.sits_down(chrome, url)
        await person.page.context.add_cookies([{"name": "session", "value": cookie.value, "url": url}])
        yield person
        await person.leaves()


async def at_queue(alma: Person, queue_id: int, size: Any) -> Page:
    await alma.page.set_viewport_size(size)
    await alma.page.goto(f"/admin/queues/{queue_id}")
    await expect(alma.page.locator("details.fold")).to_have_count(PARTS)
    return alma.page


def part(page: Page, title: str) -> Locator:
    return page.locator("details.fold").filter(has=page.locator("summary", has_text=title))


async def test_with_room_all_is_open_and_on_a_telephone_each_part_says_what_is_set(alma: Person, sales: int) -> None:
    page = await at_queue(alma, sales, WIDE)
    await expect(page.locator("details.fold[open]")).to_have_count(PARTS)
    page = await at_queue(alma, sales, NARROW)
    await expect(page.locator("details.fold[open]")).to_have_count(0)
    await expect(part(page, "Whose phone rings").locator("summary")).to_contain_text("Longest idle first")
    folded = await page.evaluate("document.querySelector('form.settings').offsetHeight")
    assert folded < NARROW["height"], "all parts are seen at once"
    assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


async def test_a_part_opens_by_keyboard_and_what_is_set_in_it_is_kept(alma: Person, sales: int) -> None:
    page = await at_queue(alma, sales, NARROW)
    await part(page, "After the call").locator("summary").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Seconds of wrap-up").fill("45")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Save", exact=True).first.click()
    with sessions() as session:
        assert session.get_one(Queue, sales).wrap_up_s == 45


async def test_what_the_browser_finds_wrong_in_a_folded_part_is_shown(alma: Person, sales: int) -> None:
    page = await at_queue(alma, sales, NARROW)
    await page.evaluate("document.getElementById('queue-ring_s').value = ''")
    await page.get_by_role("button", name="Save", exact=True).first.click()
    await expect(page.locator("#queue-ring_s")).to_be_focused()
    await expect(part(page, "Whose phone rings")).to_have_attribute("open", "")


@pytest.mark.parametrize(
    ("title", "field", "set_wrong"),
    [
        ("Queue", "name", "document.getElementById('queue-name').value = '  '"),
        (
            "How long people wait",
            "overflow-0-when",
            "document.querySelector('[name=overflow-0-when]').value = 'always';"
            "document.querySelector('[name=overflow-0-action]').value = 'queue'",
        ),
    ],
)
async def test_what_the_server_refuses_in_a_folded_part_is_said_there_and_the_rest_stays(
    alma: Person, sales: int, title: str, field: str, set_wrong: str
) -> None:
    page = await at_queue(alma, sales, NARROW)
    await page.evaluate("document.getElementById('queue-park_s').value = '77'")
    await page.evaluate(set_wrong)
    await page.get_by_role("button", name="Save", exact=True).first.click()
    wrong = page.locator(f"[name='{field}']")
    await expect(wrong).to_be_focused()
    await expect(wrong).to_have_attribute("aria-invalid", "true")
    await expect(part(page, title).locator(".field-error")).to_be_visible()
    assert await page.evaluate("document.getElementById('queue-park_s').value") == "77"


async def test_a_page_without_entry_points_says_so_within_a_telephone(
    alma: Person, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions["our_numbers"], "all", lambda _session: [])
    await alma.page.set_viewport_size(NARROW)
    await alma.page.goto("/admin/entry-points")
    said = alma.page.get_by_text("No number leads here yet.")
    await expect(said).to_be_visible()
    box = await said.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= NARROW["width"]
    assert await alma.page.locator(".scroll-x").first.evaluate("box => box.scrollWidth <= box.clientWidth")
