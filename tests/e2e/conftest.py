"""The demo company's house with recognisers, and browsers for its people."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask_security import hash_password
from playwright.async_api import Browser
from sqlalchemy import delete, select

from app.accounts.models import User
from app.config import ROOT
from app.db import unit_of_work
from app.interactions.models import Disposition
from app.routing.models import Queue, QueueMember
from telephony.models import PhoneNumber
from tests.e2e.people import SIGN_IN, AgentDesk, CallerPage, Voices
from tests.support.browser import chromium
from tests.support.house import LINE, House
from tests.support.people import a_person

CLOSED_LINE = "+15005550009"
"""Answered by the same flow on a day that is closed."""
DEMO_FLOWS = ROOT / "ivr_flows" / "flows"


@pytest.fixture(scope="session", autouse=True)
def built_pages() -> None:
    """The pages' scripts, as the sources have them now."""
    subprocess.run([sys.executable, str(ROOT / "script" / "frontend")], check=True)


@pytest.fixture(scope="session")
def voices() -> Iterator[Voices]:
    voices = Voices()
    voices.words_now(np.zeros(8_000, np.int16))  # the model is loaded before anybody waits for an answer
    yield voices
    voices.recogniser.close_sync()


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's own flow files, and its main flow as it is on a closed day."""
    folder = tmp_path_factory.mktemp("flows")
    for file in DEMO_FLOWS.glob("*.yaml"):
        (folder / file.name).write_text(file.read_text())
    main = (DEMO_FLOWS / "main.yaml").read_text()
    always_open = "weekly: 24/7"
    assert always_open in main
    (folder / "closed.yaml").write_text(main.replace(always_open, "weekly: {mon-sun: closed}"))
    return folder


@pytest.fixture(scope="session")
def speech_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts rendered by one house are there for the next."""
    return tmp_path_factory.mktemp("speech")


@pytest.fixture(scope="module")
def running_house(
    database_url: str, flows: Path, tmp_path_factory: pytest.TempPathFactory, speech_cache: Path
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    house = House(database_url, folder, hears=True, flows=flows, speech_cache=speech_cache).open()
    yield house
    house.close()


@pytest.fixture
def house(running_house: House, database: str) -> Iterator[House]:
    """The running house with the demo's queues, outcomes and lines."""
    with unit_of_work() as session:
        for key in ("sales", "support", "billing"):
            session.add(Queue(key=key, name=key.title(), ring_s=20, wrap_up_s=120))
        session.add(Disposition(code="SALE", label="Sale made"))
        session.add(Disposition(code="SOLVED", label="Question answered"))
        session.add(PhoneNumber(number=LINE, label="Main line", flow="main", language="en"))
        session.add(PhoneNumber(number=CLOSED_LINE, label="Closed line", flow="closed", language="en"))
    own_line(running_house, CLOSED_LINE)
    yield running_house
    running_house.tidy_up()


def own_line(house: House, number: str) -> None:
    """Tell the carrier where a number's calls and texts go."""
    base = house.front.url
    numbers = house.carrier().incoming_phone_numbers
    if not numbers.list(phone_number=number):
        numbers.create(
            phone_number=number,
            voice_url=f"{base}/voice/incoming",
            voice_fallback_url=f"{base}/voice/fallback",
            status_callback=f"{base}/voice/status",
            sms_url=f"{base}/sms/incoming",
        )


@pytest.fixture
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """A browser program; after a test that failed, pictures of its pages lie in var/e2e."""
    async with chromium() as browser:
        yield browser
        if not getattr(request.node, "went_well", False):
            folder = ROOT / "var" / "e2e"
            folder.mkdir(parents=True, exist_ok=True)
            for number, page in enumerate(page for context in browser.contexts for page in context.pages):
                await page.screenshot(path=folder / f"{request.node.name[:60]}-{number}.png")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    if call.when == "call":
        item.went_well = outcome.get_result().passed  # type: ignore[attr-defined]


@pytest.fixture
def ana(house: House) -> str:
    """Ana's address for signing in; she works in every queue."""
    return an_agent(house, "Ana Souza")


def an_agent(house: House, name: str) -> str:
    """An agent with a password, member of every queue; the address to sign in with."""
    email = a_colleague(house, name, "agent")
    with unit_of_work() as session:
        user = session.scalars(select(User).where(User.email == email)).one()
        for queue_id in session.scalars(select(Queue.id)):
            session.add(QueueMember(queue_id=queue_id, user_id=user.id))
    return email


def a_colleague(house: House, name: str, role: str) -> str:
    """A person of this role with a password; the address to sign in with."""
    user = a_person(role, name=name)
    app = Flask("hashing")
    key = house.settings.secret_key
    app.config.update(SECURITY_PASSWORD_HASH="argon2", SECURITY_PASSWORD_SALT=key, SECRET_KEY=key)
    from flask_security import Security, SQLAlchemySessionUserDatastore

    from app.accounts.models import Role
    from app.db import request_session

    Security(app, SQLAlchemySessionUserDatastore(request_session, User, Role), register_blueprint=False)
    with app.app_context(), unit_of_work() as session:
        kept = session.get_one(User, user.id)
        kept.password = hash_password(SIGN_IN["password"])
        return kept.email


def nobody_answers(queue_key: str, max_wait_s: int) -> None:
    """A queue without people, in which callers wait this long at most."""
    with unit_of_work() as session:
        queue = session.scalars(select(Queue).where(Queue.key == queue_key)).one()
        queue.max_wait_s = max_wait_s
        session.execute(delete(QueueMember).where(QueueMember.queue_id == queue.id))


@pytest.fixture
async def agent(house: House, browser: Browser, voices: Voices, ana: str) -> AgentDesk:
    """Ana at her desk, available."""
    return await AgentDesk.starts_shift(browser, house.front.url, voices, ana)


@pytest.fixture
async def caller(house: House, browser: Browser, voices: Voices) -> CallerPage:
    """A caller at the phone page, with a number of their own."""
    return await CallerPage.opens(browser, house.front.url, voices, "+15550142030")
