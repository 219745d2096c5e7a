"""Sound on its way to somebody: one clip at a time, handed out frame by frame as the mixer asks."""

from __future__ import annotations

import asyncio

from telephony.local_carrier.audio import FRAME_BYTES, SILENCE, whole_frames


class Voice:
    """A mouth that plays clips; silent in between. Whoever ticks it sets its pace."""

    def __init__(self) -> None:
        self._clip = b""
        self._position = 0
        self._repeats = False
        self._over: asyncio.Future[None] | None = None

    @property
    def is_speaking(self) -> bool:
        """Whether a clip is under way."""
        return bool(self._clip)

    def next_frame(self) -> bytes:
        """The sound of this tick."""
        if not self._clip:
            return SILENCE
        frame = self._clip[self._position : self._position + FRAME_BYTES]
        self._position += FRAME_BYTES
        if self._position >= len(self._clip):
            self._position = 0
            if not self._repeats:
                self.stop()
        return frame

    async def play(self, sound: bytes) -> None:
        """Play mu-law bytes to the end; returns when the last frame was handed out. Cancelling stops the sound."""
        if not sound:
            return
        self.stop()
        self._clip = whole_frames(sound)
        self._over = asyncio.get_running_loop().create_future()
        mine = self._over
        try:
            await mine
        finally:
            if self._over is mine:
                self.stop()

    def repeat(self, sound: bytes) -> None:
        """Play mu-law bytes over and over, until `stop` or another clip."""
        self.stop()
        self._clip = whole_frames(sound)
        self._repeats = True

    def stop(self) -> None:
        """Fall silent at once; whoever waits for the clip goes on."""
        self._clip = b""
        self._position = 0
        self._repeats = False
        over, self._over = self._over, None
        if over is not None and not over.done():
            over.set_result(None)
