"""The caller's phone page and its tokens."""

from __future__ import annotations

import dataclasses

import pytest

from app import create_app
from tests.app.conftest import OURS, browser


@pytest.fixture
def stranger(app, far_side):
    return browser(app, None)


def test_anybody_at_this_machine_may_be_the_caller(stranger) -> None:
    page = stranger.get("/phone", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert OURS in page.text and "+15550102030" in page.text


def test_a_number_gets_a_token_to_be_it(stranger) -> None:
    reply = stranger.get("/phone/token?number=%2B1%20555%20010%202030")
    assert reply.json["address"] == "+15550102030"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "number", ["", "abc", "12", "+", "anonymous", "%2B1", OURS.replace("+", "%2B"), "%2B" + "9" * 30]
)
def test_what_is_no_outside_number_gets_no_token(stranger, number) -> None:
    reply = stranger.get(f"/phone/token?number={number}")
    assert reply.status_code == 400 and reply.json["error"]["field"] == "number"


def test_with_a_real_carrier_there_is_no_such_page(settings, database) -> None:
    real = dataclasses.replace(settings, carrier="twilio")
    app = create_app(real)
    assert app.test_client().get("/phone").status_code == 404
    assert app.test_client().get("/phone/token?number=%2B15550102030").status_code == 404
    assert app.test_client().get("/phone/trace").status_code == 404


def test_a_phone_sees_what_it_made_the_carrier_ask(stranger) -> None:
    reply = stranger.get("/phone/trace?after=4", headers={"Authorization": "Bearer n.o.t"})
    assert reply.json["entries"][0] | {"reply": ""} == {
        "id": 5, "method": "POST", "url": "/voice/incoming", "status": 200, "reply": "",
    }  # fmt: skip
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer made.up"}])
def test_without_a_phones_token_nothing_is_seen(stranger, headers) -> None:
    assert stranger.get("/phone/trace", headers={"Accept": "application/json"} | headers).status_code == 401


@pytest.mark.parametrize("after", ["-1", "x", "9" * 20, "1.5"])
def test_what_is_no_entry_is_refused_by_name(stranger, after) -> None:
    reply = stranger.get(f"/phone/trace?after={after}", headers={"Authorization": "Bearer n.o.t"})
    assert reply.status_code == 400 and reply.json["error"]["field"] == "after"
