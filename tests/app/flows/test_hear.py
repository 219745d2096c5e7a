"""A simulated caller who speaks: what is heard, at which moment of the call, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from app.db import unit_of_work
from app.flows.hear import LONGEST_S, RATE_HZ, NobodyListens
from app.pages import limiter
from tests import factories
from tests.app.conftest import browser
from tests.app.flows.conftest import BROKEN, MAIN, save

SOUND = base64.b64encode(b"\x55" * RATE_HZ).decode()
BY_WORD = MAIN.replace("{key: 1, to: desk}", "{key: 1, words: [sales, buy], to: desk}")
IN_SPANISH = BY_WORD.replace("title: Main line", "title: Main line\nlanguages: [es]")


class Ear:
    """Understands always the same, and notes what it was given."""

    def __init__(self, answer: tuple[str, float | None] | Exception = ("sales please", 0.876)) -> None:
        self.answer = answer
        self.given: list[tuple[int, str, tuple[str, ...]]] = []

    def __call__(self, mulaw: bytes, language: str, hints: Sequence[str]) -> tuple[str, float | None]:
        self.given.append((len(mulaw), language, tuple(hints)[:2]))  # the words for a person come after the flow's own
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def ear(app) -> Ear:
    app.extensions["caller_ear"] = made = Ear()
    return made


def hear(who, audio: object = SOUND, **body: object):
    return who.post("/admin/flows/main/hear", {"text": BY_WORD, "audio": audio, **body})


def test_what_is_understood_comes_back_as_what_the_caller_says(alma, ear) -> None:
    assert hear(alma).json == {"say": "sales please", "confidence": 0.88}
    assert ear.given == [(RATE_HZ, "en", ("sales", "buy"))]
    played = alma.post("/admin/flows/main/simulate", {"text": BY_WORD, "acts": [hear(alma).json]}).json
    assert played["node"] == "desk"


def test_the_calls_own_language_and_moment_count(alma, ear) -> None:
    hear(alma, text=IN_SPANISH)
    hear(alma, acts=[{"press": "1"}])
    assert ear.given == [(RATE_HZ, "es", ("sales", "buy")), (RATE_HZ, "en", ())]


def test_without_a_text_the_draft_is_what_listens(alma, ear) -> None:
    save(alma, BY_WORD)
    assert alma.post("/admin/flows/main/hear", {"audio": SOUND}).status_code == 200
    assert ear.given[0][2] == ("sales", "buy")


def test_nothing_understood_is_said_so(alma, ear) -> None:
    ear.answer = ("", None)
    assert hear(alma).json == {"say": "", "confidence": None}


@pytest.mark.parametrize(
    "audio",
    [
        None,
        "",
        3,
        ["a"],
        {"a": 1},
        "no base64!",
        "é" * 8000,
        "AAA",
        "A" * 100,
        "\x00" * 4000,
        base64.b64encode(b"\x55" * (RATE_HZ * LONGEST_S + 1)).decode(),
        "A" * 1_900_000,
    ],
    ids=["none", "empty", "number", "list", "object", "words", "accents", "cut", "short", "nul", "long", "huge"],
)
def test_what_is_no_sound_is_refused_by_field(alma, ear, audio) -> None:
    answer = hear(alma, audio)
    assert answer.status_code == 400 and answer.json["error"]["field"] == "audio"
    assert ear.given == []


def test_fifteen_seconds_are_heard(alma, ear) -> None:
    assert hear(alma, base64.b64encode(b"\x55" * RATE_HZ * LONGEST_S).decode()).status_code == 200


def test_a_body_of_megabytes_is_not_read(alma, ear) -> None:
    assert hear(alma, "A" * 3_000_000).status_code == 413


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\xfe", b'{"audio": "' + b"A" * 5000, b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(alma, ear, body) -> None:
    headers = {"X-CSRFToken": alma.csrf, "Accept": "application/json", "Content-Type": "application/json"}
    assert alma.client.post("/admin/flows/main/hear", data=body, headers=headers).status_code == 400
    assert ear.given == []


@pytest.mark.parametrize("more", [{"acts": [{"fly": True}]}, {"given": {"moon": 1}}, {"acts": [{"press": "1"}] * 5000}])
def test_a_call_that_is_none_is_refused(alma, ear, more) -> None:
    assert hear(alma, **more).status_code == 400
    assert ear.given == []


def test_a_text_that_cannot_be_played_hears_nobody(alma, ear) -> None:
    answer = hear(alma, text=BROKEN)
    assert answer.status_code == 422 and answer.json["faults"] and ear.given == []


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [
        (NobodyListens("tlh"), 409, "not_understood_here"),
        (TimeoutError(), 503, "recogniser_away"),
        (RuntimeError("crashed"), 503, "recogniser_away"),
    ],
)
def test_without_an_ear_it_says_what_to_do(alma, ear, trouble, status, code) -> None:
    ear.answer = trouble
    answer = hear(alma)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert "ype what the caller says" in answer.json["error"]["message"]


def test_only_admins_are_heard(app, house_of_flows, ear) -> None:
    with unit_of_work() as session:
        agent = factories.user(session, "Ana", ["agent", "supervisor"])
    assert hear(browser(app, agent)).status_code == 403
    assert hear(browser(app, None)).status_code == 401
    assert ear.given == []


def test_the_pages_token_is_needed(alma, ear) -> None:
    alma.csrf = ""
    assert hear(alma).status_code == 400 and ear.given == []


def test_speaking_too_often_is_refused_for_a_while(alma, ear) -> None:
    limiter.enabled = True
    try:
        answers = [hear(alma).status_code for _ in range(62)]
    finally:
        limiter.enabled = False
        limiter.reset()
    assert answers[-1] == 429
