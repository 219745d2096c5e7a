"""The outline of a recording that the player draws."""

from __future__ import annotations

from typing import IO

import numpy as np

from recordings.wav import WavShape, sample_blocks

BARS = 600
"""About one bar for every pixel of a wide player."""
SHORTEST_BAR_S = 0.05


def peaks(file: IO[bytes], shape: WavShape) -> list[list[float]]:
    """The loudest sample of each bar, 0 to 1, one list per channel. Short recordings have fewer than 600 bars."""
    bar = max(-(-shape.frames // BARS), int(SHORTEST_BAR_S * shape.rate_hz))
    loudest = np.zeros((-(-shape.frames // bar), shape.channels), dtype=np.int32)
    at = 0
    for block in sample_blocks(file, shape):
        edges = np.arange(-(at % bar), len(block), bar).clip(0)
        of_bars = loudest[at // bar :][: len(edges)]
        np.maximum(of_bars, np.maximum.reduceat(np.abs(block.astype(np.int32)), edges, axis=0), out=of_bars)
        at += len(block)
    return [[round(float(level), 3) for level in channel] for channel in (loudest / 32768).T]
