"""The child process that transcribes recordings, at low priority. Run by `recogniser.py`, never by people.

Job in: {engine, model, language, rate_hz, channels, path?} with PCM as payload when there is no path.
Reply: {progress: seconds} after each piece, then {ok: true, results: [...]} or {ok: false, error}.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from telephony.speech.audio import read_wav
from telephony.speech.child import Message, jobs_from, talk_to_parent
from telephony.speech.errors import SpeechError
from telephony.speech.segmenting import FileBatch, shifted
from telephony.speech.stt import BatchEngine, Result, Word
from telephony.speech.vosk_engine import VoskEngine
from telephony.speech.whisper_engine import WhisperEngine

Pcm = npt.NDArray[np.int16]

PIECE_S = 120.0  # bounds memory, and lets the parent see progress
LOOK_FOR_PAUSE_S = 20.0
PAUSE_S = 0.2


def main() -> None:
    parent, reply = talk_to_parent()
    engines: dict[tuple[str, str, str], BatchEngine] = {}
    reply({"ok": True, "ready": True})
    for job, payload in jobs_from(parent):
        try:
            reply({"ok": True, "results": [asdict(result) for result in transcribe(job, payload, engines, reply)]})
        except SpeechError as error:
            reply({"ok": False, "error": str(error)})
        except Exception as error:
            reply({"ok": False, "error": f"The recording could not be transcribed: {type(error).__name__}: {error}"})


def transcribe(
    job: Message, payload: bytes, engines: dict[tuple[str, str, str], BatchEngine], reply: Callable[[Message], None]
) -> list[Result]:
    """One result per channel of the recording."""
    samples, rate_hz = _audio_of(job, payload)
    engine = _engine_for(job, engines)
    done_s = 0.0
    results = []
    for channel in range(samples.shape[1]):
        heard: list[Result] = []
        for start, piece in pieces(samples[:, channel], rate_hz):
            result = engine.transcribe(piece.tobytes(), rate_hz, job["language"])
            heard.append(shifted(result, start / rate_hz))
            done_s += len(piece) / rate_hz
            reply({"progress": done_s})
        results.append(_joined(heard, channel, len(samples) / rate_hz, job["language"]))
    return results


def pieces(samples: Pcm, rate_hz: int) -> Iterator[tuple[int, Pcm]]:
    """Cut long audio where it is quietest, so that no word is cut; gives the first sample's number and the piece."""
    start = 0
    while len(samples) - start > PIECE_S * rate_hz:
        latest = start + int(PIECE_S * rate_hz)
        end = _quietest(samples, latest - int(LOOK_FOR_PAUSE_S * rate_hz), latest, rate_hz)
        yield start, samples[start:end]
        start = end
    yield start, samples[start:]


def _quietest(samples: Pcm, earliest: int, latest: int, rate_hz: int) -> int:
    window = int(PAUSE_S * rate_hz)
    energy = np.square(samples[earliest:latest].astype(np.float64))
    sums = np.convolve(energy, np.ones(window), "valid")[:: window // 4]
    return earliest + int(sums.argmin()) * (window // 4) + window // 2


def _audio_of(job: Message, payload: bytes) -> tuple[Pcm, int]:
    if "path" in job:
        return read_wav(Path(job["path"]))
    channels = job["channels"]
    whole = len(payload) // (2 * channels) * (2 * channels)
    return np.frombuffer(payload[:whole], "<i2").reshape(-1, channels), job["rate_hz"]


def _engine_for(job: Message, engines: dict[tuple[str, str, str], BatchEngine]) -> BatchEngine:
    key = (job["engine"], job["model"], job["language"])
    if key not in engines:
        model = Path(job["model"])
        if job["engine"] == "vosk":
            engines[key] = FileBatch(VoskEngine(model, job["language"]), "vosk", model.name)
        else:
            engines[key] = WhisperEngine(model)
    return engines[key]


def _joined(heard: list[Result], channel: int, duration: float, language: str) -> Result:
    words: tuple[Word, ...] = tuple(replace(word, channel=channel) for result in heard for word in result.words)
    text = " ".join(result.text for result in heard if result.text)
    first = heard[0]
    return Result(text, words, language, first.engine, first.model, round(duration, 3))


if __name__ == "__main__":
    main()
