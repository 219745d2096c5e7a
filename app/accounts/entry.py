"""Who may enter where. Every route has an answer, given where its room is registered; none means nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Flask, abort, current_app, request
from flask_login import current_user

PUBLIC = "public"
"""Anybody."""
CARRIER = "carrier"
"""The carrier: the room checks its signature itself."""
AGENT, SUPERVISOR, ADMIN = "agent", "supervisor", "admin"

MAY_DO = {AGENT: {AGENT, SUPERVISOR, ADMIN}, SUPERVISOR: {SUPERVISOR, ADMIN}, ADMIN: {ADMIN}}
"""Which roles satisfy an entry."""

ENTRIES = {PUBLIC, CARRIER, *MAY_DO}

View = TypeVar("View", bound=Callable[..., Any])


def entry(who: str) -> Callable[[View], View]:
    """State who may enter one view, where it differs from its room."""
    assert who in ENTRIES, who

    def mark(view: View) -> View:
        view.entry = who  # type: ignore[attr-defined]
        return view

    return mark


def enter(app: Flask, bp: Blueprint, who: str) -> None:
    """Register a room and state who may enter it."""
    assert who in ENTRIES, who
    app.extensions.setdefault("entries", {})[bp.name] = who
    app.register_blueprint(bp)


def entry_of(app: Flask, endpoint: str) -> str | None:
    """Who may enter an endpoint; None when nobody said, and then nobody may."""
    view = app.view_functions[endpoint]
    if hasattr(view, "entry"):
        return str(view.entry)
    rooms: dict[str, str] = app.extensions.get("entries", {})
    return rooms.get(endpoint.rpartition(".")[0])


def has_role(user: Any, who: str) -> bool:
    """Whether a signed-in user satisfies an entry that asks for a role."""
    return any(role.name in MAY_DO[who] for role in user.roles)


def guard() -> Any:
    """Before every request: let in whom the route lets in."""
    if request.endpoint is None:
        return None
    who = entry_of(current_app, request.endpoint)
    if who in (PUBLIC, CARRIER):
        return None
    if who is None:
        abort(403)
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    if not has_role(current_user, who):
        abort(403)
    return None
