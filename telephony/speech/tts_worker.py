"""The child process that speaks: hibari and espeak-ng behind one line protocol. Run by `tts.py`, never by people.

Job in: {engine, voice, text, words_per_minute, rate_hz, path}. Reply: {ok: true, seconds} or {ok: false, error}.
"""

import ctypes
import os
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from telephony.speech.child import Message, jobs_from, talk_to_parent
from telephony.speech.level import raise_level, trim

Samples = npt.NDArray[np.float32]

ESPEAK_PATH_LIMIT = 150  # libespeak-ng ends the process when its data folder's name is 160 characters or more
HIBARI_SPEED = 0.95
SEED = 0  # the same text gives the same sound
SHORTEST_S = 0.1  # what has nothing to pronounce becomes a short silence


class Espeak:
    """pyttsx3 over the espeak-ng library that comes as a wheel, or over the system's when that is missing."""

    def __init__(self) -> None:
        _load_espeak_library()
        import pyttsx3
        from pyttsx3.drivers import _espeak, espeak

        # After each text pyttsx3 calls stop() from the library's own thread; when that thread is late it cancels
        # the text after it, which then comes out empty (1 of 300). Nothing here ever wants to stop.
        espeak.EspeakDriver.stop = lambda driver: None
        self._library: Any = _espeak
        self._engine: Any = pyttsx3.init("espeak")
        self._engine.runAndWait()  # the first one returns before its work is done: spend it on nothing

    def speak(self, text: str, voice: str, words_per_minute: int) -> tuple[Samples, int]:
        self._library.Synchronize()  # the library's thread may still be at the end of the last text
        self._engine.setProperty("rate", words_per_minute)
        self._engine.setProperty("voice", voice)
        if self._engine.getProperty("voice") != voice:  # pyttsx3 swallows the error and the last voice would speak
            raise ValueError(f"espeak-ng has no voice {voice}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "said.wav")
            ended: list[bool] = []
            token = self._engine.connect("finished-utterance", lambda name, completed: ended.append(completed))
            self._engine.save_to_file(text, str(path))
            self._engine.runAndWait()  # one job per run: of two, only the last would be written
            self._engine.disconnect(token)
            if not (ended and ended[0] and path.exists()):
                raise RuntimeError("espeak-ng did not finish the text")
            return _read_wave(path)


class Hibari:
    def __init__(self) -> None:
        import hibari

        self._hibari = hibari
        self._voices: dict[str, Any] = {}

    def speak(self, text: str, voice: str, words_per_minute: int) -> tuple[Samples, int]:
        if voice not in self._voices:
            self._voices[voice] = self._hibari.Hibari(voice=voice)
        said = self._voices[voice](text, speed=HIBARI_SPEED, seed=SEED)
        if len(said) == 0:  # another script: espeak at least names its letters
            raise ValueError("it can pronounce nothing of the text")
        return np.asarray(said, np.float32), int(self._hibari.SAMPLE_RATE)


ENGINES: dict[str, Callable[[], Espeak | Hibari]] = {"hibari": Hibari, "espeak": Espeak}


def main() -> None:
    parent, reply = talk_to_parent()
    engines: dict[str, Espeak | Hibari] = {}
    reply({"ok": True, "ready": True})
    for job, _ in jobs_from(parent):
        reply(_answer(job, engines))


def _answer(job: Message, engines: dict[str, Espeak | Hibari]) -> Message:
    try:
        said, rate_hz = _speak(job, engines) if job["text"] else (np.zeros(0, np.float32), job["rate_hz"])
        seconds = _write_for_phone(said, rate_hz, job["rate_hz"], Path(job["path"]))
        return {"ok": True, "seconds": seconds}
    except Exception as error:
        return {"ok": False, "error": f"{job.get('engine')} could not say the text: {type(error).__name__}: {error}"}


def _speak(job: Message, engines: dict[str, Espeak | Hibari]) -> tuple[Samples, int]:
    name = job["engine"]
    if name not in engines:
        engines[name] = ENGINES[name]()
    return engines[name].speak(job["text"], job["voice"], job["words_per_minute"])


def _write_for_phone(said: Samples, rate_hz: int, wanted_hz: int, path: Path) -> float:
    at_rate = trim(soxr.resample(said, rate_hz, wanted_hz) if rate_hz != wanted_hz else said, wanted_hz)
    missing = round(SHORTEST_S * wanted_hz) - len(at_rate)
    loud = raise_level(np.pad(at_rate, (0, max(0, missing))))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, wanted_hz, 0, "NONE", ""))
        file.writeframes(np.round(loud * 32767).astype("<i2").tobytes())
    return len(loud) / wanted_hz


def _load_espeak_library() -> None:
    """Load the wheel's library first: pyttsx3 asks for the same name and gets the loaded one."""
    try:
        import espeakng_loader
    except ImportError:
        return
    os.environ.setdefault("ESPEAK_DATA_PATH", _short_path(Path(espeakng_loader.get_data_path())))
    ctypes.CDLL(espeakng_loader.get_library_path(), mode=ctypes.RTLD_GLOBAL)


def _short_path(folder: Path) -> str:
    if len(os.fsencode(folder)) < ESPEAK_PATH_LIMIT:
        return str(folder)
    link = Path(tempfile.mkdtemp(prefix="espeak-"), "d")
    link.symlink_to(folder)
    return str(link)


def _read_wave(path: Path) -> tuple[Samples, int]:
    with wave.open(str(path), "rb") as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return (pcm / 32768).astype(np.float32), file.getframerate()


if __name__ == "__main__":
    main()
