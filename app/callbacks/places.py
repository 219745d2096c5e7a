"""A callback that is due waits like a caller: as an interaction in its queue, with the time it began to wait.

So the queue has one order for both, and whoever left the line with a callback is overtaken by nobody who came later
(C-4). What ends a place without a talk is here too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app import jobs
from app.callbacks.models import Callback, CallbackState
from app.callbacks.rows import go
from app.db import database_now
from app.interactions.models import Interaction, State
from app.interactions.move import move
from app.interactions.open import open_interaction
from app.routing.dispatch import offer_to_agent
from app.routing.enqueue import enqueue_interaction
from app.routing.models import Queue
from app.routing.offers import cancel_offers
from app.routing.release import begin_wrap_up, end_work

LOOK_AGAIN = timedelta(seconds=30)
"""How often a place is looked at whether it may still be dialled."""
NOBODY_REACHED = "NO_ANSWER"
"""The outcome that a try without a talk gets by itself, so that the agent need not write one."""


def place(session: Session, callback: Callback) -> Interaction:
    """Put a held callback into its queue's line; an agent's own is offered to them first, if they can be rung."""
    queue = session.get_one(Queue, callback.queue_id)
    interaction = open_interaction(
        session,
        channel="voice",
        direction="outbound",
        customer_id=callback.customer_id,
        remote_address=callback.number,
        our_address=callback.our_address,
        language=callback.language,
        priority_min=callback.priority_min,
    )
    interaction.callback_id = callback.id
    interaction.virtual_start = callback.virtual_start
    interaction.context = _context(session, callback)
    session.flush()
    enqueue_interaction(session, interaction, queue, actor="system", reason="callback")
    interaction.wake_at = callback.expires_at
    now = database_now(session)
    due_at = min(now + LOOK_AGAIN, callback.expires_at)
    go(session, callback, CallbackState.DUE, actor="system", reason="placed", due_at=due_at)
    if callback.owner_id is not None:
        offer_to_agent(session, interaction, callback.owner_id, queue.ring_s, queue)
    return interaction


def _context(session: Session, callback: Callback) -> dict[str, Any]:
    """What the agent sees: what the first contact learnt, and what was promised."""
    origin = session.get(Interaction, callback.origin_id) if callback.origin_id else None
    kept = {name: value for name, value in (origin.context if origin else {}).items() if name in ("path", "reason")}
    promised = {
        "id": str(callback.id),
        "kind": callback.kind,
        "number": callback.number,
        "at": callback.window_start.isoformat() if callback.local_start else None,
        "waits_since": callback.virtual_start.isoformat(),
        "note": callback.note,
        "try": callback.attempts + 1,
    }
    return {**kept, "facts": dict(callback.facts), "callback": promised}


def end_place(session: Session, interaction: Interaction, reason: str) -> None:
    """Nobody was reached, or nobody is to be: the place closes, its agent is free, every line ends.

    The caller holds the interaction. Ended before, it stays as it is.
    """
    match State(interaction.state):
        case State.QUEUED:
            move(session, interaction, State.CANCELED, actor="system", reason=reason, agent_id=None)
        case State.OFFERED:
            cancel_offers(session, interaction.id, reason)
            move(session, interaction, State.CANCELED, actor="system", reason=reason, agent_id=None)
        case State.ACTIVE | State.HELD | State.AGENT_LOST | State.WRAPPING:
            interaction.disposition_code = interaction.disposition_code or NOBODY_REACHED
            session.flush()
            if interaction.state != State.WRAPPING:
                begin_wrap_up(session, interaction, reason)
            end_work(session, interaction, actor="system", reason=reason)
        case _:
            return
    jobs.enqueue(session, "voice.hang_up", lock=f"interaction:{interaction.id}", interaction_id=str(interaction.id))
