"""The one way an interaction changes its state: a compare-and-set that also keeps its segments and tells the story."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app import events
from app.db import database_now
from app.interactions.models import MOVES, TERMINAL, Interaction, Segment, State
from app.routing.models import Queue


class Keep(Enum):
    """The default of a column that a move leaves as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP


class WrongMove(ValueError):
    """The machine has no such move: a mistake in the code that asked, not a lost race."""


def lock_interaction(session: Session, interaction_id: uuid.UUID) -> Interaction | None:
    """The interaction as it stands now, held against other moves until the transaction ends; None for an unknown id.

    Whoever locks several rows locks the interaction first, then its offers, then the agent.
    """
    return session.scalars(
        select(Interaction)
        .where(Interaction.id == interaction_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def move(
    session: Session,
    interaction: Interaction,
    to: State,
    *,
    actor: str,
    reason: str | None = None,
    queue_id: int | Keep | None = KEEP,
    agent_id: int | Keep | None = KEEP,
    wake_at: datetime | None = None,
) -> bool:
    """Move to `to` if the interaction still stands where this object says; False when another was faster.

    The object then shows what stands. `reason` says in a word why the new segment began. The deadline belongs to the
    state, so it is cleared unless `wake_at` gives the next one. Raises WrongMove.
    """
    origin = State(interaction.state)
    if to not in MOVES.get(origin, ()):
        raise WrongMove(f"interaction {interaction.id} cannot go from {origin} to {to}")
    now = database_now(session)
    changes = _changes(interaction, to, now, queue_id, agent_id, wake_at)
    if not _compare_and_set(session, interaction, changes):
        session.refresh(interaction)
        return False
    agent_before = interaction.agent_id
    for name, value in changes.items():
        set_committed_value(interaction, name, value)
    _next_segment(session, interaction, now, reason)
    _tell(session, interaction, origin, actor, reason, agent_before)
    return True


TAKE_OFFERED = text(
    """
    UPDATE interaction SET state = 'offered', version = interaction.version + 1, agent_id = given.agent_id
    FROM jsonb_to_recordset(CAST(:given AS jsonb)) AS given (id uuid, version int, agent_id bigint)
    WHERE interaction.id = given.id AND interaction.version = given.version
    RETURNING interaction.id
    """
)
NEXT_SEGMENTS = text(
    """
    INSERT INTO segment (interaction_id, state, queue_id, agent_id, started_at)
    SELECT id, state, queue_id, agent_id, :now FROM interaction WHERE id = ANY(:ids)
    """
)


def move_to_offered(
    session: Session, agents: Mapping[uuid.UUID, int | None], interactions: Iterable[Interaction], now: datetime
) -> None:
    """Many interactions at once go to `offered`, each to its agent (None: to several); their deadlines stand.

    The caller holds their rows. Does what `move` does for one, in three statements for all.
    """
    held = {interaction.id: interaction for interaction in interactions}
    given = [{"id": id, "version": held[id].version, "agent_id": agents[id]} for id in held]
    moved = set(session.scalars(TAKE_OFFERED, {"given": json.dumps(given, default=str)}))
    assert moved == set(held)  # the rows are ours until the commit
    session.execute(
        update(Segment)
        .where(Segment.interaction_id.in_(moved), Segment.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    session.execute(NEXT_SEGMENTS, {"now": now, "ids": list(moved)})
    for interaction in held.values():
        origin, before = State(interaction.state), interaction.agent_id
        set_committed_value(interaction, "state", State.OFFERED.value)
        set_committed_value(interaction, "version", interaction.version + 1)
        set_committed_value(interaction, "agent_id", agents[interaction.id])
        _tell(session, interaction, origin, "system", None, before)


def _changes(
    interaction: Interaction,
    to: State,
    now: datetime,
    queue_id: int | Keep | None,
    agent_id: int | Keep | None,
    wake_at: datetime | None,
) -> dict[str, Any]:
    changes: dict[str, Any] = {"state": to.value, "version": interaction.version + 1, "wake_at": wake_at}
    if queue_id is not KEEP:
        changes["queue_id"] = queue_id
    if agent_id is not KEEP:
        changes["agent_id"] = agent_id
    if to is State.ACTIVE and interaction.answered_at is None and interaction.direction == "inbound":
        changes["answered_at"] = now
    if to in TERMINAL:
        changes |= {"ended_at": now, "wake_at": None}
    return changes


def _compare_and_set(session: Session, interaction: Interaction, changes: dict[str, Any]) -> bool:
    still = (
        update(Interaction)
        .where(
            Interaction.id == interaction.id,
            Interaction.state == interaction.state,
            Interaction.version == interaction.version,
        )
        .values(**changes)
        .returning(Interaction.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(still).first() is not None


def _next_segment(session: Session, interaction: Interaction, now: datetime, reason: str | None) -> None:
    """Close the open segment and begin the next at the same instant; the last one ends with the interaction."""
    session.execute(
        update(Segment)
        .where(Segment.interaction_id == interaction.id, Segment.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    if interaction.state in TERMINAL:
        return
    session.add(
        Segment(
            interaction_id=interaction.id,
            state=interaction.state,
            queue_id=interaction.queue_id,
            agent_id=interaction.agent_id,
            reason=reason,
            started_at=now,
        )
    )
    session.flush()


def _tell(
    session: Session, interaction: Interaction, origin: State, actor: str, reason: str | None, agent_before: int | None
) -> None:
    queue = session.get(Queue, interaction.queue_id) if interaction.queue_id else None
    events.record(
        session,
        "interaction.moved",
        actor=actor,
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=tuple({each for each in (agent_before, interaction.agent_id) if each is not None}),
        queue_id=interaction.queue_id,
        **{"from": origin.value},
        to=interaction.state,
        reason=reason,
        queue=queue.name if queue else None,
        agent_id=interaction.agent_id,
    )
