"""Offers end exactly once: accepted, rejected, timed out, rescinded or canceled (A-9, A-10).

Every ending locks the interaction first, so the two never disagree, then wins or loses a conditional update of the
offer. Losers change nothing and are told the state that stands.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app import events, jobs
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction, move
from app.routing import consults
from app.routing.dispatch import request_dispatch
from app.routing.models import AgentSession, AgentState, Offer, OfferState, Presence, Queue, QueueMember
from app.routing.presence import park, phone_failed, work_ended
from app.routing.strategies import parking_would_cascade


class UnknownOffer(LookupError):
    """There is no offer with this id."""


@dataclass(frozen=True, slots=True)
class OfferOutcome:
    """Whether this call ended the offer, and the offer as it stands (its state is the winner's)."""

    won: bool
    offer: Offer


def accept_offer(session: Session, offer_id: int) -> OfferOutcome:
    """The agent answered before the deadline: the interaction is theirs and `voice.bridge` is enqueued.

    After the deadline (by the database's clock) it is too late: the offer then times out at once. The caller passes
    crash point O4 after its commit.
    """
    offer, interaction = _hold(session, offer_id)
    in_time = Offer.expires_at > func.clock_timestamp()
    if not _end(session, offer, OfferState.ACCEPTED, None, in_time):
        if offer.state == OfferState.PENDING:
            return OfferOutcome(False, time_out_offer(session, offer_id).offer)
        return OfferOutcome(False, offer)
    _tell(session, offer, interaction, actor=f"user:{offer.user_id}")
    consult = consults.consult_of_offer(session, offer.id)
    if consult is not None:
        consults.answered(session, interaction, consult)  # the customer is in the conversation already
        return OfferOutcome(True, offer)
    if interaction.state == State.OFFERED:
        move(session, interaction, State.ACTIVE, actor=f"user:{offer.user_id}", agent_id=offer.user_id)
    jobs.enqueue(session, "voice.bridge", lock=f"interaction:{interaction.id}", interaction_id=str(interaction.id))
    return OfferOutcome(True, offer)


def reject_offer(session: Session, offer_id: int, reason: str = "declined") -> OfferOutcome:
    """The agent will not take it (`declined`), or their phone could not be rung (`unreachable`).

    The interaction waits again in its place. Who declined is not asked again for the queue's cool-down; a phone that
    could not be rung counts as not ready until its next heartbeat.
    """
    actor = "carrier" if reason == "unreachable" else None
    return _give_back(session, offer_id, OfferState.REJECTED, reason, actor)


def time_out_offer(session: Session, offer_id: int) -> OfferOutcome:
    """Nobody answered (RONA): the interaction waits again in its place and the agent gets no more calls until they act.

    When that would feed a cascade the agent is left available and only paused for this caller (DOMAIN 2.5).
    """
    return _give_back(session, offer_id, OfferState.TIMEOUT, "no_answer", "system")


def rescind_offer(session: Session, offer_id: int, reason: str = "rescinded") -> OfferOutcome:
    """Take a ringing offer back from the agent; the interaction waits again in its place."""
    return _give_back(session, offer_id, OfferState.RESCINDED, reason, "system")


def cancel_offers(session: Session, interaction_id: uuid.UUID, reason: str) -> list[Offer]:
    """End every ringing offer of an interaction that is over; the ringing stops and the agents are free.

    The interaction's own move is the caller's. Returns the offers that this call canceled.
    """
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        return []
    ringing = select(Offer).where(Offer.interaction_id == interaction_id, Offer.state == OfferState.PENDING)
    canceled = [
        offer
        for offer in session.scalars(ringing.order_by(Offer.id)).all()
        if _end(session, offer, OfferState.CANCELED, reason)
    ]
    for offer in canceled:
        _stop_ringing(session, offer)
        _tell(session, offer, interaction, actor="system")
        work_ended(session, offer.user_id, handled=False)
    if canceled:
        request_dispatch(session)
    return canceled


def close_accepted_offer(
    session: Session, interaction: Interaction, to: OfferState, reason: str | None
) -> Offer | None:
    """Move the accepted (or wrapping) offer of an interaction on to wrapping, completed or canceled."""
    before = [OfferState.ACCEPTED] if to is OfferState.WRAPPING else [OfferState.ACCEPTED, OfferState.WRAPPING]
    ended_at = None if to is OfferState.WRAPPING else func.clock_timestamp()
    offer_id = session.execute(
        update(Offer)
        .where(Offer.interaction_id == interaction.id, Offer.role == "primary", Offer.state.in_(before))
        .values(state=to.value, reason=reason, ended_at=ended_at)
        .returning(Offer.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if offer_id is None:
        return None
    offer = session.get_one(Offer, offer_id, populate_existing=True)
    _tell(session, offer, interaction, actor="system")
    return offer


def _give_back(session: Session, offer_id: int, to: OfferState, reason: str, actor: str | None) -> OfferOutcome:
    """A ringing offer ends without an answer: the interaction returns to its queue, the agent is settled."""
    offer, interaction = _hold(session, offer_id)
    if not _end(session, offer, to, reason):
        return OfferOutcome(False, offer)
    _stop_ringing(session, offer)
    _tell(session, offer, interaction, actor=actor or f"user:{offer.user_id}")
    consult = consults.consult_of_offer(session, offer.id)
    if consult is not None:
        consults.left(session, interaction, consult, reason)
    elif interaction.state == State.OFFERED:
        _wait_on(session, interaction, offer, "rona" if to is OfferState.TIMEOUT else reason)
    if to is OfferState.TIMEOUT and not _would_cascade(session, offer):
        park(session, offer.user_id)
    if reason == "unreachable":
        phone_failed(session, offer.user_id)
    work_ended(session, offer.user_id, handled=False)
    request_dispatch(session)
    return OfferOutcome(True, offer)


def _wait_on(session: Session, interaction: Interaction, offer: Offer, reason: str) -> None:
    """Back to the place in the queue; a caller whom the flow sent to this one agent goes back to the flow."""
    to = State.QUEUED if offer.queue_id is not None else State.IN_FLOW
    move(session, interaction, to, actor="system", reason=reason, agent_id=None, wake_at=interaction.wake_at)
    if to is State.IN_FLOW:
        lock = f"interaction:{interaction.id}"
        jobs.enqueue(session, "voice.leave_queue", lock=lock, interaction_id=str(interaction.id), reason=offer.reason)


def _hold(session: Session, offer_id: int) -> tuple[Offer, Interaction]:
    """The offer and its interaction, the interaction locked first. Raises UnknownOffer."""
    offer = session.get(Offer, offer_id)
    if offer is None:
        raise UnknownOffer(f"there is no offer {offer_id}")
    interaction = lock_interaction(session, offer.interaction_id)
    assert interaction is not None  # an offer cannot outlive it
    session.refresh(offer)
    return offer, interaction


def _end(session: Session, offer: Offer, to: OfferState, reason: str | None, *conditions: ColumnElement[bool]) -> bool:
    """The compare-and-set out of `pending`; the offer shows what stands afterwards, whoever won."""
    ended_at = None if to is OfferState.ACCEPTED else func.clock_timestamp()
    won = session.execute(
        update(Offer)
        .where(Offer.id == offer.id, Offer.state == OfferState.PENDING, *conditions)
        .values(state=to.value, reason=reason, ended_at=ended_at)
        .returning(Offer.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.refresh(offer)
    return won is not None


def _stop_ringing(session: Session, offer: Offer) -> None:
    jobs.enqueue(session, "voice.stop_ringing", lock=f"interaction:{offer.interaction_id}", offer_id=offer.id)


def _would_cascade(session: Session, offer: Offer) -> bool:
    """Count the queue's agents who are there (available, with a live tab) and those among them already parked."""
    here = (
        select(AgentState.not_responding)
        .join(QueueMember, QueueMember.user_id == AgentState.user_id)
        .where(
            QueueMember.queue_id == offer.queue_id,
            AgentState.presence == Presence.AVAILABLE,
            select(AgentSession.id)
            .where(AgentSession.user_id == AgentState.user_id, AgentSession.expires_at > func.clock_timestamp())
            .exists(),
        )
    )
    parked = session.scalars(here).all()
    if not parking_would_cascade(len(parked), sum(parked)):
        return False
    events.record(
        session,
        "routing.cascade",
        actor="system",
        queue_id=offer.queue_id,
        staffed=len(parked),
        not_responding=sum(parked),
    )
    return True


def _tell(session: Session, offer: Offer, interaction: Interaction, *, actor: str) -> None:
    queue = session.get(Queue, offer.queue_id) if offer.queue_id else None
    events.record(
        session,
        "offer.ended",
        actor=actor,
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(offer.user_id,),
        queue_id=offer.queue_id,
        offer_id=offer.id,
        user_id=offer.user_id,
        queue=queue.name if queue else None,
        state=offer.state,
        reason=offer.reason,
    )
