"""What the pages of settings share: who acts, where a refusal is said, and the way back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from flask import flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.forms import BadInput, Refusal
from app.pages import wants_json
from app.words import in_their_language

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


def careful(home: str) -> Callable[[View], View]:
    """A refusal goes to a script as JSON; a person finds it said on the page they came from, else on `home`."""

    def around(view: View) -> View:
        @functools.wraps(view)
        def seen(**given: Any) -> ResponseReturnValue:
            try:
                with _refusals():
                    return view(**given)
            except (BadInput, Refusal) as refused:
                if wants_json():
                    raise
                flash(in_their_language(str(refused)), "error")
                return redirect(_came_from() or url_for(home), 303)

        return cast(View, seen)

    return around


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except LookupError as unknown:
        raise Refusal(404, "not_found", _("That is not here any more.")) from unknown


def _came_from() -> str | None:
    """The page of ours that sent the form; an address of somebody else is not followed."""
    before, _host, path = (request.referrer or "").partition(request.host_url)
    return f"/{path}" if not before and path.startswith("admin/") else None


def me() -> str:
    """The actor of the log."""
    return f"user:{current_user.id}"


def done(endpoint: str, status: int = 200, **where: Any) -> ResponseReturnValue:
    """Back to a page; a script is told that it is done."""
    if wants_json():
        return jsonify({"done": True} | where), status
    return redirect(url_for(endpoint, **where), 303)


def people(session: Session) -> list[dict[str, Any]]:
    """Who may sign in, by name: `{id, name}`."""
    rows = session.execute(select(User.id, User.name).where(User.active).order_by(User.name, User.id))
    return [{"id": id_, "name": name} for id_, name in rows]
