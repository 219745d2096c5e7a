"""Sound like speech without words, to warm recognisers up with."""

import numpy as np

SYLLABLES_PER_S = 4
VOWEL_BANDWIDTH_HZ = 120


def babble(seconds: float, rate_hz: int) -> bytes:
    """PCM (s16 mono) of a voice with gliding pitch, changing vowels and hisses between; the same at each call."""
    chance = np.random.default_rng(0)
    count = int(seconds * rate_hz)
    at = np.arange(count) / rate_hz
    sounds = int(seconds * 2 * SYLLABLES_PER_S) + 1
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    formants = _held(chance.uniform((250, 800, 2300), (850, 2200, 3100), (sounds, 3)), count)
    voice = np.zeros(count)
    for harmonic in range(1, int(3400 / pitch.max())):
        away = (harmonic * pitch[:, None] - formants) / VOWEL_BANDWIDTH_HZ
        voice += (np.exp(-(away**2)) @ np.array([1.0, 0.7, 0.4]) + 0.02) * np.sin(harmonic * phase)
    hiss = 0.5 * chance.normal(0, 1, count) * _held(chance.uniform(0, 1, (sounds, 1)) > 0.7, count)[:, 0]
    spoken = (voice + hiss) * (1 - np.cos(2 * np.pi * SYLLABLES_PER_S * at))
    return bytes((spoken / np.abs(spoken).max() * 12000).astype("<i2"))


def _held(values: np.ndarray, count: int) -> np.ndarray:
    """Each value for an equal share of the time."""
    return values[np.arange(count) * len(values) // count]
