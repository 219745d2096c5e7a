"""The match: which agent for which caller. One transaction, and no telephone call inside it.

Queued contacts are taken in their order, each gets the first agent in the strategy's order who serves its queue, can
ring and was not asked a moment ago. Both rows are locked (SKIP LOCKED) and looked at again before the offer is made.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app import crash, events, jobs
from app.accounts.models import User
from app.db import database_now, unit_of_work
from app.interactions.models import Interaction, State
from app.interactions.move import move
from app.routing.models import (
    OPEN_OFFER,
    AgentSession,
    AgentState,
    Offer,
    OfferState,
    Presence,
    Queue,
    QueueMember,
)
from app.routing.strategies import FreeAgent, longest_idle

JOB = "routing.dispatch"
AT_ONCE = 10
"""Offers per transaction: the phones of the first ring before the last are matched."""
LOOK_AT = 500
"""Contacts looked at per transaction."""
RETRY_PAUSE_S = 5
"""How long an agent whose phone rang out or could not be reached is not asked again for the same contact."""


def request_dispatch(session: Session) -> None:
    """Enqueue the job that matches callers and agents; it sees what this transaction commits.

    The jobs run one after another: two dispatches at once would each skip the rows that the other holds.
    """
    jobs.enqueue(session, JOB, lock=JOB)


@jobs.job(JOB, attempts=1)
def run_dispatch() -> None:
    """Match until nobody is left to be matched, a few offers per transaction.

    Not tried again when it fails: a job waiting for its retry would hold up all later ones, and the clock looks too.
    """
    while True:
        with unit_of_work() as session:
            offers = dispatch(session)
        crash.point("O1")
        if len(offers) < AT_ONCE:
            return


def dispatch(session: Session) -> list[Offer]:
    """Make at most AT_ONCE offers: each pending, its interaction `offered`, the ring enqueued, the agent told."""
    free = longest_idle(free_agents(session))
    if not free:
        return []
    contacts = _waiting_contacts(session, frozenset().union(*(agent.queue_ids for agent in free)))
    asked = _asked_a_moment_ago(session, [contact.id for contact in contacts])
    offers: list[Offer] = []
    for contact in contacts:
        for agent in _candidates(contact, free, asked):
            offer = _make_offer(session, contact.id, agent.user_id)
            if offer:
                offers.append(offer)
                free.remove(agent)
                break
        if not free or len(offers) == AT_ONCE:
            break
    return offers


def is_live() -> ColumnElement[bool]:
    """A session that may ring: heard of within its lease, with the phone registered and the microphone allowed."""
    return and_(AgentSession.phone_ready, AgentSession.expires_at > func.clock_timestamp())


def is_free() -> ColumnElement[bool]:
    """An agent who may be offered work (A-3): available, staying so, able to ring, with nothing at hand."""
    return and_(
        AgentState.presence == Presence.AVAILABLE,
        AgentState.next_presence.is_(None),
        AgentState.not_responding.is_(False),
        select(User.id).where(User.id == AgentState.user_id, User.active).exists(),
        select(AgentSession.id).where(AgentSession.user_id == AgentState.user_id, is_live()).exists(),
        ~select(Offer.id).where(Offer.user_id == AgentState.user_id, Offer.state.in_(OPEN_OFFER)).exists(),
    )


def free_agents(session: Session) -> list[FreeAgent]:
    """Every agent who may be offered work now and is in a queue. Nothing is locked: make sure again before use."""
    rows = session.execute(
        select(AgentState.user_id, AgentState.idle_since, func.array_agg(QueueMember.queue_id))
        .join(QueueMember, QueueMember.user_id == AgentState.user_id)
        .where(is_free())
        .group_by(AgentState.user_id)
    )
    return [FreeAgent(user_id, idle_since, frozenset(queue_ids)) for user_id, idle_since, queue_ids in rows]


def counted_from(contact: type[Interaction] = Interaction) -> ColumnElement[Any]:
    """When the wait would have begun if priority were waiting time."""
    return contact.virtual_start - func.make_interval(0, 0, 0, 0, 0, contact.priority_min)


def urgency() -> tuple[ColumnElement[Any], ...]:
    """ORDER BY of waiting contacts, most urgent first: the order of `strategies.score_s`, whatever the time is."""
    return (counted_from().asc(), Interaction.virtual_start.asc(), Interaction.id.asc())


@dataclass(frozen=True, slots=True)
class _Contact:
    id: uuid.UUID
    queue_id: int


def _waiting_contacts(session: Session, queue_ids: frozenset[int]) -> list[_Contact]:
    rows = session.execute(
        select(Interaction.id, Interaction.queue_id)
        .where(Interaction.state == State.QUEUED, Interaction.queue_id.in_(queue_ids))
        .order_by(*urgency())
        .limit(LOOK_AT)
    )
    return [_Contact(id, queue_id) for id, queue_id in rows if queue_id is not None]


def _asked_a_moment_ago(session: Session, contacts: list[uuid.UUID]) -> set[tuple[uuid.UUID, int]]:
    """Pairs that must wait: who declined is left alone for the queue's cool-down, who rang out for a short pause."""
    since = func.clock_timestamp() - Offer.ended_at
    cool_down = func.make_interval(0, 0, 0, 0, 0, 0, func.coalesce(Queue.retry_cooldown_s, RETRY_PAUSE_S))
    declined = and_(Offer.state == OfferState.REJECTED, Offer.reason != "unreachable", since < cool_down)
    missed = and_(
        or_(Offer.state == OfferState.TIMEOUT, Offer.reason == "unreachable"),
        since < timedelta(seconds=RETRY_PAUSE_S),
    )
    rows = session.execute(
        select(Offer.interaction_id, Offer.user_id)
        .join(Queue, Queue.id == Offer.queue_id, isouter=True)
        .where(Offer.interaction_id.in_(contacts), or_(declined, missed))
    )
    return {(interaction_id, user_id) for interaction_id, user_id in rows}


