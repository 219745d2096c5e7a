"""The waiting music: a short quiet piece, composed and played in code, that loops without a seam.

Soft electric-piano notes over slow chords, kept inside the telephone band (300 to 3400 Hz carries the tune) and well
below speech level, so that prompts over it stay clear.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from telephony.local_carrier.audio import FRAME_BYTES, RATE_HZ, encode

BEAT_S = 0.6
PEAK = 0.28
# Each bar: the chord's notes (MIDI numbers), then eight half-beats of melody; 0 lets the last note ring.
_BARS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((48, 55, 64, 71), (76, 0, 79, 0, 83, 0, 79, 76)),
    ((45, 52, 60, 67), (72, 0, 76, 0, 79, 0, 76, 72)),
    ((50, 57, 65, 72), (77, 0, 81, 0, 84, 81, 77, 0)),
    ((43, 55, 62, 65), (79, 0, 77, 74, 71, 0, 74, 0)),
    ((52, 59, 67, 71), (79, 0, 83, 0, 86, 0, 83, 79)),
    ((45, 57, 64, 67), (84, 0, 81, 79, 76, 0, 79, 0)),
    ((50, 57, 65, 69), (81, 79, 77, 0, 74, 0, 77, 0)),
    ((43, 55, 59, 65), (71, 0, 74, 77, 79, 0, 0, 74)),
)
_TIMES_ROUND = 2

Wave = npt.NDArray[np.float64]


@cache
def waiting_music() -> bytes:
    """The whole piece in mu-law, 8 kHz, whole frames; ends where it begins."""
    bar_samples = round(BEAT_S * 4 * RATE_HZ)
    piece = np.zeros(bar_samples * len(_BARS) * _TIMES_ROUND)
    for index in range(len(_BARS) * _TIMES_ROUND):
        chord, melody = _BARS[index % len(_BARS)]
        start = index * bar_samples
        for note in chord:
            _place(piece, start, _pad(note))
        for step, note in enumerate(melody):
            if note:
                _place(piece, start + step * bar_samples // len(melody), _key(note))
    piece *= PEAK * 32767 / np.abs(piece).max()
    whole = len(piece) - len(piece) % FRAME_BYTES
    return encode(piece[:whole].astype(np.int32))


def _place(piece: Wave, start: int, note: Wave) -> None:
    """Add a note; what rings past the end wraps round to the start, so that the loop has no seam."""
    positions = (start + np.arange(len(note))) % len(piece)
    piece[positions] += note


def _hertz(note: int) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _key(note: int) -> Wave:
    """An electric-piano note: three partials, the higher ones fading sooner."""
    time = np.arange(round(1.4 * RATE_HZ)) / RATE_HZ
    base = 2 * np.pi * _hertz(note) * time
    sound = np.sin(base) * np.exp(-2.6 * time)
    sound += 0.35 * np.sin(2 * base) * np.exp(-4.5 * time)
    sound += 0.12 * np.sin(3 * base) * np.exp(-8.0 * time)
    return _soft_edges(sound, attack_s=0.008, release_s=0.1)


def _pad(note: int) -> Wave:
    """A chord note that swells and fades over one bar, with a slow shimmer."""
    time = np.arange(round(BEAT_S * 4.4 * RATE_HZ)) / RATE_HZ
    base = 2 * np.pi * _hertz(note) * time
    shimmer = 1 + 0.08 * np.sin(2 * np.pi * 4.3 * time)
    sound = 0.22 * shimmer * (np.sin(base) + 0.4 * np.sin(2 * base) + 0.15 * np.sin(4 * base))
    return _soft_edges(sound, attack_s=0.35, release_s=0.6)


def _soft_edges(sound: Wave, attack_s: float, release_s: float) -> Wave:
    time = np.arange(len(sound)) / RATE_HZ
    rising = np.minimum(1.0, time / attack_s)
    falling = np.minimum(1.0, time[::-1] / release_s)
    return np.asarray(sound * rising * falling, dtype=np.float64)
