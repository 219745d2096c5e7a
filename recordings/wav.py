"""Reading WAV files as carriers write them: 16-bit PCM or G.711 mu-law, one channel or two.

Source: the RIFF WAVE layout (Multimedia Programming Interface 1.0; WAVE_FORMAT_EXTENSIBLE of 2001).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt

from recordings.problems import RecordingProblem
from telephony.speech.audio import MULAW_TABLE

PCM, MULAW, EXTENSIBLE = 1, 7, 0xFFFE
SAMPLE_BYTES = {PCM: 2, MULAW: 1}
STREAMED = (0, 0xFFFFFFFF)
"""Sizes written by programs that did not know the end yet: the data goes on to the end of the file."""
HEADER_LIMIT_BYTES = 1 << 20
BLOCK_S = 60

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class WavShape:
    """What a WAV file holds. `start` and `size` are the data's place in bytes; `codec` is PCM or MULAW."""

    codec: int
    channels: int
    rate_hz: int
    start: int
    size: int

    @property
    def frame_bytes(self) -> int:
        return self.channels * SAMPLE_BYTES[self.codec]

    @property
    def frames(self) -> int:
        return self.size // self.frame_bytes

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz


def read_shape(file: IO[bytes]) -> WavShape:
    """Read the header and check that the data is all there. Raises RecordingProblem when it is no whole WAV file."""
    end = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise RecordingProblem("The carrier sent something that is not a WAV recording.")
    form: tuple[int, int, int] | None = None
    while len(head := file.read(8)) == 8 and file.tell() < HEADER_LIMIT_BYTES:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            return _shape(form, file.tell(), size, end)
        if name == b"fmt ":
            form = _read_format(file.read(size))
            file.seek(size % 2, 1)
        else:
            file.seek(size + size % 2, 1)
    raise RecordingProblem("The carrier's WAV recording has no sound in it or breaks off in its header.")


def sample_blocks(file: IO[bytes], shape: WavShape) -> Iterator[Samples]:
    """The sound in blocks of at most a minute, each an array of (frames, channels)."""
    file.seek(shape.start)
    left = shape.frames * shape.frame_bytes
    while left and (data := file.read(min(left, BLOCK_S * shape.rate_hz * shape.frame_bytes))):
        left -= len(data)
        whole = len(data) - len(data) % shape.frame_bytes
        yield _samples(data[:whole], shape.codec).reshape(-1, shape.channels)


def _read_format(data: bytes) -> tuple[int, int, int]:
    """(codec, channels, rate), from a fmt chunk."""
    if len(data) < 16:
        raise RecordingProblem("The carrier's WAV recording breaks off in its header.")
    codec, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", data[:16])
    if codec == EXTENSIBLE and len(data) >= 26:
        codec = struct.unpack("<H", data[24:26])[0]
    if codec not in SAMPLE_BYTES or bits != 8 * SAMPLE_BYTES[codec] or not 1 <= channels <= 8 or not rate_hz:
        raise RecordingProblem("The carrier's WAV recording is of a kind that is not used on the phone.")
    return codec, channels, rate_hz


def _shape(form: tuple[int, int, int] | None, start: int, size: int, end: int) -> WavShape:
    if form is None:
        raise RecordingProblem("The carrier's WAV recording has no description of its sound.")
    if size in STREAMED:
        size = end - start
    if start + size > end:
        raise RecordingProblem("The carrier's recording breaks off before its end.")
    codec, channels, rate_hz = form
    return WavShape(codec, channels, rate_hz, start, size)


def _samples(data: bytes, codec: int) -> Samples:
    if codec == MULAW:
        return MULAW_TABLE[np.frombuffer(data, dtype=np.uint8)]
    return np.frombuffer(data, dtype="<i2").astype(np.int16)
