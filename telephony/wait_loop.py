"""What a waiting caller hears: music, and at the right moments the place in line and the wait (DOMAIN 2.4).

Plain functions. What was told before travels in the loop's own (signed) address, so a repeated request hears the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ivr_flows.instructions import Announcements, EnterQueue

DEFAULT = Announcements()
GAP_S = 15
LARGEST_POSITION = 5
OFFER_MESSAGE_AFTER_S = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where the caller stands: position 1 is next. Minutes are the announced range, None when there is no estimate."""

    position: int
    low_min: int | None
    high_min: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller was told last and when (seconds since the epoch); `at` 0: nothing yet."""

    at: int = 0
    position: int = 0
    high_min: int = 0
    began: int = 0
    offered: bool = False
    callback: bool = False
    """A call back was offered: the key for it is taken from now on."""

    @classmethod
    def from_query(cls, query: Mapping[str, str], now: int) -> Told:
        """Read it back from the loop's address; anything unreadable counts as not told."""
        numbers = [_number(query.get(name)) for name in ("at", "position", "high", "began")]
        return cls(
            numbers[0],
            numbers[1],
            numbers[2],
            numbers[3] or now,
            query.get("offered") == "1",
            query.get("callback") == "1",
        )

    def to_query(self) -> dict[str, str]:
        return {
            "at": str(self.at),
            "position": str(self.position),
            "high": str(self.high_min),
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
    """What the queue wants told, how often, and the key that asks for a callback ("": none is offered now)."""

    announcements: Announcements = DEFAULT
    callback_key: str = ""

    @classmethod
    def of(cls, entering: EnterQueue | None, *, callback: bool = True) -> Telling:
        """As the flow wants it; `callback`: whether this caller is offered one now."""
        if entering is None:
            return cls()
        return cls(entering.announcements, entering.callback_key if callback else "")


def announce(place: Place, told: Told, now: int, telling: Telling | None = None) -> Announcement:
    """What to say now. The first caller is told no position: it would only delay the connection."""
    telling = telling or Telling()
    wanted = telling.announcements
    phrases: list[tuple[str, dict[str, int]]] = []
    at, position, high = told.at, told.position, told.high_min
    if place.position > 1 and _is_time(place, told, now, wanted.every_s):
        better = told.position == 0 or place.position <= told.position
        if better and wanted.position:
            phrases.append(_position(place.position))
            position = place.position
        if wanted.wait and place.high_min is not None and (told.high_min == 0 or place.high_min <= told.high_min):
            phrases.append(_wait(place.low_min or 0, place.high_min))
            high = place.high_min
        at = now if phrases else told.at
    offered, callback = told.offered, told.callback
    if phrases or now - told.began >= OFFER_MESSAGE_AFTER_S:
        phrases.extend(_offers(telling, told))
        offered, callback = True, callback or bool(telling.callback_key)
    return Announcement(tuple(phrases), Told(at, position, high, told.began, offered, callback))


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


def _position(position: int) -> tuple[str, dict[str, int]]:
    if position > LARGEST_POSITION:
        return "position_far", {}
    return "position", {"position": position}


def _wait(low_min: int, high_min: int) -> tuple[str, dict[str, int]]:
    if low_min <= 1:
        return "wait_short", {"high": max(2, high_min)}
    return "wait_range", {"low": low_min, "high": max(high_min, low_min + 1)}


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 12 else 0
