"""A house whose flow files may be changed, and admins in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db import unit_of_work
from app.events import Event
from app.flows.archive import DatabaseArchive, known_queues
from app.flows.files import FlowFiles
from app.flows.publish import House
from ivr_flows.store import FlowStore
from tests import factories
from tests.app.conftest import Browser, browser

MAIN = """\
title: Main line
start: welcome
fallback: desk

nodes:
  welcome:  # said to everybody
    kind: say
    text: Welcome.
    next: menu

  menu:
    kind: menu
    prompt: For sales, press 1.
    choices:
      - {key: 1, to: desk}

  desk:
    kind: queue
    queue: sales
    unanswered: message

  message:
    kind: voicemail
    prompt: Leave a message.
    mailbox: sales

scenarios:
  - name: Sales by key
    call:
      - hears: Welcome
      - press: 1
    ends: {queue: sales}
"""
BROKEN = MAIN.replace("next: menu", "next: menue")
FAILING = MAIN.replace("text: Welcome.", "text: Hello.")


def worded(words: str) -> str:
    """The flow with another sentence in its menu."""
    return MAIN.replace("For sales, press 1.", words)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "flows"
    place.mkdir()
    (place / "main.yaml").write_text(MAIN)
    return place


def house_on(folder: Path) -> House:
    """A process that looks at the files whenever it is asked."""
    files = FlowFiles(folder)
    store = FlowStore(folder, DatabaseArchive(files), queues=known_queues, check_every_s=0)
    return House(store, files)


@pytest.fixture
def house_of_flows(app, folder) -> Iterator[House]:
    """The application, reading the flow files of the test."""
    with unit_of_work() as session:
        factories.queue(session, "sales")
    app.extensions["flow_house"] = house_on(folder)
    yield app.extensions["flow_house"]


def admin(app, name: str) -> Browser:
    with unit_of_work() as session:
        user = factories.user(session, name, ["admin"])
    return browser(app, user)


@pytest.fixture
def alma(app, house_of_flows) -> Browser:
    """An admin."""
    return admin(app, "Alma")


@pytest.fixture
def ben(app, house_of_flows) -> Browser:
    """Another admin."""
    return admin(app, "Ben")


def told(kind: str) -> list[dict]:
    """What the log says of this kind, oldest first."""
    with unit_of_work() as session:
        return [event.data for event in session.query(Event).filter_by(kind=kind).order_by(Event.id)]


def draft_of(who: Browser, name: str = "main") -> dict:
    return who.get(f"/admin/flows/{name}/draft").json


def save(who: Browser, text: str, rev: int | None = None, name: str = "main", **more: str) -> int:
    """Save a draft on what stands; its rev."""
    rev = draft_of(who, name)["rev"] if rev is None else rev
    answer = who.put(f"/admin/flows/{name}/draft", {"text": text, "rev": rev, **more})
    assert answer.status_code == 200, answer.text
    return answer.json["rev"]


def publish(who: Browser, text: str, message: str = "", name: str = "main") -> str:
    """Save and publish; the version."""
    rev = save(who, text, name=name)
    answer = who.post(f"/admin/flows/{name}/publish", {"message": message, "rev": rev})
    assert answer.status_code == 200, answer.text
    return answer.json["version"]
