"""Sound as the telephone network carries it: G.711 mu-law, 8 kHz, mono, in frames of 20 ms. Bytes in, bytes out.

Nothing here waits, opens a socket or keeps time; the mixer's clock calls it 50 times a second for every leg.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000
FRAME_S = FRAME_MS / 1000
SILENCE = b"\xff" * FRAME_BYTES

Samples = npt.NDArray[np.int16]
Sums = npt.NDArray[np.int32]


def _decoding_table() -> Samples:
    codes = ~np.arange(256, dtype=np.uint8)
    exponent = (codes >> 4) & 0x07
    magnitude = (((codes & 0x0F).astype(np.int32) << 3) + 0x84 << exponent.astype(np.int32)) - 0x84
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoding_table() -> npt.NDArray[np.uint8]:
    pcm = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    sign = np.where(pcm < 0, 0x80, 0)
    magnitude = np.minimum(np.abs(pcm), 32635) + 0x84
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    codes: npt.NDArray[Any] = ~(sign | (exponent << 4) | mantissa) & 0xFF
    return codes.astype(np.uint8)


MULAW_TO_PCM = _decoding_table()
PCM_TO_MULAW = _encoding_table()


def decode(mulaw: bytes) -> Samples:
    """Mu-law bytes to signed 16-bit samples, one per byte (ITU-T G.711)."""
    samples: Samples = MULAW_TO_PCM[np.frombuffer(mulaw, dtype=np.uint8)]
    return samples


def encode(samples: npt.NDArray[Any]) -> bytes:
    """Samples of any integer width to mu-law bytes; louder than 16 bits is clipped, never wrapped."""
    clipped = np.clip(samples, -32768, 32767).astype(np.int16)
    codes: npt.NDArray[np.uint8] = PCM_TO_MULAW[clipped.view(np.uint16)]
    return codes.tobytes()


QUIET = bytes(code for code in range(256) if abs(int(MULAW_TO_PCM[code])) < 655)
"""The codes of a room in which nobody talks: some 34 dB under the loudest there is."""


def is_quiet(mulaw: bytes) -> bool:
    """Whether nobody talks in these bytes."""
    return not mulaw.translate(None, QUIET)


def mulaw_to_pcm16(mulaw: bytes) -> bytes:
    """Mu-law bytes to little-endian 16-bit PCM, two bytes a sample."""
    return decode(mulaw).astype("<i2").tobytes()


def pcm16_to_mulaw(pcm16: bytes) -> bytes:
    """Little-endian 16-bit PCM to mu-law bytes. ValueError when the length is odd."""
    return encode(np.frombuffer(pcm16, dtype="<i2"))


def add(frames: Iterable[bytes]) -> Sums:
    """The sum of mu-law frames of equal length, wide enough not to overflow; at least one frame."""
    stack = np.frombuffer(b"".join(frames), dtype=np.uint8).reshape(-1, FRAME_BYTES)
    total: Sums = MULAW_TO_PCM[stack].sum(axis=0, dtype=np.int32)
    return total


def mix(frames: Sequence[bytes]) -> bytes:
    """What someone hears who hears all of these frames at once; silence when there is none."""
    if not frames:
        return SILENCE
    if len(frames) == 1:
        return frames[0]
    return encode(add(frames))


def level(frame: bytes) -> float:
    """The frame's loudness as root mean square, 0 to 32635."""
    samples = decode(frame).astype(np.float64)
    return float(np.sqrt(np.mean(samples * samples)))


def whole_frames(mulaw: bytes) -> bytes:
    """The same sound, filled up with silence to a whole number of frames."""
    return mulaw + b"\xff" * (-len(mulaw) % FRAME_BYTES)


def silence(seconds: float) -> bytes:
    """So much silence, in whole frames."""
    return SILENCE * max(0, round(seconds / FRAME_S))


def wav(tracks: Sequence[bytes]) -> bytes:
    """A WAV file, 16 bit and 8 kHz, with one channel per mu-law track; shorter tracks end in silence."""
    return wav_of_pcm(interleave([decode(track) for track in tracks]), channels=len(tracks))


def wav_of_pcm(samples: Samples, channels: int) -> bytes:
    """A WAV file, 16 bit and 8 kHz, of interleaved samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(RATE_HZ)
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def interleave(tracks: Sequence[Samples]) -> Samples:
    """Several mono tracks as one row of samples, left right left right…; shorter tracks end in silence."""
    length = max((len(track) for track in tracks), default=0)
    together = np.zeros((length, len(tracks)), dtype=np.int16)
    for index, track in enumerate(tracks):
        together[: len(track), index] = track
    return together.reshape(-1)
