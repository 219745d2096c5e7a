"""Audio that the house makes, as WAV for a phone line (8 kHz, 16 bit): the waiting music and the ringback tone."""

from __future__ import annotations

import io
import wave
from functools import cache

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
BEAT_S = 0.5
MOMENT_S = 2.0
LEVEL = 0.22  # of full scale: well below speech
RINGBACK_HZ, RINGBACK_ON_S, RINGBACK_PERIOD_S = (440, 480), 2.0, 6.0  # North American precise tone plan

CHORDS = ((57, 60, 64), (53, 57, 60), (48, 55, 64), (55, 59, 62))
TUNE = (
    *(76, 0, 72, 74, 76, 0, 81, 0),
    *(77, 0, 76, 72, 69, 0, 72, 0),
    *(79, 0, 76, 74, 72, 0, 76, 0),
    *(74, 71, 74, 0, 79, 0, 76, 0),
)
"""MIDI notes, one a half-beat; 0 lets the last one ring. Four bars, played three times with a rising second voice."""

Wave = npt.NDArray[np.float64]


@cache
def waiting_music() -> bytes:
    """A quiet piece of 24 s that ends where it begins, so that it loops without a seam."""
    piece = np.zeros(round(BEAT_S / 2 * len(TUNE) * 3 * RATE_HZ))
    for turn in range(3):
        for place, note in enumerate(TUNE):
            at_s = (turn * len(TUNE) + place) * BEAT_S / 2
            if note:
                _add(piece, at_s, _note(note, 1.4), 0.5)
            if turn == 2 and note and place % 4 == 0:
                _add(piece, at_s, _note(note - 12, 1.8), 0.3)
            if place % 8 == 0:
                for low in CHORDS[place // 8]:
                    _add(piece, at_s, _note(low, 2.4), 0.25)
    return _wav(piece / np.abs(piece).max() * LEVEL)


@cache
def moment() -> bytes:
    """Two bars of the waiting music, faded in and out: for a wait of a moment."""
    with wave.open(io.BytesIO(waiting_music())) as file:
        piece = np.frombuffer(file.readframes(round(MOMENT_S * RATE_HZ)), "<i2") / 32767
    time = np.arange(len(piece)) / RATE_HZ
    return _wav(piece * np.clip(np.minimum(time, MOMENT_S - time) / 0.15, 0, 1))


@cache
def ringback() -> bytes:
    """What a caller hears while the other telephone rings: one period of tone and silence."""
    time = np.arange(round(RINGBACK_PERIOD_S * RATE_HZ)) / RATE_HZ
    tone = sum(np.sin(2 * np.pi * hertz * time) for hertz in RINGBACK_HZ)
    return _wav(np.where(time < RINGBACK_ON_S, tone, 0.0) / 2 * LEVEL)


def _note(midi: int, length_s: float) -> Wave:
    """A soft struck note with two overtones, fading out."""
    time = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    hertz = 440 * 2 ** ((midi - 69) / 12)
    tone = sum(np.sin(2 * np.pi * hertz * part * time) / part**2 for part in (1, 2, 3))
    faded: Wave = tone * np.exp(-2.2 * time) * np.minimum(1, time / 0.012) * np.minimum(1, (length_s - time) / 0.05)
    return faded


def _add(piece: Wave, at_s: float, sound: Wave, volume: float) -> None:
    """Mix a sound in; what rings past the end rings at the beginning."""
    places = (round(at_s * RATE_HZ) + np.arange(len(sound))) % len(piece)
    np.add.at(piece, places, sound * volume)


def _wav(samples: Wave) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return out.getvalue()
