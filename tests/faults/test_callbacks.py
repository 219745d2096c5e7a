"""A callback in real processes with real audio, and kill -9 at each point of its path, K1 to K7 (F8, C-3, C-8)."""

from __future__ import annotations

import contextlib
import itertools
import re
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.callbacks.models import Callback, CallbackAttempt
from app.callbacks.policy import set_policy
from app.db import database_now, unit_of_work
from app.interactions.models import Interaction, Message
from app.routing.models import Queue
from tests.app.callbacks.conftest import a_callback
from tests.faults.calls import CALLER, read, talk, wrap_up
from tests.support.house import LINE, Agent, House
from tests.telephony.local_carrier.phone import ScriptedPhone

pytestmark = pytest.mark.timeout(300)  # processes are started again and again, on a machine that may be busy
SLOW_RING_S = 60
FLOW = """
title: A line with callbacks
languages: [en]
zone: America/New_York
start: line
fallback: message
nodes:
  line: {kind: queue, queue: sales, callback: call_me, unanswered: message}
  call_me: {kind: callback, queue: sales, declined: line}
  message: {kind: voicemail, mailbox: sales, prompt: {en: Speak.}}
"""


@pytest.fixture(scope="module")
def running_house(request: Any, database_url: str, tmp_path_factory: Any, speech_cache: Any) -> Any:
    """As for the other fault tests, with a line that offers callbacks."""
    flows = tmp_path_factory.mktemp("flows")
    (flows / "main.yaml").write_text(FLOW)
    house = House(database_url, tmp_path_factory.mktemp("house"), speech_cache=speech_cache, flows=flows, webs=2)
    house.open()
    yield house
    house.close()


@pytest.fixture
def sales(house: House) -> int:
    """The queue, which calls back at any time of day and tries again at once."""
    with unit_of_work() as session:
        queue = session.scalars(select(Queue).where(Queue.key == "sales")).one()
        set_policy(session, queue.id, quiet="00:00-24:00", gaps_s=[1, 1], per_slot=5)
        return queue.id


def asks_for_a_callback(house: House) -> ScriptedPhone:
    """Mira waits in line, presses 1 for a callback, 1 for her own number, and hangs up."""
    caller = house.phone(CALLER)
    caller.dial(LINE)
    caller.wait_for("answered")
    house.until(lambda: state_of_call() == "queued", "the caller waits")
    house.until(lambda: press_until(caller, "1", "in_flow"), "a callback is asked for")
    caller.forget_heard()
    house.until(lambda: press_until(caller, "1", "callback"), "the callback is agreed")
    caller.wait_for("ended")
    return caller


def press_until(caller: ScriptedPhone, key: str, state: str) -> bool:
    if state_of_call() != state and len(caller.heard) > 4000:
        caller.forget_heard()
        caller.press(key)
    return state_of_call() == state


def state_of_call() -> str | None:
    [call] = read(select(Interaction.state).where(Interaction.direction == "inbound")) or [None]
    return call


def states() -> list[str]:
    return read(select(Callback.state))


def outcomes() -> list[str | None]:
    return read(select(CallbackAttempt.outcome).order_by(CallbackAttempt.n))


def is_called_back(house: House, caller: ScriptedPhone, ana: Agent) -> None:
    """The agent's phone rings, then the customer's, who presses 1; they hear each other."""
    house.until(lambda: rings_after(caller, ana), "the customer's phone rings", SLOW_RING_S)
    caller.answer()
    accepts(house, caller)
    talk(caller, ana)


def rings_after(caller: ScriptedPhone, ana: Agent) -> bool:
    """The agent picks up whenever it rings: a try that died with a process is followed by another."""
    with contextlib.suppress(AssertionError):
        ana.phone.answer(0.2)
    return caller.has_seen("incoming")


def accepts(house: House, caller: ScriptedPhone) -> None:
    """Press 1 as often as the question is heard anew."""

    def pressed() -> bool:
        if states() != ["connected"] and len(caller.heard) > 4000:
            caller.forget_heard()
            caller.press("1")
        return states() == ["connected"]

    house.until(pressed, "the customer said yes", SLOW_RING_S)


def assert_kept(house: House) -> None:
    """One talk, tries that are counted once each, no place left over."""
    house.until(lambda: states() == ["completed"], "the promise is kept", SLOW_RING_S)
    assert outcomes()[-1] == "connected" and outcomes().count("connected") == 1
    [callback] = read(select(Callback))
    assert callback.attempts == len(outcomes()) <= callback.max_attempts
    tries = read(select(CallbackAttempt).order_by(CallbackAttempt.n))
    for earlier, later in itertools.pairwise(tries):
        assert earlier.ended_at <= later.started_at, "two dials never overlap"


