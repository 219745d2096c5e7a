"""A telephone driven by a script: the carrier's phone protocol with a real microphone and ear of mu-law frames.

Blocking calls, threads inside, so that any test can use it:

    caller = ScriptedPhone(carrier.url, number="+15551230001", auth=(sid, token))
    sid = caller.dial("+15005550006")
    caller.wait_for("answered")
    caller.say(wav_bytes)            # sound at its own pace, or caller.press("1")
    caller.wait_to_hear(440)         # a tone; caller.heard is everything as mu-law
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
import time
import wave
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from telephony.local_carrier.audio import FRAME_BYTES, FRAME_S, RATE_HZ, SILENCE, decode, pcm16_to_mulaw, whole_frames

PATIENCE_S = 10.0


class ScriptedPhone:
    """One phone at a number (`number` and `auth`, or a `token`) or at a client (a `token`)."""

    def __init__(
        self,
        url: str,
        *,
        number: str | None = None,
        auth: tuple[str, str] | None = None,
        token: str | None = None,
        path: str = "/phone",
        headers: dict[str, str] | None = None,
    ) -> None:
        query = f"?token={quote(token)}" if token else f"?number={quote(number or '')}"
        all_headers = dict(headers or {})
        if auth:
            all_headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        self._socket: ClientConnection = connect(
            url.replace("http", "ws", 1) + path + query,
            additional_headers=all_headers,
            compression=None,
            max_size=32 * 1024 * 1024,
            proxy=None,
            legacy=True,
        )
        self.events: list[dict[str, Any]] = []
        self.closed = threading.Event()
        self.close_code: int | None = None
        self._taken = 0
        self._news = threading.Condition()
        self._heard = bytearray()
        self._mic: deque[bytes] = deque()
        self._microphone_on = False
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._speak, daemon=True).start()
        self.address = self.wait_for("registered", "error").get("address", "")

    # --- doing --------------------------------------------------------------------------------------------------

    def send(self, event: dict[str, Any]) -> None:
        """Any text frame."""
        self._socket.send(json.dumps(event))

    def send_bytes(self, frame: bytes) -> None:
        """Any binary frame."""
        self._socket.send(frame)

    def dial(self, to: str, **params: str) -> str:
        """Place a call; gives its SID. The microphone is on from the answer to the end."""
        event: dict[str, Any] = {"event": "dial", "to": to}
        if params:
            event["params"] = params
        self.send(event)
        return str(self.wait_for("dialing")["callSid"])

    def wait_for_ring(self, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next `incoming` event."""
        return self.wait_for("incoming", timeout_s=timeout_s)

    def answer(self, timeout_s: float = PATIENCE_S) -> str:
        """Wait for the next ring and pick up; gives the call's SID."""
        call_sid = str(self.wait_for_ring(timeout_s)["callSid"])
        self.pick_up(call_sid)
        return call_sid

    def pick_up(self, call_sid: str) -> None:
        """Answer a call that is known to ring."""
        self.send({"event": "answer", "callSid": call_sid})
        self.wait_for("answered", callSid=call_sid)

    def reject(self, call_sid: str) -> None:
        """Decline."""
        self.send({"event": "reject", "callSid": call_sid})

    def hang_up(self) -> None:
        """Hang up the present call and wait for its end."""
        call_sid = self.call_sid
        self.send({"event": "hangup", "callSid": call_sid})
        self.wait_for("ended", callSid=call_sid)

    def press(self, digits: str) -> None:
        """Press keys; `w` waits half a second."""
        self.send({"event": "dtmf", "callSid": self.call_sid, "digits": digits})

    def say(self, sound: bytes | Path, *, wait: bool = True) -> None:
        """Speak a WAV file (16 bit, mono, 8 kHz), given as path or content, or mu-law bytes, at its own pace."""
        mulaw = _mulaw_of(sound)
        self._mic.extend(mulaw[at : at + FRAME_BYTES] for at in range(0, len(mulaw), FRAME_BYTES))
        if wait:
            _until(lambda: not self._mic, len(mulaw) / RATE_HZ + PATIENCE_S, "the phone could not say everything")

    def fall_silent(self) -> None:
        """Leave the rest unsaid."""
        self._mic.clear()

    def text(self, to: str, body: str, media: list[tuple[str, bytes]] | None = None) -> None:
        """Send a message."""
        files = [{"contentType": kind, "data": base64.b64encode(data).decode()} for kind, data in media or []]
        self.send({"event": "message", "to": to, "body": body, "media": files})

    def close(self) -> None:
        """Put the phone away."""
        with contextlib.suppress(Exception):
            self._socket.close()

    def vanish(self) -> None:
        """Lose the connection without a word."""
        self._socket.socket.close()
        self.closed.set()

    # --- noticing -----------------------------------------------------------------------------------------------

    @property
    def call_sid(self) -> str:
        """The call that this phone dialled or answered last."""
        with self._news:
            for event in reversed(self.events):
                if event["event"] in {"dialing", "answered", "incoming"}:
                    return str(event["callSid"])
        raise AssertionError("this phone has had no call")

    def wait_for(self, *names: str, timeout_s: float = PATIENCE_S, **fields: Any) -> dict[str, Any]:
        """The next event of one of these names whose fields match; events before it are passed over."""
        deadline = time.monotonic() + timeout_s
        with self._news:
            while True:
                while self._taken < len(self.events):
                    event = self.events[self._taken]
                    self._taken += 1
                    if event["event"] in names and all(event.get(key) == value for key, value in fields.items()):
                        return event
                left = deadline - time.monotonic()
                if left <= 0 or (self.closed.is_set() and not self._news.wait(0.05)):
                    raise AssertionError(f"waited for {names} {fields}, got only {self.events}")
                self._news.wait(left)

    def has_seen(self, name: str, **fields: Any) -> bool:
        """Whether such an event has come at any time."""
        with self._news:
            return any(
                event["event"] == name and all(event.get(key) == value for key, value in fields.items())
                for event in self.events
            )

    @property
    def heard(self) -> bytes:
        """Everything heard so far, in mu-law."""
        with self._news:
            return bytes(self._heard)

    def forget_heard(self) -> None:
        """Begin to listen afresh."""
        with self._news:
            self._heard.clear()

    def heard_pcm16(self) -> bytes:
        """Everything heard so far, as 16-bit PCM at 8 kHz."""
        return decode(self.heard).astype("<i2").tobytes()

    def wait_to_hear(self, *frequencies: int, timeout_s: float = PATIENCE_S, window_s: float = 0.2) -> None:
        """Wait until all these tones (Hz) sound at once in the latest stretch of what is heard."""

        def sounds() -> bool:
            recent = self.heard[-round(window_s * RATE_HZ) :]
            return len(recent) >= window_s * RATE_HZ * 0.9 and all(has_tone(recent, hertz) for hertz in frequencies)

        _until(sounds, timeout_s, f"did not hear {frequencies} Hz")

    def wait_for_silence(self, timeout_s: float = PATIENCE_S, window_s: float = 0.3) -> None:
        """Wait until nothing is heard for a while."""

        def silent() -> bool:
            recent = self.heard[-round(window_s * RATE_HZ) :]
            return len(recent) >= window_s * RATE_HZ * 0.9 and loudness(recent) < 60

        _until(silent, timeout_s, "it was never silent")

    # --- threads ------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            for frame in self._socket:
                with self._news:
                    if isinstance(frame, bytes):
                        self._heard += frame
                    else:
                        self._note(json.loads(frame))
                    self._news.notify_all()
        except (ConnectionClosed, OSError):
            pass
        finally:
            self.close_code = self._socket.protocol.close_code
            self.closed.set()
            with self._news:
                self._news.notify_all()

    def _note(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if event["event"] == "answered":
            self._microphone_on = True
        elif event["event"] == "ended":
            self._microphone_on = False
            self._mic.clear()

    def _speak(self) -> None:
        due = time.monotonic()
        while not self.closed.is_set():
            due += FRAME_S
            time.sleep(max(0.0, due - time.monotonic()))  # the microphone's own pace
            if not self._microphone_on:
                due = time.monotonic()
                continue
            frame = self._mic.popleft() if self._mic else SILENCE
            try:
                self._socket.send(frame)
            except (ConnectionClosed, OSError):
                return


def _mulaw_of(sound: bytes | Path) -> bytes:
    content = sound.read_bytes() if isinstance(sound, Path) else sound
    if not content.startswith(b"RIFF"):
        return whole_frames(content)
    with wave.open(io.BytesIO(content), "rb") as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (RATE_HZ, 1, 2)
        return whole_frames(pcm16_to_mulaw(reader.readframes(reader.getnframes())))


def _until(condition: Callable[[], bool], timeout_s: float, complaint: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        time.sleep(0.01)  # polled with a deadline


def loudness(mulaw: bytes) -> float:
    """Root mean square of the samples."""
    samples = decode(mulaw).astype(float)
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


def strength(mulaw: bytes, hertz: float) -> float:
    """How much of the sound is this tone: 0 to 1 of its energy (Goertzel's sum over the whole stretch)."""
    samples = decode(mulaw).astype(float)
    energy = float(np.sum(samples**2))
    if energy == 0:
        return 0.0
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / RATE_HZ)
    return float(2 * abs(np.sum(samples * turns)) ** 2 / (len(samples) * energy))


def has_tone(mulaw: bytes, hertz: float, share: float = 0.15) -> bool:
    """Whether a tone makes up a good share of a sound that is not silence."""
    return loudness(mulaw) > 100 and strength(mulaw, hertz) > share


def tone(hertz: float, seconds: float, peak: float = 0.3) -> bytes:
    """A sine in mu-law."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return pcm16_to_mulaw((np.sin(2 * np.pi * hertz * time_s) * peak * 32767).astype("<i2").tobytes())


def wav_of(mulaw: bytes) -> bytes:
    """A sound as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE_HZ)
        writer.writeframes(decode(mulaw).astype("<i2").tobytes())
    return file.getvalue()
