"""Flow pages on the real house: what an admin does there, what callers get, and what is kept.

Every test has a flow and a number of its own; the house and its database are there for the whole file.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from sqlalchemy import func, select, text

from app import db
from app.db import unit_of_work
from app.flows.models import Canary, Draft, KnownFlow, Release, Trace
from app.interactions.models import Disposition, Interaction
from app.routing.models import Queue
from recordings.models import Recording
from telephony.models import PhoneNumber
from tests.conftest import EMPTY_DATABASE
from tests.e2e.conftest import a_colleague, own_line
from tests.e2e.flow_pages import BAKERY, BAKERY_TEST_CALLS, AdminDesk, by_hand, caller_hears, put
from tests.e2e.people import CallerPage, Voices
from tests.support.browser import chromium
from tests.support.house import House
from tests.telephony.local_carrier.phone import ScriptedPhone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

ROSA, BO = "Rosa Bianchi", "Bo Larsen"


@dataclass(frozen=True)
class Line:
    """A flow of a test's own and the number that leads to it."""

    house: House
    flow: str
    number: str
    file: Path

    def traced(self, what: str) -> int:
        """How many such steps the line's callers have taken."""
        with unit_of_work() as session:
            counted = select(func.count()).where(Trace.flow == self.flow, Trace.what == what)
            return session.scalar(counted) or 0

    def nodes_entered(self) -> list[str]:
        """Where the line's callers came, in order."""
        with unit_of_work() as session:
            entered = select(Trace.node).where(Trace.flow == self.flow, Trace.what == "entered")
            return list(session.scalars(entered.order_by(Trace.id)))

    def calls_from(self, caller: str) -> ScriptedPhone:
        """A caller whose call is answered."""
        phone = self.house.phone(caller)
        phone.dial(self.number)
        phone.wait_for("answered")
        return phone

    async def choosing(self, caller: str, key: str, voices: Voices) -> ScriptedPhone:
        """A caller who listens until the choices are named, and presses a key."""
        phone = self.calls_from(caller)
        await self.chooses(phone, key, voices)
        return phone

    async def chooses(self, phone: ScriptedPhone, key: str, voices: Voices) -> None:
        phone.forget_heard()
        await caller_hears(phone, voices, "press")
        phone.press(key)


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder of flow files: every test puts its own there."""
    return tmp_path_factory.mktemp("flows")


@pytest.fixture(scope="module")
def emptied_at_the_end() -> Iterator[None]:
    """Nothing of this file stays in the database: it is emptied when the house is closed and nobody writes any more."""
    yield
    db.request_session.remove()
    with unit_of_work() as session:
        session.execute(text(EMPTY_DATABASE))


@pytest.fixture(scope="module")
def home(database_url: str, emptied_at_the_end: None, running_house: House) -> House:
    """The running house with a queue and an outcome."""
    with unit_of_work() as session:
        session.add(Queue(key="sales", name="Sales", ring_s=20, wrap_up_s=60, max_wait_s=300))
        session.add(Disposition(code="DONE", label="Done"))
    return running_house


@pytest.fixture(scope="module")
def rosa(home: House) -> str:
    """An admin's address for signing in."""
    return a_colleague(home, ROSA, "admin")


@pytest.fixture
def line(home: House, flows: Path, request: pytest.FixtureRequest) -> Line:
    """The bakery's flow under a name of this test's own, live because its file is there, with a number."""
    serial = len(list(flows.glob("*.scenarios.yaml"))) + 1
    name, number = f"bakery{serial}", f"+1500555{serial:04d}"
    (flows / f"{name}.scenarios.yaml").write_text(BAKERY_TEST_CALLS)
    (flows / f"{name}.yaml").write_text(BAKERY)
    with unit_of_work() as session:
        session.add(PhoneNumber(number=number, label=f"Bakery {serial}", flow=name, language="en"))
    own_line(home, number)
    return Line(home, name, number, flows / f"{name}.yaml")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chrome() -> AsyncIterator[Browser]:
    """One browser program for the file; everybody has a profile of their own in it."""
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def desk(chrome: Browser, line: Line, rosa: str) -> AsyncIterator[AdminDesk]:
    """Rosa in front of her line's flow."""
    rosas = await AdminDesk.opens(chrome, line.house.front.url, rosa, line.flow)
    yield rosas
    await rosas.person.leaves()


