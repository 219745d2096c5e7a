"""A contact arrives: the interaction opens at the first ring or message."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from app import events
from app.db import database_now
from app.interactions.models import Interaction, Segment, State


def open_interaction(
    session: Session,
    *,
    channel: str,
    direction: str,
    customer_id: uuid.UUID,
    remote_address: str,
    our_address: str,
    language: str | None = None,
    priority_min: int = 0,
) -> Interaction:
    """Open an interaction in state `created` with its first segment.

    `channel` is voice or sms, `direction` inbound or outbound; `remote_address` is the customer's number as the
    carrier sent it, `our_address` ours. `priority_min` counts as so many minutes already waited.
    """
    now = database_now(session)
    interaction = Interaction(
        id=uuid.uuid4(),
        customer_id=customer_id,
        channel=channel,
        direction=direction,
        remote_address=remote_address,
        our_address=our_address,
        language=language,
        priority_min=priority_min,
        state=State.CREATED.value,
        context={},
        created_at=now,
    )
    session.add(interaction)
    session.flush()
    session.add(Segment(interaction_id=interaction.id, state=interaction.state, started_at=now))
    events.record(
        session,
        "interaction.opened",
        actor="caller" if direction == "inbound" else "system",
        customer_id=customer_id,
        interaction_id=interaction.id,
        channel=channel,
        direction=direction,
        remote=remote_address,
        ours=our_address,
    )
    session.flush()
    return interaction
