"""The page behind a callback's link, and the public form that asks for one.

The link is the only key: whoever has it sees the place, not the record. Looking changes nothing, so a preview of the
link does no harm; what is done uses the link up, and the page goes on under a new one.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callbacks import texts
from app.callbacks.calendar import open_slots
from app.callbacks.change import cancel_callback, confirm_callback, move_callback
from app.callbacks.forms import SOON, AskForm, MoveForm, day_names, window_of
from app.callbacks.judge import zones_of
from app.callbacks.links import read_ask_token, read_token, token_of
from app.callbacks.models import OPEN, WAITING_FOR_A_DIAL, Callback, CallbackState, Kind
from app.callbacks.policy import Policy, policy_of
from app.callbacks.request import CallbackRefused
from app.callbacks.request import request as ask_for
from app.callbacks.rows import hold, open_place
from app.customers.identify import BadAddress, identify, normalise
from app.db import unit_of_work
from app.follow_ups.models import FollowUp
from app.forms import BadInput, parse
from app.interactions.messages import MessageRefused, our_address_for
from app.interactions.models import Interaction
from app.numbers import callable_number
from app.pages import limiter
from app.routing.models import Queue
from app.routing.wait import waiting

bp = Blueprint("portal", __name__)

USED = "used"
LOOK_LIMIT = "60 per minute"
ACT_LIMIT = "10 per minute"
ASK_LIMIT = "5 per hour"


@bp.get("/c/<token>")
@limiter.limit(LOOK_LIMIT)
def look(token: str) -> ResponseReturnValue:
    """portal/callback.html: the place or the time, and what may be done; changes nothing."""
    with unit_of_work() as session:
        callback, usable = _behind(session, token)
        if callback is None:
            return _nothing(), 404
        return render_template("portal/callback.html", token=token, **_shown(session, callback, usable))


@bp.post("/c/<token>/confirm")
@limiter.limit(ACT_LIMIT)
def confirm(token: str) -> ResponseReturnValue:
    """A request from the web: yes, it was me."""
    return _act(token, lambda session, callback: confirm_callback(session, callback))


@bp.post("/c/<token>/cancel")
@limiter.limit(ACT_LIMIT)
def cancel(token: str) -> ResponseReturnValue:
    """No callback any more."""
    return _act(token, lambda session, callback: cancel_callback(session, callback, actor="customer", reason="by_link"))


@bp.post("/c/<token>/move")
@limiter.limit(ACT_LIMIT)
def move(token: str) -> ResponseReturnValue:
    """`{when}`: the begin of a slot, or `soon`."""
    form = parse(MoveForm)

    def act(session: Session, callback: Callback) -> None:
        policy = policy_of(session, callback.queue_id)
        move_callback(session, callback, window_of(form.when, policy, _zone(callback, policy)), actor="customer")

    return _act(token, act)


@bp.route("/c/ask/<token>", methods=["GET", "POST"])
@limiter.limit(ACT_LIMIT, methods=["POST"])
def ask_by_link(token: str) -> ResponseReturnValue:
    """Somebody whom we did not answer asks for a callback: the link came to their number, so it is theirs."""
    with unit_of_work() as session:
        follow_up_id = read_ask_token(token)
        follow_up = session.get(FollowUp, follow_up_id) if follow_up_id is not None else None
        origin = session.get(Interaction, follow_up.interaction_id) if follow_up and follow_up.interaction_id else None
        queue = session.get(Queue, follow_up.queue_id) if follow_up and follow_up.queue_id else _first(session)
        if follow_up is None or queue is None or origin is None:
            return _nothing(), 404
        if request.method == "GET" or follow_up.closed_at is not None:
            return render_template("portal/ask.html", **_asking(session, queue, follow_up.number, None))
        form = parse(MoveForm)
        policy = policy_of(session, queue.id)
        try:
            callback = ask_for(
                session,
                queue,
                kind=Kind.SMS,
                customer_id=follow_up.customer_id,
                number=follow_up.number,
                our_address=origin.our_address,
                actor="customer",
                window=window_of(form.when, policy, policy.zone),
                language=origin.language,
                origin_id=origin.id,
            )
        except CallbackRefused as refused:
            said = _(str(refused))
            return render_template("portal/ask.html", **_asking(session, queue, follow_up.number, said)), 409
        texts.confirm(session, callback)
        return redirect(url_for("portal.look", token=token_of(callback)), 303)


@bp.route("/call-me/<key>", methods=["GET", "POST"])
@limiter.limit(ASK_LIMIT, methods=["POST"])
def ask(key: str) -> ResponseReturnValue:
    """The public form of a queue that takes requests: nothing is dialled before the number's owner has confirmed."""
    with unit_of_work() as session:
        queue = session.scalars(select(Queue).where(Queue.key == key)).one_or_none()
        if queue is None or not policy_of(session, queue.id).web:
            return _nothing(), 404
        if request.method == "GET":
            return render_template("portal/ask.html", **_asking(session, queue, None, None))
        try:
            _ask_on_the_web(session, queue)
        except (BadInput, CallbackRefused) as refused:
            return render_template("portal/ask.html", **_asking(session, queue, None, _(str(refused)))), 400
        return render_template("portal/asked.html")


