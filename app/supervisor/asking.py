"""Agents who asked a queue first and wait for whoever of it is free: they take a place there, but are no customers.

So they stand among those who wait, marked, with numbers of their own; no service level and no alert counts them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.customers.models import Customer
from app.interactions.models import Interaction, State
from app.routing.in_hand import Consult, ConsultState

MOST_ASKING = 200
"""Told one by one; the numbers count all of them."""
ASKS = Consult.state.in_((ConsultState.WAITING, ConsultState.RINGING)) & Consult.queue_id.is_not(None)


def asking_counts(session: Session) -> dict[int, int]:
    """How many colleagues each queue is being asked by, those for whom somebody of it rings too."""
    rows = session.execute(select(Consult.queue_id, func.count()).where(ASKS).group_by(Consult.queue_id))
    return {queue_id: count for queue_id, count in rows if queue_id is not None}


def asking_contacts(session: Session) -> list[dict[str, Any]]:
    """Who asks, the first first: contacts of the floor with `by`, the agent who has the customer on hold meanwhile."""
    rows = session.execute(
        select(
            Interaction.id,
            Interaction.channel,
            Interaction.remote_address,
            Interaction.priority_min,
            Customer.name,
            User.name.label("by"),
            Consult.queue_id,
            Consult.state,
            Consult.created_at,
        )
        .join(Interaction, Interaction.id == Consult.interaction_id)
        .join(Customer, Customer.id == Interaction.customer_id)
        .join(User, User.id == Consult.asked_by)
        .where(ASKS)
        .order_by(Consult.created_at, Consult.id)
        .limit(MOST_ASKING)
    )
    return [
        {
            "interaction_id": str(row.id),
            "state": (State.OFFERED if row.state == ConsultState.RINGING else State.QUEUED).value,
            "channel": row.channel,
            "queue_id": row.queue_id,
            "customer": row.name,
            "number": row.remote_address,
            "priority_min": row.priority_min,
            "is_callback": False,
            "since": row.created_at.isoformat(),
            "by": row.by,
        }
        for row in rows
    ]
