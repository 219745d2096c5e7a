"""The dispatch: rows in, the match over plain data, offers out. One transaction, and no telephone call inside it.

What was matched is locked (SKIP LOCKED) and looked at again before an offer is made. Several offers are written by the
same few statements, so that a busy floor costs little more than a quiet one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app import crash, events, jobs
from app.accounts.models import User
from app.db import database_now, unit_of_work
from app.interactions.models import Interaction, State
from app.interactions.move import move_to_offered
from app.routing import why
from app.routing.in_hand import Consult, ConsultState, Supervision
from app.routing.match import Line, Match, hindrance, match
from app.routing.models import OPEN_OFFER, AgentSession, AgentState, Offer, Presence, Queue
from app.routing.people import (
    asked_contacts,
    free_agents,
    load_queues,
    open_lines,
    read_rules,
    these_agents,
    waiting_lines,
)
from app.routing.plain import Agent, Rules

JOB = "routing.dispatch"
AT_ONCE = 25
"""Contacts matched per transaction: the phones of the first ring before the last are matched."""

ROUNDS = 4
"""How often the match is made again without those whom somebody else held."""

WRITE_OFFERS = text(
    """
    INSERT INTO offer (interaction_id, queue_id, user_id, role, channel, lane, state, created_at, expires_at, decision)
    SELECT interaction_id, queue_id, user_id, role, channel, lane, 'pending', created_at, expires_at, decision
    FROM jsonb_to_recordset(CAST(:offers AS jsonb)) AS made
        (interaction_id uuid, queue_id bigint, user_id bigint, role text, channel text, lane int,
         created_at timestamptz, expires_at timestamptz, decision jsonb)
    ON CONFLICT DO NOTHING
    RETURNING *
    """
)
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('routing.dispatch', 0))")


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
        if len({offer.interaction_id for offer in offers}) < AT_ONCE:
            return


def dispatch(session: Session) -> list[Offer]:
    """Offer at most AT_ONCE contacts: each offer pending, its interaction `offered`, the ring enqueued, the agent told.

    One dispatch at a time, so that nobody is passed over because another one holds them (A-11).
    """
    session.execute(ONE_AT_A_TIME)
    offers: list[Offer] = []
    others = _Others()
    for _ in range(ROUNDS):
        before = len(others)
        offers += _round(session, others)
        if len(others) == before:
            break
    return offers


class _Others(set[Any]):
    """Contacts and agents that somebody else is deciding about: left alone."""


def _round(session: Session, others: _Others) -> list[Offer]:
    lines, asked = waiting_lines(session), asked_contacts(session)
    wanted = {each.queue_id for each in [*lines, *asked]}
    agents = free_agents(session, wanted) if wanted else []
    agents = [agent for agent in agents if agent.user_id not in others]
    served = frozenset().union(*(agent.members.keys() for agent in agents))
    lines = [line for line in lines if line.queue_id in served]
    asked = [contact for contact in asked if contact.queue_id in served and contact.id not in others]
    if not lines and not asked:
        return []
    queues = load_queues(session, {each.queue_id for each in [*lines, *asked]})
    rules = read_rules(session, queues.values())
    now = database_now(session)
    page = min(AT_ONCE, 2 + 2 * len(agents) // max(1, len(lines)))
    waiting = [*open_lines(session, lines, queues, others, page), *(Line([contact]) for contact in asked)]
    found = match(waiting, agents, rules, now.timestamp(), AT_ONCE)
    return _offer(session, found, _House(queues, rules, now), others) if found else []


@dataclass(frozen=True, slots=True)
class _House:
    """What a round knows beside people: the queues, their ways, and the time."""

    queues: Mapping[int, Queue]
    rules: Mapping[int, Rules]
    now: datetime


def is_live() -> ColumnElement[bool]:
    """A session that may ring: heard of within its lease, with the phone registered and the microphone allowed."""
    return and_(AgentSession.phone_ready, AgentSession.expires_at > func.clock_timestamp())


def is_free() -> ColumnElement[bool]:
    """An agent who could take a call at once: available, staying so, rested, able to ring, with nothing at hand."""
    return and_(
        AgentState.presence == Presence.AVAILABLE,
        AgentState.next_presence.is_(None),
        AgentState.not_responding.is_(False),
        or_(AgentState.rest_until.is_(None), AgentState.rest_until <= func.clock_timestamp()),
        select(User.id).where(User.id == AgentState.user_id, User.active).exists(),
        select(AgentSession.id).where(AgentSession.user_id == AgentState.user_id, is_live()).exists(),
        ~select(Offer.id).where(Offer.user_id == AgentState.user_id, Offer.state.in_(OPEN_OFFER)).exists(),
        ~select(Supervision.id)
        .where(Supervision.user_id == AgentState.user_id, Supervision.ended_at.is_(None))
        .exists(),
    )


def _offer(session: Session, found: Sequence[Match], house: _House, others: _Others) -> list[Offer]:
    """Lock what was matched, look again, offer what is still to be had."""
    wanted = {agent.user_id for each in found for agent in each.agents}
    held = _hold_waiting(session, found) | _hold_asked(session, found)
    agents = _hold_agents(session, wanted)
    others |= (wanted - agents.keys()) | ({each.contact.id for each in found} - held.keys())
    now = house.now.timestamp()
    rings: list[_Ring] = []
    for each in found:
        interaction, rules = held.get(each.contact.id), house.rules[each.contact.queue_id]
        still = [agents[agent.user_id] for agent in each.agents if agent.user_id in agents]
        able = [agent for agent in still if hindrance(each.contact, rules, agent, now) is None]
        if interaction is not None and able:
            queue = house.queues[each.contact.queue_id]
            asked = each.contact.consult_id
            able = able if asked is None else able[:1]
            rings += [_Ring(interaction, agent.user_id, queue, queue.ring_s, n, asked) for n, agent in enumerate(able)]
            for agent in able:
                agent.open_work[each.contact.kind] = agent.open_work.get(each.contact.kind, 0) + 1
    return _ring(session, rings, why.decisions(session, found, house.rules, now), house.now) if rings else []


@dataclass(frozen=True, slots=True)
class _Ring:
    """An offer to be made: `lane` counts the agents of a ring group; `asked` is the consult that it is for."""

    interaction: Interaction
    user_id: int
    queue: Queue | None
    ring_s: int
    lane: int = 0
    asked: int | None = None


def offer_to_agent(
    session: Session, interaction: Interaction, user_id: int, ring_s: int, queue: Queue | None = None
) -> Offer | None:
    """Offer a caller in a flow to this one agent, outside every queue; None when they cannot be rung now.

    The caller of this function holds the interaction. An offer that ends unanswered gives the caller back to the flow,
    or to the line of `queue`, where it waits already.
    """
    agent = _hold_agents(session, {user_id}).get(user_id)
    if agent is None or agent.away or not agent.can_ring or agent.open_work:
        return None
    made = _ring(session, [_Ring(interaction, user_id, queue, ring_s)], {}, database_now(session))
    return made[0] if made else None


def _ring(
    session: Session, rings: Sequence[_Ring], decisions: Mapping[uuid.UUID, dict[str, Any]], now: datetime
) -> list[Offer]:
    """Write the offers, have the phones rung, tell the agents. One who has just been given another is left out."""
    by_place = {(ring.interaction.id, ring.user_id): ring for ring in rings}
    rows = [_row(ring, decisions.get(ring.interaction.id), now) for ring in rings]
    written = select(Offer).from_statement(WRITE_OFFERS)
    offers = sorted(session.scalars(written, {"offers": json.dumps(rows, default=str)}), key=lambda offer: offer.id)
    if not offers:
        return []
    agents: dict[uuid.UUID, list[int]] = {}
    for offer in offers:
        if offer.role == "primary":
            agents.setdefault(offer.interaction_id, []).append(offer.user_id)
    sole = {id: users[0] if len(users) == 1 else None for id, users in agents.items()}
    moved = {ring.interaction.id: ring.interaction for ring in rings if ring.interaction.id in sole}
    move_to_offered(session, sole, moved.values(), now)
    calls = [offer for offer in offers if offer.channel == "voice"]
    jobs.enqueue_many(
        session,
        "voice.ring_agent",
        [(f"interaction:{offer.interaction_id}", {"offer_id": offer.id}) for offer in calls],
    )
    for offer in offers:
        ring = by_place[offer.interaction_id, offer.user_id]
        if ring.asked is not None:
            _rings_for(session, ring.asked, offer)
        _tell(session, offer, ring)
    return offers


def _rings_for(session: Session, consult_id: int, offer: Offer) -> None:
    """Somebody of the queue that an agent asked is free: they ring, and the agent sees who."""
    consult = session.get_one(Consult, consult_id)
    consult.state, consult.user_id, consult.offer_id = ConsultState.RINGING.value, offer.user_id, offer.id
    session.flush()
    told = {"consult": consult.id, "what": consult.kind, "by": consult.asked_by, "to": offer.user_id}
    events.record(
        session,
        "transfer.found",
        actor="system",
        interaction_id=offer.interaction_id,
        users=(consult.asked_by, offer.user_id),
        queue_id=offer.queue_id,
        **told,
    )


def _row(ring: _Ring, decision: dict[str, Any] | None, now: datetime) -> dict[str, Any]:
    return {
        "interaction_id": ring.interaction.id,
        "queue_id": ring.queue.id if ring.queue else None,
        "user_id": ring.user_id,
        "role": "primary" if ring.asked is None else "consult",
        "created_at": now,
        "expires_at": now + timedelta(seconds=ring.ring_s),
        "channel": ring.interaction.channel,
        "lane": ring.lane,
        "decision": decision,
    }


def _tell(session: Session, offer: Offer, ring: _Ring) -> None:
    events.record(
        session,
        "offer.made",
        actor="system",
        customer_id=ring.interaction.customer_id,
        interaction_id=ring.interaction.id,
        users=(offer.user_id,),
        queue_id=offer.queue_id,
        offer_id=offer.id,
        user_id=offer.user_id,
        queue=ring.queue.name if ring.queue else None,
        expires_at=offer.expires_at.isoformat(),
        **({} if ring.asked is None else {"role": offer.role}),
    )


def _hold_waiting(session: Session, found: Sequence[Match]) -> dict[Any, Interaction]:
    """Lock the contacts that nobody else holds and that still wait as they were read."""
    versions = {each.contact.id: each.contact.version for each in found if each.contact.consult_id is None}
    held = session.scalars(
        select(Interaction)
        .where(Interaction.id.in_(versions), Interaction.state == State.QUEUED)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    return {interaction.id: interaction for interaction in held if interaction.version == versions[interaction.id]}


def _hold_asked(session: Session, found: Sequence[Match]) -> dict[Any, Interaction]:
    """Lock the calls, held by nobody else, whose agents still wait for somebody to ask."""
    asked = {each.contact.id: each.contact.consult_id for each in found if each.contact.consult_id is not None}
    if not asked:
        return {}
    locking = select(Interaction).where(Interaction.id.in_(asked))
    held = session.scalars(
        locking.with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True)
    ).all()
    still = select(Consult).where(Consult.id.in_(asked.values()), Consult.state == ConsultState.WAITING)
    waits = {each.id for each in session.scalars(still.execution_options(populate_existing=True))}
    return {interaction.id: interaction for interaction in held if asked[interaction.id] in waits}


def _hold_agents(session: Session, user_ids: Collection[int]) -> dict[int, Agent]:
    """Lock the agents that nobody else holds, then look again with eyes that see what was committed before the lock."""
    locking = select(AgentState.user_id).where(AgentState.user_id.in_(user_ids)).order_by(AgentState.user_id)
    held = session.scalars(locking.with_for_update(skip_locked=True)).all()
    return these_agents(session, held) if held else {}
