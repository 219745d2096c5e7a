"""A leg that we rang is answered: the agent takes the call or comes back to it, or a customer picks up."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app import jobs
from app.accounts.models import User
from app.interactions.models import Interaction, State
from app.routing import consults, outbound, release
from app.routing.in_hand import OPEN_CONSULT, Consult, Supervision
from app.routing.models import Offer, OfferState
from app.routing.offers import accept_offer
from telephony import callbacks, legs
from telephony.legs import LegNews
from telephony.models import Leg
from telephony.room import Room


def agent_answered(session: Session, room: Room, offer_id: int, call_sid: str) -> str:
    """The offered agent picked up: into the conversation if the offer is theirs, else a short word and goodbye.

    Asked again by the same call, it answers the same.
    """
    leg = legs.leg_of_offer(session, offer_id)
    if leg is None or leg.call_sid not in (None, call_sid):
        return room.documents.goodbye("taken", None)
    legs.apply(session, leg, LegNews(call_sid, "in-progress"))
    offer = session.get_one(Offer, offer_id, populate_existing=True)
    if offer.state == OfferState.PENDING:
        offer = accept_offer(session, offer_id).offer
    interaction = session.get_one(Interaction, leg.interaction_id, populate_existing=True)
    if offer.state != OfferState.ACCEPTED or leg.state == "ended":
        return room.documents.goodbye(_why_not(offer), _language_of(session, offer.user_id))
    if interaction.direction == "outbound":
        return _dialling_room(session, room, interaction, offer.user_id)
    return room.documents.agent_room(interaction.id, offer.user_id)


def leg_answered(session: Session, room: Room, leg_id: int, call_sid: str, answered_by: str = "") -> str:
    """A leg without an offer picked up: an agent who comes back, a supervisor, the customer of an outbound call, or an
    outside number that was asked in. `answered_by`: what the carrier heard, where it waited to hear it.
    """
    leg = legs.lock_leg(session, leg_id)
    if leg is None or leg.call_sid not in (None, call_sid):
        return room.documents.goodbye("goodbye", None)
    legs.apply(session, leg, LegNews(call_sid, "in-progress"))
    interaction = session.get_one(Interaction, leg.interaction_id, populate_existing=True)
    if leg.state == "ended":
        return room.documents.nothing()
    if leg.role == "caller":
        return _customer_answered(session, room, interaction, answered_by)
    if leg.role == "third":
        return _third_answered(session, room, interaction, leg)
    if leg.role == "supervisor":
        return _supervisor_answered(session, room, interaction, leg)
    return _agent_came_back(session, room, interaction, leg)


def _customer_answered(session: Session, room: Room, interaction: Interaction, answered_by: str) -> str:
    if interaction.callback_id is not None:
        return callbacks.answered(session, room, interaction, answered_by)
    if interaction.state not in (State.ACTIVE, State.HELD, State.AGENT_LOST):
        return room.documents.nothing()
    outbound.customer_answered(session, interaction.id)
    _enqueue(session, "voice.record", interaction)
    return room.documents.customer_room(interaction.id, interaction.language)


def _third_answered(session: Session, room: Room, interaction: Interaction, leg: Leg) -> str:
    consult = session.get_one(Consult, leg.consult_id, populate_existing=True)
    consults.answered(session, interaction, consult)
    if consult.state not in OPEN_CONSULT:
        return room.documents.goodbye("caller_left", interaction.language)
    return room.documents.third_room(interaction.id, consult.id)


def _supervisor_answered(session: Session, room: Room, interaction: Interaction, leg: Leg) -> str:
    there = session.get_one(Supervision, leg.supervision_id, populate_existing=True)
    if there.ended_at is not None and interaction.agent_id != there.user_id:
        return room.documents.goodbye("caller_left", _language_of(session, there.user_id))
    return room.documents.supervisor_room(interaction.id, there.user_id)


def _agent_came_back(session: Session, room: Room, interaction: Interaction, leg: Leg) -> str:
    user_id = leg.user_id or 0
    if release.agent_rejoined(session, interaction.id, user_id):
        _enqueue(session, "voice.end_hold", interaction)
    elif interaction.agent_id != user_id or interaction.state not in (State.ACTIVE, State.HELD):
        return room.documents.goodbye("caller_left", _language_of(session, user_id))
    return room.documents.agent_room(interaction.id, user_id)


def _dialling_room(session: Session, room: Room, interaction: Interaction, user_id: int) -> str:
    """The agent who dials out hears ringback while the customer's telephone rings."""
    if not legs.any_leg(session, interaction.id, "caller"):
        _enqueue(session, "voice.dial_customer", interaction)
    return room.documents.agent_room(interaction.id, user_id, wait_url=room.urls.ringback())


def _why_not(offer: Offer) -> str:
    return "caller_left" if offer.reason in ("caller_hung_up", "agent_hung_up") else "taken"


def _language_of(session: Session, user_id: int) -> str | None:
    user = session.get(User, user_id)
    return user.language if user else None


def _enqueue(session: Session, name: str, interaction: Interaction) -> None:
    jobs.enqueue(session, name, lock=f"interaction:{interaction.id}", interaction_id=str(interaction.id))
