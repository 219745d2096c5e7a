"""The pages: behind the link, the public form, the calendar, an agent's promise."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.callbacks.links import link_to, read_token, token_of
from app.callbacks.models import Callback, CallbackState
from app.callbacks.policy import set_policy
from app.callbacks.rows import lock
from app.db import unit_of_work
from app.interactions.models import Message
from app.pages import limiter
from app.routing.models import Queue
from tests import factories
from tests.app.callbacks.conftest import AT_ANY_TIME, MIRA, a_callback
from tests.app.conftest import Browser, browser


@pytest.fixture
def queue_id(app: Flask, far_side: Any, sales: int) -> int:
    with unit_of_work() as session:
        factories.our_number(session)
        set_policy(session, sales, **AT_ANY_TIME, per_slot=2, zone="UTC")
    return sales


@pytest.fixture
def boss(app: Flask, far_side: Any) -> Browser:
    with unit_of_work() as session:
        user = factories.user(session, "Sue", roles=["supervisor"])
    return browser(app, user)


@pytest.fixture
def mira(app: Flask) -> Browser:
    """A person who is not signed in."""
    return browser(app, None)


def promised(queue_id: int, **values: Any) -> str:
    """A callback's link."""
    with unit_of_work() as session:
        callback = a_callback(session, session.get_one(Queue, queue_id), **values)
        return link_to(callback).removeprefix("http://web.test")


def the_callback() -> Callback:
    with unit_of_work() as session:
        return session.scalars(select(Callback)).one()


def texts() -> list[str]:
    with unit_of_work() as session:
        return list(session.scalars(select(Message.body).order_by(Message.id)))


def see(person: Browser, link: str) -> str:
    return str(person.get(link, headers={"Accept": "text/html"}).text)


def a_slot(hours: int = 3) -> str:
    moment = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=hours)
    return moment.isoformat()


def test_the_link_shows_the_place_and_of_the_number_its_end_only(queue_id: int, mira: Browser) -> None:
    link = promised(queue_id)
    page = see(mira, link)
    assert "Number 1 in line" in page and "ending in 30" in page
    assert MIRA not in page
    assert the_callback().link_version == 1, "looking changes nothing"


def test_moved_by_link_it_has_its_new_time_and_a_new_link(queue_id: int, mira: Browser) -> None:
    link = promised(queue_id)
    answer = mira.post(f"{link}/move", {"when": a_slot()})
    assert answer.status_code == 303
    moved = the_callback()
    assert moved.window_start.isoformat() == a_slot()
    assert answer.location != link and answer.location.endswith(token_of(moved))
    assert "This link was used" in see(mira, link)
    assert "We will call you back" in texts()[-1] and answer.location.rpartition("/")[2] in texts()[-1]


def test_a_link_works_once(queue_id: int, mira: Browser) -> None:
    link = promised(queue_id)
    mira.post(f"{link}/move", {"when": a_slot()})
    mira.post(f"{link}/cancel")
    assert the_callback().state == CallbackState.WAITING


def test_canceled_by_link_nothing_is_dialled_any_more(queue_id: int, mira: Browser) -> None:
    link = promised(queue_id)
    answer = mira.post(f"{link}/cancel")
    assert the_callback().state == CallbackState.CANCELED_BY_CUSTOMER
    assert "Your callback is canceled" in see(mira, answer.location)
    assert "is canceled" in texts()[-1]


def test_a_full_time_is_refused_in_words_and_the_link_stays_good(queue_id: int, mira: Browser) -> None:
    link = promised(queue_id)
    with unit_of_work() as session:
        set_policy(session, queue_id, per_slot=0)
    answer = mira.post(f"{link}/move", {"when": a_slot()})
    assert answer.status_code == 409 and "That time is taken by now" in answer.text
    mira.post(f"{link}/cancel")
    assert the_callback().state == CallbackState.CANCELED_BY_CUSTOMER


@pytest.mark.parametrize("token", ["x", "a.b", "WyIiLDFd.c2ln", "%00", "x" * 3000, "..%2f..%2fadmin"])
def test_a_made_up_link_leads_nowhere(queue_id: int, mira: Browser, token: str) -> None:
    assert read_token(token) is None
    assert mira.get(f"/c/{token}").status_code == 404
    assert mira.post(f"/c/{token}/cancel").status_code == 404


@pytest.mark.parametrize("when", ["yesterday", "2027-01-01T10:00", "2020-01-01T10:00:00+00:00", "9" * 40, ""])
def test_a_made_up_time_is_refused(queue_id: int, mira: Browser, when: str) -> None:
    link = promised(queue_id)
    assert mira.post(f"{link}/move", {"when": when}).status_code in (400, 409)
    assert the_callback().state == CallbackState.DUE


def test_nothing_is_done_without_the_pages_own_token(queue_id: int, mira: Browser) -> None:
    link = promised(queue_id)
    assert mira.client.post(f"{link}/cancel").status_code == 400
    assert the_callback().state == CallbackState.DUE