def is_written_down(call: uuid.UUID) -> bool:
    """Whether the call's recording is here with its transcript."""
    with unit_of_work() as session:
        kept = session.scalars(select(Recording).where(Recording.interaction_id == call)).one_or_none()
        return kept is not None and kept.transcript_state == "done"


async def test_the_draft_rings_a_telephone_and_is_heard_there(
    desk: AdminDesk, line: Line, chrome: Browser, voices: Voices
) -> None:
    caller = await CallerPage.opens(chrome, line.house.front.url, voices, "+15550142044")
    await desk.writes("welcome", "Strawberry tarts are back on Friday.")
    await desk.opens_tab("simulator")
    await desk.presses("Call this draft")
    await desk.page.get_by_label("Ring this number").fill("+1 555 014 2044")
    await desk.presses("Ring it")
    await desk.is_told("It rings.")
    await caller.page.locator("#answer").click()
    await caller.hears("strawberry", "friday", "cakes")
    await caller.presses("1")
    await caller.is_told("Call ended", within_s=30)  # after the words on bread and a goodbye
    assert desk.person.complaints == []
    assert caller.person.complaints == []
    await caller.person.leaves()


async def test_a_trial_is_heard_by_the_numbers_named_until_it_is_stopped_or_goes_live(
    desk: AdminDesk, line: Line, voices: Voices
) -> None:
    tester, stranger = "+15550142051", "+15550142052"
    await desk.writes("bread", "The oven is new and our rolls are warm.")
    panel = await desk.opens_tab("trial")
    await panel.get_by_label("Share of calls, in percent").fill("0")
    await panel.get_by_label("And always for these callers").fill("+1 555 014 2051")
    await desk.presses("Start the trial")
    await expect(desk.page.get_by_role("dialog")).to_contain_text("Bread by key")
    await desk.presses("Cancel")
    await desk.writes("bread", "The oven is new and our bread is warm.")
    await panel.get_by_label("Share of calls, in percent").fill("0")
    await panel.get_by_label("And always for these callers").fill("+1 555 014 2051")
    await desk.presses("Start the trial")
    await desk.is_told("The trial runs.")
    phones = await asyncio.gather(*(line.choosing(number, "1", voices) for number in (tester, stranger)))
    await caller_hears(phones[0], voices, "oven is new")
    await caller_hears(phones[1], voices, "our bread is baked")
    for phone in phones:
        phone.wait_for("ended")
    helped = panel.get_by_role("row", name="Helped by the menu")
    await expect(helped.locator("td")).to_have_text(["100 % (1)", "100 % (1)"])
    await expect(panel.get_by_role("row", name=re.compile("^Calls")).locator("td")).to_have_text(["1", "1"])

    await desk.presses("Stop the trial")
    await desk.is_told("The trial is over")
    await caller_hears(await line.choosing(tester, "1", voices), voices, "our bread is baked")
    assert line.file.read_text() == BAKERY

    await desk.presses("Start the trial")
    await desk.is_told("The trial runs.")
    await desk.presses("Make it live for all")
    await desk.is_told("It is live for everybody now.")
    assert "The oven is new" in line.file.read_text()
    await caller_hears(await line.choosing(stranger, "1", voices), voices, "oven is new")
    with unit_of_work() as session:
        trials = session.execute(select(Canary.outcome, Canary.numbers).where(Canary.flow == line.flow)).all()
        live = session.get_one(KnownFlow, line.flow)
        assert [tuple(trial) for trial in trials] == [("stopped", [tester]), ("promoted", [tester])]
        assert (live.live_source, session.get_one(Draft, line.flow).state) == ("canary", "published")
    await desk.opens_tab("history")
    await expect(desk.page.locator(".version.is-live")).to_contain_text(ROSA)


