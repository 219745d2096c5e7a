"""Loudness and edges of rendered speech for a phone line."""

import numpy as np
import numpy.typing as npt

SPEECH_DBFS = -18.0  # mean level of the spoken parts; a person close to a handset is about here
PEAK_DBFS = -1.0
FRAME = 160
SPOKEN_BELOW_LOUDEST_DB = 30.0  # frames quieter than this are pauses and do not count
SILENT_BELOW_PEAK_DB = 50.0
LEAD_S, TAIL_S = 0.06, 0.2


def raise_level(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Give speech (-1 to 1) the level a caller expects, up or down; no sample passes PEAK_DBFS."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-4:
        return samples
    wanted = _ratio(SPEECH_DBFS) / _spoken_level(samples)
    return np.asarray(samples * min(wanted, _ratio(PEAK_DBFS) / peak), np.float32)


def trim(samples: npt.NDArray[np.float32], rate_hz: int) -> npt.NDArray[np.float32]:
    """Shorten the silence around speech: engines put up to half a second there, which a caller waits through."""
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max(initial=0.0) * _ratio(-SILENT_BELOW_PEAK_DB))
    if len(loud) == 0:
        return samples
    return samples[max(0, loud[0] - int(LEAD_S * rate_hz)) : loud[-1] + int(TAIL_S * rate_hz)]


def _spoken_level(samples: npt.NDArray[np.float32]) -> float:
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME) if len(samples) >= FRAME else samples[None, :]
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    spoken = power[power >= power.max() * _ratio(-SPOKEN_BELOW_LOUDEST_DB) ** 2]
    return float(np.sqrt(spoken.mean()))


def _ratio(db: float) -> float:
    return float(10 ** (db / 20))
