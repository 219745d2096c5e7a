"""Tokens for browsers: agents' softphones, and in local mode the caller's phone page."""

from __future__ import annotations

from typing import Any

from app.accounts.models import User
from app.config import Settings
from telephony.carrier import Carrier

PHONE_SOCKET = "/phone/socket"
"""On our own origin: passes frames to the local carrier (telephony/phone_socket.py)."""


class SoftphoneTokens:
    """Implements app.desktop.call_control.SoftphoneTokens."""

    def __init__(self, settings: Settings, carrier: Carrier) -> None:
        self._settings = settings
        self._carrier = carrier

    def token_for(self, user: User) -> dict[str, Any]:
        """`{mode, token, identity, url, expires_at}`; `url` is null with Twilio, whose SDK knows where to connect."""
        token = self._carrier.access_token(user.client_identity)
        return {
            "mode": self._settings.carrier,
            "token": token.token,
            "identity": user.client_identity,
            "url": PHONE_SOCKET if self._settings.is_local else None,
            "expires_at": token.expires_at.isoformat(),
        }


class PhoneTokens:
    """Implements app.desktop.call_control.PhoneTokens."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def token_for(self, number: str) -> dict[str, Any]:
        """`{token, address, url, expires_at}`."""
        token = self._carrier.phone_token(number)
        return {
            "token": token.token,
            "address": number,
            "url": PHONE_SOCKET,
            "expires_at": token.expires_at.isoformat(),
        }
