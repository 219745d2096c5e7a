"""The floor in a real Chromium, with as many agents as two hundred on the real tables and the real push."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select

from app.accounts.models import User
from app.db import database_now, unit_of_work
from app.interactions.models import Interaction
from app.routing import transfers
from app.routing.in_hand import Supervision
from app.routing.models import AgentSession, AgentState, Queue
from app.routing.presence import set_presence
from app.routing.release import caller_gone
from app.routing.supervision import is_in
from tests import factories
from tests.app.conftest import browser as signed_in
from tests.support.browser import Person, chromium
from tests.support.floor import Furnished, furnish, served

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEEN_WITHIN_S = 1.0
ONLY_PUSHED = "const every = setInterval; window.setInterval = (act, ms) => (ms >= 5000 ? 0 : every(act, ms))"
"""The pages also ask every five seconds; here they do not, so what is seen was pushed."""

NOTES_WHEN = """([name, words]) => {
  window.seen = new Promise((done) => {
    const look = () => [...document.querySelectorAll("#agent-rows tr.agent")]
      .some((row) => row.textContent.includes(name) && row.textContent.includes(words));
    new MutationObserver((_, looking) => {
      if (!look()) return;
      looking.disconnect();
      done(performance.timeOrigin + performance.now());
    }).observe(document.getElementById("agent-rows"), { childList: true, subtree: true, characterData: true });
  });
}"""
"""From now on `window.seen` is the moment (ms) at which an agent's row shows these words."""


@dataclass
class House:
    """The running house: its address, what stands in it, and the cookies of its people."""

    url: str
    floor: Furnished
    cookies: dict[str, str]


@pytest.fixture
def agents() -> int:
    """How many work on the floor: some in every state, which is enough for most tests."""
    return 50


TWO_HUNDRED = pytest.mark.parametrize("agents", [200])


@pytest.fixture
def house(app: Any, far_side: Any, agents: int) -> Iterator[House]:
    with unit_of_work() as session:
        floor = furnish(session, agents=agents)
        people = {
            name: factories.user(session, name, [role]) for name, role in (("Sam", "supervisor"), ("Alma", "admin"))
        }
    cookies = {}
    for name, user in people.items():
        cookie = signed_in(app, user).client.get_cookie("session")
        assert cookie
        cookies[name] = cookie.value
    with served(app) as url:
        yield House(url, floor, cookies)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chrome() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def sam(chrome: Browser, house: House) -> AsyncIterator[Person]:
    person = await sits_down(chrome, house, "Sam")
    yield person
    assert person.complaints == []
    await person.leaves()


async def sits_down(chrome: Browser, house: House, name: str, path: str = "/supervisor", **context: Any) -> Person:
    person = await Person.sits_down(chrome, house.url, **context)
    await person.page.context.add_cookies([{"name": "session", "value": house.cookies[name], "url": house.url}])
    await person.page.add_init_script(ONLY_PUSHED)
    await person.page.goto(path)
    await expect(person.page.locator("#live-state")).to_have_text("Live")
    return person


def row(page: Page, name: str) -> Any:
    return page.locator("#agent-rows tr.agent").filter(has_text=name)


async def shown(page: Page) -> list[str]:
    return [text.strip() for text in await page.locator("#agent-rows tr.agent th").all_text_contents()]


@TWO_HUNDRED
async def test_what_an_agent_does_is_seen_within_a_second(sam: Person, house: House) -> None:
    page, waits = sam.page, []
    for name in house.floor.by_status["ready"][10:15]:
        await expect(row(page, name)).to_contain_text("Ready")
        await page.evaluate(NOTES_WHEN, [name, "On a break"])
        with unit_of_work() as session:
            set_presence(session, house.floor.agents[name], "break", "lunch")
        committed = time.time()
        waits.append(await page.evaluate("window.seen") / 1000 - committed)
    assert median(waits) < SEEN_WITHIN_S, f"seen after {waits} s"


@TWO_HUNDRED
async def test_a_whole_shift_that_changes_at_once_is_seen_within_a_second(sam: Person, house: House) -> None:
    page, ready = sam.page, house.floor.by_status["ready"]
    await page.get_by_role("button", name="Name", exact=True).click()
    await page.evaluate(NOTES_WHEN, [ready[-1], "On a break"])
    with unit_of_work() as session:
        for name in ready:
            set_presence(session, house.floor.agents[name], "break", "meeting")
    committed = time.time()
    assert await page.evaluate("window.seen") / 1000 - committed < SEEN_WITHIN_S
    for name in ready:
        await expect(row(page, name)).to_contain_text("Meeting")


