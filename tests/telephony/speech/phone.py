"""Telephone audio for the tests of speech."""

import asyncio
import wave
from pathlib import Path

import numpy as np

from telephony.speech.audio import MULAW_TABLE
from telephony.speech.recogniser import Session


def pcm_of(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        return file.readframes(file.getnframes())


def over_the_phone(pcm16: bytes) -> bytes:
    """What arrives after G.711 mu-law: each sample becomes the nearest that the line can carry."""
    line = np.unique(MULAW_TABLE).astype(np.int32)
    samples = np.frombuffer(pcm16, "<i2").astype(np.int32)
    above = np.searchsorted(line, samples).clip(1, len(line) - 1)
    nearer_below = samples - line[above - 1] < line[above] - samples
    return line[above - nearer_below].astype("<i2").tobytes()


def silence(seconds: float, rate_hz: int = 8000) -> bytes:
    return bytes(2 * round(seconds * rate_hz))


async def call_audio(session: Session, pcm16: bytes, faster: float = 4.0) -> None:
    """Feed audio in frames of 20 ms, `faster` times as fast as a call would."""
    started = asyncio.get_running_loop().time()
    for at in range(0, len(pcm16), 320):
        session.feed(pcm16[at : at + 320])
        ahead = at / 16000 / faster - (asyncio.get_running_loop().time() - started)
        if ahead > 0:
            await asyncio.sleep(ahead)
