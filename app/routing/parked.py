"""Parked calls: who may see them, and who is told when one comes or goes."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app import events
from app.interactions.models import Interaction, State
from app.routing.models import AgentSession, QueueMember


def parked_calls(session: Session, user_id: int | None = None) -> list[Interaction]:
    """Those this agent has parked and those of their queues, the first to come back first; None: all of the house."""
    parked = select(Interaction).where(Interaction.state == State.PARKED)
    if user_id is not None:
        own_queues = select(QueueMember.queue_id).where(QueueMember.user_id == user_id)
        parked = parked.where(or_(_parked_by() == user_id, Interaction.queue_id.in_(own_queues)))
    return list(session.scalars(parked.order_by(Interaction.wake_at, Interaction.id)))


def parked_by(interaction: Interaction) -> int | None:
    """Who parked it."""
    user_id = interaction.context.get("parked_by")
    return int(user_id) if user_id is not None else None


def tell_parked(session: Session, interaction: Interaction, kind: str, *, actor: str, by: int | None = None) -> None:
    """Tell whoever parked the call, `by` who acts, and the colleagues of its queue who are at their desks."""
    alive = select(AgentSession.id).where(
        AgentSession.user_id == QueueMember.user_id, AgentSession.expires_at > func.clock_timestamp()
    )
    colleagues = select(QueueMember.user_id).where(QueueMember.queue_id == interaction.queue_id, alive.exists())
    users = {by, parked_by(interaction), *session.scalars(colleagues)} - {None}
    events.record(
        session,
        kind,
        actor=actor,
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=tuple(sorted(user for user in users if user is not None)),
        queue_id=interaction.queue_id,
        parked_by=parked_by(interaction),
    )


def _parked_by() -> ColumnElement[int]:
    by: ColumnElement[int] = Interaction.context["parked_by"].as_integer()
    return by
