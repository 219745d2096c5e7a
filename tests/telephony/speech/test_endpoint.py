"""Speech is found in noise, and noise is not taken for speech."""

import numpy as np
import pytest

from telephony.speech.endpoint import Edge, Endpointer
from telephony.speech.tts import Speaker
from tests.telephony.speech.phone import pcm_of, silence

RATE_HZ = 8000


def edges_of(pcm16: bytes, hang_s: float = 0.8, step: int = 320) -> list[Edge]:
    endpointer = Endpointer(RATE_HZ, hang_s)
    return [edge for at in range(0, len(pcm16), step) for edge in endpointer.feed(pcm16[at : at + step])]


def with_noise(pcm16: bytes, kind: str, below_speech_db: float) -> bytes:
    samples = np.frombuffer(pcm16, "<i2").astype(np.float64)
    level = np.sqrt(np.mean(samples[samples != 0] ** 2)) / 10 ** (below_speech_db / 20)
    at = np.arange(len(samples)) / RATE_HZ
    noises = {
        "white": np.random.default_rng(1).normal(0, 1, len(samples)),
        "hum": np.sqrt(2) * np.sin(2 * np.pi * 50 * at) + 0.3 * np.sin(2 * np.pi * 150 * at),
    }
    return (samples + noises[kind] * level).clip(-32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize(("kind", "below_db"), [("white", 30), ("white", 15), ("hum", 15)])
def test_one_sentence_in_noise_starts_once_and_ends_once(speaker: Speaker, kind: str, below_db: float) -> None:
    sentence = pcm_of(speaker.render_sync("Please tell me when the parcel will arrive."))
    call = with_noise(silence(1.2) + sentence + silence(3.0), kind, below_db)
    edges = edges_of(call)
    assert [edge.kind for edge in edges] == ["start", "end"]
    said_until = 1.2 + len(sentence) / 16000
    assert 1.1 <= edges[0].at <= 1.8
    assert said_until - 0.6 <= edges[1].at <= said_until + 0.2


@pytest.mark.parametrize("level", [0, 3, 100, 3000])
def test_steady_noise_alone_is_never_speech(level: int) -> None:
    noise = np.random.default_rng(2).normal(0, level, RATE_HZ * 10).clip(-32768, 32767).astype("<i2").tobytes()
    assert edges_of(noise) == []


def test_a_click_is_not_speech_and_a_short_word_is() -> None:
    tone = (8000 * np.sin(np.arange(RATE_HZ) * 2 * np.pi * 400 / RATE_HZ)).astype("<i2").tobytes()
    assert edges_of(silence(1) + tone[: 2 * 480] + silence(2)) == []
    assert [e.kind for e in edges_of(silence(1) + tone[: 2 * 1200] + silence(2))] == ["start", "end"]


def test_a_pause_shorter_than_the_hang_does_not_end_the_utterance() -> None:
    word = (8000 * np.sin(np.arange(3200) * 2 * np.pi * 400 / RATE_HZ)).astype("<i2").tobytes()
    with_pause = silence(1) + word + silence(0.7) + word + silence(2)
    assert len(edges_of(with_pause, hang_s=0.8)) == 2
    assert len(edges_of(with_pause, hang_s=0.6)) == 4


def test_the_size_of_the_pieces_makes_no_difference() -> None:
    word = (8000 * np.sin(np.arange(3200) * 2 * np.pi * 400 / RATE_HZ)).astype("<i2").tobytes()
    call = silence(1) + word + silence(2)
    assert edges_of(call, step=2) == edges_of(call, step=318) == edges_of(call, step=len(call))
    assert len(edges_of(call)) == 2
