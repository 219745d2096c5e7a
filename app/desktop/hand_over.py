"""What the desktop shows of calls in hand: whom one may hand a call to, who was asked into it, what is parked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.customers.models import Customer
from app.interactions.models import Interaction, Segment, State
from app.routing.consults import open_consult
from app.routing.dispatch import is_free, is_live
from app.routing.in_hand import ConsultState, Supervision
from app.routing.models import AgentSession, AgentState, Offer, Presence, Queue, QueueMember
from app.routing.parked import parked_by, parked_calls
from app.routing.reserve import is_at_work
from app.routing.supervision import supervision_of, supervisors_of

MOST_AGENTS = 500


def targets(session: Session, user_id: int, flows: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`{agents: [{id, name, state}], queues: [{key, name, waiting, free, there}], flows: [{name, title}]}`.

    Best ones first. An agent's `state` is `free`, `busy`, `break`, `missed` or `no_phone`; who is off shift is not
    listed. A queue's `there` counts who else is at work in it, `free` who of them could take a call at once. `flows`
    are names with their titles.
    """
    return {
        "agents": _agents(session, user_id),
        "queues": _queues(session, user_id),
        "flows": [{"name": name, "title": title} for name, title in flows],
    }


def in_hand(session: Session, interaction: Interaction, user_id: int) -> dict[str, Any]:
    """What stands in a call beside agent and customer: `{role, consult, supervisors, help, handed}`.

    `role` is `agent`, or `consult` for one who was asked into it; `consult` is None when nobody was.
    """
    return {
        "role": "agent" if interaction.agent_id == user_id else "consult",
        "consult": _consult(session, interaction),
        "supervisors": _supervisors(session, interaction, user_id),
        "help": interaction.context.get("help"),
        "handed": interaction.context.get("handed"),
    }


def consulting(session: Session, user_id: int) -> Interaction | None:
    """The call of a colleague that this agent was asked into and has answered."""
    asked = (
        select(Interaction)
        .join(Offer, Offer.interaction_id == Interaction.id)
        .where(Offer.user_id == user_id, Offer.role == "consult", Offer.state == "accepted")
    )
    return session.scalars(asked.order_by(Offer.id.desc()).limit(1)).first()


def parked_json(session: Session, user_id: int) -> list[dict[str, Any]]:
    """`[{interaction_id, customer: {id, name, number}, by, since, until}]`: parked by this agent, or in their queues.

    `by` names the colleague who parked it, and is None for one's own.
    """
    return [
        {
            "interaction_id": str(call.id),
            "customer": _person(session, call),
            "by": None if parked_by(call) == user_id else _name(session, parked_by(call)),
            "since": _iso(state_since(session, call)),
            "until": _iso(call.wake_at),
        }
        for call in parked_calls(session, user_id)
    ]


def _name(session: Session, user_id: int | None) -> str | None:
    return session.get_one(User, user_id).name if user_id is not None else None


def state_since(session: Session, interaction: Interaction) -> datetime:
    """When the state that an interaction is in began."""
    opened = select(Segment.started_at).where(Segment.interaction_id == interaction.id, Segment.ended_at.is_(None))
    return session.scalar(opened) or interaction.created_at


def supervision_json(session: Session, user_id: int) -> dict[str, Any] | None:
    """The call that this supervisor is in: `{interaction_id, agent, customer, mode, joined, since}`, or None."""
    there = supervision_of(session, user_id)
    if there is None:
        return None
    call = session.get_one(Interaction, there.interaction_id)
    return {
        "interaction_id": str(call.id),
        "agent": session.get_one(User, there.agent_id).name,
        "customer": _person(session, call),
        "mode": there.mode,
        "joined": there.joined_at is not None,
        "since": (there.joined_at or there.created_at).isoformat(),
    }


def _agents(session: Session, user_id: int) -> list[dict[str, Any]]:
    free = set(session.scalars(select(AgentState.user_id).where(is_free())))
    with_phone = set(session.scalars(select(AgentSession.user_id).where(is_live())))
    rows = session.execute(
        select(User.id, User.name, AgentState.presence, AgentState.not_responding)
        .join(AgentState, AgentState.user_id == User.id)
        .where(User.active, User.id != user_id, AgentState.presence != Presence.OFFLINE)
        .order_by(User.id.not_in(free), User.name, User.id)
        .limit(MOST_AGENTS)
    )

    def state(row: Any) -> str:
        if row.id in free:
            return "free"
        if row.presence == Presence.BREAK:
            return "break"
        if row.not_responding:
            return "missed"
        return "busy" if row.id in with_phone else "no_phone"

    return [{"id": row.id, "name": row.name, "state": state(row)} for row in rows]


def _queues(session: Session, user_id: int) -> list[dict[str, Any]]:
    waiting = (
        select(func.count())
        .where(Interaction.queue_id == Queue.id, Interaction.state == State.QUEUED)
        .scalar_subquery()
    )
    others = (
        select(func.count())
        .select_from(QueueMember)
        .join(AgentState, AgentState.user_id == QueueMember.user_id)
        .where(QueueMember.queue_id == Queue.id, QueueMember.user_id != user_id)
    )
    free, there = others.where(is_free()).scalar_subquery(), others.where(is_at_work()).scalar_subquery()
    rows = session.execute(select(Queue.key, Queue.name, waiting, free, there).where(Queue.active).order_by(Queue.name))
    names = ("key", "name", "waiting", "free", "there")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _consult(session: Session, interaction: Interaction) -> dict[str, Any] | None:
    consult = open_consult(session, interaction.id)
    if consult is None:
        return None
    queue = session.get(Queue, consult.queue_id) if consult.queue_id else None
    who = session.get_one(User, consult.user_id).name if consult.user_id is not None else consult.number
    return {
        "state": consult.state,
        "kind": consult.kind,
        "who": who or (queue.name if queue else None),
        "queue": queue.name if queue else None,
        "by": session.get_one(User, consult.asked_by).name,
        "outside": consult.number is not None,
        "since": _iso(consult.answered_at or consult.created_at),
        "customer_hears": consult.state in (ConsultState.JOINED, ConsultState.OUTSIDE),
    }


def _supervisors(session: Session, interaction: Interaction, user_id: int) -> list[dict[str, Any]]:
    def line(there: Supervision) -> dict[str, Any]:
        return {"name": session.get_one(User, there.user_id).name, "mode": there.mode, "since": _iso(there.joined_at)}

    if interaction.agent_id != user_id:
        return []
    return [line(there) for there in supervisors_of(session, interaction.id)]


def _person(session: Session, call: Interaction) -> dict[str, Any]:
    customer = session.get_one(Customer, call.customer_id)
    return {"id": str(customer.id), "name": customer.name, "number": call.remote_address}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
