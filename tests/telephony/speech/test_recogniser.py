"""Speech is heard live and from recordings, in children that may die without a call noticing much."""

import asyncio
import os
import signal
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import jiwer
import numpy as np
import pytest

from telephony.speech.audio import MULAW_TABLE
from telephony.speech.babble import babble
from telephony.speech.errors import SpeechError
from telephony.speech.recogniser import Recogniser, Session
from telephony.speech.settings import SpeechSettings
from telephony.speech.stt import Event
from telephony.speech.tts import Speaker
from telephony.speech.turns import turns_of
from tests.telephony.speech.phone import call_audio, over_the_phone, pcm_of, silence

GREETING = "안녕하세요"
KOREAN_PHRASES = (GREETING, "감사 합니다")
SAID = "I would like to speak to somebody in sales, please."


@pytest.fixture
def own_recogniser(settings: SpeechSettings) -> Iterator[Recogniser]:
    """A recogniser whose children a test may kill."""
    recogniser = Recogniser(settings)
    yield recogniser
    recogniser.close_sync()


@pytest.fixture(scope="session")
def english_call(speaker: Speaker) -> bytes:
    """A sentence as it arrives over the phone, with silence around."""
    return over_the_phone(silence(0.5) + pcm_of(speaker.render_sync(SAID)) + silence(1.2))


@pytest.fixture(scope="session")
def korean_call(speaker: Speaker) -> bytes:
    return over_the_phone(silence(0.5) + pcm_of(speaker.render_sync(GREETING, "ko")) + silence(1.5))


def plain(text: str) -> str:
    return str(jiwer.RemovePunctuation()(text)).lower()


def wrong_words(said: str, heard: str) -> float:
    return float(jiwer.wer(plain(said), plain(heard)))


async def all_events(session: Session) -> list[Event]:
    return [event async for event in session.events()]


async def test_an_english_sentence_over_the_phone_is_understood(recogniser: Recogniser, english_call: bytes) -> None:
    session = await recogniser.open(language="en-US")
    await call_audio(session, english_call)
    result = await session.finish()
    events = await all_events(session)
    assert [event.kind for event in events] == ["speech_start", "final", "speech_end"]
    assert wrong_words(SAID, result.text) <= 0.1
    assert result.confidence is not None and result.confidence > 0.7
    assert all(0.3 < word.start < word.end < 4.5 for word in result.words)
    assert (result.engine, result.model) == ("whisper", "tiny.en")
    assert result.duration == pytest.approx(len(english_call) / 16000, abs=0.001)


async def test_korean_is_heard_word_by_word_while_it_is_spoken(recogniser: Recogniser, korean_call: bytes) -> None:
    session = await recogniser.open(language="ko-KR", hints=KOREAN_PHRASES, grammar=True)
    await call_audio(session, korean_call * 2)
    result = await session.finish()
    events = await all_events(session)
    kinds = [event.kind for event in events]
    assert kinds.index("speech_start") < kinds.index("partial") < kinds.index("final") < kinds.index("speech_end")
    finals = [event for event in events if event.kind == "final"]
    assert [event.text for event in finals] == [GREETING, GREETING]
    clip_s = len(korean_call) / 16000
    for nth, final in enumerate(finals):  # times go on over the stream
        assert all(nth * clip_s + 0.3 < word.start < word.end < nth * clip_s + 2.2 for word in final.words)
        assert all(0 < word.conf <= 1 for word in final.words)
    assert (result.engine, result.lang) == ("vosk", "ko-KR")


async def test_free_korean_comes_with_words_times_and_confidence(recogniser: Recogniser, korean_call: bytes) -> None:
    session = await recogniser.open(language="ko")
    await call_audio(session, korean_call)
    result = await session.finish()
    assert result.words
    assert " ".join(word.text for word in result.words) == result.text
    assert all(0.3 < word.start < word.end < 2.2 and 0 < word.conf <= 1 for word in result.words)


async def test_many_calls_in_two_languages_are_heard_at_once(
    recogniser: Recogniser, english_call: bytes, korean_call: bytes
) -> None:
    async def one_call(language: str, audio: bytes) -> str:
        session = await recogniser.open(language=language, hints=KOREAN_PHRASES, grammar=language == "ko")
        await call_audio(session, audio, faster=2.0)
        return (await session.finish()).text

    calls = [one_call("en-GB", english_call)] * 1 + [one_call("ko", korean_call) for _ in range(4)]
    english, *korean = await asyncio.gather(*calls)
    assert wrong_words(SAID, english) <= 0.1
    assert korean == [GREETING] * 4


async def test_a_long_silence_and_a_line_of_noise_say_nothing(recogniser: Recogniser) -> None:
    noise = np.random.default_rng(3).normal(0, 200, 8000 * 8).astype("<i2").tobytes()
    for audio in (silence(8), noise):
        session = await recogniser.open(language="en")
        await call_audio(session, audio, faster=40)
        assert (await session.finish()).text == ""
        assert await all_events(session) == []


