"""What the caller's phone page shows of the local carrier: local mode only."""

from __future__ import annotations

import re
from typing import Any

import httpx

from app.config import Settings
from app.desktop.call_control import TraceRefused

PATIENCE_S = 3
_SOCKET_TOKEN = re.compile(r"(/media/)[^\"'<>\s?]+")
"""A stream's address is a key to the call's sound: whoever looks on needs its place only."""


class PhoneTrace:
    """Implements app.desktop.call_control.PhoneTrace."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"{settings.twilio_api_base}/phone/trace"

    def entries(self, token: str, after: int) -> list[dict[str, Any]]:
        """The carrier judges the token. Raises TraceRefused."""
        try:
            reply = httpx.get(
                self._url,
                params={"after": after},
                headers={"Authorization": f"Bearer {token}"},
                timeout=PATIENCE_S,
                trust_env=False,
            )
        except httpx.HTTPError as away:
            raise TraceRefused(503, "The carrier does not answer. It is tried again.") from away
        if reply.status_code != 200:
            raise TraceRefused(401, "The phone's token has run out. Reload the page.")
        return [{**entry, "reply": _SOCKET_TOKEN.sub(r"\1…", entry["reply"])} for entry in reply.json()["entries"]]
