"""Why agents may be on a break, and how such time counts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.admin.changes import Standing, Thing, change, history, register
from app.admin.pages import careful, done, me
from app.admin.queue_forms import Key, Name
from app.db import request_session, unit_of_work
from app.forms import BadInput, Form, parse
from app.pages import wants_json
from app.routing.models import BreakReason

bp = Blueprint("breaks", __name__, url_prefix="/admin/breaks")

ShrinkageClass = Literal["break", "lunch", "meeting", "training", "coaching", "back-office", "system-issue"]


class BreakForm(Form):
    name: Name
    productive: bool = False
    shrinkage_class: ShrinkageClass = "break"
    active: bool = True
    position: Annotated[int, Field(ge=0, le=999)] = 0


class NewBreakForm(BreakForm):
    key: Key


def _read(session: Session, key: str) -> Standing | None:
    row = session.get(BreakReason, key, with_for_update=True, populate_existing=True)
    return {name: getattr(row, name) for name in BreakForm.model_fields} if row else None


def _write(session: Session, key: str, standing: Standing | None, actor: str) -> None:
    """Nothing is lost when one is removed: agents' past keeps its word."""
    row = session.get(BreakReason, key)
    if standing is None:
        session.delete(row)
    elif row is None:
        session.add(BreakReason(key=key, **standing))
    else:
        for name, value in standing.items():
            setattr(row, name, value)


BREAK = register(Thing("break_reason.changed", _read, _write, lambda _s, _key, standing: standing["name"]))


@bp.get("")
def page() -> ResponseReturnValue:
    """admin/breaks.html, or `{breaks, history}` as JSON."""
    session = request_session()
    shown = {"breaks": _listed(session), "history": history(session, [BREAK.kind])}
    return (
        jsonify(shown)
        if wants_json()
        else render_template("admin/breaks.html", **shown, classes=get_args(ShrinkageClass))
    )


@bp.post("")
@careful("breaks.page")
def add() -> ResponseReturnValue:
    """`{key}` and the fields of BreakForm. 400 by field."""
    form = parse(NewBreakForm)
    with unit_of_work() as session:
        if session.get(BreakReason, form.key) is not None:
            raise BadInput("key", _("There is a reason with this short name already."))
        change(session, BREAK, form.key, form.model_dump(exclude={"key"}), actor=me())
    return done("breaks.page", 201)


@bp.post("/<key>")
@careful("breaks.page")
def edit(key: str) -> ResponseReturnValue:
    """The fields of BreakForm."""
    form = parse(BreakForm)
    with unit_of_work() as session:
        _refuse_the_unknown(session, key)
        change(session, BREAK, key, form.model_dump(), actor=me())
    return done("breaks.page")


@bp.post("/<key>/remove")
@careful("breaks.page")
def remove(key: str) -> ResponseReturnValue:
    """Agents cannot choose it any more; their past keeps it."""
    with unit_of_work() as session:
        _refuse_the_unknown(session, key)
        change(session, BREAK, key, None, actor=me())
    return done("breaks.page")


def _refuse_the_unknown(session: Session, key: str) -> None:
    if len(key) > 60 or "\x00" in key or _read(session, key) is None:
        raise LookupError("There is no such reason.")


def _listed(session: Session) -> list[dict[str, Any]]:
    rows = session.scalars(select(BreakReason).order_by(BreakReason.position, BreakReason.name, BreakReason.key))
    return [{"key": row.key} | {name: getattr(row, name) for name in BreakForm.model_fields} for row in rows]
