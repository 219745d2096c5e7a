"""Media Streams: a copy of a leg's sound, sent over a WebSocket while the call goes on.

Messages: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from telephony.local_carrier.audio import FRAME_MS
from telephony.local_carrier.callbacks import Callback, now
from telephony.local_carrier.calls import Call
from telephony.local_carrier.sids import new_sid

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier

log = logging.getLogger(__name__)
CONNECT_LIMIT_S = 10.0
MAX_PARAMETER = 500
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_MOST_WAITING = 500
TRACKS = {
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}


class StreamError(Exception):
    """A stream cannot be started; `code` is Twilio's (319xx, 21xxx)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class StreamOrder:
    """What was asked for. `track` is inbound_track (what the leg says), outbound_track or both_tracks."""

    url: str
    name: str = ""
    track: str = "inbound_track"
    callback: Callback | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def check(order: StreamOrder) -> None:
    """Raises StreamError when an order cannot be carried out."""
    try:
        address = urlsplit(order.url)
        secure = address.scheme == "wss" or (address.scheme == "ws" and address.hostname in _LOOPBACK)
    except ValueError:
        secure = False
    if not secure or not address.hostname:
        raise StreamError(31922, "The stream's url must be wss:// (ws:// is accepted on this machine only).")
    if address.query:
        raise StreamError(31921, "The stream's url must have no query; use <Parameter>.")
    if order.track not in TRACKS:
        raise StreamError(31923, "track is inbound_track, outbound_track or both_tracks.")
    if any(len(name) + len(value) > MAX_PARAMETER for name, value in order.parameters.items()):
        raise StreamError(31951, f"A parameter's name and value are at most {MAX_PARAMETER} characters together.")


class Streams:
    """Every stream of every call."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._streams: dict[str, Stream] = {}

    def start(self, call: Call, order: StreamOrder) -> Stream:
        """Begin to copy a leg's sound; does not wait for the connection. Raises StreamError."""
        check(order)
        if order.name and self.find(call, order.name) is not None:
            raise StreamError(31920, "The call already has a stream of this name.")
        stream = Stream(self._carrier, call, order)
        self._streams[stream.sid] = stream
        call.before_ending.append(stream.stop)
        self._carrier.spawn(self._run(stream))
        return stream

    def find(self, call: Call, sid_or_name: str) -> Stream | None:
        """A running stream of the call, by SID or by name."""
        for stream in self._streams.values():
            if stream.call is call and sid_or_name in {stream.sid, stream.order.name or None}:
                return stream
        return None

    async def _run(self, stream: Stream) -> None:
        try:
            await stream.run()
        finally:
            self._streams.pop(stream.sid, None)


class Stream:
    """One copy of one leg's sound on its way to a server."""

    def __init__(self, carrier: Carrier, call: Call, order: StreamOrder) -> None:
        self.sid = new_sid("MZ")
        self.call = call
        self.order = order
        self.status = "in-progress"
        self.started_at = now()
        self._carrier = carrier
        self._tracks = TRACKS[order.track]
        self._frames: asyncio.Queue[tuple[int, bytes, bytes] | None] = asyncio.Queue(_MOST_WAITING)
        self._frame_number = 0
        self._sequence = 0
        self._chunks = dict.fromkeys(self._tracks, 0)

    def stop(self) -> None:
        """Say goodbye to the server after what was already heard; once."""
        if self.status == "stopped":
            return
        self.status = "stopped"
        self.call.remove_tap(self._tap)
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(None)

    def _tap(self, said: bytes, heard: bytes) -> None:
        """Copy one tick; a server that does not keep up loses sound, and the stream's timestamps show it."""
        self._frame_number += 1
        if not self._frames.full():
            self._frames.put_nowait((self._frame_number, said, heard))

    async def run(self) -> None:
        """Connect, send until the call or the stream ends, and tell the application how it went."""
        signature = self._carrier.webhooks.signature(self.order.url, {})
        try:
            async with (
                aiohttp.ClientSession() as session,
                asyncio.timeout(None) as limit,
            ):
                limit.reschedule(asyncio.get_running_loop().time() + CONNECT_LIMIT_S)
                async with session.ws_connect(
                    self.order.url, headers={"X-Twilio-Signature": signature}, compress=0, max_msg_size=64 * 1024
                ) as socket:
                    limit.reschedule(None)
                    self._tell("stream-started")
                    await self._talk(socket)
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            error = f"31920 The stream's server refused or broke the connection: {type(problem).__name__}"
            self._carrier.alerts.add(31920, error, self.call.sid, self.order.url)
            self._tell("stream-error", error)
        finally:
            self.stop()

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        await socket.send_str(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        await socket.send_str(self._start_message())
        if self.status == "in-progress":
            self.call.add_tap(self._tap)
        closed_by_server = self._carrier.spawn(self._watch(socket))
        while (item := await self._frames.get()) is not None:
            if socket.closed:
                break
            number, said, heard = item
            for track in self._tracks:
                await socket.send_str(self._media_message(track, said if track == "inbound" else heard, number))
        closed_by_server.cancel()
        if socket.closed:
            self._tell("stream-stopped")
            return
        await socket.send_str(self._stop_message())
        await socket.close()
        self._tell("stream-stopped")

    async def _watch(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Read, and ignore, what the server says: a copy has one direction. Its goodbye ends the stream."""
        async for _ in socket:
            pass
        self.stop()

    def _next(self) -> str:
        self._sequence += 1
        return str(self._sequence)

    def _start_message(self) -> str:
        start = {
            "accountSid": self._carrier.settings.account_sid,
            "streamSid": self.sid,
            "callSid": self.call.sid,
            "tracks": list(self._tracks),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(self.order.parameters),
        }
        message = {"event": "start", "sequenceNumber": self._next(), "start": start, "streamSid": self.sid}
        return json.dumps(message)

    def _media_message(self, track: str, frame: bytes, number: int) -> str:
        """Written by hand: 50 to 100 of these a second and stream, and nothing in them needs escaping."""
        self._chunks[track] += 1
        payload = base64.b64encode(frame).decode()
        return (
            f'{{"event":"media","sequenceNumber":"{self._next()}","media":{{"track":"{track}",'
            f'"chunk":"{self._chunks[track]}","timestamp":"{number * FRAME_MS}","payload":"{payload}"}},'
            f'"streamSid":"{self.sid}"}}'
        )

    def _stop_message(self) -> str:
        stop = {"accountSid": self._carrier.settings.account_sid, "callSid": self.call.sid}
        return json.dumps({"event": "stop", "sequenceNumber": self._next(), "stop": stop, "streamSid": self.sid})

    def _tell(self, event: str, error: str = "") -> None:
        if self.order.callback is None:
            return
        parameters = {
            "AccountSid": self._carrier.settings.account_sid,
            "CallSid": self.call.sid,
            "StreamSid": self.sid,
            "StreamName": self.order.name or self.sid,
            "StreamEvent": event,
            "Timestamp": now().astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if error:
            parameters["StreamError"] = error
        self.call.courier.send(self.order.callback, parameters)
