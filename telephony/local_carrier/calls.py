"""One leg of a call: its states, its sound, and the script it follows.

States and their order: https://www.twilio.com/docs/voice/api/call-resource (queued, ringing, in-progress, then one of
completed, busy, no-answer, failed, canceled). A state never goes back; a call ends once.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Protocol

import phonenumbers

from telephony.local_carrier.audio import SILENCE
from telephony.local_carrier.callbacks import Callback, Courier, now, rfc2822
from telephony.local_carrier.sids import is_number, new_sid
from telephony.local_carrier.uplink import Uplink
from telephony.local_carrier.voice import Voice
from telephony.local_carrier.webhooks import Conversation

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier
    from telephony.local_carrier.conference import Seat

log = logging.getLogger(__name__)
API_VERSION = "2010-04-01"
ENDED = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
_ORDER = {"queued": 0, "ringing": 1, "in-progress": 2}
_EVENT_OF_STATUS = {"ringing": "ringing", "in-progress": "answered"}
_SIP_CODES = {"completed": "200", "busy": "486", "no-answer": "487", "failed": "404", "canceled": "487"}


class Device(Protocol):
    """What a leg is connected to: a phone, or the far side of a call inside the carrier."""

    def send_audio(self, frame: bytes) -> None:
        """20 ms of mu-law to be heard there."""

    def show_answered(self, call: Call) -> None:
        """The call is up."""

    def show_digits(self, call: Call, digits: str) -> None:
        """Keys were sent to it."""

    def show_ended(self, call: Call) -> None:
        """The call is over; its status says how."""


class Source(Protocol):
    """Where a leg's sound comes from."""

    def next_frame(self) -> bytes:
        """The frame of this tick."""


class Step(Protocol):
    """A stretch of what a leg does; gives the next stretch, or None when the leg should hang up."""

    def __call__(self, call: Call) -> Awaitable[Step | None]: ...


Tap = Callable[[bytes, bytes], None]
DigitListener = Callable[[str], None]