async def test_a_past_call_is_replayed_on_its_own_version_beside_its_recording(
    desk: AdminDesk, line: Line, voices: Voices
) -> None:
    caller = line.calls_from("+15550142061")
    await caller_hears(caller, voices, "cakes")
    caller.say(await voices.saying("Twenty green bananas, please.", rate_hz=8_000))
    line.house.until(lambda: line.traced("no_match"), "nobody sells bananas")
    await line.chooses(caller, "3", voices)
    caller.wait_to_hear(1_000)
    caller.wait_for_silence()
    caller.say(await voices.saying("Please call me about the wedding cake.", rate_hz=8_000))
    caller.hang_up()
    with unit_of_work() as session:
        call = session.scalars(select(Interaction).where(Interaction.remote_address == "+15550142061")).one().id
    by_hand(line.file, "next: goodbye", "next: main_menu")
    by_hand(line.file, "  goodbye:\n", "  farewell:\n")
    page = desk.page
    line.house.until(lambda: is_written_down(call), "the message is kept and written down", 60)
    await page.goto(f"/admin/flows/replay/{call}")
    await expect(page.locator("#replay-steps li")).to_have_count(4)
    await expect(desk.step("goodbye")).to_be_attached()
    await expect(desk.step("farewell")).to_have_count(0)
    steps = page.locator("#replay-steps li")
    await expect(steps.nth(0)).to_contain_text("Welcome to the bakery.")
    await expect(steps.nth(1)).to_contain_text(re.compile("banana", re.IGNORECASE))
    await expect(steps.nth(1)).to_contain_text("% sure")
    await expect(steps.nth(2)).to_contain_text("Bread is 1, cakes are 2.")
    await expect(steps.nth(2).locator(".replay-input")).to_contain_text("3")
    await expect(steps.nth(3)).to_contain_text("Please leave a message.")
    times = await page.locator(".replay-time").all_inner_texts()
    assert times == sorted(times) and times[0] == "0:00" and times[3] != "0:00"
    for _ in range(3):
        await page.click("#replay-next")
    await expect(page.locator("#replay-place")).to_have_text("Step 4 of 4")
    await expect(page.locator(".step[data-step=message].is-here")).to_be_attached()
    player = page.locator("#replay-player")
    await expect(player.get_by_label("Play the recording")).to_be_visible()
    await expect(player.locator(".turns")).to_contain_text("wedding cake", timeout=30_000)
    await player.get_by_label("Play the recording").click()
    await expect(player.locator(".tiny.num").first).not_to_have_text(re.compile(r"^0:00"))
    assert desk.person.complaints == []


async def test_traffic_counts_callers_on_every_way_over_a_period(desk: AdminDesk, line: Line, voices: Voices) -> None:
    line.calls_from("+15550142074").hang_up()
    hears_hours, leaves_message, presses_wrongly = await asyncio.gather(
        line.choosing("+15550142071", "1", voices),
        line.choosing("+15550142072", "3", voices),
        line.choosing("+15550142073", "7", voices),
    )
    line.house.until(lambda: line.traced("no_match") == 1, "the wrong key was taken")
    await line.chooses(presses_wrongly, "7", voices)
    line.house.until(lambda: line.traced("no_match") == 2, "the wrong key was taken again")
    await line.chooses(presses_wrongly, "7", voices)
    leaves_message.hang_up()
    hears_hours.wait_for("ended")
    line.house.until(lambda: line.traced("hung_up") >= 1, "who hung up is counted")
    panel, page = await desk.opens_tab("traffic"), desk.page
    gauges = panel.locator(".gauge")
    await expect(gauges.nth(0)).to_contain_text("4")
    await expect(gauges.nth(1)).to_contain_text("25 %")
    menu = panel.get_by_role("row", name="Main menu")
    await expect(menu.locator("td")).to_have_text(["4", "25 %", "-", "60 %"])
    await expect(desk.step("main_menu").locator(".step-note")).to_contain_text("4 calls · 25 % left")
    await expect(desk.way("key 3")).to_contain_text("· 1")
    await expect(desk.way("not understood")).to_contain_text("· 1")
    await expect(desk.way("key 2")).not_to_contain_text("·")
    await panel.get_by_label("Period").select_option("own")
    await panel.get_by_label("From").fill("2020-01-01")
    await panel.get_by_label("Until").fill("2020-02-01")
    await expect(panel).to_contain_text("No call met this flow in that time.")
    await expect(page.locator(".step-note")).to_have_count(0)


