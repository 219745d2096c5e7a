"""The agent desktop: page, state, presence, the phone's token and calls. Shapes: docs/contracts.md."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flask import Blueprint, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import request_session, unit_of_work
from app.desktop import calls
from app.desktop.call_control import CallControl, SoftphoneTokens
from app.desktop.dial_out import dial_out
from app.desktop.forms import (
    DialForm,
    DigitsForm,
    HeartbeatForm,
    HelpForm,
    HoldForm,
    MuteForm,
    PageForm,
    PresenceForm,
    ThirdForm,
    TransferForm,
)
from app.desktop.hand_over import targets
from app.desktop.state import desktop_state, reachability_json
from app.forms import BadInput, Refusal, parse
from app.numbers import Numbers
from app.pages import limiter
from app.routing import parking, supervision, transfers
from app.routing.break_reasons import break_reasons
from app.routing.models import Offer, OfferState
from app.routing.offers import accept_offer, reject_offer
from app.routing.presence import PresenceError, close_session, heartbeat, reachability, set_presence
from ivr_flows.faults import FlowError

bp = Blueprint("desktop", __name__)


def own_limit() -> str:
    """Limits count per person: a whole floor may sit behind one address."""
    return f"user:{current_user.get_id()}"


@bp.get("/")
def start() -> ResponseReturnValue:
    """Where a signed-in person begins."""
    return redirect(url_for("desktop.page"))


@bp.get("/desktop")
def page() -> ResponseReturnValue:
    """desktop/page.html with `state` (as below), `customer_id` (text or None), `phone_page` (local mode), `reasons`."""
    asked = parse(PageForm)
    settings: Settings = current_app.config["SETTINGS"]
    return render_template(
        "desktop/page.html",
        state=desktop_state(request_session(), current_user),
        customer_id=str(asked.customer) if asked.customer else None,
        phone_page=settings.is_local,
        reasons=break_reasons(request_session()),
    )


@bp.get("/desktop/state")
def state() -> ResponseReturnValue:
    """All the page needs to draw itself from nothing."""
    return desktop_state(request_session(), current_user)


@bp.post("/desktop/heartbeat")
def beat() -> ResponseReturnValue:
    """A tab is alive, every 15 s: `{session_id, phone_ready, problem}` in, `{reachability}` out."""
    form = parse(HeartbeatForm)
    with _presence_checked("problem"), unit_of_work() as session:
        found = heartbeat(session, current_user.id, form.session_id, form.phone_ready, form.problem)
    return {"reachability": reachability_json(found)}


@bp.post("/desktop/sessions/<uuid:session_id>/close")
def close(session_id: uuid.UUID) -> ResponseReturnValue:
    """A tab says goodbye (sendBeacon, form field csrf_token). 204, also when it is not known."""
    with unit_of_work() as session:
        close_session(session, current_user.id, session_id)
    return "", 204


@bp.post("/desktop/presence")
def presence() -> ResponseReturnValue:
    """`{presence, reason?}` in, `{presence, next_presence, reachability}` out."""
    form = parse(PresenceForm)
    with _presence_checked("reason"), unit_of_work() as session:
        chosen = set_presence(session, current_user.id, form.presence, form.reason)
        found = reachability(session, current_user.id)
    return {
        "presence": chosen.presence,
        "next_presence": chosen.next_presence,
        "reachability": reachability_json(found),
    }


@bp.get("/desktop/token")
@limiter.limit("30/minute", key_func=own_limit)
def token() -> ResponseReturnValue:
    """The softphone's access token: `{mode, token, identity, url, expires_at}`."""
    tokens: SoftphoneTokens = current_app.extensions["softphone_tokens"]
    return tokens.token_for(current_user), 200, {"Cache-Control": "no-store"}


@bp.post("/desktop/offers/<int:offer_id>/accept")
def accept(offer_id: int) -> ResponseReturnValue:
    """Take a text that is offered. A call is taken with the phone: 409 `by_phone`; one that has ended: its state."""
    with unit_of_work() as session:
        offer = _own_offer(session, offer_id)
        if offer.channel == "voice":
            raise Refusal(409, "by_phone", "Answer this call with your phone.")
        outcome = accept_offer(session, offer_id)
        if not outcome.won and outcome.offer.state != OfferState.ACCEPTED:
            raise Refusal(409, "offer_ended", "This is offered to you no longer.", offer={"state": outcome.offer.state})
    return {"offer": {"id": offer_id, "state": outcome.offer.state}}


@bp.post("/desktop/offers/<int:offer_id>/decline")
def decline(offer_id: int) -> ResponseReturnValue:
    """Stop the ring of one's own offer. 409 with its state when it has ended otherwise."""
    with unit_of_work() as session:
        _own_offer(session, offer_id)
        outcome = reject_offer(session, offer_id, "declined")
        if not outcome.won:
            raise Refusal(409, "offer_ended", "This call no longer rings.", offer={"state": outcome.offer.state})
    return {"offer": {"id": offer_id, "state": outcome.offer.state}}


