"""The agents of the floor: what each does, since when, and with whom. Seven queries, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, literal, null, or_, select
from sqlalchemy.orm import Session

from app.accounts.entry import AGENT
from app.accounts.models import Role, User, user_role
from app.customers.models import Customer
from app.interactions.models import Interaction, Segment, State
from app.routing.consults import ROLE as CONSULT
from app.routing.dispatch import is_live
from app.routing.in_hand import Consult, Supervision
from app.routing.models import AgentSession, AgentState, Offer, OfferState, Presence, QueueMember
from app.routing.parts import ROLE as HANDED_ON

AT_WORK = (State.ACTIVE, State.HELD, State.AGENT_LOST, State.WRAPPING)

FROM_WORK = {
    State.AGENT_LOST: "agent_lost",
    State.HELD: "held",
    State.ACTIVE: "talking",
    State.WRAPPING: "wrapping",
}
"""What an agent with work at hand does. Where there is more than one piece, the first of these counts."""

STATUSES = (
    "ready",
    "resting",
    "ringing",
    "talking",
    "held",
    "wrapping",
    "agent_lost",
    "not_responding",
    "unreachable",
    "break",
    "offline",
)
"""All that an agent can be seen to do."""


def agents(session: Session) -> list[dict[str, Any]]:
    """Everybody who takes calls, by name: docs/contracts.md, "the floor"."""
    rows = session.execute(_everybody()).all()
    ids = [row.id for row in rows]
    work, ringing, queues = _work(session, ids), _ringing(session), _queues_of(session)
    listeners = _listeners(session)
    for each in (contact for contacts in work.values() for contact in contacts):
        each["supervisors"] = listeners.get(each["interaction_id"], [])
    return [_agent(row, queues.get(row.id, []), ringing.get(row.id, []) + work.get(row.id, [])) for row in rows]


def status_of(
    presence: str, *, not_responding: bool, can_ring: bool, work: Iterable[str], resting: bool = False
) -> str:
    """What an agent does, in one of STATUSES: work at hand before a call that rings, and that before all else."""
    at_hand = set(work)
    for state, status in FROM_WORK.items():
        if state in at_hand:
            return status
    if State.OFFERED in at_hand:
        return "ringing"
    if presence != Presence.AVAILABLE:
        return presence
    if not_responding:
        return "not_responding"
    if not can_ring:
        return "unreachable"
    return "resting" if resting else "ready"


def _agent(row: Row[Any], queues: list[int], work: list[dict[str, Any]]) -> dict[str, Any]:
    presence = row.presence or Presence.OFFLINE.value
    status = status_of(
        presence,
        not_responding=bool(row.not_responding),
        can_ring=row.can_ring,
        resting=bool(row.resting),
        work=[each["state"] for each in work],
    )
    return {
        "id": row.id,
        "name": row.name,
        "status": status,
        "since": _since(row, status, work),
        "presence": presence,
        "reason": row.reason,
        "next_presence": row.next_presence,
        "problem": None if row.can_ring else row.problem,
        "at_desk": row.at_desk,
        "queues": queues,
        "work": work,
    }


def _since(row: Row[Any], status: str, work: list[dict[str, Any]]) -> str | None:
    """When the status began. Idle time goes on through a ring that came to nothing."""
    began: list[str] = [each["since"] for each in work if _matches(each["state"], status)]
    if began:
        return min(began)
    if row.changed_at is None:
        return None
    if status in (Presence.BREAK, Presence.OFFLINE):
        return _iso(row.changed_at)
    return _iso(max(row.changed_at, row.idle_since))


def _matches(state: str, status: str) -> bool:
    return (FROM_WORK.get(State(state)) or "ringing") == status


def _everybody() -> Any:
    """People who take calls or could: agents by role, members of a queue, and whoever is on shift."""
    takes_calls = or_(
        select(user_role.c.user_id)
        .join(Role, Role.id == user_role.c.role_id)
        .where(user_role.c.user_id == User.id, Role.name == AGENT)
        .exists(),
        select(QueueMember.user_id).where(QueueMember.user_id == User.id).exists(),
        AgentState.presence != Presence.OFFLINE,
    )
    own_tab = AgentSession.user_id == User.id
    alive = (AgentSession.expires_at > func.clock_timestamp()) & own_tab
    trouble = select(AgentSession.problem).where(alive).order_by(AgentSession.expires_at.desc()).limit(1)
    return (
        select(
            User.id,
            User.name,
            AgentState.presence,
            AgentState.reason,
            AgentState.next_presence,
            AgentState.not_responding,
            AgentState.changed_at,
            AgentState.idle_since,
            (AgentState.rest_until > func.clock_timestamp()).label("resting"),
            select(AgentSession.id).where(own_tab, is_live()).exists().label("can_ring"),
            select(AgentSession.id).where(alive).exists().label("at_desk"),
            trouble.scalar_subquery().label("problem"),
        )
        .join(AgentState, AgentState.user_id == User.id, isouter=True)
        .where(User.active, takes_calls)
        .order_by(User.name, User.id)
    )


def _queues_of(session: Session) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for user_id, queue_id in session.execute(
        select(QueueMember.user_id, QueueMember.queue_id).order_by(QueueMember.queue_id)
    ):
        found[user_id].append(queue_id)
    return found


def _work(session: Session, agent_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """What each has at hand, oldest first; whoever handed a call on wraps up their own part of it."""
    mine = Interaction.agent_id.in_(agent_ids) & Interaction.state.in_(AT_WORK)
    found = _by_agent(session.execute(_contacts().where(mine)))
    for others in (_parts(), _asked_into()):
        for user_id, contacts in _by_agent(session.execute(others)).items():
            found.setdefault(user_id, []).extend(contacts)
    return found


def _parts() -> Any:
    wraps = (Offer.role == HANDED_ON) & (Offer.state == OfferState.WRAPPING)
    return _of_offers(State.WRAPPING, Offer.wrapping_at).where(wraps)


def _of_offers(state: State, since: Any) -> Any:
    """What agents have by their offers, which is not what the call itself says of its agent."""
    return (
        select(
            Offer.user_id.label("agent_id"),
            Interaction.id,
            literal(state.value).label("state"),
            Interaction.channel,
            Interaction.direction,
            Offer.queue_id,
            Interaction.remote_address,
            null().label("help"),
            (Offer.role == CONSULT).label("asked"),
            Customer.name,
            since.label("started_at"),
        )
        .join(Interaction, Interaction.id == Offer.interaction_id)
        .join(Customer, Customer.id == Interaction.customer_id)
        .order_by(Offer.id)
    )


def _asked_into() -> Any:
    """Colleagues who talk in a call that is another's: they were asked into it."""
    talks = (Offer.role == CONSULT) & (Offer.state == OfferState.ACCEPTED)
    return _of_offers(State.ACTIVE, Consult.answered_at).join(Consult, Consult.offer_id == Offer.id).where(talks)


