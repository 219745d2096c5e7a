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
LEAST_SPEECH_TIMEOUT_S, MOST_SPEECH_TIMEOUT_S = 0.2, 10.0


class SpeechUnavailable(Exception):
    """No engine can do this; `code` is the nearest of Twilio's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SpokenWord(Protocol):
    """One word and how sure the engine is of it."""

    @property
    def conf(self) -> float | None:
        """0 to 1; None when the engine gives none."""


class Understood(Protocol):
    """Everything that was heard."""

    @property
    def text(self) -> str:
        """The words as one text."""

    @property
    def words(self) -> Sequence[SpokenWord]:
        """The words one by one."""


class Listening(Protocol):
    """One open ear."""

    def feed(self, pcm16: bytes) -> None:
        """Give sound, 16 bit and 8 kHz; never blocks."""

    def events(self) -> AsyncIterator[Any]:
        """speech_start, partial, final, speech_end and error, as they happen; each has `kind`, `text`, `words`."""

    async def finish(self) -> Understood:
        """No more sound comes: wait for the last words."""

    async def close(self) -> None:
        """Stop listening at once."""


class Speech:
    """Speaks and listens, with whichever engines are there. They start when first needed, or with `warm`."""

    def __init__(self) -> None:
        self._speaker: Any = None
        self._recogniser: Any = None
        self._starting = asyncio.Lock()

    async def say(self, text: str, language: str) -> bytes:
        """The text spoken, in mu-law. Raises SpeechUnavailable."""
        try:
            speaker = await self._get_speaker()
            path = await speaker.render(text[:MAX_TEXT], language, rate_hz=RATE_HZ)
            return await asyncio.to_thread(_mulaw_of, Path(path))
        except Exception as problem:
            raise SpeechUnavailable(13520, f"The text could not be spoken: {problem}") from problem

    async def listen(self, language: str, hints: Sequence[str] = (), speech_timeout_s: float = 0.8) -> Listening:
        """Open an ear that takes so much silence for the end of an utterance. Raises SpeechUnavailable."""
        timeout_s = min(max(speech_timeout_s, LEAST_SPEECH_TIMEOUT_S), MOST_SPEECH_TIMEOUT_S)
        try:
            recogniser = await self._get_recogniser()
            ear: Listening = await recogniser.open(
                rate_hz=RATE_HZ, language=language, hints=tuple(hints), speech_timeout_s=timeout_s
            )
            return ear
        except Exception as problem:
            raise SpeechUnavailable(13322, f"Nobody can listen in {language[:20]}: {problem}") from problem

    async def warm(self) -> None:
        """Load the engines now, so that the first caller need not wait; what cannot be loaded is only logged."""
        try:
            await (await self._get_speaker()).warm()
            await (await self._get_recogniser()).warm()
        except Exception as problem:
            log.warning("speech could not be made ready: %s", problem)

    async def close(self) -> None:
        """Let the engines go."""
        if self._speaker is not None:
            await asyncio.to_thread(self._speaker.close)
        if self._recogniser is not None:
            await self._recogniser.close()

    async def _get_speaker(self) -> Any:
        async with self._starting:
            if self._speaker is None:
                self._speaker = await asyncio.to_thread(_new_speaker)
            return self._speaker

    async def _get_recogniser(self) -> Any:
        async with self._starting:
            if self._recogniser is None:
                self._recogniser = await asyncio.to_thread(_new_recogniser)
            return self._recogniser


def _new_speaker() -> Any:
    from telephony.speech.tts import Speaker  # heavy, and only needed once somebody speaks

    return Speaker()


def _new_recogniser() -> Any:
    from telephony.speech.recogniser import Recogniser  # heavy, and only needed once somebody listens

    return Recogniser()


def _mulaw_of(path: Path) -> bytes:
    with wave.open(io.BytesIO(path.read_bytes()), "rb") as reader:
        return pcm16_to_mulaw(reader.readframes(reader.getnframes()))