async def test_text_is_edited_checked_published_heard_and_taken_back(
    desk: AdminDesk, line: Line, voices: Voices
) -> None:
    page = desk.page
    await desk.types_at("title: The bakery", " of Rosa")
    await desk.types_at("en: Welcome to the bakery.", " We have apple pie.")
    await expect(desk.step("welcome")).to_contain_text("Welcome to the bakery. We")
    await desk.types_at("next: main_menu", "x")
    await expect(page.locator(".step[data-step=welcome].has-error")).to_be_attached()
    await desk.is_saved()
    await page.click("#publish")
    refusal = page.get_by_role("dialog")
    await expect(refusal).to_contain_text("This cannot go live yet")
    await expect(refusal).to_contain_text("main_menux")
    await desk.presses("Show the first")
    await expect(page.locator(".cm-activeLine")).to_contain_text("next: main_menux")
    problems = await desk.opens_tab("problems")
    await expect(problems.locator(".fault").first).to_contain_text("did you mean 'main_menu'?")
    with unit_of_work() as session:
        assert "next: main_menux" in session.get_one(Draft, line.flow).text
        assert session.get_one(KnownFlow, line.flow).live_source == "file", "nothing went live"

    await page.locator(".cm-line", has_text="next: main_menux").click()
    await page.keyboard.press("End")
    await page.keyboard.press("Backspace")
    await expect(page.locator("#tab-problems .tab-count")).to_have_text("✓")
    await desk.is_saved()
    changes = await desk.opens_tab("changes")
    await expect(changes.locator(".change-list li")).to_have_count(2)
    await expect(changes.locator(".change-list")).to_contain_text("prompt welcome")
    await expect(changes.locator(".text-diff .is-added")).to_have_text(
        ["+title: The bakery of Rosa\n", "+      en: Welcome to the bakery. We have apple pie.\n"]
    )
    await expect(page.locator(".step[data-step=welcome].is-changed")).to_be_attached()
    await desk.publishes("Apple pie is here")
    assert line.file.read_text() == BAKERY.replace("The bakery\n", "The bakery of Rosa\n").replace(
        "Welcome to the bakery.", "Welcome to the bakery. We have apple pie."
    )
    history = await desk.opens_tab("history")
    newest = history.locator(".version").first
    await expect(newest).to_contain_text("Apple pie is here")
    await expect(newest).to_contain_text(ROSA)
    await expect(newest.locator("time")).to_have_text(re.compile(r"\d:\d\d|now"))
    await caller_hears(line.calls_from("+15550142011"), voices, "apple pie")

    await history.get_by_role("button", name="Take back to this").click()
    await expect(page.get_by_role("dialog").locator(".text-diff")).to_contain_text("apple pie")
    await desk.presses("Take back")
    await desk.is_told("Callers meet that version again.")
    await expect(history.locator(".version").first).to_contain_text("Taken back")
    await expect(desk.step("welcome")).not_to_contain_text("We have")
    assert line.file.read_text() == BAKERY
    heard = await caller_hears(line.calls_from("+15550142012"), voices, "welcome to the bakery", "cakes")
    assert "pie" not in heard
    with unit_of_work() as session:
        lines = session.execute(
            select(Release.source, Release.author, Release.message)
            .where(Release.flow == line.flow)
            .order_by(Release.id)
        ).all()
    assert [tuple(one) for one in lines[:2]] == [("file", "", ""), ("page", ROSA, "Apple pie is here")]
    assert lines[2][:2] == ("rollback", ROSA)
    assert desk.person.complaints == []


