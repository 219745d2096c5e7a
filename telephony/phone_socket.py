"""`/phone/socket`: passes frames between a browser and the local carrier's `/phone`, so that pages have one origin.

Local mode only. Every frame is the carrier's to judge, and so is the token; it is read only to know whose phone is gone
when the wire ends.
The phone protocol: docs of telephony/local_carrier.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from app.config import Settings

log = structlog.get_logger()

MAX_TOKEN_CHARS = 4096
MAX_TEXT_CHARS = 256 * 1024
MAX_AUDIO_BYTES = 1024
OPEN_WITHIN_S = 5
WAITING_FRAMES = 64  # a browser that reads nothing for over a second is told to come back, not buffered for

POLICY_VIOLATION, TOO_BIG, TRY_AGAIN_LATER, NORMAL = 1008, 1009, 1013, 1000
NEVER_SENT = frozenset({1004, 1005, 1006, 1015})
"""Codes that only describe a close and may not be sent in one. RFC 6455, 7.4.1."""


class Refused(Exception):
    """The connection ends with `code` and a reason that fits a close frame (123 bytes)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def phone_socket(browser: WebSocket) -> None:
    """Be the wire between one browser's phone and the carrier until either hangs up.

    A page of another origin is refused before the handshake (403). After it, 1008: no or a wrong token;
    1009: a frame too long; 1013: the carrier is away. The carrier's own close codes are passed on.
    """
    settings: Settings = browser.app.state.settings
    if not is_own_origin(browser.headers.get("origin"), browser.headers.get("host"), settings.public_base_url):
        await browser.close(POLICY_VIOLATION)
        return
    await browser.accept()
    token = browser.query_params.get("token", "")
    try:
        async with _open_line(browser, agent_of(settings, token)), _carrier(settings, token) as carrier:
            await _first_to_end(_to_carrier(browser, carrier), _to_browser(browser, carrier))
    except Refused as refusal:
        await _close(browser, refusal.code, refusal.reason)


def agent_of(settings: Settings, token: str) -> int | None:
    """Whose softphone asks; None for an outside telephone, and for a token that is not ours."""
    try:
        claims = jwt.decode(token, settings.twilio_api_key_secret, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None
    identity = str((claims.get("grants") or {}).get("identity", ""))
    found = re.fullmatch(r"agent_(\d{1,18})", identity)
    return int(found[1]) if found else None


@contextlib.asynccontextmanager
async def _open_line(browser: WebSocket, user_id: int | None) -> AsyncIterator[None]:
    """While it lasts the agent has a line; when the last one ends, the house is told that their phone is gone."""
    told = getattr(browser.app.state, "phone_gone", None)
    if user_id is None or told is None:
        yield
        return
    lines: Counter[int] = browser.app.state.phone_lines
    lines[user_id] += 1
    try:
        yield
    finally:
        lines[user_id] -= 1
        if lines[user_id] == 0:
            del lines[user_id]
            await asyncio.shield(told(user_id))


def is_own_origin(origin: str | None, host: str | None, public_base_url: str) -> bool:
    """Whether a page of ours asks: the origin's host is the one asked, or the public one. No origin is none of ours."""
    if not origin:
        return False
    asking = urlsplit(origin)
    if asking.scheme not in ("http", "https") or not asking.netloc:
        return False
    public = urlsplit(public_base_url)
    return asking.netloc == host or (asking.scheme, asking.netloc) == (public.scheme, public.netloc)


@contextlib.asynccontextmanager
async def _carrier(settings: Settings, token: str) -> Any:
    """The carrier's end of the wire. Raises Refused when there is none to be had."""
    if not token or len(token) > MAX_TOKEN_CHARS:
        raise Refused(POLICY_VIOLATION, "The phone needs a token of this installation.")
    base = settings.twilio_api_base.replace("http", "ws", 1)
    try:
        carrier = await connect(
            f"{base}/phone?{urlencode({'token': token})}",
            compression=None,  # audio does not shrink, and waiting for it to would delay it
            open_timeout=OPEN_WITHIN_S,
            close_timeout=1,
            max_size=32 * 1024 * 1024,  # the carrier is ours; a picture message may be long
            max_queue=WAITING_FRAMES,
            proxy=None,
        )
    except (OSError, TimeoutError, InvalidHandshake) as error:
        log.warning("phone.carrier_away", error=type(error).__name__)
        raise Refused(TRY_AGAIN_LATER, "The carrier does not answer. It is tried again.") from error
    async with carrier:
        yield carrier


async def _to_carrier(browser: WebSocket, carrier: ClientConnection) -> None:
    with contextlib.suppress(WebSocketDisconnect, ConnectionClosed):
        while True:
            message = await browser.receive()
            if message["type"] == "websocket.disconnect":
                return
            frame = message.get("bytes")
            if frame is None:
                frame = message.get("text") or ""
            if len(frame) > (MAX_AUDIO_BYTES if isinstance(frame, bytes) else MAX_TEXT_CHARS):
                raise Refused(TOO_BIG, "That frame is too long for a phone.")
            await carrier.send(frame)


async def _to_browser(browser: WebSocket, carrier: ClientConnection) -> None:
    try:
        async for frame in carrier:
            if isinstance(frame, bytes):
                await browser.send_bytes(frame)
            else:
                await browser.send_text(frame)
    except (ConnectionClosed, WebSocketDisconnect):
        pass
    raise Refused(*_ending(carrier))


def _ending(carrier: ClientConnection) -> tuple[int, str]:
    """How the carrier hung up, as a close that may be sent on."""
    code = carrier.close_code
    if code is None or code in NEVER_SENT:
        return TRY_AGAIN_LATER, "The carrier went away. It is tried again."
    return code, carrier.close_reason or ""


async def _first_to_end(*ways: Coroutine[Any, Any, None]) -> None:
    """Run both directions until one ends; what it raised is raised here."""
    tasks = [asyncio.create_task(way) for way in ways]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for task in done:
        task.result()


async def _close(browser: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it may have gone by itself
        await browser.close(code, reason.encode()[:120].decode(errors="ignore"))
