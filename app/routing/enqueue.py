"""An interaction begins to wait for an agent."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from app.db import database_now
from app.interactions.models import Interaction, State
from app.interactions.move import move
from app.routing.dispatch import request_dispatch
from app.routing.models import Queue


def enqueue_interaction(
    session: Session,
    interaction: Interaction,
    queue: Queue,
    *,
    priority_min: int | None = None,
    max_wait_s: int | None = None,
    actor: str = "flow",
    reason: str | None = None,
) -> bool:
    """Put the interaction into the queue and ask for an agent; False when another move was faster.

    The place in the line is kept: `virtual_start`, once set, stays through every re-queueing (A-6). The queue's limit
    runs from now, or `max_wait_s` where that is shorter. `priority_min` counts as so many minutes already waited; None
    leaves it as it is.
    """
    now = database_now(session)
    limit_s = queue.max_wait_s if max_wait_s is None else min(max_wait_s, queue.max_wait_s)
    deadline = now + timedelta(seconds=limit_s)
    if not move(
        session,
        interaction,
        State.QUEUED,
        actor=actor,
        reason=reason,
        queue_id=queue.id,
        agent_id=None,
        wake_at=deadline,
    ):
        return False
    interaction.virtual_start = interaction.virtual_start or now
    if priority_min is not None:
        interaction.priority_min = priority_min
    session.flush()
    request_dispatch(session)
    return True
