"""What the router knows, as plain data: contacts that wait, agents, and a queue's rules. Times are seconds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.routing.capacity import HOUSE, Capacity, kind_of
from app.routing.score import counted_from
from app.routing.skills import Needs, Ring


@dataclass(frozen=True, slots=True)
class Membership:
    """An agent in a queue: level 1 is asked first; contacts are seen after `delay_s` of waiting."""

    level: int = 1
    delay_s: float = 0


@dataclass(slots=True)
class Agent:
    """Somebody who may be given work. `open_work` counts pieces by kind, offers included; the match adds to it."""

    user_id: int
    idle_since: float
    members: Mapping[int, Membership]
    skills: Mapping[str, int] = field(default_factory=dict)
    capacity: Capacity = HOUSE
    open_work: dict[str, int] = field(default_factory=dict)
    can_ring: bool = True
    away: str | None = None
    """Why they get nothing at all: `on_break`, `offline`, `resting`, …"""


@dataclass(frozen=True, slots=True)
class Rules:
    """A queue's ways. `last_offered` is whom round robin asked last, `handled` today's contacts by agent."""

    id: int
    name: str = ""
    method: str = "longest_idle"
    skill_rule: str = "all"
    rings: tuple[Ring, ...] = ()
    weight_s: float = 0
    ring_group_n: int = 1
    sticky_s: float = 0
    voice_reserve_s: float = 20
    last_offered: int = 0
    handled: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who waits in a queue. `tried` turned it down a moment ago; `preferred` is None while they are away.

    With a `consult_id` the customer is on hold with their agent, who waits for somebody of the queue to ask.
    """

    id: Hashable
    queue_id: int
    virtual_start: float
    queued_at: float = 0
    priority_min: float = 0
    channel: str = "voice"
    needs: Needs = field(default_factory=dict)
    preferred: int | None = None
    tried: frozenset[int] = frozenset()
    version: int = 0
    consult_id: int | None = None

    @property
    def kind(self) -> str:
        return kind_of(self.channel)

    def urgency(self, weight_s: float) -> tuple[Any, ...]:
        """The lowest goes first: by score, ties by the true wait, then by id."""
        return (counted_from(self.virtual_start, self.priority_min, weight_s), self.virtual_start, self.id)