def _ringing(session: Session) -> dict[int, list[dict[str, Any]]]:
    """Whose phone rings, for what; that of a colleague who is asked into a call, too."""
    return _by_agent(
        session.execute(_of_offers(State.OFFERED, Offer.created_at).where(Offer.state == OfferState.PENDING))
    )


def _listeners(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Which supervisors are in which call, and how."""
    rows = session.execute(
        select(Supervision.interaction_id, Supervision.mode, User.id, User.name)
        .join(User, User.id == Supervision.user_id)
        .where(Supervision.ended_at.is_(None))
        .order_by(Supervision.id)
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for interaction_id, mode, user_id, name in rows:
        found[str(interaction_id)].append({"id": user_id, "name": name, "mode": mode})
    return found


def _contacts() -> Any:
    return (
        select(
            Interaction.agent_id,
            Interaction.id,
            Interaction.state,
            Interaction.channel,
            Interaction.direction,
            Interaction.queue_id,
            Interaction.remote_address,
            Interaction.context["help"].label("help"),
            literal(False).label("asked"),
            Customer.name,
            Segment.started_at,
        )
        .join(Customer, Customer.id == Interaction.customer_id)
        .join(Segment, (Segment.interaction_id == Interaction.id) & Segment.ended_at.is_(None))
        .order_by(Segment.started_at, Interaction.id)
    )


def _by_agent(rows: Iterable[Row[Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row.agent_id].append(
            {
                "interaction_id": str(row.id),
                "state": row.state,
                "channel": row.channel,
                "direction": row.direction,
                "queue_id": row.queue_id,
                "customer": row.name,
                "number": row.remote_address,
                "since": _iso(row.started_at),
                "help": row.help,
                "asked": row.asked,
            }
        )
    return found


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
