"""The supervisors' calendar of callbacks, and an agent's promise to call somebody."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.accounts.entry import ADMIN, AGENT, entry, has_role
from app.accounts.models import User
from app.callbacks import texts
from app.callbacks.calendar import Slot, open_slots, slots_of
from app.callbacks.change import cancel_callback, move_callback
from app.callbacks.forms import SOON, CalendarForm, MoveForm, PromiseForm, day_names, window_of
from app.callbacks.models import OPEN, WAITING_FOR_A_DIAL, Callback, CallbackAttempt, Kind
from app.callbacks.policy import Policy, policy_of
from app.callbacks.request import CallbackRefused
from app.callbacks.request import request as ask_for
from app.callbacks.rows import hold
from app.customers.identify import BadAddress, normalise
from app.customers.models import Customer
from app.db import database_now, request_session, unit_of_work
from app.forms import BadInput, Refusal, parse
from app.pages import error_body, wants_json
from app.routing.models import Queue
from ivr_flows.callback_times import on_the_clock

bp = Blueprint("callbacks", __name__, url_prefix="/callbacks")

MOST = 300


@bp.errorhandler(CallbackRefused)
def refused(error: CallbackRefused) -> ResponseReturnValue:
    """Said on the page to a person, as JSON to a script."""
    if wants_json():
        return jsonify(error_body(error.code, _(str(error)))), 409
    flash(_(str(error)), "error")
    return redirect(request.referrer or url_for("callbacks.calendar"), 303)


@bp.get("")
def calendar() -> ResponseReturnValue:
    """callbacks/calendar.html, or JSON: one queue's day, its slots with their load, and who is to be called."""
    form = parse(CalendarForm)
    session = request_session()
    queues = list(session.scalars(select(Queue).order_by(Queue.name)))
    if not queues:
        return render_template("callbacks/calendar.html", queues=[], day=None)
    queue = next((each for each in queues if each.id == form.queue), queues[0])
    policy = policy_of(session, queue.id)
    today = database_now(session).astimezone(ZoneInfo(policy.zone)).date()
    day = form.day or today
    shown = {
        "queue": {"id": queue.id, "name": queue.name},
        "day": day.isoformat(),
        "today": today.isoformat(),
        "zone": policy.zone,
        "slots": [_slot(slot, policy) for slot in slots_of(session, queue, policy, day)],
        "callbacks": [_row(session, each, policy) for each in _of_day(session, queue, policy, day)],
    }
    if wants_json():
        return jsonify(shown)
    around = {"before": (day - timedelta(days=1)).isoformat(), "after": (day + timedelta(days=1)).isoformat()}
    choices = day_names(open_slots(session, queue, policy, 7), policy.zone)
    return render_template(
        "callbacks/calendar.html",
        queues=queues,
        policy=policy,
        choices=choices,
        soon=SOON,
        is_admin=has_role(current_user, ADMIN),
        **shown,
        **around,
    )


@bp.post("/<uuid:callback_id>/cancel")
def cancel(callback_id: uuid.UUID) -> ResponseReturnValue:
    """Cancel it; the person is told by text."""
    with unit_of_work() as session:
        callback = _held(session, callback_id)
        if not cancel_callback(session, callback, actor=_me(), reason="by_supervisor"):
            raise CallbackRefused("over", "This callback is over, or they talk just now.")
        texts.write(session, callback, "canceled", "canceled")
    return _back(callback, _("The callback is canceled."))


@bp.post("/<uuid:callback_id>/move")
def move(callback_id: uuid.UUID) -> ResponseReturnValue:
    """`{when}`: the ISO begin of a slot, or `soon`; the person is told by text."""
    form = parse(MoveForm)
    with unit_of_work() as session:
        callback = _held(session, callback_id)
        policy = policy_of(session, callback.queue_id)
        move_callback(session, callback, window_of(form.when, policy, policy.zone), actor=_me())
        callback.link_version += 1
        session.flush()
        texts.confirm(session, callback)
    return _back(callback, _("The callback is moved."))


@bp.get("/new")
@entry(AGENT)
def new() -> ResponseReturnValue:
    """callbacks/_promise.html: the dialog on the record in which an agent promises `?customer=` a call."""
    session = request_session()
    customer = _customer(session, request.args.get("customer", ""))
    queues = list(session.scalars(select(Queue).order_by(Queue.name)))
    policies = {queue.id: policy_of(session, queue.id) for queue in queues}
    return render_template(
        "callbacks/_promise.html",
        customer=customer,
        queues=queues,
        numbers=[point.value for point in customer.contact_points if point.kind == "phone" and point.value[:1] == "+"],
        choices={
            queue.id: day_names(open_slots(session, queue, policies[queue.id], 7), policies[queue.id].zone)
            for queue in queues
        },
        zones={queue.id: policies[queue.id].zone for queue in queues},
        soon=SOON,
    )