async def test_steps_are_added_connected_renamed_and_deleted_on_the_diagram_and_the_file_keeps_its_comments(
    desk: AdminDesk, line: Line, voices: Voices
) -> None:
    page = desk.page
    await desk.chooses("main_menu")
    await desk.presses("Add a choice")
    await page.get_by_role("dialog").get_by_label("Title").fill("Opening hours")
    await page.locator(".kind-choice", has_text="Speak a text").click()
    await desk.presses("Add")
    await expect(desk.step("opening_hours")).to_contain_text("Opening hours")
    await page.locator("#step-form .language-box textarea").first.fill("We open at seven.")
    await desk.chooses("opening_hours")
    await page.locator(".diagram-canvas").focus()
    await page.keyboard.press("c")
    await page.locator("dialog select").nth(1).select_option("goodbye")
    await desk.presses("Connect")
    await desk.chooses("bread")
    await page.locator(".diagram-canvas").focus()
    await page.keyboard.press("F2")
    await page.locator("dialog input").fill("loaves")
    await desk.presses("Rename")
    await expect(desk.step("loaves")).to_be_attached()
    await desk.chooses("cakes")
    await page.locator(".diagram-canvas").focus()
    await page.keyboard.press("Delete")
    await expect(desk.step("cakes")).to_have_count(0)
    await expect(page.locator("#tab-problems .tab-count")).to_have_text("✓")
    await desk.is_saved()
    await desk.publishes("Hours instead of cakes")
    published = line.file.read_text()
    assert published.startswith(BAKERY[: BAKERY.index("nodes:")])
    for kept in ("welcome: # before anything else", "[bread, bred]} # recognisers hear bred, too", "to: loaves"):
        assert kept in published
    assert "\n  cakes:" not in published and "Rosa's" not in published
    assert "words: {en: [cake, cakes]}\n        to: message" in published, "who chose the step goes on where it led"
    assert published.index("  loaves:") < published.index("  goodbye:") < published.index("  message:")
    caller = await line.choosing("+15550142021", "4", voices)
    caller.wait_for("ended")
    assert line.nodes_entered() == ["welcome", "main_menu", "opening_hours", "goodbye"]


async def test_a_file_changed_by_hand_is_a_new_version_at_once_and_never_overwrites_anybody(
    desk: AdminDesk, line: Line
) -> None:
    page = desk.page
    by_hand(line.file, "Goodbye.", "Good day to you.")
    await expect(desk.step("goodbye")).to_contain_text("Good day to you.", timeout=4_000)
    with unit_of_work() as session:
        newest = session.scalars(select(Release).where(Release.flow == line.flow).order_by(Release.id.desc())).first()
        assert newest is not None and (newest.source, newest.went_live) == ("file", True)

    await desk.writes("bread", "Rosa's draft of bread.")
    by_hand(line.file, "Good day to you.", "See you tomorrow.")
    await expect(page.locator(".banner")).to_contain_text("Another version went live since this draft began.")
    await desk.presses("Show what changed")
    await expect(page.locator("#panel-changes .text-diff .is-added")).to_contain_text("See you tomorrow.")
    await expect(desk.step("bread")).to_contain_text("Rosa's draft")
    await desk.presses("Go on with my draft")
    await expect(page.locator(".banner")).to_have_count(0)
    older = line.file.read_text()
    await desk.publishes("Rosa's bread")
    assert "Rosa's draft of bread." in line.file.read_text()

    put(line.file, older.replace("One moment please.", "A cake takes a moment."))
    banner = page.locator(".banner")
    await expect(banner).to_contain_text("Neither was overwritten.")
    assert "A cake takes a moment." in line.file.read_text()
    with unit_of_work() as session:
        assert session.get_one(KnownFlow, line.flow).live_source == "page"
    await desk.presses("Show the difference")
    await expect(page.locator("#panel-changes .text-diff")).to_contain_text("+    before: {en: A cake takes a moment.}")
    await desk.presses("Take the file")
    await expect(banner).to_have_count(0)
    await desk.chooses("cakes")
    await expect(desk.step("cakes")).to_contain_text("A cake takes a moment.")
    with unit_of_work() as session:
        assert session.get_one(KnownFlow, line.flow).live_source == "file"
    history = await desk.opens_tab("history")
    await expect(history.locator(".version")).to_have_count(5)


