"""Dial: connect the call to numbers and clients (the first to answer), or to a conference.

https://www.twilio.com/docs/voice/twiml/dial, …/number, …/client, …/conference
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from telephony.local_carrier import tones
from telephony.local_carrier.callbacks import Callback
from telephony.local_carrier.calls import Call, Step
from telephony.local_carrier.carrier import send_keys
from telephony.local_carrier.conference import (
    EVENTS,
    HUNG_UP,
    KICKED,
    MAX_LABEL,
    MAX_PARTICIPANTS,
    ConferenceError,
    Seat,
    SeatOptions,
)
from telephony.local_carrier.dialling import MAX_TIMEOUT_S, MIN_TIMEOUT_S, is_callable, ring, split_client
from telephony.local_carrier.recordings import Recording, RecordingOrder
from telephony.local_carrier.script import WHISPER_VERBS, Ask, GoTo, Outcome, ScriptError, Stage, obtain, run
from telephony.local_carrier.sids import is_number
from telephony.local_carrier.twiml import Node
from telephony.local_carrier.verbs.attributes import Attributes

TIMEOUT_S = 30
TIME_LIMIT_S = 14_400
MAX_TARGETS = 10
RECORD = "do-not-record"
RECORD_WORDS = frozenset(
    [
        "do-not-record",
        "true",
        "false",
        "record-from-answer",
        "record-from-ringing",
        "record-from-answer-dual",
        "record-from-ringing-dual",
    ]
)
RING_TONE = "us"
PROGRESS_EVENTS = ("initiated", "ringing", "answered", "completed")
RECORDING_EVENTS = ("in-progress", "completed", "absent")


@dataclass(frozen=True)
class Target:
    """One number or client to ring."""

    address: str
    custom: Mapping[str, str] = field(default_factory=dict)
    send_digits: str = ""
    whisper: Ask | None = None
    callback: Callback | None = None


async def perform(verb: Node, stage: Stage) -> Outcome:
    """Connect until one side leaves; then go to the action, or on with the next verb."""
    attributes = Attributes(verb, stage, 13210)
    room = next((noun for noun in verb.children if noun.name == "Conference"), None)
    if room is not None:
        return await _join(room, attributes, stage)
    targets = _targets(verb, stage)
    if not targets:
        stage.alert(13224, "<Dial> has nobody to call.")
        return _action(attributes, stage, {"DialCallStatus": "failed"})
    return await _Dialling(attributes, stage, targets).perform()


def _action(attributes: Attributes, stage: Stage, told: Mapping[str, str]) -> Outcome:
    """The action URL's document replaces this one; without an action the next verb follows."""
    if not attributes.has("action"):
        return None
    return GoTo(Ask(stage.address(attributes.text("action")), attributes.method(), told))


async def _tell_action(attributes: Attributes, stage: Stage, told: Mapping[str, str]) -> None:
    """The caller has hung up: the action is asked once, its document is not performed."""
    outcome = _action(attributes, stage, told)
    if isinstance(outcome, GoTo):
        with contextlib.suppress(ScriptError):  # already an alert
            await obtain(stage, outcome.ask)


# --- numbers and clients --------------------------------------------------------------------------------------------


def _targets(verb: Node, stage: Stage) -> list[Target]:
    targets = []
    if verb.text:
        targets.append(Target(_dialable(verb.text)))
    for noun in verb.children:
        if noun.name == "Number":
            targets.append(_number(noun, stage))
        elif noun.name == "Client":
            targets.append(_client(noun, stage))
        else:
            stage.alert(12200, f"<Dial><{noun.name[:40]}> is not known to this carrier; it was skipped.")
    if len(targets) > MAX_TARGETS:
        stage.alert(13210, f"<Dial> rings at most {MAX_TARGETS} at once; the rest was skipped.")
    return targets[:MAX_TARGETS]


def _dialable(written: str) -> str:
    """A number as people write it, without its spaces, dashes and brackets."""
    return "".join(letter for letter in written if letter not in " -().")


def _number(noun: Node, stage: Stage) -> Target:
    attributes = Attributes(noun, stage, 13220)
    digits = attributes.text("sendDigits")
    if not set(digits) <= tones.DIALABLE:
        stage.alert(13220, "sendDigits are 0-9 A-D * # w W; they were left out.")
        digits = ""
    return Target(_dialable(noun.text), {}, digits, _whisper(attributes, stage), _progress(attributes))


def _client(noun: Node, stage: Stage) -> Target:
    attributes = Attributes(noun, stage, 13220)
    identity = next((child.text for child in noun.children if child.name == "Identity"), noun.text)
    address, custom = split_client(f"client:{identity}")
    written = {
        child.attributes.get("name", ""): child.attributes.get("value", "")
        for child in noun.children
        if child.name == "Parameter"
    }
    return Target(address, {**custom, **written}, "", _whisper(attributes, stage), _progress(attributes))


def _whisper(attributes: Attributes, stage: Stage) -> Ask | None:
    return Ask(stage.address(attributes.text("url")), attributes.method()) if attributes.text("url") else None