async def test_feeding_never_waits_and_odd_pieces_do_no_harm(recogniser: Recogniser) -> None:
    session = await recogniser.open(language="ko")
    started = asyncio.get_running_loop().time()
    for piece in (b"", b"\x01", b"\x02\x03\x04", bytes(999_999)):
        session.feed(piece)
    assert asyncio.get_running_loop().time() - started < 0.2
    await session.close()
    session.feed(bytes(320))
    await session.close()
    assert await all_events(session) == []


async def test_events_end_when_the_session_is_closed(recogniser: Recogniser) -> None:
    session = await recogniser.open(language="en")
    reader = asyncio.create_task(all_events(session))
    await session.close()
    assert await asyncio.wait_for(reader, 2) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"language": "es"}, "understood: en, ko"),
        ({"language": "???"}, "not a language tag"),
        ({"rate_hz": 0}, "cannot be heard"),
        ({"speech_timeout_s": 0}, "speech_timeout_s"),
        ({"speech_timeout_s": float("nan")}, "speech_timeout_s"),
    ],
)
async def test_a_session_that_cannot_work_is_refused_plainly(
    recogniser: Recogniser, wrong: dict[str, object], reason: str
) -> None:
    with pytest.raises(SpeechError, match=reason.replace("?", r"\?")):
        await recogniser.open(**wrong)  # type: ignore[arg-type]


async def test_a_grammar_of_unknown_words_is_an_error_event_not_a_crash(recogniser: Recogniser) -> None:
    session = await recogniser.open(language="ko", hints=("xyzzy",), grammar=True)
    session.feed(silence(0.2))
    await session.finish()
    assert [(event.kind, "vocabulary" in event.text) for event in await all_events(session)] == [("error", True)]


async def test_a_killed_child_is_told_and_the_call_goes_on_to_be_heard(
    own_recogniser: Recogniser, english_call: bytes
) -> None:
    session = await own_recogniser.open(language="en")
    await call_audio(session, silence(1.0))
    killed = own_recogniser.live_pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    events = session.events()
    error = await asyncio.wait_for(anext(events), 10)
    assert (error.kind, "restarted" in error.text) == ("error", True)
    await call_audio(session, english_call)
    result = await session.finish()
    assert wrong_words(SAID, result.text) <= 0.1
    assert all(word.start > 1.3 for word in result.words), "times go on from the start of the call"
    assert own_recogniser.live_pid != killed


async def test_a_child_that_keeps_dying_ends_its_sessions_instead_of_hanging_them(own_recogniser: Recogniser) -> None:
    session = await own_recogniser.open(language="en")
    reader = asyncio.create_task(all_events(session))
    killed: set[int | None] = {None}
    for _ in range(3):
        async with asyncio.timeout(10):
            while own_recogniser.live_pid in killed:
                await asyncio.sleep(0.01)
        pid = own_recogniser.live_pid
        assert pid
        killed.add(pid)
        os.kill(pid, signal.SIGKILL)
    events = await asyncio.wait_for(reader, 10)
    assert [event.kind for event in events] == ["error"] * 3
    with pytest.raises(SpeechError, match="keeps crashing"):
        await own_recogniser.open(language="en")


