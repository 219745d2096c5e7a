"""Somebody who is asked into a call: their answer, their leaving, and what each means for customer and agent.

Every function is called with the interaction held (`lock_interaction`). Said twice, each changes nothing.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import events, jobs
from app.db import database_now
from app.interactions.models import TRANSFERRED, Interaction, State
from app.interactions.move import KEEP, lock_interaction, move
from app.routing.dispatch import request_dispatch
from app.routing.in_hand import OPEN_CONSULT, Consult, ConsultKind, ConsultState
from app.routing.models import OPEN_OFFER, Offer, OfferState
from app.routing.presence import work_ended

ROLE = "consult"
"""Of the offers that ring for somebody who is asked into a call."""


def open_consult(session: Session, interaction_id: uuid.UUID) -> Consult | None:
    """Whoever is asked into this call now."""
    found = select(Consult).where(Consult.interaction_id == interaction_id, Consult.state.in_(OPEN_CONSULT))
    return session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def consult_of_offer(session: Session, offer_id: int) -> Consult | None:
    """The consult that this offer rings for."""
    found = select(Consult).where(Consult.offer_id == offer_id)
    return session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def answered(session: Session, interaction: Interaction, consult: Consult) -> bool:
    """The one who was asked picked up; False when nobody waits for them any more.

    A consult: they talk with the agent. A third: all talk. An outside number: the customer leaves the music for it.
    """
    if consult.state != ConsultState.RINGING:
        return False
    consult.state = {
        ConsultKind.CONSULT: ConsultState.TALKING,
        ConsultKind.THIRD: ConsultState.JOINED,
        ConsultKind.OUTSIDE: ConsultState.OUTSIDE,
    }[ConsultKind(consult.kind)]
    consult.answered_at = database_now(session)
    session.flush()
    if consult.state == ConsultState.OUTSIDE:
        enqueue(session, "voice.end_hold", interaction)
    tell(session, interaction, consult, "transfer.answered", state=consult.state)
    return True


def left(session: Session, interaction: Interaction, consult: Consult, reason: str) -> None:
    """The one who was asked did not come, or is gone again. An outside number's end ends the customer's call too.

    A customer who waits for an outside number that nobody answers goes to the queue, in their old place. Where a queue
    was asked, the next one of it who is free rings.
    """
    was = consult.state
    if was == ConsultState.RINGING and consult.queue_id is not None:
        _wait_on(session, interaction, consult, reason)
        return
    close(session, interaction, consult, reason)
    if interaction.state != State.OUTSIDE:
        return
    if was == ConsultState.OUTSIDE:
        interaction.disposition_code = TRANSFERRED
        session.flush()
        move(session, interaction, State.COMPLETED, actor="carrier", reason="outside_hung_up")
        enqueue(session, "voice.hang_up", interaction)
        return
    from app.routing.release import wait_again  # the end of a leg closes consults, so it imports this module

    wait_again(session, interaction, consult.asked_by, reason=reason)


def _wait_on(session: Session, interaction: Interaction, consult: Consult, reason: str) -> None:
    """Whoever of the queue rang did not come: wait for the next one."""
    tell(session, interaction, consult, "transfer.waits_on", reason=reason)
    consult.state, consult.user_id, consult.offer_id = ConsultState.WAITING.value, None, None
    session.flush()


def close(session: Session, interaction: Interaction, consult: Consult, reason: str) -> None:
    """It is over: their phone stops, and an agent of ours is free again."""
    if consult.state not in OPEN_CONSULT:
        return
    nobody_rang = consult.state == ConsultState.WAITING
    consult.state, consult.reason, consult.ended_at = ConsultState.ENDED.value, reason, database_now(session)
    session.flush()
    if consult.user_id is not None:
        _close_offer(session, interaction, consult, reason)
    if not nobody_rang:
        enqueue(session, "voice.end_consult", interaction, consult_id=consult.id)
    tell(session, interaction, consult, "transfer.ended", reason=reason)


def close_of(session: Session, interaction: Interaction, reason: str) -> None:
    """The call is over: so is whatever was asked of others in it."""
    consult = open_consult(session, interaction.id)
    if consult is not None:
        close(session, interaction, consult, reason)


def hand_over(session: Session, interaction: Interaction, consult: Consult, *, actor: str, reason: str) -> None:
    """The customer is theirs from now on: an agent's call, or with an outside number.

    The call must have no primary offer any more. Whoever is on hold is taken back into the talk.
    """
    consult.ended_at = database_now(session)
    if consult.user_id is not None:
        consult.state = ConsultState.HANDED_OVER.value
        session.execute(
            update(Offer)
            .where(Offer.id == consult.offer_id, Offer.state == OfferState.ACCEPTED)
            .values(role="primary", queue_id=consult.queue_id or interaction.queue_id)
            .execution_options(synchronize_session="fetch")
        )
        asked = consult.queue_id or KEEP  # whoever was found by asking a queue works for it
        move(session, interaction, State.ACTIVE, actor=actor, reason=reason, agent_id=consult.user_id, queue_id=asked)
    else:
        consult.state, consult.ended_at = ConsultState.OUTSIDE.value, None
        move(session, interaction, State.OUTSIDE, actor=actor, reason=reason, agent_id=None)
    session.flush()
    enqueue(session, "voice.end_hold", interaction)
    tell(session, interaction, consult, "transfer.handed_over")


def give_up_asking(session: Session, consult_id: int) -> bool:
    """Nobody of the queue came in its longest wait: the customer is still with their agent. False when it is over."""
    consult = session.get(Consult, consult_id)
    interaction = lock_interaction(session, consult.interaction_id) if consult else None
    if consult is None or interaction is None:
        return False
    session.refresh(consult)
    if consult.state != ConsultState.WAITING:
        return False
    close(session, interaction, consult, "nobody_came")
    return True


def enqueue(session: Session, name: str, interaction: Interaction, **more: Any) -> None:
    """Have the voice room do something with this call's legs; one thing after the other."""
    jobs.enqueue(session, name, lock=f"interaction:{interaction.id}", interaction_id=str(interaction.id), **more)


