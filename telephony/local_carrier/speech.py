"""The one door to the speech engines: text to sound for Say, sound to words for Gather.

The engines live in `telephony.speech`; without them calls still work, Say is an alert (13520) and speech is not heard.
"""

from __future__ import annotations

import asyncio
import io
import logging
import wave
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from telephony.local_carrier.audio import RATE_HZ, pcm16_to_mulaw

log = logging.getLogger(__name__)
MAX_TEXT = 4096


class SpeechUnavailable(Exception):
    """No engine can do this; `code` is the nearest of Twilio's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SpeechEvent(Protocol):
    """What a recogniser tells: speech_start, partial, final, speech_end or error, with its text."""

    kind: str
    text: str


class Listening(Protocol):
    """One open ear."""

    def feed(self, pcm16: bytes) -> object:
        """Give sound, 16 bit and 8 kHz; never blocks."""

    def events(self) -> AsyncIterator[Any]:
        """What was heard, as it is heard."""

    async def finish(self) -> object:
        """No more sound comes."""


class Speech:
    """Speaks and listens, with whichever engines are there."""

    def __init__(self) -> None:
        self._speaker: Any = None
        self._recogniser: Any = None

    async def say(self, text: str, language: str) -> bytes:
        """The text spoken, in mu-law. Raises SpeechUnavailable."""
        try:
            if self._speaker is None:
                self._speaker = _new_speaker()
            path = await self._speaker.render(text[:MAX_TEXT], language, rate_hz=RATE_HZ)
        except Exception as problem:
            raise SpeechUnavailable(13520, f"The text could not be spoken: {problem}") from problem
        return await asyncio.to_thread(_mulaw_of, Path(path))

    async def listen(self, language: str, hints: Sequence[str] = ()) -> Listening:
        """Open an ear. Raises SpeechUnavailable."""
        try:
            if self._recogniser is None:
                self._recogniser = _new_recogniser()
            ear: Listening = await self._recogniser.open(rate_hz=RATE_HZ, language=language, hints=tuple(hints))
            return ear
        except Exception as problem:
            raise SpeechUnavailable(13322, f"Nobody can listen in {language}: {problem}") from problem

    async def close(self) -> None:
        """Let the engines go."""
        for engine in (self._speaker, self._recogniser):
            close = getattr(engine, "close", None)
            if close is not None:
                outcome = close()
                if asyncio.iscoroutine(outcome):
                    await outcome


def _new_speaker() -> Any:
    from telephony.speech.tts import Speaker

    return Speaker()


def _new_recogniser() -> Any:
    from telephony.speech.recogniser import Recogniser

    return Recogniser()


def _mulaw_of(path: Path) -> bytes:
    with wave.open(io.BytesIO(path.read_bytes()), "rb") as reader:
        return pcm16_to_mulaw(reader.readframes(reader.getnframes()))
