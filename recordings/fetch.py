"""Bringing a recording home: from the carrier to our store, checked on the way, and only then deleted there."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import IO

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import crash, jobs
from app.db import database_now, unit_of_work
from recordings.announce import ask_to_fetch
from recordings.carrier_files import CarrierFiles
from recordings.models import Recording, RecordingState
from recordings.problems import RecordingProblem
from recordings.store import Store, Stored
from recordings.tell import tell
from recordings.wav import WavShape, read_shape

log = structlog.get_logger()

LIMIT_BYTES = 1 << 29
"""512 MB: over four hours of a call in two channels."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5, 3600
NO_JOB = text(
    "NOT EXISTS (SELECT 1 FROM procrastinate_jobs job"
    " WHERE job.lock = 'recording:' || recording.id AND job.status IN ('todo', 'doing'))"
)
GIVE_UP_AFTER = timedelta(days=1)
"""A recording that the carrier says it does not have may only be late; after a day it is lost."""


def fetch_recording(recording_id: int, carrier: CarrierFiles, store: Store) -> None:
    """Fetch one announced recording and store it. Anything that goes wrong is written on it and tried again later.

    Done again after a crash at any point, it ends the same: one whole file, one row that says so.
    """
    with unit_of_work() as session:
        recording = session.get(Recording, recording_id)
    if recording is None or recording.state != RecordingState.ANNOUNCED:
        return
    try:
        stored, shape = _bring_home(recording, carrier, store)
    except RecordingProblem as problem:
        with unit_of_work() as session:
            _note_problem(session, recording_id, problem)
        return
    with unit_of_work() as session:
        _note_stored(session, recording_id, stored, shape)


def delete_provider_copy(recording_id: int, carrier: CarrierFiles, store: Store) -> None:
    """Delete the carrier's copy once our own, read back now, is what was stored; fetch again when it is not.

    Raises RecordingProblem when the carrier does not answer, so that the job is tried again.
    """
    with unit_of_work() as session:
        recording = session.get(Recording, recording_id)
    if recording is None or recording.state != RecordingState.STORED:
        return
    if recording.path is None or store.checksum(recording.path) != recording.sha256:
        with unit_of_work() as session:
            _fetch_again(session, recording_id)
        return
    carrier.delete_recording(recording.provider_sid)
    crash.point("G4")
    with unit_of_work() as session:
        _locked(session, recording_id).state = RecordingState.PROVIDER_DELETED


def retry_stuck(session: Session) -> None:
    """Tick: ask again for everything due whose job got lost, and for copies that should have been deleted."""
    unasked = (
        select(Recording)
        .where(
            (Recording.next_try_at <= func.now())
            | (Recording.state == RecordingState.STORED) & (Recording.created_at < func.now() - timedelta(minutes=10)),
            NO_JOB,
        )
        .order_by(Recording.id)
        .limit(100)
    )
    for recording in session.scalars(unasked):
        if recording.state == RecordingState.ANNOUNCED:
            ask_to_fetch(session, recording.id)
        elif recording.state == RecordingState.STORED:
            _ask_to_delete(session, recording.id)


def _bring_home(recording: Recording, carrier: CarrierFiles, store: Store) -> tuple[Stored, WavShape]:
    shapes: list[WavShape] = []

    def check(file: IO[bytes]) -> None:
        shapes.append(_fitting_shape(file, recording))

    channels = max(1, len(recording.channel_map))
    chunks = carrier.recording(recording.provider_sid, channels, LIMIT_BYTES)
    return store.keep(_path_of(recording), chunks, check), shapes[0]


def _fitting_shape(file: IO[bytes], recording: Recording) -> WavShape:
    shape = read_shape(file)
    if shape.channels < len(recording.channel_map):
        raise RecordingProblem(
            f"The carrier's recording has {shape.channels} channel where {len(recording.channel_map)} were recorded; "
            "it will be fetched again."
        )
    return shape


def _path_of(recording: Recording) -> str:
    """The same at every try, so that a try after a crash replaces what the first one left."""
    return f"{recording.created_at:%Y/%m}/{recording.provider_sid}.wav"


def _note_stored(session: Session, recording_id: int, stored: Stored, shape: WavShape) -> None:
    recording = _locked(session, recording_id)
    if recording.state != RecordingState.ANNOUNCED:
        return
    recording.state = RecordingState.STORED
    recording.path, recording.sha256, recording.bytes = stored.path, stored.sha256, stored.bytes
    recording.duration_s = round(shape.duration_s, 2)
    recording.problem = recording.next_try_at = None
    tell(session, "recording.stored", recording, duration_s=recording.duration_s)
    jobs.enqueue(session, "recordings.transcribe", queue="heavy", recording_id=recording_id)
    _ask_to_delete(session, recording_id)


def _note_problem(session: Session, recording_id: int, problem: RecordingProblem) -> None:
    """Write down why, tell it once for each new reason, and set the next try."""
    recording = _locked(session, recording_id)
    if recording.state != RecordingState.ANNOUNCED:
        return
    now = database_now(session)
    log.warning("recording.not_fetched", recording_id=recording_id, tries=recording.tries + 1, reason=str(problem))
    if recording.problem != str(problem):
        tell(session, "recording.failed", recording, reason=str(problem))
    recording.problem = str(problem)
    recording.tries += 1
    if problem.gone and now - recording.created_at > GIVE_UP_AFTER:
        recording.state, recording.next_try_at = RecordingState.FAILED, None
        return
    recording.next_try_at = _after_pause(now, recording.tries)
    jobs.enqueue(
        session,
        "recordings.fetch",
        lock=f"recording:{recording_id}",
        queue="files",
        run_at=recording.next_try_at,
        recording_id=recording_id,
    )


def _fetch_again(session: Session, recording_id: int) -> None:
    recording = _locked(session, recording_id)
    if recording.state != RecordingState.STORED:
        return
    recording.state = RecordingState.ANNOUNCED
    recording.problem = "The stored file was damaged or missing; the carrier's copy is fetched again."
    recording.next_try_at = database_now(session)
    tell(session, "recording.failed", recording, reason=recording.problem)
    ask_to_fetch(session, recording_id)


def _after_pause(now: datetime, tries: int) -> datetime:
    """5, 10, 20 … seconds, at most an hour, a tenth more or less so that a full disk is not stormed by all at once."""
    pause = min(FIRST_PAUSE_S * 2 ** (tries - 1), LONGEST_PAUSE_S)
    return now + timedelta(seconds=pause * random.uniform(0.9, 1.1))  # noqa: S311 - spreads the load, guards nothing


def _ask_to_delete(session: Session, recording_id: int) -> None:
    jobs.enqueue(
        session,
        "recordings.delete_provider_copy",
        lock=f"recording:{recording_id}",
        queue="files",
        recording_id=recording_id,
    )


def _locked(session: Session, recording_id: int) -> Recording:
    return session.get_one(Recording, recording_id, with_for_update=True)