async def test_a_caller_who_comes_and_goes_is_seen_at_once(sam: Person, house: House) -> None:
    page = sam.page
    before = int(await page.locator("#figure-waiting").text_content() or 0)
    with unit_of_work() as session:
        queue = session.get_one(Queue, house.floor.queues["Billing"])
        call = factories.waiting_call(session, queue, factories.customer(session, name="Wanda Waits"), waited_s=900)
    first = page.locator("#waiting li").first
    await expect(first).to_contain_text("Wanda Waits")
    await expect(page.locator("#figure-waiting")).to_have_text(str(before + 1))
    await expect(page.locator("#queue-rows tr").first).to_contain_text("Billing")
    with unit_of_work() as session:
        caller_gone(session, call.id)
    await expect(page.get_by_text("Wanda Waits")).to_have_count(0)


async def test_a_colleague_who_asks_a_queue_waits_marked_and_nothing_is_done_with_them(
    sam: Person, house: House
) -> None:
    page, queue = sam.page, sam.page.locator("#queue-rows tr").filter(has_text="Billing")
    with unit_of_work() as session:
        talks = select(Interaction).where(Interaction.state == "active", Interaction.channel == "voice")
        call = session.scalars(talks.limit(1)).one()
        name = session.get_one(User, call.agent_id).name
        transfers.ask_queue(session, call.id, call.agent_id or 0, "q2")
    node = page.locator("#waiting li").filter(has_text=f"{name} asks")
    await expect(node).to_contain_text("Billing")
    await expect(node.get_by_role("button")).to_have_count(0)
    await expect(queue.locator("td").first).to_contain_text("+1 asking")
    await expect(page.locator("#figure-waiting-more")).to_have_text("+1 asking")
    with unit_of_work() as session:
        transfers.back_out(session, call.id, call.agent_id or 0)
    await expect(node).to_have_count(0)
    await expect(page.locator("#figure-waiting-more")).to_have_text("")


@TWO_HUNDRED
async def test_paused_nothing_moves_until_one_goes_on(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["ready"][1]
    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator("#live-state")).to_have_text("Paused")
    timer = await page.locator("#figure-oldest").text_content()
    with unit_of_work() as session:
        set_presence(session, house.floor.agents[name], "break", "lunch")
    await page.wait_for_timeout(1_300)
    await expect(row(page, name)).to_contain_text("Ready")
    assert await page.locator("#figure-oldest").text_content() == timer
    await page.get_by_role("button", name="Go on").click()
    await expect(row(page, name)).to_contain_text("On a break")


@TWO_HUNDRED
async def test_two_hundred_agents_are_found_and_sorted(sam: Person, house: House) -> None:
    page = sam.page
    await expect(page.locator("#agent-count")).to_have_text("200 of 200")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("souza an")
    assert await shown(page) == ["Ana Souza"]
    await page.locator("#agent-search").fill("")
    await page.get_by_role("button", name="Wrap-up 17").click()
    await expect(page.locator("#agent-count")).to_have_text("17 of 200")
    assert "state=wrapping" in page.url, "what is looked at can be kept as a bookmark"
    await page.reload()
    await expect(page.locator("#agent-count")).to_have_text("17 of 200")
    await page.locator("#agent-queue").select_option(label="Billing")
    names = await shown(page)
    assert 0 < len(names) < 17
    await page.get_by_role("button", name="Name", exact=True).click()
    assert await shown(page) == sorted(names)
    await expect(page.locator("th[data-sort=name]")).to_have_attribute("aria-sort", "ascending")
    await page.locator("#agent-search").fill("nobody is called so")
    await expect(page.locator("#agent-none")).to_be_visible()


@TWO_HUNDRED
async def test_every_state_has_its_word_and_icon_beside_the_colour(sam: Person) -> None:
    marks = sam.page.locator("#agent-rows tr.agent td .state")
    assert await marks.count() == 200
    told = await marks.evaluate_all(
        "all => all.every(each => each.textContent.trim() && each.querySelector('svg use'))"
    )
    assert told


