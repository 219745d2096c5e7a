"""Offers to one chosen agent, beside the queues' own matching: consults, and transfers to a colleague."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app import events, jobs
from app.db import database_now
from app.interactions.models import Interaction, State
from app.interactions.move import move
from app.routing.dispatch import is_free, is_live
from app.routing.models import OPEN_OFFER, AgentSession, AgentState, Offer, OfferState, Presence, Queue, QueueMember


def hold_if_free(session: Session, user_id: int) -> bool:
    """Lock the agent, wait for whoever holds them, and look with fresh eyes whether they may be offered a call now."""
    session.execute(select(AgentState.user_id).where(AgentState.user_id == user_id).with_for_update(key_share=True))
    free = select(AgentState.user_id).where(AgentState.user_id == user_id, is_free())
    return session.execute(free).first() is not None


def has_call(session: Session, user_id: int) -> bool:
    """Whether the agent has a call at hand, its ring and its wrap-up included."""
    own = select(Offer.id).where(Offer.user_id == user_id, Offer.channel == "voice", Offer.state.in_(OPEN_OFFER))
    return session.execute(own.limit(1)).first() is not None


def is_at_work() -> ColumnElement[bool]:
    """An agent who is there with a phone, busy or not."""
    return and_(
        AgentState.presence == Presence.AVAILABLE,
        AgentState.not_responding.is_(False),
        select(AgentSession.id).where(AgentSession.user_id == AgentState.user_id, is_live()).exists(),
    )


def anybody_at_work(session: Session, queue_id: int, *, but: int) -> bool:
    """Whether somebody else of the queue is at work."""
    members = select(AgentState.user_id).join(QueueMember, QueueMember.user_id == AgentState.user_id)
    there = members.where(QueueMember.queue_id == queue_id, AgentState.user_id != but, is_at_work())
    return session.execute(there.limit(1)).first() is not None


def ring_instead(
    session: Session, interaction: Interaction, user_id: int, queue: Queue, *, actor: str, reason: str
) -> Offer | None:
    """Ring this agent for a customer who has nobody any more: music first, then the ring; None when they are taken.

    Unanswered, the customer waits in `queue`, in their place, as long as anybody may wait there. The caller holds the
    interaction, and has looked whether the agent is free.
    """
    now = database_now(session)
    limit = now + timedelta(seconds=queue.max_wait_s)
    move(
        session,
        interaction,
        State.OFFERED,
        actor=actor,
        reason=reason,
        queue_id=queue.id,
        agent_id=user_id,
        wake_at=limit,
    )
    interaction.virtual_start = interaction.virtual_start or now
    interaction.queued_at, interaction.wait_until, interaction.visited_queues = now, limit, []
    session.flush()
    lock = f"interaction:{interaction.id}"
    jobs.enqueue(session, "voice.back_to_queue", lock=lock, interaction_id=str(interaction.id), reason=reason)
    return make_offer(session, interaction, user_id, role="primary", queue=queue, ring_s=queue.ring_s, actor=actor)


def make_offer(
    session: Session, interaction: Interaction, user_id: int, *, role: str, queue: Queue | None, ring_s: int, actor: str
) -> Offer | None:
    """Write a pending offer, have its phone rung and tell the agent; None when they were given another call just now.

    The interaction's own move is the caller's, who holds it.
    """
    now = database_now(session)
    row = insert(Offer).values(
        interaction_id=interaction.id,
        queue_id=queue.id if queue else None,
        user_id=user_id,
        role=role,
        state=OfferState.PENDING.value,
        created_at=now,
        expires_at=now + timedelta(seconds=ring_s),
    )
    offer_id = session.execute(row.on_conflict_do_nothing().returning(Offer.id)).scalar()
    if offer_id is None:
        return None
    offer = session.get_one(Offer, offer_id)
    jobs.enqueue(session, "voice.ring_agent", lock=f"interaction:{interaction.id}", offer_id=offer_id)
    events.record(
        session,
        "offer.made",
        actor=actor,
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(user_id,),
        queue_id=queue.id if queue else None,
        offer_id=offer_id,
        user_id=user_id,
        role=role,
        queue=queue.name if queue else None,
        expires_at=offer.expires_at.isoformat(),
    )
    return offer
