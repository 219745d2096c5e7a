"""Telling the application what happened: status callbacks, one after the other and never in the way of a call."""

from __future__ import annotations

import asyncio
import datetime
import email.utils
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telephony.local_carrier.webhooks import Conversation, FetchError

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier


@dataclass(frozen=True)
class Callback:
    """Where to tell, and what of."""

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset()


def now() -> datetime.datetime:
    """The present, in UTC."""
    return datetime.datetime.now(datetime.UTC)


def rfc2822(at: datetime.datetime | None) -> str | None:
    """Twilio's way to write a time: `Tue, 31 Aug 2010 20:36:28 +0000`."""
    return email.utils.format_datetime(at.astimezone(datetime.UTC)) if at else None


class Courier:
    """Delivers callbacks of one call, conference or message in the order in which they happened.

    A callback that cannot be delivered is an alert (15003), nothing more: the call goes on.
    """

    def __init__(self, carrier: Carrier, resource_sid: str) -> None:
        self._carrier = carrier
        self._resource_sid = resource_sid
        self._waiting: deque[tuple[Callback, Mapping[str, str]]] = deque()
        self._conversation: Conversation | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        carrier.couriers.add(self)

    def send(self, callback: Callback, parameters: Mapping[str, str]) -> None:
        """Deliver soon, after everything sent before."""
        self._waiting.append((callback, parameters))
        if self._idle.is_set():
            self._idle.clear()
            self._carrier.spawn(self._deliver())

    async def done(self) -> None:
        """Wait until nothing is left to deliver."""
        await self._idle.wait()

    async def _deliver(self) -> None:
        conversation = self._carrier.webhooks.conversation()
        try:
            while self._waiting:
                callback, parameters = self._waiting.popleft()
                try:
                    await conversation.ask(callback.url, callback.method, parameters)
                except FetchError as problem:
                    self._carrier.alerts.add(15003, problem.message, self._resource_sid, problem.url)
        finally:
            self._idle.set()
            await conversation.close()
