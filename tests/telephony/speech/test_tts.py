"""Text becomes speech for a phone line, each text once, whatever the text and however many ask."""

import asyncio
import os
import signal
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from telephony.speech import tts
from telephony.speech.child import OneAtATime
from telephony.speech.errors import SpeechError
from telephony.speech.languages import ESPEAK_VOICES
from telephony.speech.settings import SpeechSettings
from telephony.speech.tts import MAX_TEXT_CHARS, Speaker, prune
from tests.telephony.speech.phone import pcm_of


@pytest.fixture
def own_speaker(tmp_path: Path) -> Iterator[Speaker]:
    """A speaker whose child and cache a test may break."""
    speaker = Speaker(SpeechSettings(cache_dir=tmp_path))
    yield speaker
    speaker.close()


def levels_dbfs(path: Path) -> tuple[float, float]:
    """Peak, and the level of the spoken half."""
    samples = np.frombuffer(pcm_of(path), "<i2").astype(float) / 32768
    frames = np.sqrt(np.mean(samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2, axis=1))
    return 20 * np.log10(np.abs(samples).max()), 20 * np.log10(np.median(frames[frames > 0.01]))


@pytest.mark.parametrize("language", ["en", "en-GB", "es-MX", "de", "zh-TW", "ko", "yue"])
async def test_a_prompt_is_an_8_khz_file_loud_enough_and_never_clipped(speaker: Speaker, language: str) -> None:
    path = await speaker.render("1 2 3 4 5 6 7 8 9", language)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        assert 1.5 < file.getnframes() / 8000 < 10
    peak, spoken = levels_dbfs(path)
    assert -9 < peak <= -0.9
    assert -27 < spoken < -14


async def test_a_prompt_wastes_no_time_before_and_after_the_words(speaker: Speaker) -> None:
    samples = np.abs(np.frombuffer(pcm_of(await speaker.render("Please hold.")), "<i2").astype(int))
    loud = np.flatnonzero(samples > samples.max() / 10)
    assert loud[0] / 8000 < 0.2
    assert (len(samples) - loud[-1]) / 8000 < 0.5


async def test_other_rates_are_rendered_and_unheard_of_ones_refused(speaker: Speaker) -> None:
    with wave.open(str(await speaker.render("Hello there.", rate_hz=16000))) as file:
        assert file.getframerate() == 16000
    with pytest.raises(SpeechError, match="8000"):
        await speaker.render("Hello there.", rate_hz=11025)


def test_every_language_of_the_table_has_a_voice_that_speaks(speaker: Speaker) -> None:
    paths = {language: speaker.render_sync("42", language) for language in ESPEAK_VOICES}
    assert all(path.stat().st_size > 2 * 8000 * 0.3 for path in paths.values())


async def test_the_same_text_is_rendered_once_however_many_ask_at_once(own_speaker: Speaker) -> None:
    jobs: list[str] = []
    real_call = own_speaker._child.call
    own_speaker._child.call = lambda job, limit_s: (jobs.append(job["text"]), real_call(job, limit_s))[1]  # type: ignore
    paths = await asyncio.gather(*(own_speaker.render(" Ein  Text\tfür alle. ", "de") for _ in range(50)))
    assert len(set(paths)) == 1
    assert jobs == ["Ein Text für alle."]
    assert await own_speaker.render("Ein Text für alle.", "de") == paths[0]
    assert len(jobs) == 1


