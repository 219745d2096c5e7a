"""Record: a message by the caller, voicemail for example.

https://www.twilio.com/docs/voice/twiml/record
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from telephony.local_carrier.audio import FRAME_S, level
from telephony.local_carrier.recordings import Recording, RecordingOrder, whole_seconds
from telephony.local_carrier.script import Ask, GoTo, Outcome, ScriptError, Stage, obtain
from telephony.local_carrier.tones import record_beep
from telephony.local_carrier.twiml import Node
from telephony.local_carrier.verbs.attributes import Attributes

TIMEOUT_S = 5
FINISH_ON_KEY = "1234567890*#"
MAX_LENGTH_S = 3600
EVENTS = "completed"
_LOUD = 250.0


@dataclass(frozen=True)
class Ending:
    """Why the recording ended: a key, `hangup`, or nothing when silence or the limit did."""

    digits: str = ""


async def perform(verb: Node, stage: Stage) -> Outcome:
    """Record until a key, silence, the limit or the caller's goodbye; then ask the action what to do.

    When nothing at all was said the action is not asked and the next verb follows.
    """
    attributes = Attributes(verb, stage, 13610)
    action = stage.address(attributes.text("action"))
    if not action:
        stage.alert(11100, "<Record> needs an absolute action here: this document has no address of its own.")
        return None
    if attributes.flag("playBeep", True):
        await stage.voice.play(record_beep())
    listener = _Listener(
        finish_on=attributes.text("finishOnKey", FINISH_ON_KEY),
        quiet_s=attributes.number("timeout", TIMEOUT_S, 0, MAX_LENGTH_S),
    )
    recording = stage.carrier.recordings.start_on_call(stage.call, _order(attributes))
    try:
        ending = await _listen(stage, listener, attributes.number("maxLength", MAX_LENGTH_S, 1, MAX_LENGTH_S))
    except asyncio.CancelledError:
        if stage.call.has_ended:
            await _tell_goodbye(stage, recording, action, attributes.method())
        raise
    finally:
        stage.carrier.recordings.stop(recording, absent=not listener.heard_anything)
    await recording.finished.wait()
    if not listener.heard_anything and not ending.digits:
        return None
    return GoTo(Ask(action, attributes.method(), _parameters(stage, recording, ending)))


def _order(attributes: Attributes) -> RecordingOrder:
    events = attributes.words("recordingStatusCallbackEvent", EVENTS, ("in-progress", "completed", "absent"))
    return RecordingOrder(
        source="RecordVerb",
        channels=1,
        track="inbound",
        trim=attributes.choice("trim", "trim-silence", ("trim-silence", "do-not-trim")) == "trim-silence",
        callback=attributes.callback("recordingStatusCallback", events),
    )


class _Listener:
    """Notices keys and silence while the caller speaks. A key that ends the message is no part of what was said."""

    def __init__(self, finish_on: str, quiet_s: float) -> None:
        self.heard_anything = False
        self.over: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._finish_on = finish_on
        self._quiet_frames_allowed = quiet_s / FRAME_S if quiet_s else float("inf")
        self._quiet_frames = 0

    def pressed(self, digit: str) -> None:
        if digit in self._finish_on and not self.over.done():
            self.over.set_result(Ending(digit))

    def tap(self, said: bytes, _heard: bytes) -> None:
        if self.over.done():
            return
        if level(said) > _LOUD:
            self.heard_anything = True
            self._quiet_frames = 0
            return
        self._quiet_frames += 1
        if self._quiet_frames >= self._quiet_frames_allowed and not self.over.done():
            self.over.set_result(Ending())


async def _listen(stage: Stage, listener: _Listener, limit_s: int) -> Ending:
    stage.call.add_digit_listener(listener.pressed)
    stage.call.add_tap(listener.tap)
    try:
        async with asyncio.timeout(limit_s):
            return await listener.over
    except TimeoutError:
        return Ending()
    finally:
        stage.call.remove_digit_listener(listener.pressed)
        stage.call.remove_tap(listener.tap)


async def _tell_goodbye(stage: Stage, recording: Recording, action: str, method: str) -> None:
    """The caller hung up while recording: the action is asked all the same, its document is not performed."""
    await recording.finished.wait()
    try:
        await obtain(stage, Ask(action, method, _parameters(stage, recording, Ending("hangup"))))
    except ScriptError:
        return  # already an alert


def _parameters(stage: Stage, recording: Recording, ending: Ending) -> dict[str, str]:
    return {
        "RecordingUrl": stage.carrier.recordings.url(recording),
        "RecordingSid": recording.sid,
        "RecordingDuration": str(max(0, whole_seconds(recording.facts.duration_s))),
        "Digits": ending.digits,
    }
