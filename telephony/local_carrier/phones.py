"""Phones: one WebSocket each, at an address of the account or of the outside world.

Text frames are JSON events, binary frames are 160 bytes of mu-law (20 ms) in both directions while a call is up.
Several phones may hold one address: all that are free ring, and the first to answer wins.
"""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

from telephony.local_carrier import tones
from telephony.local_carrier.audio import FRAME_BYTES
from telephony.local_carrier.calls import Call
from telephony.local_carrier.tokens import (
    Registration,
    TokenError,
    is_account_password,
    number_registration,
    registration_of,
)

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier

log = logging.getLogger(__name__)
HEARTBEAT_S = 10.0
MAX_TEXT_BYTES = 8 * 1024 * 1024
MAX_PHONES = 2000
MAX_DIGITS = 128
MAX_PARAMETERS_BYTES = 800
_MOST_UNSENT_BYTES = 50 * (FRAME_BYTES + 4)
_MOST_UNSENT_EVENTS_BYTES = 1024 * 1024
_AUDIO_HEADER = struct.pack("!BBH", 0x82, 126, FRAME_BYTES)
_COMPLAINTS_PER_CALL = 1

MALFORMED, UNKNOWN_EVENT, WRONG_FRAME, UNKNOWN_CALL, LINE_BUSY, NOT_ALLOWED, BAD_ADDRESS = (
    31100, 31101, 31102, 31404, 31486, 31401, 21211,
)  # fmt: skip


class PhoneError(Exception):
    """Something a phone asked for cannot be done; it is told so and stays connected."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Offer:
    """A call that rings at one or more phones until one answers, all refuse, or the caller gives up."""

    def __init__(self, call: Call, phones: list[Phone]) -> None:
        self.call = call
        self.outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ringing = list(phones)
        for phone in phones:
            phone.ring(self)

    def answer(self, phone: Phone) -> bool:
        """The phone picks up; False when another was faster."""
        if self.outcome.done() or phone not in self._ringing:
            return False
        self._ringing.remove(phone)
        self.withdraw()
        phone.call = self.call
        self.call.attach(phone)
        self.call.answer()
        self.outcome.set_result("answered")
        return True

    def refuse(self, phone: Phone, status: str) -> None:
        """The phone declines or vanishes; when it was the last that rang, the call has its outcome."""
        if phone in self._ringing:
            self._ringing.remove(phone)
            phone.offer = None
        if not self._ringing and not self.outcome.done():
            self.outcome.set_result(status)

    def withdraw(self) -> None:
        """Stop every phone that still rings."""
        for phone in self._ringing:
            phone.stop_ringing(self.call)
        self._ringing.clear()


class Phones:
    """Who is registered, and where."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._phones: list[Phone] = []
        self._sockets: set[web.WebSocketResponse] = set()

    def __iter__(self) -> Iterator[Phone]:
        return iter(list(self._phones))

    def at(self, address: str) -> list[Phone]:
        """Every phone that answers to an address."""
        return [phone for phone in self._phones if phone.address == address]

    def offer(self, call: Call) -> Offer | str:
        """Ring the free phones of the call's address, or say at once why none rings.

        Nobody there: a client does not answer, a number has failed. Everybody talking: busy.
        """
        there = [phone for phone in self.at(call.to) if phone.registration.rings]
        if not there:
            return "no-answer" if call.to.startswith("client:") else "failed"
        free = [phone for phone in there if phone.is_free]
        return Offer(call, free) if free else "busy"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One phone's connection, from registration to goodbye."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_TEXT_BYTES, compress=False)
        await socket.prepare(request)
        try:
            registration = self._registration(request)
        except TokenError as refusal:
            await socket.send_json({"event": "error", "code": refusal.code, "message": refusal.message})
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=refusal.message.encode()[:120])
            return socket
        if request.transport is None or self._carrier.is_closing or len(self._phones) >= MAX_PHONES:
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER)
            return socket
        phone = Phone(self._carrier, registration, request.transport)
        self._phones.append(phone)
        self._sockets.add(socket)
        log.info("phone registered, %s now", len(self._phones))
        try:
            phone.send({"event": "registered", "address": phone.address})
            await _listen(socket, phone)
        finally:
            self._phones.remove(phone)
            self._sockets.discard(socket)
            phone.vanish()
        return socket

    async def close(self) -> None:
        """Send every phone away; they may come back when the carrier does."""
        goodbyes = (socket.close(code=WSCloseCode.GOING_AWAY) for socket in list(self._sockets))
        await asyncio.gather(*goodbyes, return_exceptions=True)

    def _registration(self, request: web.Request) -> Registration:
        settings = self._carrier.settings
        token = request.query.get("token")
        if token:
            return registration_of(settings, token)
        if is_account_password(settings, request.headers.get("Authorization")):
            return number_registration(request.query.get("number", ""))
        raise TokenError(20003, "Authenticate: a number needs Basic or a token, a client needs a token.")


