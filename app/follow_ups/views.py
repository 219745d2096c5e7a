"""The list of what is owed: an agent's own and their queues', a supervisor's all."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.accounts.entry import SUPERVISOR, has_role
from app.accounts.models import User
from app.customers.models import Customer
from app.db import database_now, request_session, unit_of_work
from app.follow_ups.close import finish, take
from app.follow_ups.models import FollowUp
from app.forms import Refusal
from app.pages import wants_json
from app.routing.models import Queue, QueueMember

bp = Blueprint("follow_ups", __name__, url_prefix="/follow-ups")

MOST = 200


@bp.get("")
def page() -> ResponseReturnValue:
    """follow_ups/list.html, or `{follow_ups}` as JSON; `?done=1` those that are closed."""
    rows = listed(request_session(), closed=request.args.get("done") == "1")
    if wants_json():
        return jsonify({"follow_ups": rows})
    return render_template("follow_ups/list.html", rows=rows, done=request.args.get("done") == "1")


@bp.post("/<int:follow_up_id>/done")
def done(follow_up_id: int) -> ResponseReturnValue:
    """It is done."""
    with unit_of_work() as session:
        _may(session, follow_up_id)
        finish(session, follow_up_id, current_user)
    return _back(_("Done."))


@bp.post("/<int:follow_up_id>/take")
def mine(follow_up_id: int) -> ResponseReturnValue:
    """It is mine."""
    with unit_of_work() as session:
        _may(session, follow_up_id)
        take(session, follow_up_id, current_user)
    return _back(_("It is yours now."))


def listed(session: Session, *, closed: bool = False) -> list[dict[str, Any]]:
    """The follow-ups that concern whoever asks, the most pressing first."""
    query = (
        select(FollowUp, Customer.name, Queue.name, User.name)
        .join(Customer, Customer.id == FollowUp.customer_id)
        .join(Queue, Queue.id == FollowUp.queue_id, isouter=True)
        .join(User, User.id == FollowUp.owner_id, isouter=True)
        .where(FollowUp.closed_at.is_not(None) if closed else FollowUp.closed_at.is_(None), _concerns())
        .order_by(FollowUp.closed_at.desc() if closed else FollowUp.due_at, FollowUp.id)
        .limit(MOST)
    )
    now = database_now(session)
    return [
        {
            "id": row.id,
            "customer_id": str(row.customer_id),
            "customer": customer,
            "number": row.number,
            "reason": row.reason,
            "queue": queue,
            "owner": owner,
            "is_mine": row.owner_id == current_user.id,
            "path": list(row.path),
            "due_at": row.due_at.isoformat(),
            "is_late": row.closed_at is None and row.due_at < now,
            "created_at": row.created_at.isoformat(),
            "closed_at": row.closed_at.isoformat() if row.closed_at else None,
            "closed_how": row.closed_how,
        }
        for row, customer, queue, owner in session.execute(query)
    ]


def _concerns() -> Any:
    if has_role(current_user, SUPERVISOR):
        return True
    own_queues = select(QueueMember.queue_id).where(QueueMember.user_id == current_user.id)
    return or_(FollowUp.owner_id == current_user.id, FollowUp.queue_id.in_(own_queues))


def _may(session: Session, follow_up_id: int) -> None:
    found = session.scalars(select(FollowUp.id).where(FollowUp.id == follow_up_id, _concerns())).first()
    if found is None:
        raise Refusal(404, "not_found", "There is no such follow-up of yours or your queues.")


def _back(message: str) -> ResponseReturnValue:
    if wants_json():
        return jsonify({"follow_ups": listed(request_session())})
    flash(message, "success")
    return redirect(url_for("follow_ups.page"), 303)