def _own_offer(session: Session, offer_id: int) -> Offer:
    offer = session.get(Offer, offer_id) if offer_id < 1 << 63 else None
    if offer is None:
        raise Refusal(404, "not_found", "There is no such offer.")
    if offer.user_id != current_user.id:
        raise Refusal(403, "not_yours", "This call rings for somebody else.")
    return offer


@bp.post("/desktop/calls")
@limiter.limit("20/minute", key_func=own_limit)
def dial() -> ResponseReturnValue:
    """Call a customer: `{customer_id, number}` in, `{interaction_id}` out; the own phone rings and answers itself."""
    form = parse(DialForm)
    numbers: Numbers = current_app.extensions["our_numbers"]
    with unit_of_work() as session:
        ours = [each.number for each in numbers.all(session)]
        interaction = dial_out(session, current_user, form.customer_id, form.number, ours)
    return {"interaction_id": str(interaction.id)}, 201


@bp.post("/desktop/calls/<uuid:interaction_id>/hold")
def hold(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{hold}` in, `{call}` out."""
    form = parse(HoldForm)
    return {"call": calls.hold_call(_control(), interaction_id, current_user.id, held=form.hold)}


@bp.post("/desktop/calls/<uuid:interaction_id>/mute")
def mute(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{mute}` in, `{call}` out."""
    form = parse(MuteForm)
    return {"call": calls.mute_call(_control(), interaction_id, current_user.id, muted=form.mute)}


@bp.post("/desktop/calls/<uuid:interaction_id>/digits")
def digits(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{digits}` in, `{call}` out."""
    form = parse(DigitsForm)
    return {"call": calls.send_digits(_control(), interaction_id, current_user.id, form.digits)}


@bp.post("/desktop/calls/<uuid:interaction_id>/hangup")
def hang_up(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """End the own call: `{call}`."""
    return {"call": calls.hang_up_call(interaction_id, current_user.id)}


@bp.get("/desktop/targets")
@limiter.limit("60/minute", key_func=own_limit)
def transfer_targets() -> ResponseReturnValue:
    """Whom a call may be handed to now: `{agents, queues, flows}` (app/desktop/hand_over.py)."""
    return targets(request_session(), current_user.id, _flows())


@bp.post("/desktop/calls/<uuid:interaction_id>/transfer")
def transfer(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{to: {agent | queue | flow | number}, warm, note?}` in, `{call}` out: one's wrap-up once it is gone."""
    form = parse(TransferForm)
    if form.to.flow is not None and form.to.flow not in dict(_flows()):
        raise Refusal(404, "no_flow", "There is no such flow any more: choose another.")
    return calls.hand_on(interaction_id, current_user.id, form.to, warm=form.warm, note=form.note)


@bp.post("/desktop/calls/<uuid:interaction_id>/consult/finish")
def finish_consult(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """Hand the customer over to whoever was asked: `{call}`, one's own wrap-up of it, or null."""
    return calls.in_one_transaction(transfers.finish, interaction_id, current_user.id)


@bp.post("/desktop/calls/<uuid:interaction_id>/consult/back_out")
def back_out_of_consult(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """End the talk with whoever was asked, by either side: `{call}`."""
    return calls.in_one_transaction(transfers.back_out, interaction_id, current_user.id)


@bp.post("/desktop/calls/<uuid:interaction_id>/third")
def third(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """Bring all together, or with `{to: {agent | number}}` ring somebody who joins the talk: `{call}`."""
    return calls.add_third(interaction_id, current_user.id, parse(ThirdForm).to)


@bp.post("/desktop/calls/<uuid:interaction_id>/park")
def park_call(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """Leave the customer with the music: `{call: null}`."""
    return calls.in_one_transaction(parking.park, interaction_id, current_user.id)


@bp.post("/desktop/calls/<uuid:interaction_id>/unpark")
def unpark_call(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """Take a parked call up again; the own phone rings and answers itself: `{call}`."""
    return calls.in_one_transaction(parking.unpark, interaction_id, current_user.id)


@bp.post("/desktop/calls/<uuid:interaction_id>/help")
def ask_for_help(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """Ask the supervisors to come into the call, or (`{help: false}`) no more: `{call}`."""
    form = parse(HelpForm)
    ask = functools.partial(supervision.ask_for_help, wanted=form.help, note=form.note)
    return calls.in_one_transaction(ask, interaction_id, current_user.id)


def _flows() -> list[tuple[str, str]]:
    """The flows that can answer a call now, with their titles; one that is broken is left out."""
    store = current_app.extensions["flow_house"].store
    found = []
    for name in store.names():
        with suppress(FlowError):
            found.append((name, store.get(name).title))
    return found


def _control() -> CallControl:
    control: CallControl = current_app.extensions["call_control"]
    return control


@contextmanager
def _presence_checked(field: str) -> Iterator[None]:
    """Turn a presence that cannot be accepted into a refusal of the field."""
    try:
        yield
    except PresenceError as wrong:
        raise BadInput(field, str(wrong)) from wrong
