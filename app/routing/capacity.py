"""How much work an agent may have at once, over voice and digital: plain functions (DOMAIN 1, A-2).

An agent's work of one kind has a most; one piece weighs its share of 100 %. Kinds that may not interrupt each other
share the 100 %, so that whoever talks gets no chat unless chat may be offered on top of a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("voice", "chat", "email")
MOST_OF_A_KIND = {"voice": 1, "chat": 25, "email": 25}
"""A person has one voice."""
FULL = 100.0
_ROUNDING = 1e-6


class CapacityRefused(ValueError):
    """A capacity that cannot be; the message says what can."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The most of each kind (0: none of it), and which kinds may be offered on top of which."""

    most: Mapping[str, int]
    interruptible_by: Mapping[str, frozenset[str]] = field(default_factory=dict)


HOUSE = Capacity({"voice": 1, "chat": 3, "email": 3}, {"email": frozenset({"voice", "chat"})})
"""Where nothing else is said: one call, or three chats, and letters lie aside for either."""


def kind_of(channel: str) -> str:
    """A channel's kind of work: a call, a letter, or a conversation in texts."""
    return channel if channel in ("voice", "email") else "chat"


def has_room(capacity: Capacity, open_work: Mapping[str, int], kind: str) -> bool:
    """Whether one more piece of `kind` fits beside what is open ({kind: pieces})."""
    most = capacity.most.get(kind, 0)
    if open_work.get(kind, 0) >= most:
        return False
    beside = sum(
        FULL * pieces / max(1, capacity.most.get(other, 0))
        for other, pieces in open_work.items()
        if kind not in capacity.interruptible_by.get(other, ())
    )
    return beside + FULL / most <= FULL + _ROUNDING


def load_percent(capacity: Capacity, open_work: Mapping[str, int]) -> float:
    """How occupied an agent is: 100 is one call, or as many chats as they may have."""
    return sum(FULL * pieces / max(1, capacity.most.get(kind, 0)) for kind, pieces in open_work.items())


def read_capacity(value: Any) -> Capacity:
    """A capacity as it is stored: {"voice": 1, "chat": 3, "interruptible_by": {"chat": ["voice"]}}.

    None is the house's own. Kinds that are not named keep the house's most. Raises CapacityRefused.
    """
    if value is None:
        return HOUSE
    if not isinstance(value, Mapping):
        raise CapacityRefused("A capacity is a number for each of voice, chat and email.")
    most = dict(HOUSE.most)
    for kind, pieces in value.items():
        if kind != "interruptible_by":
            most[kind] = _pieces(_known(kind), pieces)
    return Capacity(most, _interruptible(value.get("interruptible_by", {"email": ["voice", "chat"]})))


def _known(kind: Any) -> str:
    if kind not in KINDS:
        raise CapacityRefused(f"There is no kind of work {str(kind)[:20]!r}: give {', '.join(KINDS)}.")
    return str(kind)


def _pieces(kind: str, pieces: Any) -> int:
    most = MOST_OF_A_KIND[kind]
    if not isinstance(pieces, int) or isinstance(pieces, bool) or not 0 <= pieces <= most:
        raise CapacityRefused(f"Capacity for {kind} is a whole number from 0 to {most}.")
    return pieces


def _interruptible(value: Any) -> dict[str, frozenset[str]]:
    if not isinstance(value, Mapping) or not all(isinstance(kinds, list) for kinds in value.values()):
        raise CapacityRefused('interruptible_by lists kinds for a kind, such as {"chat": ["voice"]}.')
    return {_known(kind): frozenset(_known(other) for other in kinds) for kind, kinds in value.items()}
