"""A supervisor's line in somebody's call: rung, heard by nobody, by the agent alone, or by all.

A supervisor always comes in muted, so that a mode is never heard by mistake; the mode is set once the line is in the
conversation. A coach is not heard by the customer's leg, which is the one that is recorded and streamed.
"""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.interactions.models import State
from app.interactions.move import lock_interaction
from app.routing.in_hand import Supervision, SupervisionMode
from app.routing.supervision import has_left
from telephony import legs
from telephony.models import Leg
from telephony.rings import Ring, agent_ring, attempted, end_leg, ring_leg, unless_gone
from telephony.room import Room

RING_S = 12


def ring_supervisor(room: Room, interaction_id: str, supervision_id: int) -> None:
    """Ring the supervisor's own softphone, which answers itself."""
    with unit_of_work() as session:
        ring = _attempt(session, room, uuid.UUID(interaction_id), supervision_id)
    if ring is not None:
        ring_leg(room, ring)


def supervise(room: Room, interaction_id: str, supervision_id: int) -> None:
    """Let the supervisor be heard as their mode says. One who takes over is the call's agent from now on."""
    with unit_of_work() as session:
        interaction = lock_interaction(session, uuid.UUID(interaction_id))
        there = session.get_one(Supervision, supervision_id, populate_existing=True)
        leg = session.scalars(select(Leg).where(Leg.supervision_id == supervision_id)).one_or_none()
        if interaction is None or leg is None or leg.call_sid is None or leg.state == "ended":
            return
        took_over = there.mode == SupervisionMode.TAKE_OVER and interaction.agent_id == there.user_id
        if took_over:
            leg.role = "agent"
        elif there.ended_at is not None:
            return
        sid, mode = leg.call_sid, SupervisionMode(there.mode)
        agent = _agent_sid(session, interaction.id, interaction.agent_id)
    if mode is SupervisionMode.COACH and agent is None:
        return  # the agent's line is lost: when it is back, this is asked again
    coached = agent if mode is SupervisionMode.COACH else None
    muted = mode is SupervisionMode.LISTEN
    unless_gone(lambda: room.carrier.supervise(interaction_id, sid, muted=muted, coached=coached))


def end_supervision(room: Room, interaction_id: str, supervision_id: int) -> None:
    """The supervisor's line ends; nobody else's does."""
    with unit_of_work() as session:
        lock_interaction(session, uuid.UUID(interaction_id))
        leg = session.scalars(select(Leg).where(Leg.supervision_id == supervision_id)).one_or_none()
    if leg is not None and leg.state != "ended" and leg.role == "supervisor":
        end_leg(room, leg)


def _attempt(session: Session, room: Room, interaction_id: uuid.UUID, supervision_id: int) -> Ring | None:
    interaction = lock_interaction(session, interaction_id)
    there = session.get_one(Supervision, supervision_id, populate_existing=True)
    if there.ended_at is not None:
        return None
    if interaction is None or interaction.state not in (State.ACTIVE, State.HELD):
        has_left(session, supervision_id)
        return None
    known = session.scalars(select(Leg).where(Leg.supervision_id == supervision_id)).one_or_none()
    leg = known or attempted(session, interaction, "supervisor", there.user_id, supervision_id=supervision_id)
    if leg.call_sid is not None or leg.state == "ended":
        return None
    return agent_ring(
        session,
        leg,
        from_=interaction.our_address,
        answer_url=room.urls.leg(leg.id),
        status_url=room.urls.leg_status(leg.id),
        ring_s=RING_S,
        parameters={"interactionId": str(interaction_id), "autoAnswer": "1"},
        is_retry=known is not None,
    )


def _agent_sid(session: Session, interaction_id: uuid.UUID, agent_id: int | None) -> str | None:
    own = [leg for leg in legs.open_legs(session, interaction_id, "agent") if leg.user_id == agent_id]
    talking = [leg.call_sid for leg in own if leg.state == "connected"]
    return talking[-1] if talking else None
