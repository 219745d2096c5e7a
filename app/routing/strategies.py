"""Routing rules: plain functions over plain data. They ask no database and read no clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class FreeAgent:
    """An agent who could take work now, with the queues they serve."""

    user_id: int
    idle_since: datetime
    queue_ids: frozenset[int]


def longest_idle(agents: Iterable[FreeAgent]) -> list[FreeAgent]:
    """The order in which agents are asked: who has been idle longest first, ties by id."""
    return sorted(agents, key=lambda agent: (agent.idle_since, agent.user_id))


def score_s(virtual_start: datetime, priority_min: int, now: datetime) -> float:
    """How urgent a waiting contact is: seconds waited plus the seconds its priority is worth; the highest goes first.

    It grows without bound, so nobody waits for ever, and a contact is overtaken only by ones that came less than
    their priority-minutes later (A-7).
    """
    return (now - virtual_start).total_seconds() + 60 * priority_min


def idle_since_after_break(idle_since: datetime, left_at: datetime, back_at: datetime) -> datetime:
    """Where an agent who was away from `left_at` to `back_at` re-enters: with the idle time they left with, not more.

    A break therefore never betters the place, and does not throw it away either.
    """
    return back_at - max(left_at - idle_since, timedelta(0))


def parking_would_cascade(staffed: int, already_parked: int) -> bool:
    """Whether parking one more agent who did not answer would feed a cascade (DOMAIN 2.5).

    Each parked agent makes the others' phones ring more often. From half of the staffed agents on, the missing answer
    is more likely ours than theirs, so parking stops.
    """
    return already_parked * 2 >= staffed > 1 and already_parked > 0
