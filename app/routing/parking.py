"""Parking: the customer hears music with nobody on the line, the agent is free, and somebody takes the call up again.

A parked call has a limit; then the customer goes to the front of the queue, because nobody may wait for ever (A-5).
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import events
from app.db import database_now
from app.forms import Refusal
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction, move
from app.routing.consults import close_of, enqueue
from app.routing.models import Offer, OfferState
from app.routing.offers import close_accepted_offer
from app.routing.presence import live_phone, work_ended
from app.routing.release import FRONT_MIN, wait_again
from app.routing.supervision import send_supervisors_away
from app.routing.transfers import own_call

PARKED_MOST_S = 600


def park(session: Session, interaction_id: uuid.UUID, user_id: int) -> None:
    """Leave the customer with the music for ten minutes at most; the agent is free. Raises Refusal."""
    interaction = own_call(session, interaction_id, user_id)
    close_of(session, interaction, "call_parked")
    until = database_now(session) + timedelta(seconds=PARKED_MOST_S)
    close_accepted_offer(session, interaction, OfferState.COMPLETED, "parked")
    send_supervisors_away(session, interaction)
    interaction.context = {**interaction.context, "parked_by": user_id}
    session.flush()
    actor = f"user:{user_id}"
    move(session, interaction, State.PARKED, actor=actor, reason="parked", agent_id=None, wake_at=until)
    enqueue(session, "voice.hold", interaction)
    enqueue(session, "voice.let_go", interaction, user_id=user_id)
    _tell(session, interaction, "call.parked", user_id)
    work_ended(session, user_id, handled=True)


def unpark(session: Session, interaction_id: uuid.UUID, user_id: int) -> None:
    """Take up a parked call: the agent's own phone rings and answers itself. The first who asks has it.

    Raises Refusal.
    """
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        raise Refusal(404, "not_found", "There is no such call.")
    if interaction.agent_id == user_id and interaction.state in (State.HELD, State.ACTIVE):
        return
    if interaction.state != State.PARKED:
        raise Refusal(409, "not_parked", "This call is not parked any more: somebody took it up, or it is over.")
    if not live_phone(session, user_id):
        raise Refusal(409, "phone_not_ready", "Your phone is not ready, so this call could not reach you.")
    _occupy(session, interaction, user_id)
    move(session, interaction, State.HELD, actor=f"user:{user_id}", reason="unparked", agent_id=user_id)
    enqueue(session, "voice.rejoin_agent", interaction)
    _tell(session, interaction, "call.unparked", user_id)


def give_up_parking(session: Session, interaction: Interaction) -> None:
    """Nobody took the call up in time: the customer goes to the front of the queue."""
    parked_by = interaction.context.get("parked_by")
    wait_again(session, interaction, parked_by, reason="parked_too_long", priority_min=FRONT_MIN)


def parked_calls(session: Session, user_id: int) -> list[Interaction]:
    """The calls that this agent has parked, oldest first."""
    parked = select(Interaction).where(
        Interaction.state == State.PARKED, Interaction.context["parked_by"].as_integer() == user_id
    )
    return list(session.scalars(parked.order_by(Interaction.wake_at)))


def _occupy(session: Session, interaction: Interaction, user_id: int) -> None:
    """The call is the agent's work from now on. Their one open call (a unique index) decides between two clicks.

    What they chose as its outcome before they parked it still counts.
    """
    now = database_now(session)
    before = select(Offer.disposition_code).where(
        Offer.interaction_id == interaction.id, Offer.user_id == user_id, Offer.reason == "parked"
    )
    offer = insert(Offer).values(
        interaction_id=interaction.id,
        user_id=user_id,
        queue_id=interaction.queue_id,
        role="primary",
        state=OfferState.ACCEPTED.value,
        created_at=now,
        expires_at=now,
        disposition_code=session.scalars(before.order_by(Offer.id.desc()).limit(1)).first(),
    )
    if session.execute(offer.on_conflict_do_nothing().returning(Offer.id)).first() is None:
        raise Refusal(409, "busy", "You have another call at hand: finish it first.")


def _tell(session: Session, interaction: Interaction, kind: str, user_id: int) -> None:
    parked_by = interaction.context.get("parked_by")
    events.record(
        session,
        kind,
        actor=f"user:{user_id}",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=tuple({user_id, int(parked_by or user_id)}),
        queue_id=interaction.queue_id,
    )