def _candidates(contact: _Contact, free: list[FreeAgent], asked: set[tuple[uuid.UUID, int]]) -> Iterator[FreeAgent]:
    for agent in list(free):
        if contact.queue_id in agent.queue_ids and (contact.id, agent.user_id) not in asked:
            yield agent


def _make_offer(session: Session, interaction_id: uuid.UUID, user_id: int) -> Offer | None:
    """Lock both, look again, offer; None when either is no longer to be had."""
    interaction = _hold_waiting(session, interaction_id)
    if interaction is None or not _hold_free(session, user_id):
        return None
    queue = session.get_one(Queue, interaction.queue_id)
    return _ring(session, interaction, user_id, queue, queue.ring_s)


def offer_to_agent(session: Session, interaction: Interaction, user_id: int, ring_s: int) -> Offer | None:
    """Offer a caller in a flow to this one agent, outside every queue; None when they cannot be rung now.

    The caller of this function holds the interaction. An offer that ends unanswered gives the caller back to the flow.
    """
    return _ring(session, interaction, user_id, None, ring_s) if _hold_free(session, user_id) else None


def _ring(session: Session, interaction: Interaction, user_id: int, queue: Queue | None, ring_s: int) -> Offer | None:
    """Make the offer, have it rung and tell the agent; None when the agent has just been given another."""
    now = database_now(session)
    expires_at = now + timedelta(seconds=ring_s)
    offer_id = session.execute(
        insert(Offer)
        .values(
            interaction_id=interaction.id,
            queue_id=queue.id if queue else None,
            user_id=user_id,
            created_at=now,
            expires_at=expires_at,
            role="primary",
            state=OfferState.PENDING.value,
        )
        .on_conflict_do_nothing()
        .returning(Offer.id)
    ).scalar()
    if offer_id is None:
        return None
    moved = move(
        session,
        interaction,
        State.OFFERED,
        actor="system",
        agent_id=user_id,
        wake_at=interaction.wake_at,  # ringing time counts too: the queue's limit stands
    )
    assert moved  # the row is ours until the commit
    jobs.enqueue(session, "voice.ring_agent", lock=f"interaction:{interaction.id}", offer_id=offer_id)
    events.record(
        session,
        "offer.made",
        actor="system",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(user_id,),
        queue_id=queue.id if queue else None,
        offer_id=offer_id,
        user_id=user_id,
        queue=queue.name if queue else None,
        expires_at=expires_at.isoformat(),
    )
    return session.get_one(Offer, offer_id)


def _hold_waiting(session: Session, interaction_id: uuid.UUID) -> Interaction | None:
    """Lock the contact if nobody else holds it and it still waits."""
    return session.scalars(
        select(Interaction)
        .where(Interaction.id == interaction_id, Interaction.state == State.QUEUED)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def _hold_free(session: Session, user_id: int) -> bool:
    """Lock the agent if nobody else does, then look again with eyes that see what was committed before the lock."""
    held = session.execute(
        select(AgentState.user_id).where(AgentState.user_id == user_id).with_for_update(skip_locked=True)
    ).first()
    if held is None:
        return False
    return (
        session.execute(select(AgentState.user_id).where(AgentState.user_id == user_id, is_free())).first() is not None
    )
