"""The supervisor's pages and what their buttons do. Shapes: docs/contracts.md, "the floor"."""

from __future__ import annotations

import uuid

from flask import Blueprint, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.accounts.entry import ADMIN, has_role
from app.db import request_session, unit_of_work
from app.forms import Refusal, parse
from app.pages import wants_json
from app.routing.break_reasons import break_reasons
from app.routing.presence import PresenceError
from app.routing.why import explain
from app.supervisor import steer
from app.supervisor.alerts import see_alert
from app.supervisor.floor import Floor, Lookout
from app.supervisor.forms import MOST_ID, CompleteForm, PresenceForm, PullForm, RequeueForm, WallForm
from app.supervisor.reasons import reasons

bp = Blueprint("supervisor", __name__, url_prefix="/supervisor")


@bp.get("")
def page() -> ResponseReturnValue:
    """supervisor/floor.html with `floor` (as below), `me` and the `reasons` of breaks."""
    return render_template(
        "supervisor/floor.html",
        floor=_look(),
        me={"id": current_user.id, "admin": has_role(current_user, ADMIN)},
        reasons=break_reasons(request_session()),
    )


@bp.get("/wall")
def wall() -> ResponseReturnValue:
    """supervisor/wall.html: the numbers for a big screen, without customers. `?queues=1,2` shows only these."""
    asked = parse(WallForm)
    chosen = [int(each) for each in asked.queues.split(",")] if asked.queues else []
    return render_template("supervisor/wall.html", floor=_look(), chosen=chosen)


@bp.get("/floor")
def floor() -> ResponseReturnValue:
    """All that the pages draw themselves from."""
    return _look()


@bp.get("/why/<uuid:interaction_id>")
def why(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """supervisor/why.html: who could take a contact now, and why each of its offers went where it went; or as JSON."""
    session = request_session()
    found = explain(session, interaction_id)
    if found is None:
        raise Refusal(404, "not_found", "There is no such contact.")
    shown = reasons(session, found)
    if wants_json():
        return jsonify(shown)
    return render_template("supervisor/why.html", why=shown)


@bp.post("/agents/<int:user_id>/presence")
def presence(user_id: int) -> ResponseReturnValue:
    """`{presence, reason?}` in, `{presence, next_presence}` out."""
    form = parse(PresenceForm)
    try:
        with unit_of_work() as session:
            state = steer.set_agent(session, min(user_id, MOST_ID), form.presence, form.reason, by=current_user.id)
    except PresenceError as wrong:
        raise Refusal(400, "bad_input", str(wrong)) from wrong
    return {"presence": state.presence, "next_presence": state.next_presence}


@bp.post("/interactions/<uuid:interaction_id>/requeue")
def requeue(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{queue_id?}` in, `{state, queue_id}` out."""
    form = parse(RequeueForm)
    with unit_of_work() as session:
        moved = steer.requeue(session, interaction_id, form.queue_id, by=current_user.id)
        return {"state": moved.state, "queue_id": moved.queue_id}


@bp.post("/interactions/<uuid:interaction_id>/pull")
def pull(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{agent_id?}` in, `{offer_id, agent_id}` out: one's own phone rings, or that of a chosen agent."""
    form = parse(PullForm)
    with unit_of_work() as session:
        offer = steer.pull(session, interaction_id, form.agent_id or current_user.id, by=current_user.id)
        return {"offer_id": offer.id, "agent_id": offer.user_id}


@bp.post("/interactions/<uuid:interaction_id>/complete")
def complete(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{code?, agent_id?}` in, `{state, code}` out; `agent_id` is whose wrap-up, where the call was handed on."""
    form = parse(CompleteForm)
    with unit_of_work() as session:
        done = steer.force_complete(session, interaction_id, form.code, form.agent_id, by=current_user.id)
        return {"state": done.state, "code": done.disposition_code}


@bp.post("/alerts/<int:alert_id>/see")
def see(alert_id: int) -> ResponseReturnValue:
    """Say that one looks after it. 409 when it is over, or somebody else does."""
    with unit_of_work() as session:
        if not see_alert(session, min(alert_id, MOST_ID), current_user.id):
            raise Refusal(409, "too_late", "It is over, or somebody else looks after it.")
    return {"done": True}


def _look() -> Floor:
    lookout: Lookout = current_app.extensions.setdefault("lookout", Lookout())
    return lookout.look(request_session())
