"""Sound on its way from a phone: a queue that absorbs the network's jitter and never lets delay grow."""

from __future__ import annotations

from collections import deque

from telephony.local_carrier import tones
from telephony.local_carrier.audio import FRAME_BYTES, FRAME_MS, SILENCE, is_quiet

TARGET_FRAMES = 2
LIMIT_FRAMES = 50
_WATCH_TICKS = 500 // FRAME_MS


class Uplink:
    """What one phone says, one frame of 20 ms for each tick.

    Late frames leave one tick of silence and make the queue one deeper. What it stayed deeper than needed for half a
    second is surplus: dropped where nobody misses it, in quiet frames, and while somebody talks on, one frame each half
    second. Pressed keys are heard in place of the voice.
    """

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._keys: deque[str] = deque()
        self._tone = b""
        self._position = 0
        self._least = LIMIT_FRAMES
        self._ticks = 0
        self._surplus = 0
        self.pressed: str | None = None

    def put(self, frame: bytes) -> None:
        """A frame came from the phone. A flood loses its oldest part."""
        if len(self._frames) >= LIMIT_FRAMES:
            self._frames.popleft()
        self._frames.append(frame)

    def press(self, digits: str) -> None:
        """Keys and pauses, to be heard one after the other."""
        self._keys.extend(digits)

    def take(self) -> bytes:
        """The frame of this tick; `pressed` then names the key that begins in it, if one does."""
        self.pressed = None
        voice = self._take_voice()
        if self._tone or self._keys:
            return self._take_key()
        return voice

    def _take_voice(self) -> bytes:
        self._watch()
        while self._surplus and len(self._frames) > TARGET_FRAMES and is_quiet(self._frames[0]):
            self._drop_one()
        return self._frames.popleft() if self._frames else SILENCE

    def _watch(self) -> None:
        self._least = min(self._least, len(self._frames))
        self._ticks += 1
        if self._ticks < _WATCH_TICKS:
            return
        self._surplus = max(0, self._least - TARGET_FRAMES)
        if self._surplus:
            self._drop_one()
        self._least, self._ticks = LIMIT_FRAMES, 0

    def _drop_one(self) -> None:
        self._frames.popleft()
        self._surplus -= 1

    def _take_key(self) -> bytes:
        if not self._tone:
            key = self._keys.popleft()
            self._tone = tones.keys(key)
            self._position = 0
            self.pressed = None if key in tones.PAUSES_S else key
        frame = self._tone[self._position : self._position + FRAME_BYTES]
        self._position += FRAME_BYTES
        if self._position >= len(self._tone):
            self._tone = b""
        return frame
