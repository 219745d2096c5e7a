"""A recogniser of whole utterances is given each utterance once, whole, and no silence."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from telephony.speech.batch_worker import pieces
from telephony.speech.segmenting import SegmentingStream
from telephony.speech.stt import Caps, Event, Result, StreamOptions, Word
from telephony.speech.whisper_engine import without_padding
from tests.telephony.speech.phone import silence

RATE_HZ = 8000


class Scribe:
    """Stands for an engine: writes down how long each piece is and which tones it holds."""

    caps = Caps(langs=("en",))

    def __init__(self) -> None:
        self.pieces_s: list[float] = []

    def transcribe(self, pcm16: bytes, rate_hz: int, language: str, hints: Sequence[str] = ()) -> Result:
        seconds = len(pcm16) / 2 / rate_hz
        self.pieces_s.append(seconds)
        samples = np.frombuffer(pcm16, "<i2").astype(float)
        loud = np.flatnonzero(np.abs(samples) > 1000) / rate_hz
        pitch = round(np.argmax(np.abs(np.fft.rfft(samples))) / seconds / 100) * 100
        words = (Word(str(pitch), float(loud[0]), float(loud[-1]), 0.9),) if len(loud) else ()
        return Result(" ".join(w.text for w in words), words, language, "scribe", "", seconds)


def tone(seconds: float, hz: int = 400) -> bytes:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (8000 * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes()


def heard(stream: SegmentingStream, audio: bytes, step: int = 1600) -> list[Event]:
    events = [event for at in range(0, len(audio), step) for event in stream.feed(audio[at : at + step])]
    return events + stream.finish()


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("step", [320, 1600, 16000])
def test_each_utterance_is_decoded_once_in_order_with_its_times(pooled: bool, step: int) -> None:
    scribe = Scribe()
    audio = silence(1) + tone(1, 400) + silence(1.5) + tone(0.5, 700) + silence(1.5)
    with ThreadPoolExecutor(2) as pool:
        stream = SegmentingStream(scribe, StreamOptions(RATE_HZ), pool if pooled else None)
        events = heard(stream, audio, step)
    assert [(e.kind, e.text) for e in events] == [
        ("speech_start", ""),
        ("final", "400"),
        ("speech_end", ""),
        ("speech_start", ""),
        ("final", "700"),
        ("speech_end", ""),
    ]
    first, second = (e.words[0] for e in events if e.kind == "final")
    assert (first.start, first.end) == (pytest.approx(1, abs=0.05), pytest.approx(2, abs=0.05))
    assert (second.start, second.end) == (pytest.approx(3.5, abs=0.05), pytest.approx(4, abs=0.05))
    assert len(scribe.pieces_s) == 2
    assert max(scribe.pieces_s) < 1.8


def test_a_pause_is_used_to_decode_ahead_and_not_twice() -> None:
    scribe = Scribe()
    with ThreadPoolExecutor(1) as pool:
        stream = SegmentingStream(scribe, StreamOptions(RATE_HZ), pool, may_decode_early=lambda: True)
        early = [
            e for at in range(0, 24000, 320) for e in stream.feed((silence(0.5) + tone(0.5) + silence(0.5))[at:][:320])
        ]
        pool.submit(lambda: None).result()  # the early decode is done, half a second before the speech timeout
        assert len(scribe.pieces_s) == 1
        events = heard(stream, silence(1), 320)
    assert [e.kind for e in early + events] == ["speech_start", "final", "speech_end"]
    assert len(scribe.pieces_s) == 1


def test_a_speaker_who_goes_on_after_a_short_pause_is_decoded_whole() -> None:
    scribe = Scribe()
    with ThreadPoolExecutor(1) as pool:
        stream = SegmentingStream(scribe, StreamOptions(RATE_HZ), pool, may_decode_early=lambda: True)
        events = heard(stream, silence(0.5) + tone(0.5) + silence(0.5) + tone(0.5) + silence(1.5), 320)
    finals = [e for e in events if e.kind == "final"]
    assert len(finals) == 1
    assert finals[0].words[0].start == pytest.approx(0.5, abs=0.05)
    assert finals[0].words[0].end == pytest.approx(2.0, abs=0.05)


def test_a_long_speech_is_cut_at_short_pauses_and_nothing_is_lost() -> None:
    scribe = Scribe()
    speech = (tone(1.6) + silence(0.4)) * 20
    events = heard(SegmentingStream(scribe, StreamOptions(RATE_HZ)), silence(1) + speech + silence(1))
    assert [e.kind for e in events if e.kind != "final"] == ["speech_start", "speech_end"]
    assert 3 <= len(scribe.pieces_s) <= 5
    assert max(scribe.pieces_s) <= 13
    assert sum(scribe.pieces_s) == pytest.approx(40, abs=1.5)


def test_a_speech_without_any_pause_is_cut_before_it_is_too_long() -> None:
    scribe = Scribe()
    rng = np.random.default_rng(0)
    loudness = np.repeat(rng.uniform(200, 9000, 60 * 50), 160)  # too uneven to be taken for steady noise
    speech = (np.frombuffer(tone(60), "<i2") / 8000 * loudness[: 60 * RATE_HZ]).astype("<i2").tobytes()
    heard(SegmentingStream(scribe, StreamOptions(RATE_HZ)), silence(1) + speech)
    assert len(scribe.pieces_s) >= 3
    assert max(scribe.pieces_s) <= 25.5


def test_an_engine_that_fails_is_an_error_event_and_the_next_utterance_is_heard() -> None:
    class Moody(Scribe):
        def transcribe(self, pcm16: bytes, rate_hz: int, language: str, hints: Sequence[str] = ()) -> Result:
            result = super().transcribe(pcm16, rate_hz, language, hints)
            if len(self.pieces_s) == 1:
                raise RuntimeError("out of memory")
            return result

    stream = SegmentingStream(Moody(), StreamOptions(RATE_HZ))
    events = heard(stream, (silence(1) + tone(1)) * 2 + silence(1))
    assert [e.kind for e in events] == ["speech_start", "error", "speech_end", "speech_start", "final", "speech_end"]


def test_closing_forgets_what_was_under_way() -> None:
    stream = SegmentingStream(Scribe(), StreamOptions(RATE_HZ))
    stream.feed(silence(1) + tone(1))
    stream.close()
    assert stream.feed(b"") == []


def test_a_long_recording_is_cut_where_it_is_quiet() -> None:
    recording = np.frombuffer((tone(110) + silence(1)) * 3, "<i2")
    cut = list(pieces(recording, RATE_HZ))
    assert sum(len(piece) for _, piece in cut) == len(recording)
    assert [start for start, _ in cut] == list(np.cumsum([0, *(len(piece) for _, piece in cut[:-1])]))
    assert [start / RATE_HZ % 111 > 109.9 for start, _ in cut[1:]] == [True, True]
    assert [len(piece) for _, piece in pieces(recording[:0], RATE_HZ)] == [0]


def test_a_window_keeps_its_sound_and_some_padding() -> None:
    features = np.zeros((80, 3000), np.float32)
    features[:, :400] = 1
    assert without_padding(features).shape == (80, 1500)
    features[:, :1900] = 1
    assert without_padding(features).shape == (80, 2700)
    features[:] = 1
    assert without_padding(features).shape == (80, 3000)
