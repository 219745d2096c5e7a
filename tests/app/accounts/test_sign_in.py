"""At the door: signing in and out, guessing, and addresses that lead elsewhere."""

from __future__ import annotations

import re
import uuid

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_security import hash_password

from app.accounts.models import User
from app.accounts.people import set_active, set_password
from app.db import unit_of_work
from app.pages import limiter
from tests import factories

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="session")
def hashed(house: Flask) -> str:
    """Hashing is slow on purpose: once is enough."""
    with house.app_context():
        return hash_password(PASSWORD)


@pytest.fixture
def ana(app: Flask, far_side, hashed: str) -> str:
    with unit_of_work() as session:
        user = factories.user(session, "Ana")
        user.email, user.password = "ana@example.com", hashed
        return user.email


@pytest.fixture
def door(app: Flask) -> FlaskClient:
    return app.test_client()


def token_of(door: FlaskClient) -> str:
    page = door.get("/login", headers=HTML)
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]


def sign_in(door: FlaskClient, email: str, password: str = PASSWORD, next_page: str = ""):
    form = {"email": email, "password": password, "csrf_token": token_of(door), "next": next_page}
    return door.post("/login", data=form, headers=HTML)


def is_in(door: FlaskClient) -> bool:
    return door.get("/desktop/state").status_code == 200


def test_the_right_password_opens_the_desktop(door, ana) -> None:
    reply = sign_in(door, ana)
    assert (reply.status_code, reply.location) == (302, "/")
    assert is_in(door)


def test_capitals_in_the_address_do_not_matter(door, ana) -> None:
    assert sign_in(door, "Ana@Example.COM").status_code == 302


def test_an_unknown_address_and_a_wrong_password_read_the_same(door, ana) -> None:
    def said(reply) -> str:
        return re.sub(r'(value|content)="[^"]*"', "", reply.text)  # what was typed, and tokens

    wrong, unknown = sign_in(door, ana, "wrong password"), sign_in(door, "nobody@example.com", "wrong password")
    assert wrong.status_code == unknown.status_code == 200
    assert said(wrong) == said(unknown)
    assert "not exist" not in unknown.text


def test_without_the_forms_token_nobody_signs_in(door, ana) -> None:
    reply = door.post("/login", data={"email": ana, "password": PASSWORD}, headers=HTML)
    assert reply.status_code == 400 and not is_in(door)


def test_a_session_begins_anew_at_sign_in(app, door, ana) -> None:
    before = token_of(door)
    cookie_before = door.get_cookie("session").value
    sign_in(door, ana)
    assert door.get_cookie("session").value != cookie_before
    stranger = app.test_client()
    stranger.set_cookie("session", cookie_before)
    assert not is_in(stranger)
    reply = door.post("/desktop/presence", json={"presence": "break"}, headers={"X-CSRFToken": before})
    assert reply.status_code == 400


def test_a_copied_cookie_is_worth_nothing_after_signing_out(app, door, ana) -> None:
    sign_in(door, ana)
    thief = app.test_client()
    thief.set_cookie("session", door.get_cookie("session").value)
    assert is_in(thief)
    page = door.get("/desktop", headers=HTML)
    token = re.search(r'name="csrf-token" content="([^"]+)"', page.text)[1]
    assert door.post("/logout", data={"csrf_token": token}, headers=HTML).status_code == 302
    assert not is_in(door) and not is_in(thief)


def test_nobody_is_signed_out_by_a_link(door, ana) -> None:
    sign_in(door, ana)
    assert door.get("/logout").status_code == 405
    assert door.post("/logout").status_code == 400
    assert is_in(door)


def test_who_signs_out_does_not_ring_any_more(app, door, ana) -> None:
    from app.routing.presence import heartbeat, live_phone

    sign_in(door, ana)
    with unit_of_work() as session:
        user = session.query(User).filter_by(email=ana).one()
        heartbeat(session, user.id, uuid.uuid4(), True, None)
    token = re.search(r'name="csrf-token" content="([^"]+)"', door.get("/desktop", headers=HTML).text)[1]
    door.post("/logout", data={"csrf_token": token})
    with unit_of_work() as session:
        assert not live_phone(session, user.id)