async def test_one_admin_writes_at_a_time_and_another_may_take_over(
    desk: AdminDesk, line: Line, chrome: Browser
) -> None:
    await desk.writes("bread", "Rosa writes of bread.")
    bos = await AdminDesk.opens(chrome, line.house.front.url, a_colleague(line.house, BO, "admin"), line.flow)
    await expect(bos.page.locator(".banner")).to_contain_text(f"{ROSA} is writing here")
    await expect(bos.step("bread")).to_contain_text("Rosa writes of bread.")
    await expect(bos.page.locator(".cm-content")).to_have_attribute("contenteditable", "false")
    await bos.chooses("bread")
    await bos.presses("Take over")
    await bos.writes("bread", "Bo writes of bread.")
    await expect(desk.page.locator(".banner")).to_contain_text(f"{BO} is writing here")
    await expect(desk.page.locator(".cm-content")).to_have_attribute("contenteditable", "false")
    await expect(desk.page.get_by_label("What is said, en")).to_be_disabled()
    await expect(desk.step("bread")).to_contain_text("Bo writes of bread.")
    with unit_of_work() as session:
        assert "Bo writes of bread." in session.get_one(Draft, line.flow).text
    await bos.person.leaves()


async def test_a_simulated_call_is_kept_as_a_test_call_which_guards_the_flow(desk: AdminDesk, line: Line) -> None:
    page = desk.page
    panel = await desk.opens_tab("simulator")
    await expect(panel.locator(".sim-log")).to_contain_text("For bread, press 1.")
    await panel.get_by_label("What the caller says").fill("some cakes please")
    await page.keyboard.press("Enter")
    await expect(page.locator(".step[data-step=cakes].is-here")).to_be_attached()
    await desk.presses("An agent answers")
    await expect(panel.locator(".sim-state")).to_contain_text("The call is over: answered")
    await desk.presses("Save as test call")
    await page.get_by_label("What it proves").fill("Cakes by word")
    await desk.presses("Save")
    await desk.is_told("The test call was saved into the draft.")
    tests = await desk.opens_tab("tests")
    await expect(tests).to_contain_text("All 2 test calls pass")
    await desk.publishes("Cakes are proven")
    kept = line.file.with_name(f"{line.flow}.scenarios.yaml").read_text()
    assert kept.startswith(BAKERY_TEST_CALLS) and "Cakes by word" in kept
    await desk.chooses("main_menu")
    await page.locator("#step-form .form-row select").nth(1).select_option("goodbye")
    await desk.is_saved()
    await page.click("#publish")
    await expect(page.get_by_role("dialog")).to_contain_text("These test calls fail")
    await expect(page.get_by_role("dialog")).to_contain_text("Cakes by word")


async def test_a_draft_that_was_never_live_is_thrown_away_and_had_back(desk: AdminDesk, line: Line) -> None:
    page = desk.page
    await page.goto("/admin/flows")
    await page.click("#new-flow")
    await page.get_by_label("Title").fill(f"Sunday {line.flow}")
    await desk.presses("Begin")
    await page.wait_for_url(f"**/admin/flows/sunday_{line.flow}")
    await desk.picture_stands()
    await desk.presses("Throw the draft away")
    await desk.is_told("was thrown away")
    await page.wait_for_url("**/admin/flows")
    await expect(page.locator(".flow-list")).not_to_contain_text(f"Sunday {line.flow}")
    await desk.presses("Undo")
    await page.wait_for_url(f"**/admin/flows/sunday_{line.flow}")
    await expect(desk.step("welcome")).to_be_attached()


async def test_a_number_is_added_and_changed_on_the_page_and_leads_there(
    desk: AdminDesk, line: Line, voices: Voices
) -> None:
    page = desk.page
    await page.goto("/admin/entry-points")
    await desk.presses("Add a number")
    sheet = page.locator("#entry-new")
    await sheet.get_by_label("Number").fill("12")
    await sheet.get_by_label("Name").fill("Shop window")
    await sheet.get_by_label("Flow").select_option(line.flow)
    await sheet.get_by_role("button", name="Add").click()
    await expect(sheet.locator(".field-error")).to_contain_text("number")
    await expect(sheet.get_by_label("Name")).to_have_value("Shop window")
    await sheet.get_by_label("Number").fill("+1 500 556 0001")
    await sheet.get_by_role("button", name="Add").click()
    row = page.get_by_role("row", name="Shop window")
    await expect(row.first).to_contain_text(line.flow)
    line.house.drain()
    phone = line.house.phone("+15550142091")
    phone.dial("+15005560001")
    phone.wait_for("answered")
    await line.chooses(phone, "1", voices)
    phone.wait_for("ended")
    assert line.nodes_entered() == ["welcome", "main_menu", "bread", "goodbye"]
