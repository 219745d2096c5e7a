"""What is done at the carrier when an agent hands a customer on: holding, letting go, ringing somebody in."""

from __future__ import annotations

import uuid

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import crash
from app.db import unit_of_work
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction
from app.routing.consults import open_consult
from app.routing.in_hand import OPEN_CONSULT, Consult, ConsultState
from app.routing.models import Offer, OfferState
from app.routing.release import wait_again
from app.routing.transfers import RING_S
from ivr_flows.faults import FlowError
from telephony import legs, steps
from telephony.models import Leg
from telephony.rings import Ring, attempted, end_leg, move_leg, ring_leg, unless_gone
from telephony.room import Room

log = structlog.get_logger()

ON_HOLD = (State.HELD, State.PARKED, State.OUTSIDE)


def hold(room: Room, interaction_id: str) -> None:
    """The customer goes to the music, unless they have come back from it meanwhile."""
    with unit_of_work() as session:
        interaction = session.get_one(Interaction, uuid.UUID(interaction_id))
        caller = _caller(session, interaction)
        wanted = interaction.state in ON_HOLD and not _talks_outside(session, interaction)
    if wanted and caller is not None and caller.call_sid is not None:
        sid, music = caller.call_sid, room.urls.hold(interaction.id)
        unless_gone(lambda: room.carrier.hold(interaction_id, sid, True, music))
    crash.point("T1")


def end_hold(room: Room, interaction_id: str) -> None:
    """Somebody talks with the customer: they return from the music."""
    with unit_of_work() as session:
        interaction = session.get_one(Interaction, uuid.UUID(interaction_id))
        caller = _caller(session, interaction)
        wanted = interaction.state == State.ACTIVE or _talks_outside(session, interaction)
    if wanted and caller is not None and caller.call_sid is not None:
        sid = caller.call_sid
        unless_gone(lambda: room.carrier.hold(interaction_id, sid, False, ""))
    crash.point("T2")


def let_go(room: Room, interaction_id: str, user_id: int) -> None:
    """An agent's part in the call is over: their lines in it end, except one that rings for them anew."""
    with unit_of_work() as session:
        interaction = session.get_one(Interaction, uuid.UUID(interaction_id))
        own = [each for each in legs.open_legs(session, interaction.id) if each.user_id == user_id]
        ending = [leg for leg in own if not _is_needed(session, interaction, leg)]
    for leg in ending:
        end_leg(room, leg)


def ring_third(room: Room, interaction_id: str, consult_id: int) -> None:
    """Ring the outside number that was asked into a call."""
    with unit_of_work() as session:
        ring = _attempt_third(session, room, uuid.UUID(interaction_id), consult_id)
    if ring is not None:
        ring_leg(room, ring)


def end_consult(room: Room, interaction_id: str, consult_id: int) -> None:
    """Whoever was asked into the call is not needed any more: their line ends."""
    with unit_of_work() as session:
        lock_interaction(session, uuid.UUID(interaction_id))
        consult = session.get_one(Consult, consult_id)
        if consult.state in (*OPEN_CONSULT, ConsultState.HANDED_OVER):
            return
        theirs = Leg.offer_id == consult.offer_id if consult.offer_id else Leg.consult_id == consult_id
        ending = session.scalars(select(Leg).where(theirs, Leg.state != "ended")).all()
    for leg in ending:
        end_leg(room, leg)


def to_flow(room: Room, interaction_id: str, flow: str, turn: int) -> None:
    """The customer leaves the conversation for a flow. One that cannot be used sends them to the queue instead."""
    with unit_of_work() as session:
        interaction = lock_interaction(session, uuid.UUID(interaction_id))
        if interaction is None or interaction.state != State.IN_FLOW:
            return
        try:
            with session.begin_nested():
                steps.begin_again(session, room, interaction, flow, turn)
        except FlowError as error:
            log.error("transfer.flow_unusable", flow=flow, why=str(error))
            by = interaction.context.get("handed", {}).get("by_id")
            wait_again(session, interaction, by, reason="flow_failed")
            return
        callers = legs.open_legs(session, interaction.id, "caller")
        document = room.documents.to_flow(interaction.id)
        agents = [leg for leg in legs.open_legs(session, interaction.id, "agent") if leg.state == "connected"]
    crash.point("T3")
    for caller in callers:
        move_leg(room, caller, document)
    for agent in agents:
        end_leg(room, agent)


def _caller(session: Session, interaction: Interaction) -> Leg | None:
    return next(iter(legs.open_legs(session, interaction.id, "caller")), None)


def _talks_outside(session: Session, interaction: Interaction) -> bool:
    """Whether the customer talks with an outside number, rather than hears music while it rings."""
    consult = open_consult(session, interaction.id) if interaction.state == State.OUTSIDE else None
    return consult is not None and consult.state == ConsultState.OUTSIDE


def _is_needed(session: Session, interaction: Interaction, leg: Leg) -> bool:
    """Whether a leg belongs to the work that its agent still has in this call."""
    if leg.offer_id is None:
        return interaction.agent_id == leg.user_id
    offer = session.get_one(Offer, leg.offer_id)
    return offer.state in (OfferState.PENDING, OfferState.ACCEPTED)


def _attempt_third(session: Session, room: Room, interaction_id: uuid.UUID, consult_id: int) -> Ring | None:
    """Write down that the number is about to be rung; None when it is not wanted any more."""
    interaction = lock_interaction(session, interaction_id)
    consult = session.get_one(Consult, consult_id, populate_existing=True)
    if interaction is None or consult.state != ConsultState.RINGING or consult.number is None:
        return None
    known = session.scalars(select(Leg).where(Leg.consult_id == consult_id)).one_or_none()
    leg = known or attempted(session, interaction, "third", consult_id=consult_id)
    if leg.call_sid is not None or leg.state == "ended":
        return None
    return Ring(
        leg.id,
        consult.number,
        None,
        interaction.our_address,
        room.urls.leg(leg.id),
        room.urls.leg_status(leg.id),
        RING_S,
        {},
        leg.created_at,
        known is not None,
    )
