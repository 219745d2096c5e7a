"""The system page and its few forms. Every change is in the log with who made it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.people import PersonRefused, add_person, new_password, set_active, set_password, set_roles
from app.admin.changes import change
from app.admin.entry_points import told
from app.admin.forms import ActiveForm, MemberForm, NumberForm, PersonForm, chosen
from app.admin.queues import MEMBER
from app.admin.system import system_report
from app.db import request_session, unit_of_work
from app.forms import BadInput, Refusal, parse
from app.numbers import NumberRefused, Numbers
from app.pages import wants_json
from app.routing.members import set_member
from app.routing.models import Queue, QueueMember

bp = Blueprint("admin", __name__, url_prefix="/admin")

MOST_ID = 2**63 - 1
View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


@bp.get("")
def system() -> ResponseReturnValue:
    """admin/system.html with `system` (app/admin/system.py)."""
    return render_template("admin/system.html", system=system_report(request_session()), made=None)


def said(part: str) -> Callable[[View], View]:
    """A refusal goes to a script as JSON; a person finds it said on the page, back at the part they came from."""

    def around(view: View) -> View:
        @functools.wraps(view)
        def careful(**given: Any) -> ResponseReturnValue:
            try:
                with _refusals():
                    return view(**given)
            except (BadInput, Refusal) as refused:
                if wants_json():
                    raise
                flash(str(refused), "error")
                return _back(part)

        return cast(View, careful)

    return around


@bp.post("/people")
@said("people")
def add() -> ResponseReturnValue:
    """`{email, name, roles[], queues[]}` in; the page with `made` = {email, password}, shown this once."""
    form = parse(PersonForm)
    password = new_password()
    with unit_of_work() as session:
        user = add_person(
            session, email=form.email, name=form.name, password=password, roles=chosen("roles"), actor=_me()
        )
        for queue_id in chosen("queues"):
            set_member(session, _found(session, Queue, queue_id), user, True, actor=_me())
    return _with_password(user.email, password, 201)


@bp.post("/people/<int:user_id>/password")
@said("people")
def reset_password(user_id: int) -> ResponseReturnValue:
    """A new password, shown this once; the person is signed out everywhere."""
    password = new_password()
    with unit_of_work() as session:
        user = _found(session, User, user_id)
        set_password(session, user, password, actor=_me())
    return _with_password(user.email, password, 200)


@bp.post("/people/<int:user_id>/active")
@said("people")
def activate(user_id: int) -> ResponseReturnValue:
    """`{active}`: let a person go, or take them back."""
    form = parse(ActiveForm)
    with unit_of_work() as session:
        set_active(session, _found(session, User, user_id), form.active, actor=_me())
    return _back("people")


@bp.post("/people/<int:user_id>/roles")
@said("people")
def give_roles(user_id: int) -> ResponseReturnValue:
    """`{roles[]}`: exactly these."""
    with unit_of_work() as session:
        set_roles(session, _found(session, User, user_id), chosen("roles"), actor=_me())
    return _back("people")


@bp.post("/queues/<int:queue_id>/members")
@said("people")
def change_member(queue_id: int) -> ResponseReturnValue:
    """`{user_id, member}`: into the queue or out of it."""
    form = parse(MemberForm)
    with unit_of_work() as session:
        _found(session, Queue, queue_id)
        user = _found(session, User, form.user_id)
        key, inside = f"{queue_id}:{user.id}", session.get(QueueMember, (queue_id, user.id)) is not None
        if form.member != inside:
            change(session, MEMBER, key, {"level": 1, "delay_s": 0} if form.member else None, actor=_me())
    return _back("people")


@bp.post("/numbers/<int:number_id>")
@said("numbers")
def edit_number(number_id: int) -> ResponseReturnValue:
    """`{label, flow, language}` of one of our numbers."""
    form = parse(NumberForm)
    numbers: Numbers = current_app.extensions["our_numbers"]
    with unit_of_work() as session, told(session, numbers, min(number_id, MOST_ID)):
        numbers.edit(session, min(number_id, MOST_ID), label=form.label, flow=form.flow, language=form.language)
    return _back("numbers")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (PersonRefused, NumberRefused) as refused:
        raise BadInput(refused.field, str(refused)) from refused
    except LookupError as unknown:
        raise Refusal(404, "not_found", _("That is not here any more.")) from unknown


def _found(session: Session, kind: type[Any], given: int | str) -> Any:
    row = session.get(kind, int(given)) if str(given).isdecimal() and int(given) <= MOST_ID else None
    if row is None:
        raise Refusal(404, "not_found", _("That is not here any more."))
    return row


def _me() -> str:
    return f"user:{current_user.id}"


def _with_password(email: str, password: str, status: int) -> ResponseReturnValue:
    """Not by a redirect: a password does not travel in a cookie."""
    made = {"email": email, "password": password}
    if wants_json():
        return jsonify({"made": made}), status
    page = render_template("admin/system.html", system=system_report(request_session()), made=made)
    return page, status, {"Cache-Control": "no-store"}


def _back(part: str) -> ResponseReturnValue:
    if wants_json():
        return jsonify({"done": True})
    return redirect(url_for("admin.system", _anchor=part), 303)
