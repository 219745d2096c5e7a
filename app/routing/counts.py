"""What became of a queue's contacts: answered, abandoned, and how many of those gave up at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.interactions.models import Interaction, Segment, State
from app.routing.models import Queue


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Contacts that left the queue. `short_abandoned` (under the queue's limit) are part of `abandoned`."""

    answered: int
    abandoned: int
    short_abandoned: int


def count_queue(session: Session, queue: Queue, since: datetime) -> QueueCounts:
    """Count the contacts of a queue that were answered or gave up since `since`."""
    answered = func.count().filter(Interaction.answered_at >= since)
    gave_up = (Interaction.state == State.ABANDONED) & (Interaction.ended_at >= since)
    waited = (
        select(func.sum(func.extract("epoch", Segment.ended_at - Segment.started_at)))
        .where(Segment.interaction_id == Interaction.id, Segment.state.in_((State.QUEUED, State.OFFERED)))
        .scalar_subquery()
    )
    row = session.execute(
        select(
            answered,
            func.count().filter(gave_up),
            func.count().filter(gave_up & (waited < queue.short_abandon_s)),
        ).where(Interaction.queue_id == queue.id)
    ).one()
    return QueueCounts(*row)