def tell(session: Session, interaction: Interaction, consult: Consult, kind: str, **data: Any) -> None:
    """Write it into the log, for both agents' desktops."""
    users = {each for each in (consult.asked_by, consult.user_id, interaction.agent_id) if each is not None}
    events.record(
        session,
        kind,
        actor="system",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=tuple(sorted(users)),
        queue_id=interaction.queue_id,
        consult=consult.id,
        what=consult.kind,
        by=consult.asked_by,
        to=consult.user_id,
        outside=consult.number is not None,
        **data,
    )


def _close_offer(session: Session, interaction: Interaction, consult: Consult, reason: str) -> None:
    """End the offer that rang or talked. One that has ended by itself (declined, rung out) stays as it is."""
    offer = session.get_one(Offer, consult.offer_id, populate_existing=True)
    if offer.state not in OPEN_OFFER or consult.user_id is None:
        return
    rings = offer.state == OfferState.PENDING
    offer.state = OfferState.CANCELED if rings else OfferState.COMPLETED
    offer.reason, offer.ended_at = reason, session.execute(select(func.clock_timestamp())).scalar_one()
    session.flush()
    if rings:
        lock = f"interaction:{interaction.id}"
        jobs.enqueue(session, "voice.stop_ringing", lock=lock, offer_id=offer.id)
    events.record(
        session,
        "offer.ended",
        actor="system",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(offer.user_id,),
        offer_id=offer.id,
        user_id=offer.user_id,
        queue=None,
        state=offer.state,
        reason=reason,
    )
    work_ended(session, offer.user_id, handled=not rings)
    request_dispatch(session)
