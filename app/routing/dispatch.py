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
from app.routing.lines import LineKey, asked_contacts, lines_of, lines_served, open_lines
from app.routing.match import Line, Match, hindrance, match
from app.routing.models import OPEN_OFFER, AgentSession, AgentState, Offer, Presence, Queue
from app.routing.people import Asked, first_agents, free_agents, load_queues, read_rules, these_agents
from app.routing.plain import Agent, Contact, Rules

JOB = "routing.dispatch"
AT_ONCE = 25
"""Contacts matched in the first transaction: the phones of the first ring before the last are matched."""
AT_MOST = 200
"""Contacts matched in a later one: what every transaction must read is then read for more of them."""
FEW = 50
"""Up to so many free agents, their lines are looked at; when more are free, the lines that wait and their agents."""
LINES_EACH = 2
"""Lines that are read for each contact to be matched, the most urgent first."""
SPARE = 25
"""Agents of a line that are read beyond those who can be asked: some of them may have turned the contact down."""

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
    most = AT_ONCE
    while True:
        with unit_of_work() as session:
            offers = dispatch(session, most)
        crash.point("O1")
        if len({offer.interaction_id for offer in offers}) < most:
            return
        most = min(2 * most, AT_MOST)


def dispatch(session: Session, most: int | None = None) -> list[Offer]:
    """Offer at most `most` contacts (AT_ONCE): each offer pending, its interaction `offered`, the ring enqueued.

    One dispatch at a time, so that nobody is passed over because another one holds them (A-11).
    """
    session.execute(ONE_AT_A_TIME)
    offers: list[Offer] = []
    others = _Others()
    for _ in range(ROUNDS):
        before = len(others)
        offers += _round(session, others, most or AT_ONCE)
        if len(others) == before:
            break
    return offers


class _Others(set[Any]):
    """Contacts and agents that somebody else is deciding about: left alone."""


def _round(session: Session, others: _Others, most: int) -> list[Offer]:
    look = _look(session, others, most)
    if look is None:
        return []
    found, is_left = _matches(session, look, others, most)
    if len(found) < most and (look.has_more_lines or (look.has_more_agents and is_left)):
        look = _look(session, others, None)  # what was not read may hold more
        found = _matches(session, look, others, most)[0] if look else []
    return _offer(session, found, look, others) if look and found else []


@dataclass(frozen=True, slots=True)
class _Look:
    """What a round knows: who is to be matched with which agents, the queues, their ways, and the time.

    `until` is the urgency of the first contact in a line that was not read, None when all were.
    """

    lines: Sequence[LineKey]
    asked: Sequence[Contact]
    """Customers on hold whose agents wait for somebody of a queue."""
    agents: Mapping[int, Agent]
    queues: Mapping[int, Queue]
    rules: Mapping[int, Rules]
    now: datetime
    until: tuple[Any, ...] | None
    has_more_agents: bool

    @property
    def has_more_lines(self) -> bool:
        return self.until is not None


def _look(session: Session, others: _Others, most: int | None) -> _Look | None:
    """Read what the next `most` matches need (None: everything); None when nobody waits, or nobody is free.

    From the side where there are fewer: of a few free agents the lines of their queues, else of the most urgent lines
    the agents whom their queues would ask first. So a decision costs much the same however large the floor.
    """
    away = [other for other in others if isinstance(other, int)]
    agents = free_agents(session, FEW, away)
    if agents is not None and not agents:
        return None
    asked = [contact for contact in asked_contacts(session) if contact.id not in others]
    if agents is not None:
        served = {queue_id for agent in agents.values() for queue_id in agent.members}
        asked = [contact for contact in asked if contact.queue_id in served]
        lines = lines_of(session, served)
    else:
        lines = lines_served(session, away)
    until = lines[LINES_EACH * most].urgency if most and len(lines) > LINES_EACH * most else None
    lines = lines[: LINES_EACH * most] if most else lines
    if not lines and not asked:
        return None
    waiting: list[LineKey | Contact] = [*lines, *asked]
    queues = load_queues(session, {each.queue_id for each in waiting})
    rules = read_rules(session, queues.values())
    more = False
    if agents is None:
        wanted = [Asked(rules[each.queue_id], each.needs) for each in waiting]
        enough = most and most * max(each.ring_group_n for each in rules.values()) + SPARE
        agents, more = first_agents(session, wanted, enough, away)
    return _Look(lines, asked, agents, queues, rules, database_now(session), until, more)


def _matches(session: Session, look: _Look, others: _Others, most: int) -> tuple[list[Match], bool]:
    """What the match finds, and whether somebody in these lines is still left."""
    page = min(AT_ONCE, 2 + 2 * len(look.agents) // max(1, len(look.lines)))
    lines = open_lines(session, look.lines, look.queues, others, page)
    lines += [Line([contact]) for contact in look.asked]
    found = match(lines, look.agents.values(), look.rules, look.now.timestamp(), most, look.until)
    return found, any(line.head is not None for line in lines)


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


def _offer(session: Session, found: Sequence[Match], look: _Look, others: _Others) -> list[Offer]:
    """Lock what was matched, look again, offer what is still to be had.

    Whose agents were taken meanwhile is matched again in the next round; until then nobody who could serve them is
    given to others (A-11).
    """
    wanted = {agent.user_id for each in found for agent in each.agents}
    held = _hold_waiting(session, found) | _hold_asked(session, found)
    agents = _hold_agents(session, wanted)
    others |= (wanted - agents.keys()) | ({each.contact.id for each in found} - held.keys())
    now = look.now.timestamp()
    rings: list[_Ring] = []
    passed: list[Contact] = []
    for each in found:
        interaction, rules = held.get(each.contact.id), look.rules[each.contact.queue_id]
        still = [agents[agent.user_id] for agent in each.agents if agent.user_id in agents]
        able = [agent for agent in still if hindrance(each.contact, rules, agent, now) is None]
        able = [agent for agent in able if not any(_could_serve(agent, other, look) for other in passed)]
        if interaction is not None and not able:
            passed.append(each.contact)
        if interaction is not None and able:
            queue = look.queues[each.contact.queue_id]
            asked = each.contact.consult_id
            able = able if asked is None else able[:1]
            rings += [_Ring(interaction, agent.user_id, queue, queue.ring_s, n, asked) for n, agent in enumerate(able)]
            for agent in able:
                agent.open_work[each.contact.kind] = agent.open_work.get(each.contact.kind, 0) + 1
    return _ring(session, rings, why.decisions(session, found, look.agents, look.rules, now), look.now) if rings else []


def _could_serve(agent: Agent, contact: Contact, look: _Look) -> bool:
    return hindrance(contact, look.rules[contact.queue_id], agent, look.now.timestamp()) is None


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
    calls = [offer for offer in offers if offer.channel == "voice"]
    jobs.enqueue_many(
        session,
        "voice.ring_agent",
        [(f"interaction:{offer.interaction_id}", {"offer_id": offer.id}) for offer in calls],
    )
    moved = {ring.interaction.id: ring.interaction for ring in rings if ring.interaction.id in sole}
    move_to_offered(session, sole, moved.values(), now)
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
    told: dict[str, Any] = {"consult": consult.id, "what": consult.kind, "by": consult.asked_by, "to": offer.user_id}
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
