"""Legs: what the carrier says of a call, merged so that a status never moves backwards, and what its end means.

Status callbacks are best-effort, unordered and doubled. A leg's end never by itself ends the interaction:
`app.routing.release` decides from the legs that remain.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callbacks.tries import line_ended
from app.db import database_now
from app.interactions.models import Interaction
from app.interactions.move import lock_interaction
from app.routing import consults, release, supervision
from app.routing.in_hand import OPEN_CONSULT, Consult, ConsultState
from app.routing.models import Offer, OfferState
from app.routing.offers import reject_offer, time_out_offer
from telephony.forms import TERMINAL_STATUSES, RoomForm
from telephony.models import Leg
from telephony.recording_news import settle_later
from telephony.room import Room
from telephony.steps import caller_left

RANK = {"attempted": 0, "unknown": 0, "dialing": 1, "connected": 2, "ended": 3}
STATES = {
    "queued": "dialing",
    "initiated": "dialing",
    "ringing": "dialing",
    "in-progress": "connected",
    **dict.fromkeys(TERMINAL_STATUSES, "ended"),
}


@dataclass(frozen=True, slots=True)
class LegNews:
    """What a callback, the carrier's list or we ourselves say of a call."""

    call_sid: str | None
    status: str
    sequence: int = -1
    at: datetime | None = None


def lock_leg(session: Session, leg_id: int) -> Leg | None:
    """The leg as it stands now, its interaction locked before it."""
    interaction_id = session.scalars(select(Leg.interaction_id).where(Leg.id == leg_id)).one_or_none()
    if interaction_id is None:
        return None
    lock_interaction(session, interaction_id)
    return session.get(Leg, leg_id, populate_existing=True)


def leg_of_call(session: Session, call_sid: str) -> Leg | None:
    """The leg of this call, its interaction locked."""
    leg_id = session.scalars(select(Leg.id).where(Leg.call_sid == call_sid)).one_or_none()
    return lock_leg(session, leg_id) if leg_id is not None else None


def leg_of_call_unlocked(session: Session, call_sid: str) -> Leg | None:
    """The leg of this call, for answers that change nothing."""
    return session.scalars(select(Leg).where(Leg.call_sid == call_sid)).one_or_none()


def leg_of_offer(session: Session, offer_id: int) -> Leg | None:
    """The leg that rings for this offer, its interaction locked."""
    leg_id = session.scalars(select(Leg.id).where(Leg.offer_id == offer_id)).one_or_none()
    return lock_leg(session, leg_id) if leg_id is not None else None


def open_legs(session: Session, interaction_id: uuid.UUID, role: str | None = None) -> list[Leg]:
    """The interaction's legs that have not ended, oldest first."""
    query = select(Leg).where(Leg.interaction_id == interaction_id, Leg.state != "ended").order_by(Leg.id)
    return list(session.scalars(query.where(Leg.role == role) if role else query))


def any_leg(session: Session, interaction_id: uuid.UUID, role: str) -> bool:
    """Whether the interaction ever had a leg of this role."""
    legs = select(Leg.id).where(Leg.interaction_id == interaction_id, Leg.role == role)
    return session.execute(legs.limit(1)).first() is not None


def apply(session: Session, leg: Leg, news: LegNews) -> bool:
    """Take in news of a leg; True when it ended by them. The caller holds the interaction's lock.

    Late and repeated news only fill in what was missing: a `completed` before its `answered` keeps both times right.
    News of another call than the leg's own are ignored.
    """
    if news.call_sid and leg.call_sid and leg.call_sid != news.call_sid:
        return False
    leg.call_sid = leg.call_sid or news.call_sid
    leg.sequence = max(leg.sequence, news.sequence)
    state = STATES.get(news.status)
    if state is None:
        return False
    at = news.at or database_now(session)
    if state == "connected" and leg.connected_at is None and (leg.ended_at is None or at <= leg.ended_at):
        leg.connected_at = at
    if RANK[state] <= RANK[leg.state]:
        return False
    leg.state = state
    if state != "ended":
        return False
    leg.ended_at, leg.end_reason = at, news.status
    session.flush()
    return True


