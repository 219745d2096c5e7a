"""Through whose hands a call went: the menu, queues, agents, whom they asked, and for how long. From its segments."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.interactions.models import Segment, State
from app.routing.in_hand import Consult, ConsultKind
from app.routing.models import Queue

KINDS = {
    State.CREATED: "menu",
    State.IN_FLOW: "menu",
    State.QUEUED: "queue",
    State.OFFERED: "queue",
    State.ACTIVE: "agent",
    State.HELD: "agent",
    State.AGENT_LOST: "agent",
    State.PARKED: "parked",
    State.OUTSIDE: "outside",
}
"""What a state is to whoever reads where a call was; wrap-up is nowhere."""


@dataclass(slots=True)
class Hand:
    """One station of a call. `kind`: menu, queue, agent, consult, third, parked or outside."""

    kind: str
    name: str | None
    began: datetime
    seconds: float


def hands_of(session: Session, interaction_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """Each call's stations in order: `{kind, name, seconds}`. One that goes on counts up to now."""
    found = _stations(session, interaction_ids)
    for interaction_id, asked in _asked(session, interaction_ids).items():
        found[interaction_id] = sorted([*found[interaction_id], *asked], key=lambda hand: hand.began)
    return {id: [_shown(hand) for hand in hands] for id, hands in found.items()}


def _stations(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Hand]]:
    """Segments in a row with the same people are one station."""
    rows = session.execute(
        select(Segment.interaction_id, Segment.state, Segment.started_at, _until(Segment), Queue.name, User.name)
        .join(Queue, Queue.id == Segment.queue_id, isouter=True)
        .join(User, User.id == Segment.agent_id, isouter=True)
        .where(Segment.interaction_id.in_(ids))
        .order_by(Segment.id)
    )
    found: dict[uuid.UUID, list[Hand]] = defaultdict(list)
    for interaction_id, state, began, until, queue, agent in rows:
        kind = KINDS.get(State(state))
        if kind is None:
            continue
        name = {"queue": queue, "agent": agent}.get(kind)
        seconds = (until - began).total_seconds()
        before = found[interaction_id][-1] if found[interaction_id] else None
        if before is not None and (before.kind, before.name) == (kind, name):
            before.seconds += seconds
        else:
            found[interaction_id].append(Hand(kind, name, began, seconds))
    return found


def _asked(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Hand]]:
    """Who was asked into the calls and answered. Whoever rang without a word is the outside station itself."""
    rows = session.execute(
        select(Consult.interaction_id, Consult.kind, Consult.answered_at, _until(Consult), User.name, Consult.number)
        .join(User, User.id == Consult.user_id, isouter=True)
        .where(
            Consult.interaction_id.in_(ids), Consult.answered_at.is_not(None), Consult.kind != ConsultKind.OUTSIDE.value
        )
    )
    found: dict[uuid.UUID, list[Hand]] = defaultdict(list)
    for interaction_id, kind, began, until, name, number in rows:
        found[interaction_id].append(Hand(kind, name or number, began, (until - began).total_seconds()))
    return found


def _until(table: Any) -> Any:
    return func.coalesce(table.ended_at, func.clock_timestamp())


def _shown(hand: Hand) -> dict[str, Any]:
    return {"kind": hand.kind, "name": hand.name, "seconds": round(hand.seconds, 1)}