async def _listen(socket: web.WebSocketResponse, phone: Phone) -> None:
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            phone.heard(message.data)
        elif message.type is WSMsgType.TEXT:
            await phone.told(message.data)
        if phone.is_drowning:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"the phone does not read")
            break


class Phone:
    """One registered phone: at most one call at a time, talking or ringing."""

    def __init__(self, carrier: Carrier, registration: Registration, transport: asyncio.Transport) -> None:
        self._carrier = carrier
        self._transport = transport
        self._complaints = 0
        self.registration = registration
        self.call: Call | None = None
        self.offer: Offer | None = None

    @property
    def address(self) -> str:
        """What it answers to."""
        return self.registration.address

    @property
    def is_free(self) -> bool:
        """Whether a call can be offered to it."""
        return self.call is None and self.offer is None

    @property
    def is_drowning(self) -> bool:
        """Whether it stopped reading, so that events pile up."""
        return self._transport.get_write_buffer_size() > _MOST_UNSENT_EVENTS_BYTES

    # --- carrier to phone ---------------------------------------------------------------------------------------

    def send(self, event: Mapping[str, Any]) -> None:
        """One event, written at once and in order with the sound."""
        payload = json.dumps(event, ensure_ascii=False).encode()
        if not self._transport.is_closing():
            self._transport.write(_text_header(len(payload)) + payload)

    def send_audio(self, frame: bytes) -> None:
        """20 ms of sound; a phone that does not keep up loses it rather than hearing it late."""
        if not self._transport.is_closing() and self._transport.get_write_buffer_size() < _MOST_UNSENT_BYTES:
            self._transport.write(_AUDIO_HEADER + frame)

    def ring(self, offer: Offer) -> None:
        """A call arrives."""
        self.offer = offer
        call = offer.call
        self.send({
            "event": "incoming", "callSid": call.sid, "from": call.sender, "to": call.to, "parameters": call.custom,
        })  # fmt: skip

    def stop_ringing(self, call: Call) -> None:
        """The call went elsewhere or away."""
        self.offer = None
        self.send({"event": "canceled", "callSid": call.sid})

    def show_answered(self, call: Call) -> None:
        """The call is up."""
        self._complaints = 0
        self.send({"event": "answered", "callSid": call.sid})

    def show_digits(self, call: Call, digits: str) -> None:
        """Keys were sent to it."""
        self.send({"event": "dtmf", "callSid": call.sid, "digits": digits})

    def show_ended(self, call: Call) -> None:
        """The call is over."""
        if self.call is call:
            self.call = None
        self.send({"event": "ended", "callSid": call.sid, "status": call.status})

    # --- phone to carrier ---------------------------------------------------------------------------------------

    def heard(self, frame: bytes) -> None:
        """20 ms from its microphone; of other sizes it is told once per call."""
        if len(frame) != FRAME_BYTES:
            self._complaints += 1
            if self._complaints <= _COMPLAINTS_PER_CALL:
                self.complain(WRONG_FRAME, f"A frame of sound is {FRAME_BYTES} bytes of mu-law, not {len(frame)}.")
            return
        if self.call is not None and self.call.is_up:
            self.call.uplink.put(frame)

    async def told(self, text: str) -> None:
        """One event from the phone; what cannot be done is answered with an error."""
        try:
            event = _parsed(text)
            action = self._actions().get(str(event.get("event")))
            if action is None:
                raise PhoneError(UNKNOWN_EVENT, f"Unknown event {str(event.get('event'))[:40]!r}.")
            work = action(event)
            if work is not None:
                await work
        except PhoneError as problem:
            self.complain(problem.code, problem.message)

    def complain(self, code: int, message: str) -> None:
        """Tell the phone what was wrong."""
        self.send({"event": "error", "code": code, "message": message})

    def vanish(self) -> None:
        """The connection is gone: whoever it talked to hears it hang up."""
        if self.offer is not None:
            self.offer.refuse(self, "no-answer")
        if self.call is not None:
            call, self.call = self.call, None
            call.end("canceled" if call.direction == "inbound" else "completed")

    def _actions(self) -> Mapping[str, Callable[[dict[str, Any]], Awaitable[None] | None]]:
        return {
            "dial": self._dial,
            "answer": self._answer,
            "reject": self._reject,
            "hangup": self._hang_up,
            "dtmf": self._press,
            "message": self._message,
            "ping": lambda _event: self.send({"event": "pong"}),
        }

    def _dial(self, event: dict[str, Any]) -> None:
        if not self.is_free:
            raise PhoneError(LINE_BUSY, "This phone is in a call: one call at a time.")
        if not self.registration.is_client and not self.registration.rings:
            raise PhoneError(NOT_ALLOWED, "This address has messages, and no calls.")
        self._carrier.dial_from(self, _text(event, "to", required=False), _parameters(event.get("params")))

    def _answer(self, event: dict[str, Any]) -> None:
        offer = self._offered(event)
        self.offer = None
        if not offer.answer(self):
            self.send({"event": "canceled", "callSid": offer.call.sid})

    def _reject(self, event: dict[str, Any]) -> None:
        self._offered(event).refuse(self, "busy")

    def _hang_up(self, event: dict[str, Any]) -> None:
        if self.offer is not None and event.get("callSid") == self.offer.call.sid:
            self._reject(event)
            return
        self._talking(event).end("canceled")

    def _press(self, event: dict[str, Any]) -> None:
        digits = _text(event, "digits")
        if len(digits) > MAX_DIGITS or not set(digits) <= tones.DIALABLE:
            raise PhoneError(MALFORMED, f"digits are 0-9 A-D * # w W, at most {MAX_DIGITS}.")
        call = self._talking(event)
        if call.is_up:
            call.uplink.press(digits)

    async def _message(self, event: dict[str, Any]) -> None:
        await self._carrier.messages.receive(self, _text(event, "to"), event.get("body"), event.get("media"))

    def _offered(self, event: dict[str, Any]) -> Offer:
        if self.offer is None or event.get("callSid") != self.offer.call.sid:
            raise PhoneError(UNKNOWN_CALL, "That call does not ring here.")
        return self.offer

    def _talking(self, event: dict[str, Any]) -> Call:
        if self.call is None or event.get("callSid") != self.call.sid:
            raise PhoneError(UNKNOWN_CALL, "That call is not on this phone.")
        return self.call


