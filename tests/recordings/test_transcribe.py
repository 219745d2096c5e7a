"""From two recorded channels to a transcript that tells the speakers apart: real speech, real recognition."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import jiwer
import pytest
from sqlalchemy import select

from app import worker
from app.db import unit_of_work
from app.events import Event
from app.interactions.models import Interaction, Utterance
from recordings.carrier_files import CarrierFiles
from recordings.fetch import fetch_recording
from recordings.problems import RecordingProblem
from recordings.store import Store
from recordings.transcribe import transcribe_recording
from telephony.speech.errors import SpeechError
from telephony.speech.recogniser import Recogniser
from telephony.speech.settings import SpeechSettings
from telephony.speech.stt import Result, Word
from telephony.speech.tts import Speaker
from tests.recordings.conftest import SID, announce, the_recording
from tests.support.odd_carrier import OddCarrier
from tests.support.sound import quiet, wav_of
from tests.telephony.speech.phone import pcm_of


class Heard:
    """An engine that heard what it is told, or fails."""

    def __init__(self, *words: Word, error: Exception | None = None, language: str = "en") -> None:
        self.words, self.error, self.language, self.asked = words, error, language, []

    def serves(self, language: str) -> bool:
        return language == self.language

    def transcribe_sync(self, path_or_pcm: Path, *, language: str) -> list[Result]:
        self.asked.append((path_or_pcm.read_bytes()[:4], language))
        if self.error:
            raise self.error
        return [
            Result("", tuple(w for w in self.words if w.channel == channel), language, "ear", "left", 2.0)
            for channel in (0, 1)
        ]


@pytest.fixture
def stored(announced: int, files: CarrierFiles, store: Store) -> int:
    fetch_recording(announced, files, store)
    return announced


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> SpeechSettings:
    return SpeechSettings(cache_dir=tmp_path_factory.mktemp("speech"), fetch="never")


@pytest.fixture(scope="module")
def recogniser(speech: SpeechSettings) -> Iterator[Recogniser]:
    recogniser = Recogniser(speech)
    yield recogniser
    recogniser.close_sync()


@pytest.fixture(scope="module")
def speaker(speech: SpeechSettings) -> Iterator[Speaker]:
    speaker = Speaker(speech)
    yield speaker
    speaker.close()


def said() -> list[Utterance]:
    with unit_of_work() as session:
        return list(session.scalars(select(Utterance).order_by(Utterance.start_s, Utterance.id)))


def plain(text: str) -> str:
    return jiwer.RemovePunctuation()(text).lower()


def test_a_call_in_two_channels_becomes_a_conversation(
    interaction_id: uuid.UUID,
    files: CarrierFiles,
    store: Store,
    carrier: OddCarrier,
    speaker: Speaker,
    recogniser: Recogniser,
) -> None:
    question, answer = "Good morning. Where is my order?", "Your order is on the way and will be with you tomorrow."
    asked, told = (pcm_of(speaker.render_sync(text)) for text in (question, answer))
    pause = quiet(len(asked) / 16000 + 0.6)
    carrier.recordings[SID] = wav_of(quiet(0.4) + asked, pause + told + quiet(0.5))
    recording = announce(interaction_id)
    fetch_recording(recording.id, files, store)
    transcribe_recording(recording.id, store, recogniser)
    turns = said()
    assert [turn.speaker for turn in turns] == ["customer", "agent"]
    assert jiwer.wer(plain(question), plain(turns[0].text)) <= 0.2
    assert jiwer.wer(plain(answer), plain(turns[1].text)) <= 0.2
    assert turns[0].end_s <= turns[1].start_s
    assert all(turn.start_s <= word["start"] <= word["end"] <= turn.end_s for turn in turns for word in turn.words)
    assert the_recording().transcript_state == "done"


def test_a_second_try_replaces_the_first_and_live_text_is_left_alone(stored: int, store: Store) -> None:
    with unit_of_work() as session:
        session.add(
            Utterance(
                interaction_id=the_recording().interaction_id,
                speaker="customer",
                start_s=0.0,
                end_s=1.0,
                text="hullo",
                engine="live",
            )
        )
    broken = Heard(error=SpeechError("The transcriber was stopped."))
    with pytest.raises(SpeechError):
        transcribe_recording(stored, store, broken)
    assert (the_recording().transcript_state, the_recording().transcript_error) == (
        "failed",
        "The transcriber was stopped.",
    )
    heard = Heard(Word("Hello", 0.1, 0.5, 0.9, 0), Word("Hi", 0.9, 1.0, 0.5, 1))
    for _ in range(2):
        transcribe_recording(stored, store, heard)
    assert [(u.speaker, u.text, u.recording_id) for u in said()] == [
        ("customer", "hullo", None),
        ("customer", "Hello", stored),
        ("agent", "Hi", stored),
    ]
    assert said()[1].words == [{"text": "Hello", "start": 0.1, "end": 0.5, "conf": 0.9}]
    assert heard.asked == [(b"RIFF", "en")], "what is done is not done again"
    with unit_of_work() as session:
        kinds = list(session.scalars(select(Event.kind).where(Event.kind.startswith("transcript")).order_by(Event.id)))
    assert kinds == ["transcript.failed", "transcript.ready"]


def test_silence_gives_an_empty_transcript_not_an_error(stored: int, store: Store) -> None:
    transcribe_recording(stored, store, Heard())
    assert (the_recording().transcript_state, said()) == ("none", [])


def test_a_language_without_an_engine_is_said_and_not_tried_for_ever(stored: int, store: Store) -> None:
    with unit_of_work() as session:
        session.scalars(select(Interaction)).one().language = "tlh"
    transcribe_recording(stored, store, Heard())
    assert the_recording().transcript_state == "failed"
    assert "cannot be transcribed here" in the_recording().transcript_error


def test_a_file_that_vanished_fails_in_words_and_may_be_tried_again(stored: int, store: Store) -> None:
    store.delete(the_recording().path)
    with pytest.raises(RecordingProblem):
        transcribe_recording(stored, store, Heard())
    assert "cannot be read" in the_recording().transcript_error


def test_nothing_is_transcribed_before_it_is_stored(announced: int, store: Store) -> None:
    transcribe_recording(announced, store, Heard())
    transcribe_recording(99999, store, Heard())
    assert the_recording().transcript_state == "waiting"


def test_an_object_store_is_read_through_a_copy(interaction_id: uuid.UUID, files, carrier: OddCarrier) -> None:
    carrier.recordings[SID] = wav_of(quiet(1), quiet(1))
    far = Store("memory://recordings")
    recording = announce(interaction_id)
    fetch_recording(recording.id, files, far)
    heard = Heard(Word("Hello", 0.1, 0.5, 0.9, 1))
    transcribe_recording(recording.id, far, heard)
    assert (heard.asked, [turn.speaker for turn in said()]) == ([(b"RIFF", "en")], ["agent"])


async def test_the_worker_brings_a_recording_all_the_way(
    app, announced: int, database: str, carrier, monkeypatch
) -> None:
    monkeypatch.setattr("recordings.recogniser", lambda: Heard(Word("Hello", 0.1, 0.5, 0.9, 0)))
    await worker.work_off(database)
    assert (the_recording().state, the_recording().transcript_state) == ("provider_deleted", "done")
    assert carrier.recordings == {}
