"""Hears what is said to a draft in the editor as Gather hears a caller: the same engines, language, hints and line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from app.flows.hear import NobodyListens
from telephony.media import recogniser
from telephony.speech.audio import MULAW_TABLE
from telephony.speech.recogniser import Recogniser
from telephony.twiml import spoken_hints
from telephony.voices import carrier_voice

RATE_HZ = 8000
PAUSE = bytes(2 * RATE_HZ)  # a second of silence: the speaker has finished
PATIENCE_S = 20.0


class CallerEar:
    """Implements app.flows.hear.Ear."""

    def __init__(self, engines: Callable[[], Recogniser] = recogniser) -> None:
        self._engines = engines

    def __call__(self, mulaw: bytes, language: str, hints: Sequence[str]) -> tuple[str, float | None]:
        tag = carrier_voice(language).language
        engines = self._engines()
        if not engines.serves(tag):
            raise NobodyListens(tag)
        pcm16 = MULAW_TABLE[np.frombuffer(mulaw, np.uint8)].astype("<i2").tobytes()
        return asyncio.run(asyncio.wait_for(_hear(engines, pcm16 + PAUSE, tag, spoken_hints(hints)), PATIENCE_S))


async def _hear(engines: Recogniser, pcm16: bytes, language: str, hints: Sequence[str]) -> tuple[str, float | None]:
    session = await engines.open(RATE_HZ, language, hints)
    session.feed(pcm16)
    heard = await session.finish()
    return heard.text.strip(), heard.confidence
