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
    app.config["ENGINE"].dispose()