async def test_a_caller_who_gives_up_does_not_take_the_prompt_from_the_others(own_speaker: Speaker) -> None:
    leaving = asyncio.create_task(own_speaker.render("Shared prompt.", "de"))
    staying = asyncio.create_task(own_speaker.render("Shared prompt.", "de"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).stat().st_size > 44


def test_threads_may_render_too(speaker: Speaker) -> None:
    with ThreadPoolExecutor(8) as threads:
        paths = list(threads.map(lambda n: speaker.render_sync(f"Number {n % 4}."), range(16)))
    assert len(set(paths)) == 4


HOSTILE = [
    "Hel\0lo",
    "<speak><break time='99s'/>Hello</speak>",
    "[[h@'loU]] |voice=xx|",
    "😀 hello 😀",
    "\ud83d broken",
    "'; DROP TABLE prompts; --",
    "../../etc/passwd",
    '{"path": "/etc/passwd"}\n{"engine": "x"}',
    "a" * 400,
    "שלום مرحبا 你好",
    "1" * 300,
    "\u202eright to left\u202c",
    "%s %n %x",
]


@pytest.mark.parametrize("language", ["en", "de"])
def test_hostile_texts_are_only_spoken(speaker: Speaker, language: str) -> None:
    for text in HOSTILE:
        assert speaker.render_sync(text, language).stat().st_size > 2 * 8000 * 0.2, text


@pytest.mark.parametrize("text", ["", "   ", "...", "😀😀", "\0\r\n", "—"])
def test_a_text_with_nothing_to_pronounce_is_a_short_silence(speaker: Speaker, text: str) -> None:
    pcm16 = pcm_of(speaker.render_sync(text))
    assert len(pcm16) == 1600
    assert not any(pcm16)


def test_a_text_over_the_limit_is_refused_and_one_at_the_limit_is_spoken(speaker: Speaker) -> None:
    with pytest.raises(SpeechError, match="4097 characters"):
        speaker.render_sync("x" * (MAX_TEXT_CHARS + 1))
    assert speaker.render_sync("no " * (MAX_TEXT_CHARS // 3) + "!", "de").stat().st_size > 1_000_000


def test_a_stopped_child_is_killed_and_the_next_prompt_has_a_new_one(
    own_speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_speaker.render_sync("Warm.", "de")
    hung = own_speaker._child.pid
    assert hung
    os.kill(hung, signal.SIGSTOP)
    monkeypatch.setattr(tts, "LIMIT_S", 0.3)
    with pytest.raises(SpeechError, match="no answer within"):
        own_speaker.render_sync("This one hangs.", "de")
    monkeypatch.undo()
    assert own_speaker.render_sync("This one does not.", "de").exists()
    assert own_speaker._child.pid != hung
    assert is_gone(hung)


def test_a_killed_child_costs_no_prompt_in_english(own_speaker: Speaker) -> None:
    """The job under way falls back to espeak in a new child."""
    own_speaker.render_sync("Warm.")
    assert own_speaker._child.pid
    os.kill(own_speaker._child.pid, signal.SIGKILL)
    assert own_speaker.render_sync("Still here.").stat().st_size > 44


def test_a_text_that_breaks_the_good_voice_is_spoken_by_the_other(
    own_speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tts, "AMERICAN_VOICE", "nobody")
    assert own_speaker.render_sync("Hello.").stat().st_size > 2 * 8000 * 0.2


def test_a_cache_that_cannot_be_written_is_a_plain_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    speaker = Speaker(SpeechSettings(cache_dir=blocked))
    with pytest.raises(SpeechError, match="cannot be written"):
        speaker.render_sync("Hello.", "de")
    speaker.close()


def test_an_empty_file_left_by_a_power_cut_is_rendered_again(own_speaker: Speaker) -> None:
    path = own_speaker.render_sync("Again.", "de")
    path.write_bytes(b"")
    assert own_speaker.render_sync("Again.", "de").stat().st_size > 44


def test_the_least_recently_used_prompts_make_room(tmp_path: Path) -> None:
    long_ago = time.time() - 3600
    for number in range(10):
        path = tmp_path / "ab" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(1000))
        os.utime(path, (long_ago + number, long_ago + number))
    just_used = tmp_path / "ab" / "0.wav"
    os.utime(just_used)
    assert prune(tmp_path, bound=10_000) == 10_000
    assert prune(tmp_path, bound=5_000) == 4_000
    assert sorted(path.stem for path in tmp_path.glob("*/*")) == ["0", "7", "8", "9"]


def test_a_child_that_is_closed_is_gone() -> None:
    child = OneAtATime("telephony.speech.tts_worker")
    with pytest.raises(SpeechError, match="KeyError"):
        child.call({"no": "text"}, 20)
    pid = child.pid
    child.close()
    assert pid
    assert is_gone(pid)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
