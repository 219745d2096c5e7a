"""What a waiting caller hears: music, and at the right moments the place in line and the wait (DOMAIN 2.4).

Plain functions. What was told before travels in the loop's own (signed) address, so a repeated request hears the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.routing.models import Queue
from ivr_flows.instructions import Announcements, EnterQueue

DEFAULT = Announcements()
GAP_S = 15
"""The least time between two tellings, however fast the caller moves up."""
OFFER_MESSAGE_AFTER_S = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where the caller stands: position 1 is next. Minutes are the announced range, None when there is no estimate."""

    position: int
    low_min: int | None
    high_min: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller was told last and when (seconds since the epoch); `at` 0: nothing yet.

    `low_min` and `high_min` are the wait as it was spoken: nothing longer is ever told.
    """

    at: int = 0
    position: int = 0
    high_min: int = 0
    began: int = 0
    offered: bool = False
    callback: bool = False
    """A call back was offered: the key for it is taken from now on."""
    low_min: int = 0

    @classmethod
    def from_query(cls, query: Mapping[str, str], now: int) -> Told:
        """Read it back from the loop's address; anything unreadable counts as not told."""
        numbers = [_number(query.get(name)) for name in ("at", "position", "high", "began", "low")]
        return cls(
            numbers[0],
            numbers[1],
            numbers[2],
            numbers[3] or now,
            query.get("offered") == "1",
            query.get("callback") == "1",
            numbers[4],
        )

    def to_query(self) -> dict[str, str]:
        return {
            "at": str(self.at),
            "position": str(self.position),
            "high": str(self.high_min),
            "low": str(self.low_min),
            "began": str(self.began),
            "offered": "1" if self.offered else "0",
            "callback": "1" if self.callback else "0",
        }


@dataclass(frozen=True, slots=True)
class Announcement:
    """Phrases to say before the music goes on, by name with their values, and what has then been told."""

    phrases: tuple[tuple[str, dict[str, int]], ...]
    told: Told


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told, how often, the last place told as a number, and the key for a callback ("": none offered now)."""

    announcements: Announcements = DEFAULT
    callback_key: str = ""
    position_to: int = 5

    @classmethod
    def of(cls, entering: EnterQueue | None, queue: Queue | None = None, *, callback: bool = True) -> Telling:
        """What the flow wants told, as far as the queue allows it: a flow may say less and less often, never more.

        `callback`: whether this caller is offered one now.
        """
        wanted = entering.announcements if entering else DEFAULT
        key = entering.callback_key if entering and callback else ""
        if queue is None:
            return cls(wanted, key)
        allowed = replace(
            wanted,
            position=wanted.position and queue.tell_position,
            wait=wanted.wait and queue.tell_wait,
            every_s=max(wanted.every_s, queue.tell_every_s),
        )
        return cls(allowed, key, queue.tell_position_to)


def announce(place: Place, told: Told, now: int, telling: Telling | None = None) -> Announcement:
    """What to say now. The first caller is told no position: it would only delay the connection."""
    telling = telling or Telling()
    wanted = telling.announcements
    phrases: list[tuple[str, dict[str, int]]] = []
    at, position, low, high = told.at, told.position, told.low_min, told.high_min
    if place.position > 1 and _is_time(place, told, now, wanted.every_s):
        better = told.position == 0 or place.position <= told.position
        if better and wanted.position:
            phrases.append(_position(place.position, telling.position_to))
            position = place.position
        shortest = place.low_min or 1
        name, minutes = _wait(min(shortest, low or shortest), place.high_min or 1)
        if wanted.wait and place.high_min is not None and (told.high_min == 0 or minutes["high"] <= told.high_min):
            phrases.append((name, minutes))
            low, high = minutes.get("low", 1), minutes["high"]
        at = now if phrases else told.at
    offered, callback = told.offered, told.callback
    if phrases or now - told.began >= OFFER_MESSAGE_AFTER_S:
        phrases.extend(_offers(telling, told))
        offered, callback = True, callback or bool(telling.callback_key)
    return Announcement(tuple(phrases), Told(at, position, high, told.began, offered, callback, low))


def _offers(telling: Telling, told: Told) -> Iterator[tuple[str, dict[str, int]]]:
    """What the caller may do instead of waiting, each said once."""
    if telling.callback_key and not told.callback:
        yield "callback", {"key": int(telling.callback_key)}
    if telling.announcements.message and not told.offered:
        yield "leave_message", {}


def _is_time(place: Place, told: Told, now: int, every_s: int) -> bool:
    since = now - told.at
    moved_up = 0 < place.position < told.position
    return since >= every_s or (moved_up and since >= GAP_S)


def _position(position: int, limit: int) -> tuple[str, dict[str, int]]:
    if position > limit:
        return "position_far", {"limit": limit}
    return "position", {"position": position}


def _wait(low_min: int, high_min: int) -> tuple[str, dict[str, int]]:
    """A range, or "less than": never a bare number, and never under two minutes."""
    if low_min <= 1:
        return "wait_short", {"high": max(2, high_min)}
    return "wait_range", {"low": low_min, "high": max(high_min, low_min + 1)}


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 12 else 0
