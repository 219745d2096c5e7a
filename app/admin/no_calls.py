"""Numbers that are not to be called: the list, with its history and undo, and the same from a customer's record."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from pydantic import Field, StringConstraints
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.entry import AGENT
from app.accounts.entry import entry as open_to
from app.admin.changes import Standing, Thing, change, history, register
from app.admin.pages import careful, done, me
from app.callbacks.no_calls import LONGEST_REASON, NoCallsRefused, forbid, held, number_as_stored, permit
from app.customers.models import ContactPoint, Customer
from app.db import request_session, unit_of_work
from app.forms import BadInput, Form, Words, parse
from app.pages import wants_json

bp = Blueprint("no_calls", __name__, url_prefix="/admin/no-calls")

PAGE = 50

Reason = Annotated[Words, StringConstraints(min_length=1, max_length=LONGEST_REASON)]
Number = Annotated[Words, StringConstraints(min_length=1, max_length=40)]


class LiftForm(Form):
    number: Number


class ForbidForm(LiftForm):
    reason: Reason


class FindForm(Form):
    q: Annotated[Words, StringConstraints(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=10_000)] = 1


def _read(session: Session, key: str) -> Standing | None:
    point = held(session, key)
    return {"reason": point.no_calls_reason or ""} if point is not None and point.no_calls_at is not None else None


def _write(session: Session, key: str, standing: Standing | None, actor: str) -> None:
    if standing is None:
        permit(session, key)
    else:
        forbid(session, key, str(standing["reason"]), actor=actor)


NO_CALLS = register(Thing("no_calls.changed", _read, _write, lambda _s, key, _standing: key))


@bp.get("")
def page() -> ResponseReturnValue:
    """admin/no_calls.html, or `{numbers, count, page, pages, q, history}` as JSON."""
    form = parse(FindForm)
    session = request_session()
    found = _found(form.q)
    count = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    rows = session.execute(found.order_by(ContactPoint.no_calls_at.desc()).offset((form.page - 1) * PAGE).limit(PAGE))
    shown = {
        "numbers": [_line(point, name) for point, name in rows],
        "count": count,
        "page": form.page,
        "pages": max(1, -(-count // PAGE)),
        "q": form.q,
        "history": history(session, [NO_CALLS.kind]),
    }
    return jsonify(shown) if wants_json() else render_template("admin/no_calls.html", **shown)


@bp.post("")
@open_to(AGENT)
@careful("no_calls.page")
def add() -> ResponseReturnValue:
    """`{number, reason}`: not to be called from now on; what was promised to it is canceled. 400 by field."""
    form = parse(ForbidForm)
    number = _number(form.number)
    with unit_of_work() as session:
        change(session, NO_CALLS, number, {"reason": form.reason}, actor=me())
    return done("no_calls.page", 201)


@bp.post("/lift")
@open_to(AGENT)
@careful("no_calls.page")
def lift() -> ResponseReturnValue:
    """`{number}`: may be called again. 404 when it is not on the list."""
    form = parse(LiftForm)
    with unit_of_work() as session:
        change(session, NO_CALLS, _number(form.number), None, actor=me())
    return done("no_calls.page")


@bp.get("/one")
@open_to(AGENT)
def one() -> ResponseReturnValue:
    """desktop/_no_calls.html: the dialog on a record about `?number=`."""
    number = _number(request.args.get("number", "")[:40])
    session = request_session()
    point = session.scalars(select(ContactPoint).filter_by(kind="phone", value=number)).one_or_none()
    return render_template("desktop/_no_calls.html", number=number, point=point)


def _number(text: str) -> str:
    try:
        return number_as_stored(text)
    except NoCallsRefused as wrong:
        raise BadInput("number", _(str(wrong))) from wrong


def _found(q: str) -> Any:
    on_list = (
        select(ContactPoint, Customer.name)
        .join(Customer, Customer.id == ContactPoint.customer_id)
        .where(ContactPoint.no_calls_at.is_not(None))
    )
    if not q:
        return on_list
    return on_list.where(
        ContactPoint.value.contains(q.replace(" ", ""), autoescape=True)
        | Customer.name.icontains(q, autoescape=True)
        | ContactPoint.no_calls_reason.icontains(q, autoescape=True)
    )


def _line(point: ContactPoint, name: str | None) -> dict[str, Any]:
    assert point.no_calls_at is not None
    return {
        "number": point.value,
        "customer_id": str(point.customer_id),
        "name": name,
        "reason": point.no_calls_reason,
        "since": point.no_calls_at.isoformat(),
    }
