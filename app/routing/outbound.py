"""Calls that an agent makes."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from app import events
from app.db import database_now
from app.interactions.move import lock_interaction


def customer_answered(session: Session, interaction_id: uuid.UUID) -> None:
    """The customer picked up an outbound call: the talk counts from now."""
    interaction = lock_interaction(session, interaction_id)
    if interaction is not None and interaction.answered_at is None:
        interaction.answered_at = database_now(session)
        session.flush()
        events.record(
            session,
            "call.answered",
            actor="customer",
            customer_id=interaction.customer_id,
            interaction_id=interaction.id,
            users=(interaction.agent_id,) if interaction.agent_id is not None else (),
        )
