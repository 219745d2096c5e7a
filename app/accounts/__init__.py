"""Signing in, people and roles: Flask-Security on our tables."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, request
from flask_security import Security, SQLAlchemySessionUserDatastore

from app.accounts.entry import PUBLIC, guard
from app.accounts.models import Role, User
from app.config import Settings
from app.db import request_session


def init(app: Flask, settings: Settings) -> None:
    """Install sign-in and the guard at every route."""
    from app.accounts import own_password, sign_in

    store = SQLAlchemySessionUserDatastore(request_session, User, Role)
    security = Security()
    security.init_app(app, store, register_blueprint=True, change_password_form=own_password.OwnPasswordForm)
    app.extensions["entries"] = {"security": PUBLIC, "": PUBLIC}
    app.extensions["user_store"] = store
    security.unauthn_handler(_ask_to_sign_in)
    app.login_manager.unauthorized_handler(_ask_to_sign_in)  # type: ignore[attr-defined]
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined] # the session, no tokens
    sign_in.init(app, settings, security)
    own_password.init(app)
    app.before_request(guard)


def _ask_to_sign_in(mechanisms: Any = None, headers: Any = None) -> Any:
    from flask import redirect, url_for

    if request.method == "GET" and request.accept_mimetypes.accept_html and "HX-Request" not in request.headers:
        return redirect(url_for("security.login", next=request.full_path.rstrip("?")))
    abort(401)
