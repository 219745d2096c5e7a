"""Every word people read exists in every language we speak."""

from __future__ import annotations

import pytest

from app.db import unit_of_work
from app.pages import LANGUAGES
from app.translate import LANGUAGES as CATALOGUES
from app.translate import brought_up_to_date, path_of, read, untranslated, words_in_use
from tests import factories
from tests.app.conftest import browser

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def words():
    return words_in_use()


def test_the_words_of_code_templates_and_refusals_are_found(words) -> None:
    found = {message.id for message in words}
    assert {"Sign in", "This call is over.", "There is no such call.", "Hang up"} <= found


@pytest.mark.parametrize("language", CATALOGUES)
def test_no_word_lacks_a_translation(words, language) -> None:
    """Mend with script/translate: it adds what is new to the .po file and says what is missing."""
    catalog = brought_up_to_date(read(path_of(language), language), words, language)
    assert untranslated(catalog) == []


def test_a_language_that_may_be_chosen_has_a_catalogue() -> None:
    assert set(LANGUAGES) == {"en", *CATALOGUES}


@pytest.mark.parametrize(
    ("asked", "language", "words_of_it"),
    [
        ("zh-CN,zh;q=0.9", "zh-Hans", "登录"),
        ("zh-TW", "zh-Hant", "登入"),
        ("zh-HK,en;q=0.5", "zh-Hant", "登入"),
        ("fr", "en", "Sign in"),
        ("", "en", "Sign in"),
        ("zh" * 500, "en", "Sign in"),
    ],
)
def test_the_sign_in_page_speaks_the_browsers_language(app, asked, language, words_of_it) -> None:
    page = app.test_client().get("/login", headers=HTML | {"Accept-Language": asked}).text
    assert f'<html lang="{language}"' in page and words_of_it in page


def test_a_wrong_password_is_said_in_the_browsers_language(app) -> None:
    who = browser(app, None)
    sent = {"email": "nobody@example.com", "password": "wrong password", "csrf_token": who.csrf}
    page = who.client.post("/login", data=sent, headers=HTML | {"Accept-Language": "zh-TW"}).text
    assert "電子郵件或密碼不正確" in page


def test_a_persons_own_language_goes_before_the_browsers(app, far_side) -> None:
    with unit_of_work() as session:
        user = factories.user(session)
        user.language = "zh_Hant"
    page = browser(app, user).get("/desktop", headers=HTML | {"Accept-Language": "en"}).text
    assert '<html lang="zh-Hant"' in page and "專員桌面" in page


def test_refusals_and_reachability_are_said_in_the_agents_language(ana) -> None:
    chinese = {"Accept-Language": "zh-CN", "Accept": "application/json"}
    state = ana.get("/desktop/state", headers=chinese).json
    assert state["me"]["reachability"]["why"] == []
    ana.post("/desktop/presence", {"presence": "break"})
    (why,) = ana.get("/desktop/state", headers=chinese).json["me"]["reachability"]["why"]
    assert "您在休息" in why
    refused = ana.client.post("/desktop/offers/1/decline", headers=chinese | {"X-CSRFToken": ana.csrf})
    assert refused.json["error"]["message"] == "没有这个派单。"
    wrong = ana.client.post("/desktop/presence", json={}, headers=chinese | {"X-CSRFToken": ana.csrf})
    assert wrong.json["error"]["message"] == "presence: 这一项必填。"


def test_a_person_chooses_the_language_of_their_pages(ana) -> None:
    assert ana.post("/me/language", {"language": "zh_Hans"}).json == {"language": "zh_Hans"}
    assert '<html lang="zh-Hans"' in ana.get("/desktop", headers=HTML).text
    assert ana.post("/me/language", {"language": "tlh"}).status_code == 400
    form = {"language": "en", "csrf_token": ana.csrf}
    assert ana.client.post("/me/language", data=form, headers=HTML).location == "/"
    assert '<html lang="en"' in ana.get("/desktop", headers=HTML | {"Accept-Language": "zh-TW"}).text
