"""From a stored recording to a transcript that tells the speakers apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.interactions.models import Interaction, Utterance
from recordings.models import Recording, RecordingState, TranscriptState
from recordings.problems import RecordingProblem
from recordings.store import Store
from recordings.tell import tell
from telephony.speech.errors import SpeechError
from telephony.speech.stt import Result, mean_confidence
from telephony.speech.turns import Turn, turns_of

DEFAULT_LANGUAGE = "en"
UNSERVED = "Speech in this language cannot be transcribed here. The admin page says which engines are at hand."


class Transcriber(Protocol):
    """What this needs of `telephony.speech.recogniser.Recogniser`."""

    def serves(self, language: str) -> bool: ...

    def transcribe_sync(self, path_or_pcm: Path, *, language: str) -> Sequence[Result]: ...


def transcribe_recording(recording_id: int, store: Store, transcriber: Transcriber) -> None:
    """Transcribe each channel of a stored recording; its utterances replace those of an earlier try.

    Live text stays in the database but no longer stands: readers prefer utterances with a recording.
    Raises SpeechError or RecordingProblem, after noting it, when trying again may help.
    """
    with unit_of_work() as session:
        recording = _begin(session, recording_id)
        language = recording and session.get_one(Interaction, recording.interaction_id).language
    if recording is None or recording.path is None:
        return
    language = language or DEFAULT_LANGUAGE
    if not transcriber.serves(language):
        _fail(recording_id, UNSERVED)
        return
    try:
        with store.local_file(recording.path) as path:
            results = transcriber.transcribe_sync(path, language=language)
    except (SpeechError, RecordingProblem) as error:
        _fail(recording_id, str(error))
        raise
    with unit_of_work() as session:
        _write(session, recording_id, results)


def _begin(session: Session, recording_id: int) -> Recording | None:
    recording = session.get(Recording, recording_id, with_for_update=True)
    if recording is None or recording.state not in (RecordingState.STORED, RecordingState.PROVIDER_DELETED):
        return None
    if recording.transcript_state in (TranscriptState.DONE, TranscriptState.NONE):
        return None
    recording.transcript_state = TranscriptState.RUNNING
    return recording


def _write(session: Session, recording_id: int, results: Sequence[Result]) -> None:
    recording = session.get_one(Recording, recording_id, with_for_update=True)
    said = [turn for turn in turns_of(results) if turn.channel < len(recording.speakers)]
    session.execute(delete(Utterance).where(Utterance.recording_id == recording_id))
    session.add_all(_utterance(recording, turn, results[0].engine) for turn in said)
    recording.transcript_state = TranscriptState.DONE if said else TranscriptState.NONE
    recording.transcript_error = None
    tell(session, "transcript.ready", recording, turns=len(said))


def _utterance(recording: Recording, turn: Turn, engine: str) -> Utterance:
    return Utterance(
        interaction_id=recording.interaction_id,
        recording_id=recording.id,
        speaker=recording.speakers[turn.channel],
        start_s=turn.start,
        end_s=turn.end,
        text=turn.text,
        words=[_word(asdict(word)) for word in turn.words],
        confidence=mean_confidence(turn.words),
        engine=engine,
    )


def _word(word: dict[str, object]) -> dict[str, object]:
    return {key: word[key] for key in ("text", "start", "end", "conf")}


def _fail(recording_id: int, why: str) -> None:
    with unit_of_work() as session:
        recording = session.get_one(Recording, recording_id, with_for_update=True)
        if recording.transcript_error != why:
            tell(session, "transcript.failed", recording, reason=why)
        recording.transcript_state, recording.transcript_error = TranscriptState.FAILED, why