@bp.post("")
@entry(AGENT)
def promise() -> ResponseReturnValue:
    """`{customer_id, queue, number, when, note, own}`: `{callback_id, state}`; with `own` the agent makes the call."""
    form = parse(PromiseForm)
    with unit_of_work() as session:
        customer = _customer(session, str(form.customer_id))
        queue = session.get(Queue, form.queue)
        if queue is None:
            raise BadInput("queue", "There is no such queue.")
        policy = policy_of(session, queue.id)
        callback = ask_for(
            session,
            queue,
            kind=Kind.AGENT,
            customer_id=customer.id,
            number=_number(customer, form.number),
            our_address=_our_address(session, customer),
            actor=_me(),
            window=window_of(form.when, policy, policy.zone),
            language=customer.language,
            owner_id=current_user.id if form.own else None,
            note=form.note,
        )
        texts.confirm(session, callback)
    return jsonify({"callback_id": str(callback.id), "state": callback.state}), 201


def _number(customer: Customer, given: str) -> str:
    try:
        number = normalise("phone", given)
    except BadAddress as wrong:
        raise BadInput("number", str(wrong)) from wrong
    if number not in [point.value for point in customer.contact_points if point.kind == "phone"]:
        raise BadInput("number", "This number is not on the customer's record. Add it there first.")
    return str(number)


def _our_address(session: Session, customer: Customer) -> str:
    from app.interactions.messages import our_address_for

    first = next((point.value for point in customer.contact_points if point.kind == "phone"), "")
    return our_address_for(session, first)


def _customer(session: Session, given: str) -> Customer:
    try:
        customer = session.get(Customer, uuid.UUID(given))
    except ValueError:
        customer = None
    if customer is None:
        raise Refusal(404, "not_found", "There is no such customer. They may have been merged with another.")
    return customer


def _held(session: Session, callback_id: uuid.UUID) -> Callback:
    callback = hold(session, callback_id)
    if callback is None:
        raise Refusal(404, "not_found", "There is no such callback.")
    return callback


def _of_day(session: Session, queue: Queue, policy: Policy, day: date) -> list[Callback]:
    """Whose window begins on this day, and who is open from before it."""
    zone = ZoneInfo(policy.zone)
    begin = on_the_clock(datetime.combine(day, time()), zone)
    end = on_the_clock(datetime.combine(day + timedelta(days=1), time()), zone)
    in_day = (Callback.window_start >= begin) & (Callback.window_start < end)
    still = Callback.state.in_(OPEN) & (Callback.window_start < end) & (Callback.window_end > begin)
    query = select(Callback).where(Callback.queue_id == queue.id, or_(in_day, still))
    return list(session.scalars(query.order_by(Callback.window_start, Callback.created_at).limit(MOST)))


def _slot(slot: Slot, policy: Policy) -> dict[str, Any]:
    zone = ZoneInfo(policy.zone)
    return {
        "start": slot.start.isoformat(),
        "from": slot.start.astimezone(zone).strftime("%H:%M"),
        "to": slot.end.astimezone(zone).strftime("%H:%M"),
        "taken": slot.taken,
        "room": slot.room,
        "is_open": slot.is_open,
        "is_full": slot.is_full,
    }


def _row(session: Session, callback: Callback, policy: Policy) -> dict[str, Any]:
    customer = session.get_one(Customer, callback.customer_id)
    owner = session.get(User, callback.owner_id) if callback.owner_id else None
    tried = session.scalars(
        select(CallbackAttempt.outcome).where(CallbackAttempt.callback_id == callback.id).order_by(CallbackAttempt.n)
    )
    return {
        "id": str(callback.id),
        "customer_id": str(customer.id),
        "customer": customer.name,
        "number": callback.number,
        "kind": callback.kind,
        "state": callback.state,
        "at": callback.window_start.astimezone(ZoneInfo(policy.zone)).strftime("%H:%M")
        if callback.local_start
        else None,
        "owner": owner.name if owner else None,
        "tries": list(tried),
        "max_tries": callback.max_attempts,
        "can_change": callback.state in WAITING_FOR_A_DIAL,
    }


def _back(callback: Callback, message: str) -> ResponseReturnValue:
    if wants_json():
        return jsonify({"state": callback.state})
    flash(message, "success")
    return redirect(request.referrer or url_for("callbacks.calendar", queue=callback.queue_id), 303)


def _me() -> str:
    return f"user:{current_user.id}"
