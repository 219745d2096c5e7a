"""What the desktop asks of the telephone side. `create_app` injects the implementations; this room knows no carrier.

app.extensions["call_control"]       a CallControl
app.extensions["softphone_tokens"]   a SoftphoneTokens
app.extensions["phone_tokens"]       a PhoneTokens, in local mode only
app.extensions["phone_trace"]        a PhoneTrace, in local mode only
app.extensions["our_numbers"]        a Numbers (app/numbers.py)
"""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from app.accounts.models import User


class CallRefused(Exception):
    """The carrier did not do it. The message says why in words an agent understands, and what still stands.

    `gone`: the call or that leg is over, so asking again does not help.
    """

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


class CallControl(Protocol):
    """Acts on the legs of one interaction at the carrier, within a few seconds, with no transaction open.

    Only the carrier is told: states and events are written by whoever calls. Every command may be repeated without
    harm. Raises CallRefused.
    """

    def hold(self, interaction_id: uuid.UUID, *, held: bool) -> None:
        """Put the customer's leg on hold with music, or take it back into the talk."""

    def mute(self, interaction_id: uuid.UUID, user_id: int, *, muted: bool) -> None:
        """Silence this agent's leg towards the others, or let it be heard again."""

    def send_digits(self, interaction_id: uuid.UUID, digits: str) -> None:
        """Play tones (0-9 * # A-D, `w` waits half a second) to the customer's leg."""


class SoftphoneTokens(Protocol):
    """Gives softphones their access tokens."""

    def token_for(self, user: User) -> dict[str, Any]:
        """`{mode: "local" or "twilio", token, identity, url, expires_at}`; `url` is the phone socket in local mode."""


class PhoneTokens(Protocol):
    """Gives the caller's phone page its tokens: local mode only."""

    def token_for(self, number: str) -> dict[str, Any]:
        """`{token, address, url, expires_at}` to be the outside telephone with this number (E.164)."""


class PhoneTrace(Protocol):
    """What an outside telephone made the carrier ask: local mode only."""

    def entries(self, token: str, after: int) -> list[dict[str, Any]]:
        """`[{id, at, method, url, status, ms, params, reply}]` newer than `after`, oldest first, of the token's number.

        Raises TraceRefused.
        """


class TraceRefused(Exception):
    """There is nothing to see: the token is not believed (`status` 401), or the carrier is away (503)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
