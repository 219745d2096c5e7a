"""Reading recordings: WAV files as carriers write them, PCM 16-bit or G.711 mu-law."""

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from telephony.speech.errors import SpeechError

LARGEST_BYTES = 2_000_000_000  # 17 hours of two channels
PCM, MULAW, EXTENSIBLE = 1, 7, 0xFFFE


def read_wav(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    """Samples as (frames, channels) and the rate in Hz. SpeechError when it is no such file, or too large.

    A file whose header promises more than there is (a recording cut off by a crash) gives what is there.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise SpeechError(f"{path.name} is larger than {LARGEST_BYTES // 1_000_000} MB; split it first.")
        data = path.read_bytes()
    except OSError as error:
        raise SpeechError(f"{path.name} cannot be read: {error.strerror}.") from error
    return parse_wav(data, path.name)


def parse_wav(data: bytes, name: str = "The audio") -> tuple[npt.NDArray[np.int16], int]:
    """As `read_wav`, of bytes; `name` is for the error's sentence."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise SpeechError(f"{name} is not a WAV file.")
    layout: bytes | None = None
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        body = data[at + 8 : at + 8 + size]
        if kind == b"fmt ":
            layout = body
        elif kind == b"data" and layout is not None:
            return _samples(body, layout, name)
        at += 8 + size + size % 2
    raise SpeechError(f"{name} is a WAV file without sound in it.")


def _samples(body: bytes, layout: bytes, name: str) -> tuple[npt.NDArray[np.int16], int]:
    if len(layout) < 16:
        raise SpeechError(f"{name} is a broken WAV file: its format is cut off.")
    coding, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", layout)
    if coding == EXTENSIBLE and len(layout) >= 26:
        coding = struct.unpack_from("<H", layout, 24)[0]
    if not (1 <= channels <= 8 and 4000 <= rate_hz <= 192000):
        raise SpeechError(f"{name} has {channels} channels at {rate_hz} Hz; 1 to 8 at 4,000 to 192,000 are read.")
    if coding == PCM and bits == 16:
        flat = np.frombuffer(body[: len(body) // 2 * 2], "<i2")
    elif coding == MULAW and bits == 8:
        flat = MULAW_TABLE[np.frombuffer(body, np.uint8)]
    else:
        raise SpeechError(f"{name} is WAV of coding {coding} with {bits} bits; PCM of 16 bits and mu-law are read.")
    return flat[: len(flat) // channels * channels].reshape(-1, channels), rate_hz


def _mulaw_table() -> npt.NDArray[np.int16]:
    """Linear value of each mu-law byte. Source: ITU-T G.711."""
    codes = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (codes >> 4) & 7, codes & 15
    size = ((mantissa.astype(np.int32) * 8 + 132) << exponent) - 132
    return np.where(codes & 128, -size, size).astype(np.int16)


MULAW_TABLE = _mulaw_table()
