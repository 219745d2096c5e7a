"""Offers end exactly once: accepted, rejected, timed out, rescinded or canceled (A-9, A-10).

Every ending locks the interaction first, so the two never disagree, then wins or loses a conditional update of the
offer. Losers change nothing and are told the state that stands.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app import events, jobs
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction, move
from app.routing import consults
from app.routing.dispatch import request_dispatch
from app.routing.enqueue import look_at_wait
from app.routing.models import (
    AgentSession,
    AgentState,
    Offer,
    OfferState,
    Presence,
    PresenceSpell,
    Queue,
    QueueMember,
)
from app.routing.presence import park, phone_failed, work_ended
from app.routing.strategies import parking_would_cascade

ALARM_AT = 10
"""A contact that was turned down so often is told to the floor."""
CASCADE_LOOK_BACK_S = 600


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
    tell_end(session, offer, interaction, actor=f"user:{offer.user_id}")
    consult = consults.consult_of_offer(session, offer.id)
    if consult is not None:
        consults.answered(session, interaction, consult)  # the customer is in the conversation already
        return OfferOutcome(True, offer)
    _release_the_others(session, offer, interaction)
    if interaction.state == State.OFFERED:
        move(session, interaction, State.ACTIVE, actor=f"user:{offer.user_id}", agent_id=offer.user_id)
    if offer.channel == "voice":
        jobs.enqueue(session, "voice.bridge", lock=f"interaction:{interaction.id}", interaction_id=str(interaction.id))
    return OfferOutcome(True, offer)


def _release_the_others(session: Session, offer: Offer, interaction: Interaction) -> None:
    """The other phones of a ring group stop: somebody was faster."""
    for other in _ringing(session, interaction.id):
        if other.role == offer.role and _end(session, other, OfferState.RESCINDED, "taken"):
            _stop_ringing(session, other)
            tell_end(session, other, interaction, actor="system")
            work_ended(session, other.user_id, handled=False)


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
    ringing = _ringing(session, interaction_id)
    canceled = [offer for offer in ringing if _end(session, offer, OfferState.CANCELED, reason)]
    for offer in canceled:
        _stop_ringing(session, offer)
        tell_end(session, offer, interaction, actor="system")
        work_ended(session, offer.user_id, handled=False)
    if canceled:
        request_dispatch(session)
    return canceled


def close_accepted_offer(
    session: Session, interaction: Interaction, to: OfferState, reason: str | None
) -> Offer | None:
    """Move the accepted (or wrapping) offer of an interaction on to wrapping, completed or canceled."""
    before = [OfferState.ACCEPTED] if to is OfferState.WRAPPING else [OfferState.ACCEPTED, OfferState.WRAPPING]
    now: dict[str, Any] = {"wrapping_at" if to is OfferState.WRAPPING else "ended_at": func.clock_timestamp()}
    offer_id = session.execute(
        update(Offer)
        .where(Offer.interaction_id == interaction.id, Offer.role == "primary", Offer.state.in_(before))
        .values(state=to.value, reason=reason, **now)
        .returning(Offer.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if offer_id is None:
        return None
    offer = session.get_one(Offer, offer_id, populate_existing=True)
    tell_end(session, offer, interaction, actor="system")
    return offer


def _give_back(session: Session, offer_id: int, to: OfferState, reason: str, actor: str | None) -> OfferOutcome:
    """A ringing offer ends without an answer: the interaction returns to its queue, the agent is settled."""
    offer, interaction = _hold(session, offer_id)
    if not _end(session, offer, to, reason):
        return OfferOutcome(False, offer)
    _stop_ringing(session, offer)
    tell_end(session, offer, interaction, actor=actor or f"user:{offer.user_id}")
    consult = consults.consult_of_offer(session, offer.id)
    if consult is not None:
        consults.left(session, interaction, consult, reason)
    elif interaction.state == State.OFFERED and not _ringing(session, interaction.id):
        _wait_on(session, interaction, offer, "rona" if to is OfferState.TIMEOUT else reason)
    _alarm_when_nobody_wants_it(session, offer, interaction)
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
    if to is State.QUEUED:
        look_at_wait(session, interaction)
    else:
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


def _ringing(session: Session, interaction_id: uuid.UUID) -> Sequence[Offer]:
    ringing = select(Offer).where(Offer.interaction_id == interaction_id, Offer.state == OfferState.PENDING)
    return session.scalars(ringing.order_by(Offer.id)).all()


def _alarm_when_nobody_wants_it(session: Session, offer: Offer, interaction: Interaction) -> None:
    """Tell the floor once when a contact was turned down or left ringing too often."""
    turned_down = (OfferState.REJECTED, OfferState.TIMEOUT)
    if offer.state not in turned_down:
        return
    count = select(func.count()).where(Offer.interaction_id == interaction.id, Offer.state.in_(turned_down))
    if session.execute(count).scalar_one() == ALARM_AT:
        events.record(
            session,
            "routing.nobody_takes",
            actor="system",
            customer_id=interaction.customer_id,
            interaction_id=interaction.id,
            queue_id=offer.queue_id,
            times=ALARM_AT,
        )


def _stop_ringing(session: Session, offer: Offer) -> None:
    if offer.channel == "voice":
        jobs.enqueue(session, "voice.stop_ringing", lock=f"interaction:{offer.interaction_id}", offer_id=offer.id)


def _would_cascade(session: Session, offer: Offer) -> bool:
    """Hold the agents who were at work in this queue ten minutes ago against those among them who do not answer."""
    then = func.clock_timestamp() - timedelta(seconds=CASCADE_LOOK_BACK_S)
    there_then = (
        select(PresenceSpell.id)
        .where(
            PresenceSpell.user_id == AgentState.user_id,
            PresenceSpell.presence == Presence.AVAILABLE,
            PresenceSpell.started_at <= then,
            or_(PresenceSpell.ended_at.is_(None), PresenceSpell.ended_at > then),
        )
        .exists()
    )
    there_now = and_(
        AgentState.presence == Presence.AVAILABLE,
        select(AgentSession.id)
        .where(AgentSession.user_id == AgentState.user_id, AgentSession.expires_at > func.clock_timestamp())
        .exists(),
    )
    mine = select(AgentState.not_responding).join(QueueMember, QueueMember.user_id == AgentState.user_id)
    mine = mine.where(QueueMember.queue_id == offer.queue_id)
    staffed = session.scalars(mine.where(there_then)).all() or session.scalars(mine.where(there_now)).all()
    if not parking_would_cascade(len(staffed), sum(staffed)):
        return False
    events.record(
        session,
        "routing.cascade",
        actor="system",
        queue_id=offer.queue_id,
        staffed=len(staffed),
        not_responding=sum(staffed),
    )
    return True


def tell_end(
    session: Session, offer: Offer, interaction: Interaction, *, actor: str, reason: str | None = None
) -> None:
    """Write into the log how an offer ended, or that its agent wraps up; `reason` where it is not the offer's own."""
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
        reason=reason or offer.reason,
    )
