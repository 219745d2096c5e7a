"""Around signing in: guessing is slow, a session begins and ends for good, and the demo says who may come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g, request, session
from flask_login import user_logged_in, user_logged_out
from flask_security import Security

from app import events
from app.accounts.models import User
from app.config import Settings
from app.db import unit_of_work
from app.pages import limiter

TRIES = "10 per minute; 60 per hour"
"""Wrong passwords for one address of a person, from one place."""
TRIES_FROM_ONE_PLACE = "60 per minute"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody of the demo company. The password is shown on the sign-in page: they are for trying things out only."""

    email: str
    name: str
    password: str
    roles: tuple[str, ...]
    queues: tuple[str, ...] = ()


DEMO_PEOPLE = (
    DemoPerson("ana@meridian.example", "Ana Souza", "demo-ana-rings", ("agent",), ("sales", "support")),
    DemoPerson("bo@meridian.example", "Bo Lindqvist", "demo-bo-rings", ("agent",), ("support", "billing")),
    DemoPerson("sam@meridian.example", "Sam Okafor", "demo-sam-watches", ("supervisor",)),
    DemoPerson("alma@meridian.example", "Alma Reyes", "demo-alma-decides", ("admin",)),
)


def init(app: Flask, settings: Settings, security: Security) -> None:
    """Install what happens at the door."""
    _slow_down_guessing(app)
    user_logged_in.connect(_begin, app)
    user_logged_out.connect(_end, app)
    if settings.demo:
        security.login_context_processor(_demo_sign_ins)


def _slow_down_guessing(app: Flask) -> None:
    view: Any = app.view_functions["security.login"]
    for limit, key in ((TRIES, _place_and_person), (TRIES_FROM_ONE_PLACE, _place)):
        view = limiter.limit(limit, key_func=key, methods=["POST"], deduct_when=_was_wrong)(view)
    app.view_functions["security.login"] = view


def _place() -> str:
    return f"sign-in:{request.remote_addr}"


def _place_and_person() -> str:
    return f"{_place()}:{request.form.get('email', '').strip().lower()[:200]}"


def _was_wrong(response: Response) -> bool:
    return response.status_code != 302


def _begin(app: Flask, user: User, **_: Any) -> None:
    """The page's token of before is worth nothing in the new session."""
    session.pop("csrf_token", None)
    g.pop("csrf_token", None)
    with unit_of_work() as transaction:
        events.record(transaction, "user.signed_in", actor=f"user:{user.id}", user_id=user.id)


def _end(app: Flask, user: User | None, **_: Any) -> None:
    """Signing out ends every session of the person: a cookie that was copied is worth nothing either."""
    if user is None or not user.is_authenticated:
        return
    store = app.extensions["user_store"]
    store.set_uniquifier(user)
    store.commit()
    with unit_of_work() as transaction:
        events.record(transaction, "user.signed_out", actor=f"user:{user.id}", user_id=user.id)


def _demo_sign_ins() -> dict[str, Any]:
    """`demo_sign_ins` for the sign-in page: [{email, password, role}]."""
    return {
        "demo_sign_ins": [
            {"email": person.email, "password": person.password, "role": ", ".join(person.roles)}
            for person in DEMO_PEOPLE
        ]
    }