async def test_the_menu_of_an_agent_is_used_by_keyboard_and_can_be_undone(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["ready"][2]
    await page.locator("#agent-search").fill(name)
    stop = row(page, name).get_by_role("button")
    await stop.focus()
    await page.keyboard.press("Enter")
    menu = page.get_by_role("menu", name=f"What to do with {name}")
    await expect(menu).to_be_visible()
    await page.keyboard.press("End")
    await expect(menu.get_by_role("menuitem", name="Off shift")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()
    await page.keyboard.press("Enter")
    await menu.get_by_role("menuitem", name="On a break: Meeting").click()
    await expect(row(page, name)).to_contain_text("Meeting")
    await page.locator("#toasts").get_by_role("button", name="Undo").click()
    await expect(row(page, name)).to_contain_text("Ready")
    with unit_of_work() as session:
        assert session.get_one(AgentState, house.floor.agents[name]).presence == "available"


@TWO_HUNDRED
async def test_arrows_go_from_agent_to_agent(sam: Person) -> None:
    page = sam.page
    stops = page.locator("#agent-rows [data-part=menu]")
    assert await stops.evaluate_all("all => all.filter(each => each.tabIndex === 0).length") == 1
    await stops.first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(stops.nth(1)).to_be_focused()
    await page.keyboard.press("End")
    await expect(stops.nth(199)).to_be_focused()


@TWO_HUNDRED
async def test_the_focus_stays_when_the_rows_change(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["ready"][3]
    stop = row(page, name).get_by_role("button")
    await stop.focus()
    with unit_of_work() as session:
        set_presence(session, house.floor.agents[name], "break", "lunch")
    await expect(row(page, name)).to_contain_text("On a break")
    await expect(row(page, name).get_by_role("button")).to_be_focused()


async def test_a_wrap_up_left_open_is_ended_after_a_question(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["wrapping"][0]
    await page.locator("#agent-search").fill(name)
    await row(page, name).get_by_role("button").click()
    await page.get_by_role("menuitem", name="End the wrap-up").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(row(page, name)).to_contain_text("Wrap-up")
    await row(page, name).get_by_role("button").click()
    await page.get_by_role("menuitem", name="End the wrap-up").click()
    await page.locator("dialog").get_by_role("button", name="End the wrap-up").click()
    await expect(row(page, name)).to_contain_text("Ready")


async def test_a_caller_moves_to_another_queue_or_to_a_chosen_agent(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["ready"][4]
    with unit_of_work() as session:
        queue = session.get_one(Queue, house.floor.queues["Billing"])
        call = factories.waiting_call(session, queue, factories.customer(session, name="Wanda Waits"), waited_s=900)
    waiter = page.locator("#waiting li").filter(has_text="Wanda Waits")
    await waiter.get_by_role("button").click()
    await page.get_by_role("menuitem", name="Move to a queue").click()
    await page.locator("dialog select").select_option(label="Sales")
    await page.locator("dialog").get_by_role("button", name="Move").click()
    await expect(waiter).to_contain_text("Sales")
    await waiter.get_by_role("button").click()
    await page.get_by_role("menuitem", name="Give to an agent").click()
    await page.locator("dialog select").select_option(label=name)
    await page.locator("dialog").get_by_role("button", name="Ring").click()
    await expect(row(page, name)).to_contain_text("Wanda Waits")
    await expect(waiter).to_contain_text("Ringing")
    with unit_of_work() as session:
        assert session.get_one(Interaction, call.id).agent_id == house.floor.agents[name]


async def test_a_refusal_is_said_in_words(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["not_responding"][0]
    await page.locator("#agent-search").fill(name)
    await row(page, name).get_by_role("button").click()
    await page.get_by_role("menuitem", name="Available").click()
    await expect(page.locator("#toasts")).to_contain_text("only they can say that they are there again")
    sam.complaints.clear()  # the browser notes the refused request


async def test_listening_asks_for_the_supervisors_own_phone(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["talking"][0]
    await page.locator("#agent-search").fill(name)
    await row(page, name).get_by_role("button").click()
    for words in ("Listen", f"Coach {name}", "Join the call", "Take the call over", "Why"):
        await expect(page.get_by_role("menuitem", name=words)).to_be_visible()
    await page.get_by_role("menuitem", name="Listen").click()
    await expect(page.locator("#toasts")).to_contain_text("Your phone is not ready")
    sam.complaints.clear()  # the browser notes the refused request


async def test_listening_coaching_joining_and_leaving_are_one_click_each(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["talking"][1]
    call = with_a_phone(house, "Sam", name)
    await page.locator("#agent-search").fill(name)
    inside = row(page, name).locator(".contact .state")
    ways = (
        ("Listen", "listen", "ear"),
        (f"Coach {name}", "coach", "message-2"),
        ("Join the call", "barge", "users-plus"),
    )
    for words, mode, picture in ways:
        await chosen(page, name, words)
        await expect(inside.locator("use")).to_have_attribute("href", re.compile(f"#{picture}$"))
        await expect(inside).to_have_text("Sam")
        there = supervision(call)
        assert there.mode == mode
        with unit_of_work() as session:
            is_in(session, there.id)
    await chosen(page, name, "Leave the call")
    await expect(inside).to_have_count(0)
    assert supervision(call).ended_at is not None


async def test_a_call_is_taken_over_after_a_question(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["talking"][2]
    call = with_a_phone(house, "Sam", name)
    await page.locator("#agent-search").fill(name)
    await chosen(page, name, "Take the call over")
    await page.locator("dialog").get_by_role("button", name="Cancel").click()
    await expect(page.locator("dialog")).to_be_hidden()
    with unit_of_work() as session:
        assert session.scalars(select(Supervision)).all() == []
    await chosen(page, name, "Take the call over")
    await page.locator("dialog").get_by_role("button", name="Take over").click()
    await expect(page.locator("#toasts")).to_contain_text("Your desktop's phone")
    with unit_of_work() as session:
        is_in(session, supervision(call).id)
    await expect(row(page, name)).not_to_contain_text("At work")
    with unit_of_work() as session:
        assert session.get_one(Interaction, call).agent_id == supervision(call).user_id


async def test_a_call_is_sent_back_to_a_queue_by_the_menu(sam: Person, house: House) -> None:
    page, name = sam.page, house.floor.by_status["talking"][3]
    call = call_of(house, name)
    await page.locator("#agent-search").fill(name)
    await chosen(page, name, "Send back to a queue")
    await page.locator("dialog select").select_option(label="Complaints")
    await page.locator("dialog").get_by_role("button", name="Move").click()
    await expect(row(page, name)).not_to_contain_text("At work")
    with unit_of_work() as session:
        moved = session.get_one(Interaction, call)
        assert (moved.queue_id, moved.agent_id) == (house.floor.queues["Complaints"], None)


async def chosen(page: Page, name: str, words: str) -> None:
    """An item of the agent's menu."""
    await row(page, name).get_by_role("button").click()
    await page.get_by_role("menuitem", name=words, exact=True).click()


def call_of(house: House, name: str) -> uuid.UUID:
    """The call that an agent has."""
    with unit_of_work() as session:
        query = select(Interaction.id).where(Interaction.agent_id == house.floor.agents[name])
        return session.scalars(query).one()


def with_a_phone(house: House, who: str, name: str) -> uuid.UUID:
    """The supervisor's own desktop is open beside; the call of this agent."""
    with unit_of_work() as session:
        user = session.scalars(select(User).where(User.name == who)).one()
        lease = database_now(session) + timedelta(hours=1)
        session.add(AgentSession(id=uuid.uuid4(), user_id=user.id, phone_ready=True, expires_at=lease))
    return call_of(house, name)


def supervision(call: uuid.UUID) -> Supervision:
    """The supervisor's part in a call."""
    with unit_of_work() as session:
        return session.scalars(select(Supervision).where(Supervision.interaction_id == call)).one()


async def test_an_alert_comes_by_itself_and_one_looks_after_it(sam: Person, house: House) -> None:
    from app.supervisor.alerts import watch_queues

    page = sam.page
    await expect(page.locator("#alert-none")).to_be_visible()
    with unit_of_work() as session:
        session.get_one(Queue, house.floor.queues["Billing"]).alerts = {"staffed": 500}
        watch_queues(session)
    alert = page.locator("#alerts li", has_text="at least 500 are wanted")
    await alert.get_by_role("button", name="I look after it").click()
    await expect(alert).to_contain_text("Sam looks after it")


async def test_the_wallboard_follows_and_names_no_customer(chrome: Browser, house: House) -> None:
    billing = house.floor.queues["Billing"]
    person = await sits_down(chrome, house, "Sam", f"/supervisor/wall?queues={billing}")
    tile = person.page.locator("#tiles li")
    await expect(tile).to_have_count(1)
    before = int(await tile.locator("b").first.text_content() or 0)
    with unit_of_work() as session:
        queue = session.get_one(Queue, billing)
        factories.waiting_call(session, queue, factories.customer(session, name="Wanda Waits"))
    await expect(tile.locator("b").first).to_have_text(str(before + 1))
    await expect(person.page.get_by_text("Wanda Waits")).to_have_count(0)
    assert person.complaints == []
    await person.leaves()


@TWO_HUNDRED
@pytest.mark.parametrize("width", [1440, 390])
async def test_no_page_is_wider_than_its_window_nor_has_serious_barriers(
    chrome: Browser, house: House, width: int
) -> None:
    alma = await sits_down(chrome, house, "Alma", reduced_motion="reduce")
    await alma.page.set_viewport_size({"width": width, "height": 900})
    billing = house.floor.queues["Billing"]
    with unit_of_work() as session:
        call = session.scalars(select(Interaction).where(Interaction.state == "queued").limit(1)).one()
    paths = ("supervisor", "supervisor/wall", f"supervisor/why/{call.id}", "admin/queues", f"admin/queues/{billing}",
             "admin/skills", "admin/hours", "admin/breaks")  # fmt: skip
    found = {}
    for path in paths:
        await alma.page.goto(f"/{path}?state=ready" if path == "supervisor" else f"/{path}")
        await alma.page.locator("main").wait_for()
        wider = await alma.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        report = (await Axe().run(alma.page)).response
        serious = [each for each in report["violations"] if each["impact"] in ("serious", "critical")]
        if wider > 0:
            found[path] = [f"{wider} px too wide"]
        for each in serious:
            found[f"{path}: {each['id']}"] = [node["html"][:140] for node in each["nodes"][:3]]
    assert found == {}
    await alma.leaves()
