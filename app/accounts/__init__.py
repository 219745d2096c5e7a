"""Signing in, people and roles: Flask-Security on our tables."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Flask, abort, request
from flask_security import Security, SQLAlchemySessionUserDatastore, hash_password

from app.accounts.entry import PUBLIC, guard
from app.accounts.models import ROLES, Role, User
from app.config import Settings
from app.db import request_session


def init(app: Flask, settings: Settings) -> None:
    """Install sign-in and the guard at every route."""
    store = SQLAlchemySessionUserDatastore(request_session, User, Role)
    security = Security()
    security.init_app(app, store, register_blueprint=True)
    app.extensions["entries"] = {"security": PUBLIC, "": PUBLIC}
    app.extensions["user_store"] = store
    security.unauthn_handler(_ask_to_sign_in)
    app.before_request(guard)


def _ask_to_sign_in(mechanisms: Any = None, headers: Any = None) -> Any:
    from flask import redirect, url_for

    if request.method == "GET" and request.accept_mimetypes.accept_html and "HX-Request" not in request.headers:
        return redirect(url_for("security.login", next=request.full_path.rstrip("?")))
    abort(401)


def make_person(store: Any, *, email: str, name: str, password: str, roles: list[str]) -> User:
    """Make a person who may sign in, or return the one with that address. The caller commits."""
    found: User | None = store.find_user(email=email)
    if found:
        return found
    for role in roles:
        store.find_or_create_role(role, description=ROLES[role])
    made: User = store.create_user(
        email=email,
        name=name,
        password=hash_password(password),
        roles=roles,
        fs_uniquifier=secrets.token_hex(16),
        active=True,
    )
    return made
