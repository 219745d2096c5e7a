"""The page behind the link and the supervisors' calendar, in a real browser on the real application."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.async_api import expect
from sqlalchemy import select
from werkzeug.serving import make_server

from app.callbacks.links import token_of
from app.callbacks.models import Callback
from app.callbacks.policy import set_policy
from app.config import ROOT
from app.db import unit_of_work
from app.routing.models import Queue
from tests import factories
from tests.app.callbacks.conftest import AT_ANY_TIME, a_callback
from tests.app.conftest import browser as signed_in
from tests.support.browser import Person, chromium


@pytest.fixture(scope="session", autouse=True)
def built_pages() -> None:
    """The pages' scripts and styles, as the sources have them now."""
    subprocess.run([sys.executable, str(ROOT / "script" / "frontend")], check=True)


@pytest.fixture
def site(app: Flask, far_side: Any) -> Iterator[str]:
    """The application on a port of its own, with a queue that takes two callbacks in each half hour."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    with unit_of_work() as session:
        factories.our_number(session)
        queue = factories.queue(session, "sales")
        set_policy(session, queue.id, **AT_ANY_TIME, per_slot=2, zone="UTC")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
async def person(site: str) -> AsyncIterator[Person]:
    async with chromium() as running:
        made = await Person.sits_down(running, site)
        yield made
        assert made.complaints == []
        await made.leaves()


def promised(number: str, **values: Any) -> str:
    with unit_of_work() as session:
        queue = session.scalars(select(Queue)).one()
        return token_of(a_callback(session, queue, number, **values))


def state() -> str:
    with unit_of_work() as session:
        return session.scalars(select(Callback.state)).one()


async def test_a_person_sees_their_place_moves_the_call_and_cancels_it(person: Person) -> None:
    page = person.page
    await page.set_viewport_size({"width": 320, "height": 640})
    await page.goto(f"/c/{promised('+15550142030')}")
    await expect(page.get_by_role("heading", name="You are in line")).to_be_visible()
    await expect(page.locator(".facts")).to_contain_text("Number 1 in line")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off at 320 px"
    await page.get_by_label("Another time").select_option(index=2)
    await page.get_by_role("button", name="Move it").press("Enter")
    await expect(page.get_by_role("heading", name="We will call you back")).to_be_visible()
    assert state() == "waiting"
    await page.get_by_role("button", name="Cancel the callback").click()
    await expect(page.get_by_role("heading", name="Your callback is canceled")).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel the callback")).to_have_count(0)
    assert state() == "canceled_by_customer"


async def test_a_supervisor_sees_the_load_of_the_day_and_cancels_a_callback(
    person: Person, app: Flask, site: str
) -> None:
    with unit_of_work() as session:
        boss = factories.user(session, "Sue", roles=["supervisor"])
    promised("+15550142030")
    cookie = signed_in(app, boss).client.get_cookie("session")
    assert cookie is not None
    await person.page.context.add_cookies([{"name": "session", "value": cookie.value, "url": site}])
    page = person.page
    await page.goto("/callbacks")
    await expect(page.locator(".slots li")).to_have_count(48)
    row = page.get_by_role("row", name="+1 555 014 2030")
    await expect(row).to_contain_text("In line")
    await row.get_by_role("button", name="Change").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel the callback").click()
    await expect(page.get_by_role("row", name="+1 555 014 2030")).to_contain_text("Canceled by us")
    assert state() == "canceled_by_agent"