def test_who_leaves_the_line_is_called_back_and_talks(house: House, sales: int) -> None:
    caller = asks_for_a_callback(house)
    [promised] = read(select(Callback))
    [call] = read(select(Interaction).where(Interaction.direction == "inbound"))
    assert promised.virtual_start == call.virtual_start, "the place is kept"
    ana = house.agent("Ana")
    is_called_back(house, caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_kept(house)
    assert outcomes() == ["connected"]
    house.until(lambda: caller.has_seen("message"), "the promise came in writing, too")


def test_a_scheduled_callback_is_moved_and_canceled_by_its_link(house: House, sales: int) -> None:
    caller = house.phone(CALLER)
    with unit_of_work() as session:
        from app.callbacks import links, texts

        links.configure(house.settings)
        callback = a_callback(session, session.get_one(Queue, sales), CALLER, in_min=120)
        callback.our_address = LINE
        texts.confirm(session, callback)
    link = link_in(caller)
    with httpx.Client(follow_redirects=True, timeout=20) as browser:
        page = browser.get(link).text
        [when, *_] = re.findall(r'<option value="(\d[^"]+)"', page)
        moved = browser.post(f"{link}/move", data={"when": when, "csrf_token": token_in(page)})
        assert moved.status_code == 200 and str(moved.url) != link
        newest = link_in(caller)
        assert newest == str(moved.url), "the new link came by text"
        browser.post(f"{newest}/cancel", data={"csrf_token": token_in(moved.text)})
    assert states() == ["canceled_by_customer"]
    assert "canceled" in caller.wait_for("message")["body"]
    ana = house.agent("Ana")
    with unit_of_work() as session:
        session.execute(update(Callback).values(due_at=database_now(session), window_start=database_now(session)))
    house.drain()
    assert not ana.phone.has_seen("incoming") and outcomes() == []


def link_in(phone: ScriptedPhone) -> str:
    found = re.search(r"http://\S+/c/\S+", phone.wait_for("message", timeout_s=SLOW_RING_S)["body"])
    assert found is not None
    return found[0]


def token_in(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("web", "worker"),
    [
        pytest.param("K5", "K1", id="place committed, answer committed"),
        pytest.param("K6", "K2", id="try written, key committed"),
        pytest.param("K7", "K3", id="dial sent, outcome committed"),
        pytest.param("W4", "K4", id="dial's id stored, answer half written"),
    ],
)
def test_a_power_cut_on_the_path_of_a_callback_breaks_no_promise(
    house: House, sales: int, web: str, worker: str
) -> None:
    caller = house.phone(CALLER)
    with unit_of_work() as session:
        callback = a_callback(session, session.get_one(Queue, sales), CALLER, in_min=1, minutes=120)
        callback.our_address = LINE
    house.arm(web=web, worker=worker)
    with house.supervised() as crashed:
        ana = house.agent("Ana")
        with unit_of_work() as session:
            now = database_now(session)
            session.execute(update(Callback).values(window_start=now, due_at=now, virtual_start=now))
        is_called_back(house, caller, ana)
        caller.hang_up()
        wrap_up(house, ana)
        assert_kept(house)
        house.until(lambda: sorted(crashed) == ["web", "worker"], "both were cut", 10)
    assert len(outcomes()) <= 2
    texted = read(select(Message.body).where(Message.direction == "outbound"))
    assert len(texted) == len(set(texted)), "nobody is told twice"


def test_due_while_everything_was_dark_it_is_dialled_when_the_light_is_back(house: House, sales: int) -> None:
    caller = house.phone(CALLER)
    ana = house.agent("Ana")
    with unit_of_work() as session:
        a_callback(session, session.get_one(Queue, sales), CALLER, in_min=1, minutes=120).our_address = LINE
    for name in ("web", "web2", "worker"):
        house.kill(name)
    with unit_of_work() as session:
        now = database_now(session)
        session.execute(update(Callback).values(window_start=now, due_at=now, virtual_start=now))
    for name in ("web", "web2", "worker"):
        house.start(name, wait=False)
    for name in ("web", "web2", "worker"):
        house.wait_until_ready(name)
    ana.be("available")
    is_called_back(house, caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_kept(house)
