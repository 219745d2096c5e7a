"""An agent calls a customer: the record opens and the agent is busy before the first phone rings."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import jobs
from app.db import database_now
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction, move
from app.interactions.open import open_interaction
from app.routing.models import Offer, OfferState
from app.routing.presence import agent_state, live_phone, open_offer


class CannotDialOut(Exception):
    """The agent cannot make a call now. The message says why and what to do."""


def open_outbound_call(
    session: Session,
    user_id: int,
    customer_id: uuid.UUID,
    number: str,
    our_address: str,
    *,
    language: str | None = None,
) -> Interaction:
    """Open an outbound call, `active` with this agent, and enqueue `voice.dial_out`.

    The agent may be on a break, but needs a phone that can ring and nothing else at hand; an accepted offer keeps
    others away meanwhile. Raises CannotDialOut.
    """
    agent_state(session, user_id, lock=True)
    if open_offer(session, user_id) is not None:
        raise CannotDialOut("Finish the work at hand first: you can make one call at a time.")
    if not live_phone(session, user_id):
        raise CannotDialOut("Your phone is not ready: reload this page and allow the microphone.")
    interaction = open_interaction(
        session,
        channel="voice",
        direction="outbound",
        customer_id=customer_id,
        remote_address=number,
        our_address=our_address,
        language=language,
    )
    _keep_busy(session, interaction, user_id)
    move(session, interaction, State.ACTIVE, actor=f"user:{user_id}", reason="dialled", agent_id=user_id)
    jobs.enqueue(session, "voice.dial_out", lock=f"interaction:{interaction.id}", interaction_id=str(interaction.id))
    return interaction


def customer_answered(session: Session, interaction_id: uuid.UUID) -> None:
    """The customer picked up an outbound call: the talk counts from now."""
    interaction = lock_interaction(session, interaction_id)
    if interaction is not None and interaction.answered_at is None:
        interaction.answered_at = database_now(session)
        session.flush()


def _keep_busy(session: Session, interaction: Interaction, user_id: int) -> None:
    now = database_now(session)
    session.execute(
        insert(Offer).values(
            interaction_id=interaction.id,
            user_id=user_id,
            role="primary",
            state=OfferState.ACCEPTED.value,
            reason="dialled",
            created_at=now,
            expires_at=now + timedelta(0),
        )
    )