def test_the_public_form_is_there_where_the_queue_wants_it(queue_id: int, mira: Browser) -> None:
    assert mira.get("/call-me/sales").status_code == 404
    with unit_of_work() as session:
        set_policy(session, queue_id, web=True)
    assert "Call me back" in see(mira, "/call-me/sales")


def test_a_request_from_the_web_rings_nobody_before_the_number_has_confirmed(queue_id: int, mira: Browser) -> None:
    with unit_of_work() as session:
        set_policy(session, queue_id, web=True)
    answer = mira.post("/call-me/sales", {"number": "+1 212 555 0177", "when": "soon", "zone": "America/New_York"})
    assert answer.status_code == 200 and "Look at your telephone" in answer.text
    assert the_callback().state == CallbackState.REQUESTED
    [text] = texts()
    link = re.search(r"http://web\.test(/c/\S+)", text)
    assert link is not None
    mira.post(f"{link[1]}/confirm")
    assert the_callback().state == CallbackState.DUE
    assert the_callback().zone == "America/New_York"


@pytest.mark.parametrize("number", ["+19005550100", "+447700900123", "12", "+1", "hello", "+1212555010012345"])
def test_a_strangers_form_gets_no_costly_foreign_or_impossible_number(
    queue_id: int, mira: Browser, number: str
) -> None:
    with unit_of_work() as session:
        set_policy(session, queue_id, web=True)
    assert mira.post("/call-me/sales", {"number": number, "when": "soon"}).status_code == 400
    with unit_of_work() as session:
        assert session.scalars(select(Callback)).all() == []


def test_a_form_that_is_sent_again_and_again_is_slowed_down(queue_id: int, mira: Browser) -> None:
    with unit_of_work() as session:
        set_policy(session, queue_id, web=True)
    limiter.enabled = True
    try:
        limiter.reset()
        answers = [mira.post("/call-me/sales", {"number": "12", "when": "soon"}).status_code for _ in range(7)]
    finally:
        limiter.enabled = False
    assert answers[-1] == 429


def test_the_calendar_shows_load_and_what_is_full(queue_id: int, boss: Browser) -> None:
    start = datetime.fromisoformat(a_slot())
    in_min = (start - datetime.now(UTC)).total_seconds() / 60
    for number in (MIRA, "+15550142031"):
        promised(queue_id, number=number, in_min=in_min + 1)
    day = boss.get(f"/callbacks?queue={queue_id}&day={start.date().isoformat()}").get_json()
    [slot] = [each for each in day["slots"] if each["start"] == start.isoformat()]
    assert (slot["taken"], slot["room"], slot["is_full"]) == (2, 2, True)
    assert len(day["slots"]) == 48 and len(day["callbacks"]) == 2
    assert "Full" in see(boss, f"/callbacks?queue={queue_id}&day={start.date().isoformat()}")


def test_a_supervisor_moves_and_cancels(queue_id: int, boss: Browser) -> None:
    promised(queue_id)
    callback_id = the_callback().id
    assert boss.post(f"/callbacks/{callback_id}/move", {"when": a_slot()}).get_json() == {"state": "waiting"}
    assert boss.post(f"/callbacks/{callback_id}/cancel").get_json() == {"state": "canceled_by_agent"}
    assert boss.post(f"/callbacks/{callback_id}/cancel").status_code == 409
    assert boss.post(f"/callbacks/{uuid.uuid4()}/cancel").status_code == 404
    assert "Admins change the rules." in see(boss, "/callbacks")


def test_an_agent_promises_a_call_of_their_own(queue_id: int, ana: Browser) -> None:
    with unit_of_work() as session:
        customer = factories.customer(session, MIRA)
    assert "Promise a callback" in see(ana, f"/callbacks/new?customer={customer.id}")
    promise = {"customer_id": str(customer.id), "queue": queue_id, "number": MIRA, "when": a_slot(), "own": True}
    assert ana.post("/callbacks", promise).status_code == 201
    made = the_callback()
    assert (made.kind, made.owner_id, made.state) == ("agent", ana.user_id, "waiting")
    assert ana.post("/callbacks", promise | {"number": "+15550142099"}).status_code == 400
    assert ana.get("/callbacks").status_code == 403, "the calendar is the supervisors'"


def test_strangers_see_neither_calendar_nor_promises(queue_id: int, mira: Browser) -> None:
    for path in ("/callbacks", "/callbacks/new", "/follow-ups"):
        assert mira.get(path).status_code in (302, 401, 403)


def test_a_used_link_of_a_held_callback_is_told_apart(queue_id: int) -> None:
    promised(queue_id)
    with unit_of_work() as session:
        callback = lock(session, the_callback().id)
        assert callback is not None
        old = token_of(callback)
        callback.link_version += 1
        grant = read_token(old)
        assert grant is not None and grant.version == callback.link_version - 1
