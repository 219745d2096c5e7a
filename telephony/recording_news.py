"""Recordings as the carrier tells them, by a callback or, where that got lost, by its own list after the call."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import jobs
from app.db import unit_of_work
from app.routing import release
from recordings.announce import announce_recording
from telephony import steps
from telephony.carrier import CarrierRecording
from telephony.models import Leg
from telephony.place import lock_place
from telephony.room import Room

CHANNELS = {"call": {"0": "customer", "1": "agent"}, "voicemail": {"0": "customer"}, "answer": {"0": "customer"}}
SETTLE_AFTER_S = 10
"""How long callbacks have after a call's end before the carrier's list is read."""


class StillWritten(Exception):
    """The carrier is not done with a recording; the job's next try will find it."""


@dataclass(frozen=True, slots=True)
class RecordingNews:
    """What the carrier says of a recording.

    `kind`: call, voicemail (a message), answer (said to a flow that went on); `status`: Twilio's RecordingStatus.
    """

    kind: str
    sid: str
    url: str
    status: str
    duration_s: float | None = None
    started_at: datetime | None = None


def take(session: Session, interaction_id: uuid.UUID, news: RecordingNews) -> None:
    """Note it; a message that has arrived waits for somebody to hear it. Said twice, it changes nothing."""
    announce_recording(
        session,
        interaction_id,
        news.kind,
        news.sid,
        news.url,
        CHANNELS[news.kind],
        news.status,
        news.duration_s,
        news.started_at,
    )
    if news.kind == "voicemail" and news.status == "completed" and news.duration_s:
        steps.message_left(session, interaction_id)


def settle_later(session: Session, leg: Leg) -> None:
    """The caller's call is over: in a moment, ask the carrier what was recorded."""
    soon = select(func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, SETTLE_AFTER_S))
    run_at = session.execute(soon).scalar_one()
    jobs.enqueue(session, "voice.settle_recordings", lock=f"recordings:{leg.id}", run_at=run_at, leg_id=leg.id)


def settle(room: Room, leg_id: int) -> None:
    """Take in every recording of a call that is over, told or not. Without a message, its caller gave up leaving one.

    CarrierError or StillWritten when it is too early to know.
    """
    with unit_of_work() as session:
        leg = session.get_one(Leg, leg_id)
    found = room.carrier.recordings_of(leg.call_sid) if leg.call_sid else []
    with unit_of_work() as session:
        place = lock_place(session, leg.interaction_id)
        message = _message_among(found) if place is not None and place.ends_with_a_message else None
        for recording in found:
            take(session, leg.interaction_id, _news(room, recording, recording is message))
    if any(recording.is_being_written for recording in found):
        raise StillWritten
    with unit_of_work() as session:
        place = lock_place(session, leg.interaction_id)
        if place is not None and place.leaves_a_message:
            release.caller_gone(session, leg.interaction_id)


def _message_among(found: list[CarrierRecording]) -> CarrierRecording | None:
    """The message is the last thing that a caller records."""
    by_verb = [(each.started_at, each.sid, each) for each in found if each.is_by_verb and each.started_at]
    return max(by_verb)[-1] if by_verb else None


def _news(room: Room, recording: CarrierRecording, is_message: bool) -> RecordingNews:
    kind = "voicemail" if is_message else "answer" if recording.is_by_verb else "call"
    url = room.carrier.recording_url(recording.sid)
    return RecordingNews(kind, recording.sid, url, recording.status, recording.duration_s, recording.started_at)
