"""Which number leads to which flow: added, changed, removed, and taken back. The history is the event log."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from flask import Blueprint, Response, current_app, flash, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events, jobs
from app.accounts.models import User
from app.admin.forms import EntryPointForm, NewEntryPointForm
from app.db import request_session, unit_of_work
from app.events import Event
from app.forms import BadInput, Refusal, parse
from app.numbers import NumberRefused, Numbers, NumberState
from app.pages import wants_json

bp = Blueprint("entry_points", __name__, url_prefix="/admin/entry-points")

MOST_ID = 2**63 - 1
LINES = 50
CHANGEABLE = ("label", "flow", "language", "priority_min", "source")
View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


@contextmanager
def told(session: Session, numbers: Numbers, number_id: int, **about: Any) -> Iterator[None]:
    """Put a change of a number into the log: what it was before and is after, so that it can be taken back."""
    before = numbers.state(session, number_id)
    yield
    tell(session, number_id, before, numbers.state(session, number_id), **about)


def tell(session: Session, number_id: int, before: NumberState | None, after: NumberState | None, **about: Any) -> None:
    if before == after:
        return
    shown = after or before or {}
    kept: dict[str, Any] = {name: shown.get(name) for name in ("number", "label", "flow", "language")}
    actor = f"user:{current_user.id}"
    events.record(
        session, "number.changed", actor=actor, number_id=number_id, before=before, after=after, **kept, **about
    )


def careful(view: View) -> View:
    """A refusal goes to a script as JSON; a person finds it said on the page."""

    @functools.wraps(view)
    def around(**given: Any) -> ResponseReturnValue:
        try:
            return _refused(view, given)
        except (BadInput, Refusal) as refused:
            if wants_json():
                raise
            flash(str(refused), "error")
            return _back()

    return cast(View, around)


def _refused(view: Callable[..., ResponseReturnValue], given: dict[str, Any]) -> ResponseReturnValue:
    try:
        return view(**given)
    except NumberRefused as refused:
        raise BadInput(refused.field, str(refused)) from refused
    except LookupError as unknown:
        raise Refusal(404, "not_found", _("That is not here any more.")) from unknown


@bp.get("")
def page() -> ResponseReturnValue:
    """admin/entry_points.html, or `{numbers, flows, history}` as JSON."""
    session = request_session()
    shown = {"numbers": _listed(session), "flows": _numbers().flows(), "history": history(session)}
    return jsonify(shown) if wants_json() else render_template("admin/entry_points.html", **shown)


@bp.get("/entry_points.yaml")
def as_file() -> ResponseReturnValue:
    """What stands now, for the flow folder."""
    text = _numbers().as_file(request_session())
    name = {"Content-Disposition": "attachment; filename=entry_points.yaml"}
    return Response(text, mimetype="text/yaml", headers=name)


@bp.post("")
@careful
def add() -> ResponseReturnValue:
    """`{number, label, flow, language, priority_min}`: one more number. 400 by field."""
    form = parse(NewEntryPointForm)
    numbers = _numbers()
    with unit_of_work() as session:
        added = numbers.add(
            session,
            form.number,
            label=form.label,
            flow=form.flow,
            language=form.language,
            priority_min=form.priority_min,
        )
        tell(session, added.id, None, numbers.state(session, added.id))
        jobs.enqueue(session, "voice.numbers", lock="voice.numbers")
    return _back(201)


@bp.post("/<int:number_id>")
@careful
def edit(number_id: int) -> ResponseReturnValue:
    """`{label, flow, language, priority_min}` of one of our numbers."""
    form = parse(EntryPointForm)
    numbers, id_ = _numbers(), min(number_id, MOST_ID)
    with unit_of_work() as session, told(session, numbers, id_):
        numbers.edit(
            session, id_, label=form.label, flow=form.flow, language=form.language, priority_min=form.priority_min
        )
    return _back()


@bp.post("/<int:number_id>/remove")
@careful
def remove(number_id: int) -> ResponseReturnValue:
    """Its callers are told that the number is not in use."""
    numbers, id_ = _numbers(), min(number_id, MOST_ID)
    with unit_of_work() as session, told(session, numbers, id_):
        numbers.remove(session, id_)
    return _back()


@bp.post("/<int:number_id>/follow-file")
@careful
def follow_file(number_id: int) -> ResponseReturnValue:
    """Where entry_points.yaml says something else, the file's word stands again."""
    numbers, id_ = _numbers(), min(number_id, MOST_ID)
    with unit_of_work() as session, told(session, numbers, id_):
        numbers.follow_file(session, id_)
    return _back()


@bp.post("/undo/<int:event_id>")
@careful
def undo(event_id: int) -> ResponseReturnValue:
    """Take one change back. 409 when the number was changed again since: nobody's work is overwritten."""
    numbers = _numbers()
    with unit_of_work() as session:
        event = session.get(Event, min(event_id, MOST_ID))
        if event is None or event.kind != "number.changed" or "after" not in event.data:
            raise LookupError("There is no such change.")
        id_ = int(event.data["number_id"])
        if numbers.state(session, id_) != event.data["after"]:
            raise Refusal(409, "changed_since", _("The number was changed again since: take that back first."))
        with told(session, numbers, id_, undoes=event.id):
            numbers.restore(session, id_, event.data["before"])
    return _back()


def history(session: Session) -> list[dict[str, Any]]:
    """The last changes, newest first: `{id, at, who, number, changes: [{field, from, to}], how, undone}`."""
    query = (
        select(Event)
        .where(Event.kind == "number.changed", Event.data.has_key("after"))
        .order_by(Event.id.desc())
        .limit(LINES)
    )
    lines = list(session.scalars(query))
    undone = {event.data.get("undoes") for event in lines}
    names = _names(session, {event.actor for event in lines})
    return [
        {
            "id": event.id,
            "at": event.at.isoformat(),
            "who": names.get(event.actor, event.actor),
            "number": event.data["number"],
            "how": _how(event.data["before"], event.data["after"]),
            "changes": _changes(event.data["before"] or {}, event.data["after"] or {}),
            "undone": event.id in undone,
            "is_undo": "undoes" in event.data,
        }
        for event in lines
    ]


def _how(before: NumberState | None, after: NumberState | None) -> str:
    return "added" if before is None else "removed" if after is None else "changed"


def _changes(before: NumberState, after: NumberState) -> list[dict[str, Any]]:
    changed = [name for name in CHANGEABLE if before.get(name) != after.get(name)]
    return [{"field": name, "from": before.get(name), "to": after.get(name)} for name in changed]


def _names(session: Session, actors: set[str]) -> dict[str, str]:
    ids = [int(actor.removeprefix("user:")) for actor in actors if actor.startswith("user:")]
    return {f"user:{user.id}": user.name for user in session.scalars(select(User).where(User.id.in_(ids)))}


def _listed(session: Session) -> list[dict[str, Any]]:
    return [
        {
            "id": each.id,
            "number": each.number,
            "label": each.label,
            "flow": each.flow,
            "language": each.language,
            "priority_min": each.priority_min,
            "source": each.source,
            "in_file": each.in_file if each.source == "page" else None,
            "is_at_carrier": each.is_at_carrier,
            "answers": each.flow_version is not None,
        }
        for each in _numbers().all(session)
    ]


def _numbers() -> Numbers:
    numbers: Numbers = current_app.extensions["our_numbers"]
    return numbers


def _back(status: int = 200) -> ResponseReturnValue:
    return (jsonify({"done": True}), status) if wants_json() else redirect(url_for("entry_points.page"), 303)