async def test_finishing_a_call_whose_child_hangs_gives_what_was_heard(
    own_recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await own_recogniser.open(language="en")
    session.feed(silence(1))
    pid = own_recogniser.live_pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr("telephony.speech.recogniser.FINISH_LIMIT_S", 0.2)
    result = await session.finish()
    assert result.text == ""
    assert [event.kind for event in await all_events(session)] == ["error"]
    os.kill(pid, signal.SIGCONT)


async def test_a_recording_of_two_channels_gives_the_turns_of_the_conversation(
    recogniser: Recogniser, speaker: Speaker, tmp_path: Path
) -> None:
    agent, caller = "Good morning, how can I help you?", "My order has not arrived yet."
    first, second = (pcm_of(speaker.render_sync(text)) for text in (agent, caller))
    left = first + bytes(len(second) + 8000)
    right = bytes(len(first) + 8000) + second
    recording = tmp_path / "call.wav"
    write_two_channels(recording, left, right)
    results = await recogniser.transcribe(recording, language="en")
    turns = turns_of(results)
    assert [turn.channel for turn in turns] == [0, 1]
    assert wrong_words(agent, turns[0].text) <= 0.15
    assert wrong_words(caller, turns[1].text) <= 0.2
    assert turns[1].start == pytest.approx(len(first) / 16000 + 0.5, abs=0.6)
    assert [result.duration for result in results] == [pytest.approx(len(left) / 16000, abs=0.01)] * 2


def test_a_recording_may_be_pcm_or_mulaw_and_a_thread_may_ask(
    recogniser: Recogniser, english_call: bytes, tmp_path: Path
) -> None:
    recording = tmp_path / "call.wav"
    recording.write_bytes(mulaw_wav(english_call))
    from_file = recogniser.transcribe_sync(recording, language="en")
    from_pcm = recogniser.transcribe_sync(english_call, 8000, "en")
    assert len(from_file) == len(from_pcm) == 1
    assert wrong_words(SAID, from_file[0].text) <= 0.1
    assert from_pcm[0].text == from_file[0].text


async def test_korean_recordings_go_through_vosk(recogniser: Recogniser, korean_call: bytes) -> None:
    (result,) = await recogniser.transcribe(korean_call, 8000, "ko")
    assert (result.engine, result.model) == ("vosk", "model")
    assert result.words


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x03 an mp3", "not a WAV file"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16), "without sound"),
        (
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 85, 1, 8000, 1, 1, 0) + b"data\4\0\0\0abcd",
            "85",
        ),
        (
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 0, 8000, 1, 1, 16) + b"data\0\0\0\0",
            "channels",
        ),
    ],
)
async def test_a_file_that_is_no_recording_is_refused_plainly(
    recogniser: Recogniser, tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    with pytest.raises(SpeechError, match=reason):
        await recogniser.transcribe(path, language="en")


async def test_a_recording_cut_off_by_a_crash_gives_what_is_there(
    recogniser: Recogniser, english_call: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    write_two_channels(path, english_call, bytes(len(english_call)))
    path.write_bytes(path.read_bytes()[:-20_001])
    left, right = await recogniser.transcribe(path, language="en")
    assert "sales" in left.text
    assert right.text == ""


async def test_a_killed_transcriber_is_an_error_and_the_next_recording_is_transcribed(
    own_recogniser: Recogniser, english_call: bytes
) -> None:
    job = asyncio.create_task(own_recogniser.transcribe(english_call * 20, 8000, "en"))
    async with asyncio.timeout(10):
        while own_recogniser.batch_pid is None:
            await asyncio.sleep(0.01)
    assert own_recogniser.batch_pid
    os.kill(own_recogniser.batch_pid, signal.SIGKILL)
    with pytest.raises(SpeechError, match="died"):
        await job
    assert "sales" in (await own_recogniser.transcribe(english_call, 8000, "en"))[0].text


async def test_calls_are_heard_at_a_lower_priority_and_recordings_at_a_lower_still(recogniser: Recogniser) -> None:
    session = await recogniser.open(language="ko")
    await recogniser.transcribe(silence(0.5), 8000, "en")
    assert recogniser.batch_pid and recogniser.live_pid
    ours, least = os.getpriority(os.PRIO_PROCESS, 0), 19
    assert os.getpriority(os.PRIO_PROCESS, recogniser.batch_pid) == min(ours + 10, least)
    assert os.getpriority(os.PRIO_PROCESS, recogniser.live_pid) == min(ours + 5, least)
    await session.close()


async def test_a_stream_fed_faster_than_it_can_be_heard_skips_and_says_so(recogniser: Recogniser) -> None:
    session = await recogniser.open(language="ko")
    noise = babble(5, 8000) * 24
    for at in range(0, len(noise), 1600):
        session.feed(noise[at : at + 1600])
    async with asyncio.timeout(60):
        error = await anext(event async for event in session.events() if event.kind == "error")
    await session.close()
    assert "could not keep up" in error.text


async def test_shutting_down_does_not_wait_for_a_long_recording(
    own_recogniser: Recogniser, english_call: bytes
) -> None:
    job = asyncio.create_task(own_recogniser.transcribe(english_call * 50, 8000, "en"))
    async with asyncio.timeout(10):
        while own_recogniser.batch_pid is None:
            await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await own_recogniser.close()
    with pytest.raises(SpeechError):
        await job


async def test_nothing_to_hear_is_an_empty_transcript(recogniser: Recogniser) -> None:
    (nothing,) = await recogniser.transcribe(b"", 8000, "en")
    (silent,) = await recogniser.transcribe(silence(3), 8000, "en")
    assert (nothing.text, nothing.words, nothing.duration) == ("", (), 0)
    assert (silent.text, silent.duration) == ("", 3.0)


def write_two_channels(path: Path, left: bytes, right: bytes) -> None:
    both = np.stack([np.frombuffer(left, "<i2"), np.frombuffer(right, "<i2")], axis=1)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(both.tobytes())


def mulaw_wav(pcm16: bytes) -> bytes:
    order = np.argsort(MULAW_TABLE, kind="stable")
    codes = order[np.searchsorted(MULAW_TABLE[order], np.frombuffer(pcm16, "<i2")).clip(0, 255)].astype(np.uint8)
    header = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 38 + len(codes), b"WAVE", b"fmt ", 18, 7, 1, 8000, 8000, 1, 8)
    return header + b"\0\0" + b"data" + struct.pack("<I", len(codes)) + codes.tobytes()
