"""Moments of a working day, brought about through the real services."""

from __future__ import annotations

import uuid

from sqlalchemy import text

from app.db import unit_of_work
from app.interactions.models import Interaction
from app.routing.dispatch import dispatch
from app.routing.models import Queue
from app.routing.offers import accept_offer
from app.routing.release import caller_gone
from tests import factories


def ringing(queue_id: int, name: str | None = "Mira Chen", **context: object) -> tuple[uuid.UUID, int]:
    """A call of the queue rings at whoever is free: (interaction, offer)."""
    with unit_of_work() as session:
        who = factories.customer(session, name=name)
        call = factories.waiting_call(session, session.get_one(Queue, queue_id), who, waited_s=42)
        call.context = dict(context)
        session.flush()
        (offer,) = dispatch(session)
        return call.id, offer.id


def offered_text(queue_id: int) -> tuple[uuid.UUID, int]:
    """A text that waits in the queue is offered to whoever is free: (interaction, offer)."""
    with unit_of_work() as session:
        who = factories.customer(session, name="Mira Chen")
        written = factories.waiting_call(session, session.get_one(Queue, queue_id), who, channel="sms")
        (offer,) = dispatch(session)
        return written.id, offer.id


def talking(queue_id: int, **context: object) -> uuid.UUID:
    """A call that was answered by whoever was free."""
    interaction_id, offer_id = ringing(queue_id, **context)
    with unit_of_work() as session:
        assert accept_offer(session, offer_id).won
    return interaction_id


def caller_hangs_up(interaction_id: uuid.UUID) -> None:
    with unit_of_work() as session:
        caller_gone(session, interaction_id)


def state_of(interaction_id: uuid.UUID) -> str:
    with unit_of_work() as session:
        return session.get_one(Interaction, interaction_id).state


def jobs_named(name: str) -> int:
    """How many such jobs are waiting to be done."""
    with unit_of_work() as session:
        found = session.execute(
            text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :name AND status = 'todo'"), {"name": name}
        )
        return int(found.scalar_one())


def events_of(interaction_id: uuid.UUID) -> list[str]:
    """The kinds of what happened, oldest first."""
    with unit_of_work() as session:
        rows = session.execute(
            text("SELECT kind FROM event WHERE interaction_id = :id ORDER BY id"), {"id": interaction_id}
        )
        return [row.kind for row in rows]
