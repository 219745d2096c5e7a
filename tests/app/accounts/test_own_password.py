"""One's own password: changed with the old one in hand, and every other place is signed out."""

from __future__ import annotations

import re

import pytest

from app.db import unit_of_work
from app.events import Event
from app.pages import limiter
from tests.app.accounts.test_sign_in import HTML, PASSWORD, ana, door, hashed, is_in, sign_in

__all__ = ["ana", "door", "hashed"]
NEW = "a better battery horse"


@pytest.fixture
def desk(door, ana):
    """Ana's browser, signed in."""
    sign_in(door, ana)
    return door


def change(desk, old: str = PASSWORD, new: str = NEW, again: str | None = None, language: str = "en"):
    headers = HTML | {"Accept-Language": language}
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', desk.get("/me/password", headers=headers).text)[1]
    form = {"password": old, "new_password": new, "new_password_confirm": new if again is None else again}
    return desk.post("/me/password", data=form | {"csrf_token": token}, headers=headers)


def test_the_menu_leads_to_a_page_of_ours(desk) -> None:
    assert 'href="/me/password"' in desk.get("/desktop", headers=HTML).text
    page = desk.get("/me/password", headers=HTML).text
    assert "Change password" in page and 'autocomplete="new-password"' in page and "fs-static" not in page


def test_the_new_password_opens_and_the_old_one_does_not(app, desk, ana) -> None:
    assert change(desk).status_code == 302
    assert is_in(desk), "who changed it stays signed in"
    assert sign_in(app.test_client(), ana).status_code == 200
    assert sign_in(app.test_client(), ana, NEW).status_code == 302


def test_every_other_place_is_signed_out(app, desk, ana) -> None:
    elsewhere = app.test_client()
    sign_in(elsewhere, ana)
    change(desk)
    assert is_in(desk) and not is_in(elsewhere)


def test_the_log_says_who_changed_whose(desk) -> None:
    change(desk)
    with unit_of_work() as session:
        (event,) = session.query(Event).filter_by(kind="person.password_set").all()
        assert event.actor == f"user:{event.data['user_id']}"


@pytest.mark.parametrize(
    ("old", "new", "again", "says"),
    [
        ("wrong password", NEW, NEW, "Invalid password"),
        ("", NEW, NEW, "Password not provided"),
        (PASSWORD, NEW, "another thing", "Passwords do not match"),
        (PASSWORD, "short", "short", "at least 12 characters"),
        (PASSWORD, "x" * 129, "x" * 129, "at most 128 characters"),
        ("x" * 100_000, NEW, NEW, "at most 128 characters"),
        (PASSWORD, PASSWORD, PASSWORD, "must be different"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(app, desk, ana, old, new, again, says) -> None:
    reply = change(desk, old, new, again)
    assert reply.status_code == 200 and says in reply.text
    assert sign_in(app.test_client(), ana).status_code == 302, "the old one still opens"


def test_the_refusal_is_in_the_language_of_the_page(desk) -> None:
    page = change(desk, new="short", language="zh-CN").text
    assert "修改密码" in page and "密码至少要有 12 个字符" in page


def test_a_stranger_is_asked_to_sign_in_first(app) -> None:
    assert app.test_client().get("/me/password", headers=HTML).location.startswith("/login")


def test_without_the_forms_token_nothing_changes(app, desk, ana) -> None:
    form = {"password": PASSWORD, "new_password": NEW, "new_password_confirm": NEW}
    assert desk.post("/me/password", data=form, headers=HTML).status_code == 400
    assert sign_in(app.test_client(), ana).status_code == 302


def test_guessing_the_old_password_is_stopped_after_ten_tries(desk) -> None:
    limiter.enabled = True
    limiter.reset()
    try:
        replies = [change(desk, old=f"wrong password {number}").status_code for number in range(10)]
        assert replies == [200] * 10
        assert change(desk).status_code == 429
    finally:
        limiter.reset()
        limiter.enabled = False
