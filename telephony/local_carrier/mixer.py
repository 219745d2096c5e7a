"""The carrier's heartbeat: every 20 ms each leg is heard, rooms are mixed and each leg is spoken to.

The pace follows a start time plus samples sent, so that a late tick is caught up and sound never drifts.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Protocol

from telephony.local_carrier.audio import FRAME_S

log = logging.getLogger(__name__)
_GIVE_UP_AFTER_S = 1.0
_REMEMBERED_TICKS = 3000


class Leg(Protocol):
    """One end of a call as the mixer sees it."""

    def listen(self) -> None:
        """Take what the phone said in this tick."""

    def speak(self) -> None:
        """Send the phone what it hears in this tick."""

    def fail(self) -> None:
        """End, because of a fault in the carrier."""


class Room(Protocol):
    """Several legs that hear each other."""

    def mix(self) -> None:
        """Prepare what each member hears, from what each member just said."""


class Mixer:
    """Ticks legs and rooms; counts the ticks that finished more than one frame late."""

    def __init__(self) -> None:
        self._legs: tuple[Leg, ...] = ()
        self._rooms: tuple[Room, ...] = ()
        self.ticks = 0
        self.missed = 0
        self._durations: deque[float] = deque(maxlen=_REMEMBERED_TICKS)

    def add_leg(self, leg: Leg) -> None:
        """From the next tick on the leg has sound."""
        self._legs = (*self._legs, leg)

    def remove_leg(self, leg: Leg) -> None:
        """The leg has no more sound; no error when it had none."""
        self._legs = tuple(other for other in self._legs if other is not leg)

    def add_room(self, room: Room) -> None:
        """From the next tick on the room is mixed."""
        self._rooms = (*self._rooms, room)

    def remove_room(self, room: Room) -> None:
        """The room is no more; no error when it was none."""
        self._rooms = tuple(other for other in self._rooms if other is not room)

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += FRAME_S
            wait_s = due - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            else:
                await asyncio.sleep(0)
                if wait_s < -_GIVE_UP_AFTER_S:
                    due = loop.time()
            started = loop.time()
            self.tick()
            finished = loop.time()
            self.ticks += 1
            self._durations.append(finished - started)
            if self._legs and finished - due > FRAME_S:
                self.missed += 1

    def tick(self) -> None:
        """One frame of everything. A leg with a fault is ended and the others go on."""
        legs = self._legs
        for leg in legs:
            try:
                leg.listen()
            except Exception:
                _drop(leg)
        for room in self._rooms:
            try:
                room.mix()
            except Exception:
                log.exception("a conference could not be mixed")
        for leg in legs:
            try:
                leg.speak()
            except Exception:
                _drop(leg)

    def statistics(self) -> dict[str, float | int]:
        """Ticks and missed deadlines since start, legs now, and the 99th percentile of a tick's work in ms."""
        durations = sorted(self._durations)
        slowest = durations[int(len(durations) * 0.99)] if durations else 0.0
        return {
            "legs": len(self._legs),
            "ticks": self.ticks,
            "missed": self.missed,
            "tick_p99_ms": round(slowest * 1000, 3),
        }


def _drop(leg: Leg) -> None:
    log.exception("a leg failed in the mixer")
    leg.fail()