class Call:
    """One leg, from the first sign of it until it has ended.

    `direction` is `inbound`, `outbound-api` or `outbound-dial`; `sender` and `to` are addresses (E.164 or `client:…`).
    `extra` are parameters that every webhook of this leg carries besides the standard ones. A leg that Dial made is
    `ready` when it may be bridged, and `unbridged` when REST gave it a script of its own.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        direction: str,
        sender: str,
        to: str,
        parent: Call | None = None,
        callback: Callback | None = None,
        fallback: Callback | None = None,
        phone_number_sid: str = "",
        custom: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.carrier = carrier
        self.sid = new_sid("CA")
        self.direction = direction
        self.sender = sender
        self.to = to
        self.parent = parent
        self.callback = callback
        self.fallback = fallback
        self.phone_number_sid = phone_number_sid
        self.custom = dict(custom or {})
        self.extra = dict(extra or {})
        self.status = "ringing" if direction == "inbound" else "queued"
        self.created_at = self.updated_at = now()
        self.answered_at: datetime.datetime | None = None
        self.ended_at: datetime.datetime | None = None
        self.time_limit_s: float | None = None
        self.device: Device | None = None
        self.uplink = Uplink()
        self.voice = Voice()
        self.source: Source = self.voice
        self.said = SILENCE
        self.heard = SILENCE
        self.taps: tuple[Tap, ...] = ()
        self.digit_listeners: tuple[DigitListener, ...] = ()
        self.seat: Seat | None = None
        self.over = asyncio.Event()
        self.ready = asyncio.Event()
        self.unbridged = asyncio.Event()
        self.when_answered: list[Callable[[], None]] = []
        self.before_ending: list[Callable[[], None]] = []
        self.final_parameters: dict[str, str] = {}
        self.courier = Courier(carrier, self.sid)
        self._sequence = 0
        self._conversation: Conversation | None = None
        self._script: asyncio.Task[None] | None = None
        self._current: asyncio.Task[Step | None] | None = None
        self._replacement: Step | None = None
        self._limit: asyncio.TimerHandle | None = None

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def has_ended(self) -> bool:
        """Whether the call reached a final status."""
        return self.status in ENDED

    @property
    def is_up(self) -> bool:
        """Whether both ends can talk."""
        return self.status == "in-progress"

    @property
    def duration_s(self) -> int:
        """Seconds talked so far, 0 when never answered."""
        if self.answered_at is None:
            return 0
        return math.ceil(((self.ended_at or now()) - self.answered_at).total_seconds())

    @property
    def conversation(self) -> Conversation:
        """The webhooks of this call, which share cookies."""
        if self._conversation is None:
            self._conversation = self.carrier.webhooks.conversation()
        return self._conversation

    def parameters(self, status: str | None = None) -> dict[str, str]:
        """The standard parameters of every voice webhook (https://www.twilio.com/docs/voice/twiml)."""
        standard = {
            "CallSid": self.sid,
            "AccountSid": self.carrier.settings.account_sid,
            "From": self.sender,
            "To": self.to,
            "Caller": self.sender,
            "Called": self.to,
            "CallStatus": status or self.status,
            "ApiVersion": API_VERSION,
            "Direction": self.direction,
        }
        if self.parent is not None:
            standard["ParentCallSid"] = self.parent.sid
        for role, address in (("From", self.sender), ("Caller", self.sender), ("To", self.to), ("Called", self.to)):
            standard.update(
                {f"{role}City": "", f"{role}State": "", f"{role}Zip": "", f"{role}Country": country(address)}
            )
        return {**self.extra, **standard}

    # --- states -------------------------------------------------------------------------------------------------

    def announce_start(self) -> None:
        """Tell the application that dialling begins."""
        self._tell("initiated", status="initiated")

    def move_to(self, status: str) -> None:
        """Go forward to `ringing` or `in-progress` and tell the application; going back is ignored."""
        if self.has_ended or _ORDER[status] <= _ORDER[self.status]:
            return
        self.status = status
        self.updated_at = now()
        self._tell(_EVENT_OF_STATUS[status])

    def attach(self, device: Device) -> None:
        """Connect the leg to the phone that carries it."""
        self.device = device

    def answer(self) -> None:
        """The leg is picked up: sound flows from the next tick on. Ignored when it is up or over."""
        if self.has_ended or self.is_up:
            return
        self.answered_at = now()
        self.move_to("in-progress")
        self.carrier.mixer.add_leg(self)
        if self.device is not None:
            self.device.show_answered(self)
        for begin in self.when_answered:
            begin()
        if self.time_limit_s is not None:
            self.limit(self.time_limit_s)

    def limit(self, seconds: float) -> None:
        """End the leg after so long; a later limit replaces an earlier one."""
        if self._limit is not None:
            self._limit.cancel()
        self._limit = asyncio.get_running_loop().call_later(seconds, self.end, "completed")

    def end(self, status: str = "completed") -> None:
        """End the leg, once. A leg that was up is `completed`, whatever is asked for but `failed`."""
        if self.has_ended:
            return
        if self.is_up and status != "failed":
            status = "completed"
        self.status = status
        self.ended_at = self.updated_at = now()
        if self._limit is not None:
            self._limit.cancel()
        self.carrier.mixer.remove_leg(self)
        for finish in self.before_ending:
            finish()
        self.over.set()
        if self.device is not None:
            self.device.show_ended(self)
        self._stop_script()
        self._tell_end()
        self.carrier.call_ended(self)
        log.info("call ended status=%s call=%s", status, self.sid)

    def fail(self) -> None:
        """End because of a fault of the carrier."""
        self.end("failed")

    # --- sound --------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Take this tick's frame from the phone, and the key that it may begin."""
        self.said = self.uplink.take()
        if self.uplink.pressed is not None:
            for listener in self.digit_listeners:
                listener(self.uplink.pressed)

    def speak(self) -> None:
        """Send this tick's frame to the phone and to whoever records or transcribes."""
        self.heard = self.source.next_frame()
        if self.device is not None:
            self.device.send_audio(self.heard)
        for tap in self.taps:
            tap(self.said, self.heard)

    def add_tap(self, tap: Tap) -> None:
        """Give every frame that the leg says and hears to `tap`, in the mixer's tick: it must be quick."""
        self.taps = (*self.taps, tap)

    def remove_tap(self, tap: Tap) -> None:
        """Stop giving frames; no error when it got none."""
        self.taps = tuple(other for other in self.taps if other != tap)

    def add_digit_listener(self, listener: DigitListener) -> None:
        """Tell `listener` each key, when it begins to sound."""
        self.digit_listeners = (*self.digit_listeners, listener)

    def remove_digit_listener(self, listener: DigitListener) -> None:
        """Stop telling keys; no error when none were told."""
        self.digit_listeners = tuple(other for other in self.digit_listeners if other != listener)

    # --- the script ---------------------------------------------------------------------------------------------

    def follow(self, step: Step) -> None:
        """Begin the script; when it has nothing more to do, the leg hangs up."""
        self._script = self.carrier.spawn(self._follow(step))

    def replace_script(self, step: Step) -> None:
        """Leave whatever the leg does now and go on with `step` (a REST update, a kick)."""
        self._replacement = step
        if self._current is not None:
            self._current.cancel()

    async def _follow(self, step: Step | None) -> None:
        try:
            while step is not None and not self.has_ended:
                step = await self._perform(step)
        except Exception:
            log.exception("the script failed call=%s", self.sid)
            self.end("failed")
        finally:
            self.end()
            if self._conversation is not None:
                await self._conversation.close()

    async def _perform(self, step: Step) -> Step | None:
        self._current = asyncio.ensure_future(step(self))
        try:
            following = await self._current
        except asyncio.CancelledError:
            if self._replacement is None:
                raise
            following = None
        finally:
            self.source = self.voice
            if not self._current.done():
                self._current.cancel()
        replacement, self._replacement = self._replacement, None
        return replacement or following

    def _stop_script(self) -> None:
        """Stop the script, unless it is the script itself that ends the leg."""
        self._replacement = None
        if self._current is not None and self._current is not asyncio.current_task():
            self._current.cancel()

    # --- telling the application --------------------------------------------------------------------------------

    def _tell(self, event: str, status: str | None = None, more: Mapping[str, str] | None = None) -> None:
        if self.callback is None or event not in self.callback.events:
            return
        progress = {
            "Timestamp": rfc2822(now()) or "",
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._sequence),
        }
        self._sequence += 1
        self.courier.send(self.callback, {**self.parameters(status), **progress, **(more or {})})

    def _tell_end(self) -> None:
        lengths = {
            "CallDuration": str(self.duration_s),
            "Duration": str(math.ceil(self.duration_s / 60)),
            "SipResponseCode": _SIP_CODES[self.status],
        }
        self._tell("completed", more={**lengths, **self.final_parameters})


@cache
def country(address: str) -> str:
    """The two letters of a number's country, empty for anything but a number."""
    if not is_number(address):
        return ""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(address))
    except phonenumbers.NumberParseException:
        return ""
    return region or ""
