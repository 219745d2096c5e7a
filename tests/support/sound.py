"""Sound files as carriers make them, for tests."""

from __future__ import annotations

import io
import struct
import wave
from typing import Any

import numpy as np


def tone(seconds: float, hz: float = 440.0, level: float = 0.5, rate_hz: int = 8000) -> bytes:
    """A sine as signed 16-bit PCM, mono."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return (np.sin(2 * np.pi * hz * at) * level * 32767).astype("<i2").tobytes()


def quiet(seconds: float, rate_hz: int = 8000) -> bytes:
    return bytes(2 * round(seconds * rate_hz))


def wav_of(*channels: bytes, rate_hz: int = 8000) -> bytes:
    """A 16-bit PCM WAV file with one channel for each PCM given, all as long as the longest."""
    longest = max(len(channel) for channel in channels)
    padded = [np.frombuffer(channel.ljust(longest, b"\0"), "<i2") for channel in channels]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(np.stack(padded, axis=1).tobytes())
    return file.getvalue()


def mulaw_wav(data: bytes, rate_hz: int = 8000) -> bytes:
    """A mono G.711 mu-law WAV file."""
    form = struct.pack("<HHIIHH", 7, 1, rate_hz, rate_hz, 1, 8)
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def found_in(heard: np.ndarray[Any, Any], said: np.ndarray[Any, Any]) -> tuple[float, int]:
    """How loud a sound is in another (1: as it was said), and at which sample it begins there (before 0: cut off).

    A matched filter: the sound is found under music and other voices. What is not there at all has some 0.1 to 0.2,
    since one voice is like another.
    """
    length = 1 << (len(heard) + len(said)).bit_length()
    spectrum = np.fft.rfft(heard.astype(float), length) * np.conj(np.fft.rfft(said.astype(float), length))
    likeness = np.abs(np.fft.irfft(spectrum, length))
    place = int(likeness.argmax())
    level = float(likeness[place] / np.dot(said.astype(float), said.astype(float)))
    return level, place if place < len(heard) else place - length
