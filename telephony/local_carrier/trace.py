"""What the application was asked lately and what it answered, for people who develop: in memory, and little of it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

KEPT = 400
LONGEST_REPLY = 8_000
LONGEST_VALUE = 1_000
_ENDS = ("From", "To", "Caller", "Called")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to the application; `status` is None when there was no answer."""

    id: int
    at: datetime
    method: str
    url: str
    status: int | None
    ms: float
    parameters: Mapping[str, str]
    reply: str

    def as_json(self) -> dict[str, Any]:
        """As `GET /phone/trace` gives it."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "method": self.method,
            "url": self.url,
            "status": self.status,
            "ms": round(self.ms, 1),
            "params": dict(self.parameters),
            "reply": self.reply,
        }

    def touches(self, number: str) -> bool:
        """Whether the number is an end of what was asked about."""
        return any(self.parameters.get(name) == number for name in _ENDS)


class Trace:
    """The last requests, oldest first. Requests without parameters are fetches of sounds and are left out."""

    def __init__(self) -> None:
        self._asked: deque[Asked] = deque(maxlen=KEPT)
        self._ids = itertools.count(1)

    def note(
        self, method: str, url: str, parameters: Mapping[str, str], status: int | None, reply: str, ms: float
    ) -> None:
        """Remember one request that has ended."""
        if not parameters:
            return
        short = {name: value[:LONGEST_VALUE] for name, value in parameters.items()}
        now = datetime.now(UTC)
        self._asked.append(Asked(next(self._ids), now, method, url, status, ms, short, reply[:LONGEST_REPLY]))

    def of(self, number: str, after: int = 0) -> list[Asked]:
        """What concerned one outside telephone since `after`: its calls and texts, and what was told about those."""
        sids = {each.parameters.get("CallSid") for each in self._asked if each.touches(number)} - {None, ""}
        return [
            each
            for each in self._asked
            if each.id > after and (each.touches(number) or each.parameters.get("CallSid") in sids)
        ]