def take_news(session: Session, room: Room, leg: Leg, news: LegNews) -> None:
    """Take in news of a leg and do what follows from its end."""
    if not apply(session, leg, news):
        return
    if leg.role == "caller":
        _customer_left(session, room, leg)
        settle_later(session, leg)
    elif leg.role == "third":
        _third_leg_ended(session, leg)
    elif leg.role == "supervisor" and not _took_over(session, leg):
        supervision.has_left(session, leg.supervision_id or 0)
    else:
        _agent_leg_ended(session, leg)


def _customer_left(session: Session, room: Room, leg: Leg) -> None:
    interaction = session.get_one(Interaction, leg.interaction_id, populate_existing=True)
    if interaction.callback_id is not None:
        line_ended(session, interaction, leg.end_reason)
    else:
        caller_left(session, room, leg.interaction_id)


def take_room_event(session: Session, room: Room, interaction_id: uuid.UUID, form: RoomForm) -> None:
    """A participant joined: its leg is connected. One left because its call ended: its leg has ended."""
    leg = leg_of_call(session, form.call_sid) if form.call_sid else None
    if leg is None or leg.interaction_id != interaction_id:
        return
    if form.event == "participant-join":
        apply(session, leg, LegNews(form.call_sid, "in-progress", at=form.at))
        _is_in(session, leg)
    elif form.event == "participant-leave" and form.call_status in TERMINAL_STATUSES:
        take_news(session, room, leg, LegNews(form.call_sid, form.call_status, at=form.at))


def _agent_leg_ended(session: Session, leg: Leg) -> None:
    """A ring that nobody answered ends its offer; the last leg of an agent who talked goes to routing to judge."""
    offer = session.get(Offer, leg.offer_id) if leg.offer_id else None
    if offer is not None and offer.state == OfferState.PENDING:
        _never_answered(session, offer, leg.end_reason)
        return
    standing = [other for other in open_legs(session, leg.interaction_id) if other.state == "connected"]
    if any(other.user_id == leg.user_id for other in standing):
        return
    if offer is not None and offer.role == consults.ROLE:
        _consulted_agent_left(session, leg, offer)
    elif any(other.role == "caller" for other in standing):
        release.agent_gone(session, leg.interaction_id, leg.user_id)
    elif offer is None or offer.state == OfferState.ACCEPTED:
        release.caller_gone(session, leg.interaction_id)  # an outbound call whose customer never came


def _consulted_agent_left(session: Session, leg: Leg, offer: Offer) -> None:
    """A colleague who was asked into a call hung up: their agent has the customer still."""
    consult = consults.consult_of_offer(session, offer.id)
    if consult is not None and consult.state in (ConsultState.TALKING, ConsultState.JOINED):
        consults.left(session, session.get_one(Interaction, leg.interaction_id), consult, "left")


def _third_leg_ended(session: Session, leg: Leg) -> None:
    """An outside number was not reached, or its talk is over."""
    consult = session.get_one(Consult, leg.consult_id, populate_existing=True)
    reason = "left" if leg.connected_at else (leg.end_reason or "failed").replace("-", "_")
    if consult.state in OPEN_CONSULT:
        consults.left(session, session.get_one(Interaction, leg.interaction_id), consult, reason)


def _took_over(session: Session, leg: Leg) -> bool:
    return session.get_one(Interaction, leg.interaction_id).agent_id == leg.user_id


def _is_in(session: Session, leg: Leg) -> None:
    """A line came into the conversation: a supervisor's mode is set now, or again where the agent's line is new."""
    if leg.role == "supervisor" and leg.supervision_id is not None:
        supervision.is_in(session, leg.supervision_id)
    elif leg.role == "agent":
        supervision.agent_is_in(session, session.get_one(Interaction, leg.interaction_id))


def _never_answered(session: Session, offer: Offer, end_reason: str | None) -> None:
    """The ring ended first: nobody came, the agent declined, or the phone could not be rung."""
    if end_reason == "no-answer":
        time_out_offer(session, offer.id)
    else:
        reject_offer(session, offer.id, "unreachable" if end_reason == "failed" else "declined")
