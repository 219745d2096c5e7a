"""Answering machines told from people by how they begin: people say a word and wait, machines talk on, then beep.

Parameters and answers: https://www.twilio.com/docs/voice/answering-machine-detection. It listens to loudness and pure
tones only, so it is right about clear cases; what is not clear is `unknown`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from telephony.local_carrier.audio import FRAME_BYTES, FRAME_S, RATE_HZ, decode
from telephony.local_carrier.callbacks import Callback, Courier

if TYPE_CHECKING:
    from telephony.local_carrier.calls import Call

LOUD = 400.0
"""From this loudness (root mean square of 16-bit samples) on a frame is speech or a tone, not noise of the line."""
PURE = 0.8
"""A frame is a tone when so much of its power lies in one place of the spectrum."""
BEEP_HZ = (300.0, 2050.0)
BEEP_S = 0.1
FAX_HZ = (2080.0, 2120.0)
"""The answer tone of fax machines, ITU-T T.30."""
FAX_S = 0.4
NO_BEEP_AFTER_S = 2.0
"""A greeting that was followed by so much silence has no beep."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What was asked for. `to_the_end`: a machine is told only when its greeting is over (DetectMessageEnd)."""

    to_the_end: bool = False
    timeout_s: float = 30.0
    speech_s: float = 2.4
    speech_end_s: float = 1.2
    silence_s: float = 5.0
    tell: Callback | None = None
    """Set: the call goes on meanwhile and the answer comes here (AsyncAmd)."""


class Listener:
    """Listens to the first seconds of whoever picked up. `verdict` is the answer, None while there is none."""

    def __init__(self, detection: Detection) -> None:
        self.verdict: str | None = None
        self._of = detection
        self._heard_s = 0.0
        self._speech_from: float | None = None
        self._speech_until = 0.0
        self._tone_hz = 0.0
        self._tone_s = 0.0
        self._is_machine = False

    @property
    def heard_ms(self) -> int:
        """How long it took."""
        return round(self._heard_s * 1000)

    def hear(self, frame: bytes) -> None:
        """Take in 20 ms of mu-law. After the verdict nothing changes."""
        if self.verdict is not None:
            return
        self._heard_s += FRAME_S
        beeped = self._follow_tone(frame)
        self.verdict = self._judge(beeped)

    def _follow_tone(self, frame: bytes) -> bool:
        """Note what this frame is; True when a beep has just ended."""
        loudness, hertz = analyse(frame)
        before_hz, before_s = self._tone_hz, self._tone_s
        if hertz and abs(hertz - before_hz) <= RATE_HZ / FRAME_BYTES:
            self._tone_s += FRAME_S
        else:
            self._tone_hz, self._tone_s = hertz, FRAME_S if hertz else 0.0
        if loudness >= LOUD and self._tone_s < BEEP_S:
            self._speech_from = self._heard_s if self._speech_from is None else self._speech_from
            self._speech_until = self._heard_s
        return before_s >= BEEP_S and self._tone_s < before_s and BEEP_HZ[0] <= before_hz <= BEEP_HZ[1]

    def _judge(self, beeped: bool) -> str | None:
        if self._tone_s >= FAX_S and FAX_HZ[0] <= self._tone_hz <= FAX_HZ[1]:
            return "fax"
        spoke_s = 0.0 if self._speech_from is None else self._speech_until - self._speech_from
        quiet_s = self._heard_s - self._speech_until
        self._is_machine = self._is_machine or spoke_s >= self._of.speech_s or (beeped and spoke_s > 0)
        if self._is_machine:
            return self._judge_machine(beeped, quiet_s)
        if self._heard_s >= self._of.timeout_s:
            return "unknown"
        if self._speech_from is None:
            return "unknown" if self._heard_s >= self._of.silence_s else None
        return "human" if quiet_s >= self._of.speech_end_s else None

    def _judge_machine(self, beeped: bool, quiet_s: float) -> str | None:
        if not self._of.to_the_end:
            return "machine_start"
        if beeped:
            return "machine_end_beep"
        if quiet_s >= max(self._of.speech_end_s, NO_BEEP_AFTER_S) and self._tone_s == 0:
            return "machine_end_silence"
        return "machine_end_other" if self._heard_s >= self._of.timeout_s else None


def analyse(frame: bytes) -> tuple[float, float]:
    """How loud a frame is, and its tone in hertz, 0 for anything but a pure and loud tone."""
    samples = decode(frame).astype(np.float64)
    loudness = float(np.sqrt(np.mean(samples**2)))
    if loudness < LOUD:
        return loudness, 0.0
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    peak = int(power[1:].argmax()) + 1
    near = power[max(1, peak - 2) : peak + 3]
    if near.sum() < PURE * power[1:].sum():
        return loudness, 0.0
    places = np.arange(max(1, peak - 2), max(1, peak - 2) + len(near))
    return loudness, float((near * places).sum() / near.sum() * RATE_HZ / len(samples))


def listen(call: Call, detection: Detection) -> asyncio.Future[dict[str, str]]:
    """Listen from the moment when the call is answered. The result: `AnsweredBy` and `MachineDetectionDuration`.

    A call that ends before gives `unknown`. With `tell` the result is posted there, too.
    """
    listener = Listener(detection)
    found: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    def done() -> None:
        if found.done():
            return
        call.remove_tap(tap)
        result = {
            "AnsweredBy": listener.verdict or "unknown",
            "MachineDetectionDuration": str(listener.heard_ms),
        }
        found.set_result(result)
        if detection.tell is not None and not call.has_ended:
            about = {"CallSid": call.sid, "AccountSid": call.carrier.settings.account_sid}
            Courier(call.carrier, call.sid).send(detection.tell, about | result)

    def tap(said: bytes, _heard: bytes) -> None:
        listener.hear(said)
        if listener.verdict is not None:
            done()

    call.when_answered.append(lambda: call.add_tap(tap))
    call.before_ending.append(done)
    return found
