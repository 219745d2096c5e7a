"""How the house and each of its queues call back: read, changed, taken back.

What a queue has in common with the house follows the house, also when that changes later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.admin.callback_forms import ALWAYS, HOURS_OF_QUEUE, OWN_HOURS, RulesForm, as_written
from app.admin.changes import Standing, Thing, change, fingerprint, history, refuse_the_late, register
from app.admin.pages import careful, done, me
from app.admin.queue_forms import MOST_ID, bounds
from app.callbacks.policy import Policy, PolicyRefused, keep_rules, lock_rules, own_rules, policy_of, read_rules
from app.db import request_session, unit_of_work
from app.forms import BadInput, parse
from app.pages import wants_json
from app.routing.models import OpeningHours, Queue

bp = Blueprint("callback_rules", __name__, url_prefix="/admin/callbacks")

HOUSE = "house"
FIELDS = {"gaps_s": "gaps_min", "life_s": "life_h", "own_for_s": "own_for_min"}
"""Rules that the page asks for under another name."""


def _read(session: Session, key: str) -> Standing | None:
    lock_rules(session)
    if key != HOUSE and session.get(Queue, int(key)) is None:
        return None
    return own_rules(session, _queue_id(key))


def _write(session: Session, key: str, standing: Standing | None, actor: str) -> None:
    with _refusals_by_field():
        keep_rules(session, _queue_id(key), standing or {})


@contextmanager
def _refusals_by_field() -> Iterator[None]:
    try:
        yield
    except PolicyRefused as wrong:
        raise BadInput(FIELDS.get(wrong.field, wrong.field), str(wrong)) from wrong


def _label(session: Session, key: str, _standing: Standing) -> str:
    queue = None if key == HOUSE else session.get(Queue, int(key))
    return queue.name if queue else _("All queues")


def _queue_id(key: str) -> int | None:
    return None if key == HOUSE else int(key)


RULES = register(Thing("callback_rules.changed", _read, _write, _label))


@bp.get("")
def page() -> ResponseReturnValue:
    """admin/callbacks.html, or `{house_rules, queues, history}` as JSON: who has which rules of their own."""
    session = request_session()
    queues = session.scalars(select(Queue).order_by(Queue.name, Queue.id))
    shown = {
        "house_rules": sorted(own_rules(session, None)),
        "queues": [{"id": each.id, "name": each.name, "own": sorted(own_rules(session, each.id))} for each in queues],
        "history": history(session, [RULES.kind]),
    }
    return jsonify(shown) if wants_json() else render_template("admin/callbacks.html", **shown)


@bp.get("/house", defaults={"queue_id": None})
@bp.get("/<int:queue_id>")
@careful("callback_rules.page")
def one(queue_id: int | None) -> ResponseReturnValue:
    """admin/callback_rules.html, or `{rules, own, seen, history}` as JSON: the rules that hold, and which are own."""
    session = request_session()
    key = _key(queue_id)
    own = _known(session, key)
    shown = {
        "rules": as_written(policy_of(session, _queue_id(key))) | {"hours": _chosen_hours(own)},
        "own": sorted(own),
        "seen": fingerprint(own),
        "name": _label(session, key, own),
        "history": history(session, [RULES.kind], key=key),
    }
    if wants_json():
        return jsonify(shown)
    limits = bounds(Policy) | bounds(RulesForm)
    hours = session.execute(select(OpeningHours.key, OpeningHours.name).order_by(OpeningHours.name)).all()
    return render_template("admin/callback_rules.html", **shown, queue_id=queue_id, hours=hours, bounds=limits)


@bp.post("/house", defaults={"queue_id": None})
@bp.post("/<int:queue_id>")
@careful("callback_rules.page")
def edit(queue_id: int | None) -> ResponseReturnValue:
    """All rules (RulesForm). 400 by field, 409 when somebody changed them since `seen`."""
    form = parse(RulesForm)
    key = _key(queue_id)
    with unit_of_work() as session:
        before = _known(session, key)
        refuse_the_late(before, form.seen)
        change(session, RULES, key, _own_of(session, key, form, before), actor=me())
    return done("callback_rules.one", queue_id=queue_id)


@bp.post("/<int:queue_id>/like-the-house")
@careful("callback_rules.page")
def like_the_house(queue_id: int) -> ResponseReturnValue:
    """A queue gives up all rules of its own."""
    with unit_of_work() as session:
        key = _key(queue_id)
        _known(session, key)
        change(session, RULES, key, {}, actor=me())
    return done("callback_rules.one", queue_id=queue_id)


def _key(queue_id: int | None) -> str:
    return HOUSE if queue_id is None else str(min(queue_id, MOST_ID))


def _known(session: Session, key: str) -> Standing:
    own = _read(session, key)
    if own is None:
        raise LookupError("There is no such queue.")
    return own


def _own_of(session: Session, key: str, form: RulesForm, before: Standing) -> Standing:
    """The sent rules without those that are the house's anyway. What the page does not ask for stays."""
    usual = Policy() if key == HOUSE else policy_of(session, None)
    sent = form.rules()
    with _refusals_by_field():
        wanted = read_rules(sent)
    own = {name: value for name, value in sent.items() if getattr(wanted, name) != getattr(usual, name)}
    kept = {"zone": before["zone"]} if "zone" in before else {}
    return own | kept | ({} if key == HOUSE else _hours(session, form.hours, before))


def _hours(session: Session, chosen: str | None, before: Standing) -> Standing:
    if chosen in (None, HOURS_OF_QUEUE):
        return {}
    if chosen == ALWAYS:
        return {"hours": None}
    if chosen == OWN_HOURS and before.get("hours") and "use" not in before["hours"]:
        return {"hours": before["hours"]}
    if session.get(OpeningHours, chosen) is None:
        raise BadInput("hours", _("There are no such hours any more: choose some of the list."))
    return {"hours": {"use": chosen}}


def _chosen_hours(own: Standing) -> str:
    """Which line of the list of hours stands."""
    if "hours" not in own:
        return HOURS_OF_QUEUE
    if own["hours"] is None:
        return ALWAYS
    return str(own["hours"].get("use", OWN_HOURS))
