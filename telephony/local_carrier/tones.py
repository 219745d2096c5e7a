"""Telephone tones made in code: keys, ringback by country, beeps. All are mu-law, 8 kHz, whole frames of 20 ms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from telephony.local_carrier.audio import FRAME_S, RATE_HZ, encode, silence, whole_frames

_ROWS = (697, 770, 852, 941)
_COLUMNS = (1209, 1336, 1477, 1633)
KEYS = {key: (_ROWS[row], _COLUMNS[column]) for row, line in enumerate(("123A", "456B", "789C", "*0#D"))
        for column, key in enumerate(line)}  # fmt: skip
KEY_S = 0.12
KEY_GAP_S = 0.06
PAUSES_S = {"w": 0.5, "W": 1.0}
DIALABLE = frozenset(KEYS) | frozenset(PAUSES_S)
_EDGE_S = 0.004

# Frequencies and cadence (tone, gap, tone, gap… in seconds), ITU-T E.180 supplement 2; names as in Dial's ringTone.
_RINGBACK: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "us": ((440, 480), (2.0, 4.0)),
    "us-old": ((420, 460), (2.0, 4.0)),
    "uk": ((400, 450), (0.4, 0.2, 0.4, 2.0)),
    "au": ((400, 425), (0.4, 0.2, 0.4, 2.0)),
    "nz": ((400, 450), (0.4, 0.2, 0.4, 2.0)),
    "in": ((400, 425), (0.4, 0.2, 0.4, 2.0)),
    "sg": ((400, 425), (0.4, 0.2, 0.4, 2.0)),
    "hk": ((440, 480), (0.4, 0.2, 0.4, 3.0)),
    "jp": ((400,), (1.0, 2.0)),
    "tw": ((440, 480), (1.0, 2.0)),
    "cn": ((450,), (1.0, 4.0)),
    "fr": ((440,), (1.5, 3.5)),
    "es": ((425,), (1.5, 3.0)),
    "se": ((425,), (1.0, 5.0)),
    "za": ((400, 425), (0.4, 0.2, 0.4, 2.0)),
}
_EUROPEAN = ((425,), (1.0, 4.0))
RINGBACK_NAMES = frozenset(
    [
        "at",
        "au",
        "bg",
        "br",
        "be",
        "ch",
        "cl",
        "cn",
        "cz",
        "de",
        "dk",
        "ee",
        "es",
        "fi",
        "fr",
        "gr",
        "hk",
        "hu",
        "il",
        "in",
        "it",
        "lt",
        "jp",
        "mx",
        "my",
        "nl",
        "no",
        "nz",
        "ph",
        "pl",
        "pt",
        "ru",
        "se",
        "sg",
        "th",
        "uk",
        "us",
        "us-old",
        "tw",
        "ve",
        "za",
    ]
)


def tone(frequencies: Sequence[int], seconds: float, loudness: float = 0.25) -> bytes:
    """Sines of equal strength together, with soft edges so that nothing clicks. `loudness` 0 to 1 is the peak."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * hertz * time) for hertz in frequencies) / len(frequencies)
    edge = np.minimum(1.0, np.minimum(time, time[::-1]) / _EDGE_S)
    return whole_frames(encode((wave * edge * loudness * 32767).astype(np.int32)))


@cache
def key(digit: str) -> bytes:
    """One key of the dial pad: 120 ms of its two tones, then a gap (ITU-T Q.23). KeyError for what is not a key."""
    return tone(KEYS[digit.upper()], KEY_S, loudness=0.4) + silence(KEY_GAP_S)


@cache
def keys(digits: str) -> bytes:
    """Keys and pauses (`w` 0.5 s, `W` 1 s) one after the other, as Play's digits and sendDigits give them."""
    return b"".join(silence(PAUSES_S[digit]) if digit in PAUSES_S else key(digit) for digit in digits)


@cache
def ringback(name: str = "us") -> bytes:
    """One round of what a caller hears while the other end rings; to be repeated."""
    default = _RINGBACK["us"] if name not in RINGBACK_NAMES else _EUROPEAN
    frequencies, cadence = _RINGBACK.get(name, default)
    parts = [
        tone(frequencies, seconds, loudness=0.15) if index % 2 == 0 else silence(seconds)
        for index, seconds in enumerate(cadence)
    ]
    return b"".join(parts)


@cache
def record_beep() -> bytes:
    """The beep before Record listens."""
    return tone((1000,), 0.3, loudness=0.3)


@cache
def enter_beep() -> bytes:
    """Two rising notes: someone came into the conference."""
    return tone((660,), 0.1, loudness=0.2) + tone((880,), 0.14, loudness=0.2)


@cache
def exit_beep() -> bytes:
    """Two falling notes: someone left the conference."""
    return tone((660,), 0.1, loudness=0.2) + tone((440,), 0.14, loudness=0.2)


def seconds(sound: bytes) -> float:
    """How long a sound in mu-law lasts."""
    return len(sound) / RATE_HZ


__all__ = ["DIALABLE", "FRAME_S", "KEYS", "RINGBACK_NAMES", "enter_beep", "exit_beep", "key", "keys", "record_beep",
           "ringback", "seconds", "tone"]  # fmt: skip
