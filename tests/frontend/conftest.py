"""Roles: `pages` (our templates with example records), `browser`, `visitor` (a person at a page), a real carrier."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from werkzeug.serving import make_server

from tests.frontend.preview import make_preview
from tests.support.browser import Person, chromium
from tests.telephony.local_carrier.conftest import application, carrier, client, line, phones, sounds

__all__ = ["application", "carrier", "client", "line", "phones", "sounds"]

Visitor = Callable[..., Awaitable[Person]]


@dataclass
class Pages:
    """A running preview; `app.config` decides which phone line its pages are given."""

    url: str
    config: dict[str, object]


@pytest.fixture
def pages() -> Iterator[Pages]:
    """The pages on a port of their own."""
    app = make_preview()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield Pages(f"http://127.0.0.1:{server.server_port}", app.config)
    server.shutdown()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser program for the tests of a file; each visitor has a profile of their own in it."""
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(browser: Browser, pages: Pages) -> AsyncIterator[Visitor]:
    """Sits somebody down in front of a page, or at an empty window: `await visitor("/phone", color_scheme="dark")`."""
    people: list[Person] = []

    async def sit_down(path: str | None, **context: object) -> Person:
        person = await Person.sits_down(browser, pages.url, **context)
        people.append(person)
        if path is not None:
            await person.page.goto(path)
        return person

    yield sit_down
    for person in people:
        await person.leaves()
