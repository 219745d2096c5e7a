"""Events about a recording, addressed as the timeline and the desktops expect them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app import events
from app.interactions.models import Interaction
from recordings.models import Recording


def tell(session: Session, kind: str, recording: Recording, *, actor: str = "system", **data: Any) -> None:
    """Record one event about the recording on its customer's and its interaction's record."""
    interaction = session.get_one(Interaction, recording.interaction_id)
    events.record(
        session,
        kind,
        actor=actor,
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(interaction.agent_id,) if interaction.agent_id else (),
        recording_id=recording.id,
        **data,
    )
