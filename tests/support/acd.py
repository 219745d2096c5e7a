"""What tests of the ACD look at: the jobs asked for, the events told, deadlines that pass."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.events import Event
from app.interactions.models import Interaction, Segment
from app.routing.models import OPEN_OFFER, AgentSession, AgentState, Offer


def jobs_named(session: Session, name: str) -> list[dict[str, Any]]:
    """The arguments of every job of this name, in the order they were asked for."""
    session.flush()
    query = text("SELECT args FROM procrastinate_jobs WHERE task_name = :name ORDER BY id")
    return list(session.scalars(query, {"name": name}))


def events_named(session: Session, kind: str) -> list[Event]:
    session.flush()
    return list(session.scalars(select(Event).where(Event.kind == kind).order_by(Event.id)))


def ring_out(session: Session, offer: Offer) -> None:
    """Let the offer's deadline pass."""
    past = func.clock_timestamp() - timedelta(milliseconds=1)
    session.execute(update(Offer).where(Offer.id == offer.id).values(expires_at=past))


def reach_deadline(session: Session, interaction: Interaction) -> None:
    """Let the interaction's deadline pass."""
    past = func.clock_timestamp() - timedelta(milliseconds=1)
    session.execute(
        update(Interaction)
        .where(Interaction.id == interaction.id)
        .values(wake_at=past, wait_until=func.least(Interaction.wait_until, past))
    )
    session.refresh(interaction)


def lose_tabs(session: Session, user_id: int) -> None:
    """Let the leases of all the agent's tabs run out."""
    past = func.clock_timestamp() - timedelta(milliseconds=1)
    session.execute(update(AgentSession).where(AgentSession.user_id == user_id).values(expires_at=past))


def story(session: Session, interaction: Interaction) -> list[tuple[str, str | None]]:
    """The interaction's segments as (state, reason)."""
    session.flush()
    query = select(Segment.state, Segment.reason).where(Segment.interaction_id == interaction.id).order_by(Segment.id)
    return [(state, reason) for state, reason in session.execute(query)]


def at_once(*deeds: Callable[[Session], Any]) -> list[Any]:
    """Run each deed on a connection of its own, all let go at the same moment; what they returned."""
    start = Barrier(len(deeds))

    def run(deed: Callable[[Session], Any]) -> Any:
        with unit_of_work() as session:
            session.execute(select(1))  # connected before the start
            start.wait()
            return deed(session)

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


def assert_calls_at_hand_noted(session: Session) -> None:
    """What the database notes of who has a call (it finds free agents by it) is what the offers say."""
    noted = set(session.scalars(select(AgentState.user_id).where(AgentState.has_call)))
    calls = select(Offer.user_id).where(Offer.channel == "voice", Offer.state.in_(OPEN_OFFER))
    assert noted == set(session.scalars(calls)), "A-7: a call at hand that is not noted, or one noted that is over"
