"""The carrier tells of a recording: it began, it is ready, there is none.

Callbacks come twice, late and in any order; a recording never steps back.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import jobs
from recordings.models import Recording, RecordingState
from recordings.tell import tell

log = structlog.get_logger()

STATES = {
    "in-progress": RecordingState.RECORDING,
    "paused": RecordingState.RECORDING,
    "stopped": RecordingState.RECORDING,  # ended, but not yet to be had
    "processing": RecordingState.RECORDING,
    "completed": RecordingState.ANNOUNCED,
    "absent": RecordingState.ABSENT,
    "failed": RecordingState.FAILED,
}
"""What RecordingStatus means here. Source: https://www.twilio.com/docs/voice/api/recording"""

BEFORE = {
    RecordingState.RECORDING: (),
    RecordingState.ABSENT: (RecordingState.RECORDING,),
    RecordingState.FAILED: (RecordingState.RECORDING,),
    RecordingState.ANNOUNCED: (RecordingState.RECORDING, RecordingState.ABSENT, RecordingState.FAILED),
}
"""The states that each announcement may follow. What is stored stays stored."""

SID = re.compile(r"RE[0-9a-fA-F]{32}")
CARRIER_LOST_IT = "The carrier could not make the recording."


def announce_recording(
    session: Session,
    interaction_id: uuid.UUID,
    kind: str,
    provider_sid: str,
    provider_url: str,
    channel_map: Mapping[str, Any],
    status: str,
    duration_s: float | None,
    started_at: datetime | None,
) -> Recording:
    """Note what a recording status callback says and, once it is ready, ask for it to be fetched.

    `kind` is `call`, `voicemail` or `answer` (what a caller said to a flow that went on);
    `channel_map` says who is on which channel; `status` is Twilio's RecordingStatus.
    Repeated and late announcements change nothing. ValueError for an id, kind or status that cannot be.
    """
    if not SID.fullmatch(provider_sid):
        raise ValueError("RecordingSid must be RE and 32 hexadecimal digits.")
    if status not in STATES:
        raise ValueError(f"RecordingStatus {status!r} is not known.")
    if kind not in ("call", "voicemail", "answer"):
        raise ValueError(f"A recording is of a call, a voicemail or an answer, not {kind!r}.")
    state = STATES[status]
    added = session.execute(
        insert(Recording)
        .values(
            interaction_id=interaction_id,
            kind=kind,
            provider_sid=provider_sid,
            provider_url=provider_url,
            channel_map=dict(channel_map),
            state=state,
            started_at=started_at,
            duration_s=duration_s,
        )
        .on_conflict_do_nothing(index_elements=[Recording.provider_sid])
        .returning(Recording.id)
    ).first()
    moved = added or _move_on(session, interaction_id, provider_sid, state, provider_url, duration_s, started_at)
    recording = session.scalars(
        select(Recording).where(Recording.provider_sid == provider_sid).execution_options(populate_existing=True)
    ).one()
    if recording.interaction_id != interaction_id:
        log.warning("recording.of_another_interaction", recording_id=recording.id)
        return recording
    if moved:
        _follow_up(session, recording)
    return recording


def ask_to_fetch(session: Session, recording_id: int) -> None:
    jobs.enqueue(
        session, "recordings.fetch", lock=f"recording:{recording_id}", queue="files", recording_id=recording_id
    )


def _move_on(
    session: Session,
    interaction_id: uuid.UUID,
    provider_sid: str,
    state: RecordingState,
    provider_url: str,
    duration_s: float | None,
    started_at: datetime | None,
) -> bool:
    """Step forward if the recording may; True when it did."""
    values: dict[str, Any] = {"state": state, "provider_url": provider_url}
    if duration_s is not None:
        values["duration_s"] = duration_s
    if started_at is not None:
        values["started_at"] = started_at
    moving = update(Recording).where(
        Recording.provider_sid == provider_sid,
        Recording.interaction_id == interaction_id,
        Recording.state.in_(BEFORE[state]),
    )
    return bool(session.execute(moving.values(values).returning(Recording.id)).first())


def _follow_up(session: Session, recording: Recording) -> None:
    if recording.state == RecordingState.ANNOUNCED:
        recording.next_try_at = session.execute(select(func.clock_timestamp())).scalar_one()
        recording.problem = None
        ask_to_fetch(session, recording.id)
    elif recording.state == RecordingState.FAILED:
        recording.problem = CARRIER_LOST_IT
        tell(session, "recording.failed", recording, reason=CARRIER_LOST_IT)