def _progress(attributes: Attributes) -> Callback | None:
    return attributes.callback(
        "statusCallback", attributes.words("statusCallbackEvent", "completed", PROGRESS_EVENTS)
    )  # fmt: skip


class _Bridge:
    """A leg's ear at another leg's mouth."""

    def __init__(self, far: Call) -> None:
        self._far = far

    def next_frame(self) -> bytes:
        return self._far.said


class _Ringback:
    """Ringing as the caller hears it, from the beginning."""

    def __init__(self, sound: bytes) -> None:
        self._sound = sound
        self._position = 0

    def next_frame(self) -> bytes:
        frame = self._sound[self._position : self._position + 160]
        self._position = (self._position + 160) % len(self._sound)
        return frame


class _Dialling:
    """One Dial to numbers or clients, from the first ring until both are apart."""

    def __init__(self, attributes: Attributes, stage: Stage, targets: list[Target]) -> None:
        self._attributes = attributes
        self._stage = stage
        self._call = stage.call
        self._carrier = stage.carrier
        self._targets = targets
        self._children: list[Call] = []
        self._winner: Call | None = None
        self._bridged = False
        self._recording: Recording | None = None
        self._caller_id = attributes.text("callerId") or stage.call.sender

    async def perform(self) -> Outcome:
        try:
            status = await self._connect()
        except asyncio.CancelledError:
            self._part()
            if self._call.has_ended:
                await _tell_action(self._attributes, self._stage, self._told("completed"))
            raise
        finally:
            self._part()
        if self._recording is not None:
            await self._recording.finished.wait()
        return _action(self._attributes, self._stage, self._told(status))

    async def _connect(self) -> str:
        """Ring, whisper, bridge; gives DialCallStatus."""
        self._call.source = _Ringback(tones.ringback(self._attributes.text("ringTone", RING_TONE)))
        self._order_recording(from_ringing=True)
        status = await self._ring_all()
        child = self._winner
        if child is None:
            self._call.source = self._call.voice
            return status
        await child.ready.wait()
        if child.has_ended:
            self._call.source = self._call.voice
            return "completed"
        self._call.answer()
        await self._talk(child)
        return "completed"

    async def _ring_all(self) -> str:
        timeout_s = self._attributes.number("timeout", TIMEOUT_S, MIN_TIMEOUT_S, MAX_TIMEOUT_S)
        attempts = {self._carrier.spawn(self._ring(target, timeout_s)) for target in self._targets}
        outcomes: list[str] = []
        try:
            while attempts and self._winner is None:
                done, attempts = await asyncio.wait(attempts, return_when=asyncio.FIRST_COMPLETED)
                outcomes += [attempt.result() for attempt in done]
        finally:
            for attempt in attempts:
                attempt.cancel()
            for child in self._children:
                if child is not self._winner:
                    child.end("canceled")
        return _worst(outcomes)

    async def _ring(self, target: Target, timeout_s: int) -> str:
        """Ring one target as a leg of its own; the first to answer becomes the winner."""
        caller_id = self._caller_id
        if not is_callable(target.address):
            self._stage.alert(13224, "<Dial> has a number that cannot be called; numbers are E.164.")
            return "failed"
        if is_number(target.address) and not is_number(caller_id):
            self._stage.alert(13214, "<Dial> needs a callerId that is a number to call a number.")
            return "failed"
        child = Call(
            self._carrier,
            direction="outbound-dial",
            sender=caller_id,
            to=target.address,
            parent=self._call,
            callback=target.callback,
            custom=target.custom,
        )
        self._children.append(self._carrier.add_call(child))
        outcome = await ring(self._carrier, child, timeout_s)
        if outcome == "answered" and self._winner is None:
            self._winner = child
            child.follow(_child_script(target, child))
        else:
            child.end(outcome if outcome != "answered" else "completed")
        return outcome

    async def _talk(self, child: Call) -> None:
        """Both hear each other until one leaves, the time is up or the caller presses the star."""
        over = asyncio.Event()

        def star(digit: str) -> None:
            if digit == "*":
                over.set()

        if self._attributes.flag("hangupOnStar", False):
            self._call.add_digit_listener(star)
        self._order_recording(from_ringing=False)
        self._call.source, child.source = _Bridge(child), _Bridge(self._call)
        self._bridged = True
        limit_s = self._attributes.number("timeLimit", TIME_LIMIT_S, 1, TIME_LIMIT_S)
        waiting = [self._carrier.spawn(event.wait()) for event in (over, child.unbridged, child.over)]
        try:
            await asyncio.wait(waiting, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            self._call.remove_digit_listener(star)

    def _part(self) -> None:
        """Let go of the other side: it hangs up, unless REST has given it a script of its own."""
        self._call.source = self._call.voice
        for child in self._children:
            if not child.unbridged.is_set():
                child.end("completed" if child is self._winner else "canceled")
        if self._recording is not None:
            self._carrier.recordings.stop(self._recording)

    def _order_recording(self, *, from_ringing: bool) -> None:
        words = {"true": "record-from-answer", "false": RECORD}
        wish = self._attributes.choice("record", RECORD, RECORD_WORDS)
        wish = words.get(wish, wish)
        if wish == RECORD or self._recording is not None or wish.startswith("record-from-ringing") is not from_ringing:
            return
        order = _recording_order(self._attributes, "DialVerb", channels=2 if wish.endswith("-dual") else 1)
        self._recording = self._carrier.recordings.start_on_call(self._call, order)

    def _told(self, status: str) -> dict[str, str]:
        told = {"DialCallStatus": status, "DialBridged": "true" if self._bridged else "false"}
        child = self._winner or (self._children[-1] if self._children else None)
        if child is not None:
            told["DialCallSid"] = child.sid
        if self._winner is not None:
            told["DialCallDuration"] = str(self._winner.duration_s)
        if self._recording is not None:
            told["RecordingUrl"] = self._carrier.recordings.url(self._recording)
            told["RecordingSid"] = self._recording.sid
        return told


def _worst(outcomes: list[str]) -> str:
    """What Dial reports when nobody answered: busy tells more than no answer, and that more than failure."""
    return next((status for status in ("busy", "no-answer", "canceled") if status in outcomes), "failed")


def _child_script(target: Target, child: Call) -> Step:
    """The called party's side: keys, whisper, then whatever the bridge gives until someone leaves."""

    async def follow(call: Call) -> Step | None:
        try:
            await send_keys(call, target.send_digits)
            if target.whisper is not None:
                stage = Stage(call, call.voice, call.conversation, call.parameters, allowed=WHISPER_VERBS)
                with contextlib.suppress(ScriptError):  # already an alert; the legs are connected all the same
                    await run(stage, target.whisper)
            call.ready.set()
            await call.over.wait()
        finally:
            call.ready.set()
            if not call.has_ended:
                call.unbridged.set()
        return None

    return follow


def _recording_order(attributes: Attributes, source: str, channels: int) -> RecordingOrder:
    events = attributes.words("recordingStatusCallbackEvent", "completed", RECORDING_EVENTS)
    return RecordingOrder(
        source=source,
        channels=channels,
        track=attributes.choice("recordingTrack", "both", ("both", "inbound", "outbound")),
        trim=attributes.text("trim") == "trim-silence",
        callback=attributes.callback("recordingStatusCallback", events),
    )


# --- conferences ----------------------------------------------------------------------------------------------------


async def _join(noun: Node, dial: Attributes, stage: Stage) -> Outcome:
    attributes = Attributes(noun, stage, 13230)
    name = noun.text
    if not name:
        stage.alert(13230, "<Conference> needs a name.")
        return _action(dial, stage, {"DialCallStatus": "failed"})
    conference = stage.carrier.conference_for(name)
    if conference.callback is None and not conference.participants():
        conference.callback = _conference_callback(attributes)
    if attributes.choice("record", "do-not-record", ("do-not-record", "record-from-start")) == "record-from-start":
        order = _recording_order(attributes, "Conference", channels=1)
        stage.carrier.recordings.want_conference(conference, order)
    call = stage.call
    try:
        seat = conference.enter(call, _seat_options(attributes, stage))
    except ConferenceError as problem:
        stage.alert(problem.code, problem.message)
        return _action(dial, stage, {"DialCallStatus": "failed"})
    try:
        await sit(seat, dial.number("timeLimit", TIME_LIMIT_S, 1, TIME_LIMIT_S))
    except asyncio.CancelledError:
        if call.has_ended:
            await _tell_action(dial, stage, {"DialCallStatus": "answered"})
        raise
    return _action(dial, stage, {"DialCallStatus": "answered"})


async def sit(seat: Seat, limit_s: float | None = None) -> str:
    """Stay in the conference until made to leave, hung up or sent elsewhere; gives the reason."""
    try:
        async with asyncio.timeout(limit_s):
            reason = await seat.left
    except TimeoutError:
        reason = HUNG_UP
    except asyncio.CancelledError:
        seat.conference.remove(seat, HUNG_UP if seat.call.has_ended else KICKED)
        raise
    seat.conference.remove(seat, reason)
    return reason


def _conference_callback(attributes: Attributes) -> Callback | None:
    return attributes.callback("statusCallback", attributes.words("statusCallbackEvent", "", EVENTS))


def _seat_options(attributes: Attributes, stage: Stage) -> SeatOptions:
    beep = attributes.choice("beep", "true", ("true", "false", "onEnter", "onExit"))
    wait = None
    if attributes.has("waitUrl"):
        url = attributes.text("waitUrl")
        method = attributes.method("waitMethod", attributes.method("waitUrlMethod"))
        wait = Ask(stage.address(url) if url else "", method)
    return SeatOptions(
        label=attributes.text("participantLabel")[:MAX_LABEL],
        muted=attributes.flag("muted", False),
        beep_on_enter=beep in {"true", "onEnter"},
        beep_on_exit=beep in {"true", "onExit"},
        start_on_enter=attributes.flag("startConferenceOnEnter", True),
        end_on_exit=attributes.flag("endConferenceOnExit", False),
        wait=wait,
        coach=attributes.text("coach"),
        max_participants=attributes.number("maxParticipants", MAX_PARTICIPANTS, 2, MAX_PARTICIPANTS),
    )