def _text_header(length: int) -> bytes:
    """The head of an unmasked WebSocket text frame (RFC 6455 section 5.2)."""
    if length < 126:
        return struct.pack("!BB", 0x81, length)
    if length < 65536:
        return struct.pack("!BBH", 0x81, 126, length)
    return struct.pack("!BBQ", 0x81, 127, length)


def _parsed(text: str) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise PhoneError(MALFORMED, "A text frame is one JSON object.") from problem
    if not isinstance(event, dict):
        raise PhoneError(MALFORMED, "A text frame is one JSON object.")
    return event


def _text(event: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    value = event.get(name, "" if not required else None)
    if not isinstance(value, str) or (required and not value):
        raise PhoneError(MALFORMED, f"{name!r} must be text.")
    return value


def _parameters(params: object) -> dict[str, str]:
    """Custom parameters of a dial: names and values, in all not more than the SDK's 800 bytes."""
    if params is None:
        return {}
    if not isinstance(params, Mapping) or not all(isinstance(value, str | int | float) for value in params.values()):
        raise PhoneError(MALFORMED, "'params' must be an object of names and values.")
    texts = {str(name): str(value) for name, value in params.items()}
    if sum(len(name.encode()) + len(value.encode()) for name, value in texts.items()) > MAX_PARAMETERS_BYTES:
        raise PhoneError(MALFORMED, f"'params' holds more than {MAX_PARAMETERS_BYTES} bytes.")
    return texts
