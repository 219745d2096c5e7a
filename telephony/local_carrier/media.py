"""Sounds that TwiML plays: fetched once, kept by ETag or date, and turned into mu-law off the event loop.

Types and caching: https://www.twilio.com/docs/voice/twiml/play
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from telephony.local_carrier.audio import RATE_HZ, encode
from telephony.local_carrier.webhooks import Conversation, Reply

MAX_BYTES = 40 * 1024 * 1024
MAX_S = 3600
_KEPT_SOUNDS = 64
TYPES = frozenset(
    [
        "audio/mpeg",
        "audio/mp3",
        "audio/wav",
        "audio/wave",
        "audio/x-wav",
        "audio/vnd.wave",
        "audio/aiff",
        "audio/x-aifc",
        "audio/x-aiff",
        "audio/x-gsm",
        "audio/gsm",
        "audio/ulaw",
        "audio/basic",
        "audio/ogg",
        "application/octet-stream",
    ]
)


class MediaError(Exception):
    """A sound cannot be played; `code` is Twilio's (12300 type, 13420 unreadable)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class _Kept:
    etag: str
    modified: str
    sound: bytes


class MediaShelf:
    """Sounds by URL. A sound with an ETag or date is asked for again, but loaded again only when it changed."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def sound(self, conversation: Conversation, url: str) -> bytes:
        """The sound behind a URL, in mu-law. Raises FetchError or MediaError."""
        kept = self._kept.get(url)
        conditions = {}
        if kept and kept.etag:
            conditions["If-None-Match"] = kept.etag
        if kept and kept.modified:
            conditions["If-Modified-Since"] = kept.modified
        reply = await conversation.ask(url, "GET", max_bytes=MAX_BYTES, headers=conditions)
        if reply.status == 304 and kept:
            return kept.sound
        sound = await asyncio.to_thread(_mulaw, reply)
        self._keep(url, reply, sound)
        return sound

    def _keep(self, url: str, reply: Reply, sound: bytes) -> None:
        etag, modified = reply.headers.get("etag", ""), reply.headers.get("last-modified", "")
        if not etag and not modified:
            return
        self._kept[url] = _Kept(etag, modified, sound)
        self._kept.move_to_end(url)
        if len(self._kept) > _KEPT_SOUNDS:
            self._kept.popitem(last=False)


def _mulaw(reply: Reply) -> bytes:
    if reply.content_type not in TYPES:
        raise MediaError(12300, f"Content type {reply.content_type[:60]} cannot be played.")
    if reply.content_type in {"audio/ulaw", "audio/basic"} and not reply.body.startswith((b"RIFF", b".snd")):
        return reply.body[: MAX_S * RATE_HZ]
    return to_mulaw(reply.body)


def to_mulaw(file: bytes) -> bytes:
    """Any sound file as mono mu-law at 8 kHz: plain WAV directly, the rest through FFmpeg. Raises MediaError."""
    try:
        return _from_wav(file)
    except (wave.Error, EOFError):
        return _from_anything(file)


def _from_wav(file: bytes) -> bytes:
    with wave.open(io.BytesIO(file), "rb") as reader:
        if reader.getsampwidth() != 2:
            raise wave.Error("not 16 bit")
        rate_hz, channels = reader.getframerate(), reader.getnchannels()
        samples = np.frombuffer(reader.readframes(min(reader.getnframes(), MAX_S * rate_hz)), dtype="<i2")
    mono = samples[: len(samples) - len(samples) % channels].reshape(-1, channels).mean(axis=1).astype(np.int16)
    return encode(mono if rate_hz == RATE_HZ else soxr.resample(mono, rate_hz, RATE_HZ))


def _from_anything(file: bytes) -> bytes:
    import av  # large, and needed only for compressed sounds

    pieces: list[Any] = []
    samples = 0
    try:
        with av.open(io.BytesIO(file), "r") as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    pieces.append(part.to_ndarray().reshape(-1))
                    samples += len(pieces[-1])
                if samples > MAX_S * RATE_HZ:
                    break
    except (av.error.FFmpegError, IndexError, ValueError) as problem:
        raise MediaError(13420, f"The file is no sound that can be read: {type(problem).__name__}.") from problem
    if not pieces:
        raise MediaError(13420, "The file holds no sound.")
    return encode(np.concatenate(pieces))