def _ask_on_the_web(session: Session, queue: Queue) -> None:
    """A request that waits for its number's owner, who is sent a link to confirm. Raises BadInput, CallbackRefused."""
    form = parse(AskForm)
    policy = policy_of(session, queue.id)
    try:
        number = normalise("phone", form.number)
    except BadAddress as wrong:
        raise BadInput("number", str(wrong)) from wrong
    try:
        ours = our_address_for(session, number or "")
    except MessageRefused as refused:
        raise CallbackRefused(refused.code, str(refused)) from refused
    if number is None or not callable_number(number, ours):
        raise CallbackRefused("bad_number", "That number cannot be called back: give it with + and its country.")
    customer = identify(session, "phone", number)
    callback = ask_for(
        session,
        queue,
        kind=Kind.WEB,
        customer_id=customer.id,
        number=number,
        our_address=ours,
        actor="customer",
        window=window_of(form.when, policy, form.zone or policy.zone),
        zone=form.zone,
        confirmed=False,
    )
    if callback.state == CallbackState.REQUESTED:
        texts.confirm(session, callback)


def _act(token: str, act: Any) -> ResponseReturnValue:
    """Do one thing with a link that is still good; the page goes on under the new link."""
    with unit_of_work() as session:
        callback, usable = _behind(session, token, held=True)
        if callback is None:
            return _nothing(), 404
        if not usable:
            return redirect(url_for("portal.look", token=token), 303)
        try:
            with session.begin_nested():
                act(session, callback)
                callback.link_version += 1
        except CallbackRefused as refused:
            session.refresh(callback)
            shown = _shown(session, callback, usable) | {"problem": _(str(refused))}
            return render_template("portal/callback.html", token=token, **shown), 409
        if callback.state in OPEN:
            texts.confirm(session, callback)
        else:
            texts.write(session, callback, "canceled", "canceled")
        return redirect(url_for("portal.look", token=token_of(callback)), 303)


def _behind(session: Session, token: str, *, held: bool = False) -> tuple[Callback | None, bool]:
    """The callback of a link, and whether the link is still good."""
    grant = read_token(token)
    if grant is None:
        return None, False
    callback = hold(session, grant.callback_id) if held else session.get(Callback, grant.callback_id)
    return callback, callback is not None and callback.link_version == grant.version


def _shown(session: Session, callback: Callback, usable: bool) -> dict[str, Any]:
    """What the page tells: nothing of the record, and of the number its last digits only."""
    queue = session.get_one(Queue, callback.queue_id)
    policy = policy_of(session, queue.id)
    zone = _zone(callback, policy)
    interaction = open_place(session, callback)
    place = waiting(session, interaction) if interaction is not None else None
    can_change = usable and callback.state in WAITING_FOR_A_DIAL
    at = None
    if callback.local_start is not None:
        at = format_datetime(callback.window_start.astimezone(ZoneInfo(zone)), "EEEE, d MMMM, HH:mm", rebase=False)
    return {
        "queue": queue.name,
        "ends_in": callback.number[-2:],
        "state": callback.state,
        "usable": usable,
        "can_change": can_change,
        "at": at,
        "zone": zone,
        "place": place if place is not None and place.position > 0 else None,
        "choices": day_names(open_slots(session, queue, policy, 7), zone) if can_change else [],
        "soon": SOON,
        "problem": None,
    }


def _asking(session: Session, queue: Queue, number: str | None, problem: str | None) -> dict[str, Any]:
    policy = policy_of(session, queue.id)
    return {
        "queue": queue.name,
        "ends_in": number[-2:] if number else None,
        "zone": policy.zone,
        "choices": day_names(open_slots(session, queue, policy, 7), policy.zone),
        "soon": SOON,
        "problem": problem,
    }


def _zone(callback: Callback, policy: Policy) -> str:
    """The clock that the page shows times on: the person's own where only one is possible."""
    zones = zones_of(callback.number, callback.zone or callback.local_zone, policy.zone)
    return zones[0] if len(zones) == 1 else policy.zone


def _first(session: Session) -> Queue | None:
    return session.scalars(select(Queue).order_by(Queue.id).limit(1)).first()


def _nothing() -> str:
    return render_template("portal/nothing.html")
