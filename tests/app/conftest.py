"""The application on the empty database, and people in front of it."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app, db, pages
from app.accounts.models import User
from app.config import Settings
from app.desktop.call_control import CallRefused, TraceRefused
from app.numbers import OurNumber
from app.pages import flask_config, limiter
from tests import factories

OURS = "+15550100100"
QUICK_HASHES = {"SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {"argon2__rounds": 1, "argon2__memory_cost": 64}}
"""Passwords are hashed slowly on purpose; tests need not wait for it."""


class FarSide:
    """The telephone side of the wall: notes what the desktop asked of it, and refuses when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refusal: CallRefused | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def hold(self, interaction_id: uuid.UUID, *, held: bool) -> None:
        self._note("hold", interaction_id, held)

    def mute(self, interaction_id: uuid.UUID, user_id: int, *, muted: bool) -> None:
        self._note("mute", interaction_id, user_id, muted)

    def send_digits(self, interaction_id: uuid.UUID, digits: str) -> None:
        self._note("digits", interaction_id, digits)

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        self.meanwhile()
        if self.refusal:
            raise self.refusal


class Tokens:
    """Hands out readable tokens."""

    def token_for(self, whom: Any) -> dict[str, Any]:
        if isinstance(whom, User):
            return {"mode": "local", "token": "a.b.c", "identity": whom.client_identity, "url": "/phone/socket"}
        return {"token": "n.o.t", "address": whom, "url": "/phone/socket"}


class Traced:
    """A carrier that asked one thing for the token `n.o.t` and knows no other."""

    def entries(self, token: str, after: int) -> list[dict[str, Any]]:
        if token != "n.o.t":
            raise TraceRefused(401, "The phone's token has run out. Reload the page.")
        return [{"id": after + 1, "method": "POST", "url": "/voice/incoming", "status": 200, "reply": "<Response/>"}]


class Lines:
    """One number of ours."""

    def all(self, session: Any) -> list[OurNumber]:
        return [OurNumber(1, OURS, "Demo line", "main", "en", True)]

    def flows(self) -> list[str]:
        return ["main"]


@pytest.fixture(scope="session")
def house(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application, made once: making it takes longer than most tests."""
    folder = tmp_path_factory.mktemp("house")
    settings = Settings.from_env(
        {
            "VAR_DIR": str(folder / "var"),
            "DATABASE_URL": database_url,
            "SECRET_KEY": "test-secret",
            "RECORDINGS_URL": str(folder / "audio"),
            "PUBLIC_BASE_URL": "http://web.test",
        }
    )
    limiter.enabled = True  # or create_app would not install it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "flask_config", lambda given: flask_config(given) | QUICK_HASHES)
        made = create_app(settings)
    made.testing = True
    limiter.enabled = False  # the tests of limits switch it on
    yield made


@pytest.fixture
def app(house: Flask, database: str) -> Iterator[Flask]:
    """The application on an empty database, as it was made."""
    db.sessions.configure(bind=house.config["ENGINE"])  # another test may have connected elsewhere
    before = dict(house.extensions)
    yield house
    house.extensions.clear()
    house.extensions.update(before)
    db.request_session.remove()


@pytest.fixture
def far_side(app: Flask) -> FarSide:
    side = FarSide()
    app.extensions |= {
        "call_control": side,
        "softphone_tokens": Tokens(),
        "phone_tokens": Tokens(),
        "phone_trace": Traced(),
        "our_numbers": Lines(),
    }
    return side


@dataclasses.dataclass
class Browser:
    """A signed-in person's browser: sends JSON with the page's CSRF token."""

    client: FlaskClient
    user_id: int | None
    csrf: str

    def get(self, path: str, **options: Any) -> Any:
        options.setdefault("headers", {"Accept": "application/json"})
        return self.client.get(path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self._write("POST", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Any:
        return self._write("PATCH", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Any:
        return self._write("PUT", path, body, **options)

    def delete(self, path: str, body: Any = None, **options: Any) -> Any:
        return self._write("DELETE", path, body, **options)

    def _write(self, method: str, path: str, body: Any, **options: Any) -> Any:
        headers = {"X-CSRFToken": self.csrf, "Accept": "application/json"}
        return self.client.open(path, method=method, json={} if body is None else body, headers=headers, **options)


def browser(app: Flask, user: User | None) -> Browser:
    """Somebody's browser; with a user, signed in."""
    from flask_wtf.csrf import generate_csrf

    client = app.test_client()
    with app.test_request_context():
        from flask import session as cookie

        csrf = generate_csrf()
        kept = dict(cookie)
    with client.session_transaction() as cookie:
        cookie.update(kept)
        if user:
            cookie["_user_id"], cookie["_fresh"] = user.fs_uniquifier, True
    return Browser(client, user and user.id, csrf)


@pytest.fixture
def sales(database: str) -> int:
    """The id of the queue Sales."""
    with db.unit_of_work() as session:
        return factories.queue(session, "sales").id


@pytest.fixture
def ana(app: Flask, far_side: FarSide, sales: int) -> Browser:
    """Ana, an agent of Sales: available, with a phone that would ring."""
    with db.unit_of_work() as session:
        from app.routing.models import Queue

        user = factories.agent(session, "Ana", [session.get_one(Queue, sales)])
    return browser(app, user)


@pytest.fixture
def bo(app: Flask, far_side: FarSide) -> Browser:
    """Bo, another agent."""
    with db.unit_of_work() as session:
        user = factories.agent(session, "Bo")
    return browser(app, user)