def test_who_was_let_go_is_out_at_once(app, door, ana) -> None:
    sign_in(door, ana)
    with app.app_context(), unit_of_work() as session:
        set_active(session, session.query(User).filter_by(email=ana).one(), False, actor="system")
    assert not is_in(door)
    sign_in(door, ana)
    assert not is_in(door)


def test_a_new_password_ends_every_session(app, door, ana) -> None:
    sign_in(door, ana)
    with app.app_context(), unit_of_work() as session:
        set_password(session, session.query(User).filter_by(email=ana).one(), "another password", actor="system")
    assert not is_in(door)
    assert sign_in(door, ana, "another password").status_code == 302


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://web.test.evil.example/",
        "https://localhost@evil.example/",
        "/%09/evil.example",
        "\t//evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "https:evil.example",
        "/..//evil.example",
    ],
)
def test_an_address_that_leads_elsewhere_is_not_followed(door, ana, elsewhere) -> None:
    from urllib.parse import urljoin, urlsplit

    reply = sign_in(door, ana, next_page=elsewhere)
    if reply.status_code == 200:
        assert not is_in(door), "the form was refused as a whole"
        return
    as_browsers_read_it = re.sub(r"[\t\n\r]", "", reply.location).replace("\\", "/").strip()
    landed = urlsplit(urljoin("http://web.test/login", as_browsers_read_it))
    assert (landed.scheme, landed.netloc) in {("http", "web.test"), ("http", "localhost")}
    assert not as_browsers_read_it.startswith("//")


def test_a_page_of_ours_is_followed(door, ana) -> None:
    assert sign_in(door, ana, next_page="/desktop?customer=1").location.endswith("/desktop?customer=1")


class TestGuessing:
    @pytest.fixture(autouse=True)
    def limits(self, app):
        limiter.enabled = True
        limiter.reset()
        yield
        limiter.reset()
        limiter.enabled = False

    def test_guessing_a_password_is_stopped_after_ten_tries(self, door, ana) -> None:
        replies = [sign_in(door, ana, f"wrong password {number}").status_code for number in range(11)]
        assert replies == [200] * 10 + [429]
        assert sign_in(door, ana).status_code == 429, "the right one does not help while guessing is stopped"

    def test_a_colleague_in_the_same_office_still_gets_in(self, door, ana) -> None:
        for _ in range(11):
            sign_in(door, "bo@example.com", "wrong password")
        assert sign_in(door, ana).status_code == 302

    def test_signing_in_rightly_is_not_counted(self, app, ana) -> None:
        assert {sign_in(app.test_client(), ana).status_code for _ in range(12)} == {302}

    def test_trying_many_people_from_one_place_is_stopped_too(self, door, ana) -> None:
        statuses = [sign_in(door, f"p{number}@example.com", "").status_code for number in range(61)]
        assert statuses[:60] == [200] * 60 and statuses[60] == 429


def test_the_demo_shows_its_people_and_a_real_house_does_not(app, settings, database) -> None:
    import dataclasses

    from app import create_app

    assert "demo-ana-rings" in app.test_client().get("/login", headers=HTML).text
    real = create_app(dataclasses.replace(settings, demo=False))
    assert "demo-ana-rings" not in real.test_client().get("/login", headers=HTML).text


def test_a_token_in_an_address_or_header_opens_nothing(door, ana) -> None:
    reply = door.post(
        "/login?include_auth_token",
        json={"email": ana, "password": PASSWORD},
        headers={"X-CSRFToken": token_of(door), "Accept": "application/json"},
    )
    given = reply.json.get("response", {}).get("user", {}).get("authentication_token")
    fresh = door.application.test_client()
    assert fresh.get(f"/desktop/state?auth_token={given}", headers=JSON).status_code == 401
    assert fresh.get("/desktop/state", headers={"Authentication-Token": str(given)} | JSON).status_code == 401


def test_basic_authentication_opens_nothing(door, ana) -> None:
    assert door.application.test_client().get("/desktop/state", auth=(ana, PASSWORD), headers=JSON).status_code == 401
