"""What the carrier's requests say, read once and checked. A request that cannot be right is refused by field name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ivr_flows.events import (
    CallEvent,
    Continued,
    DigitsEntered,
    InputTimedOut,
    RecordingLeft,
    SpeechHeard,
    TransferEnded,
)

Form = Mapping[str, str]

CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
RECORDING_SID = re.compile(r"RE[0-9a-fA-F]{32}")
LONGEST_ADDRESS = 254
TERMINAL_STATUSES = frozenset({"completed", "busy", "no-answer", "canceled", "failed"})
TRANSFER_STATUSES = {"answered": "completed"} | {status: status for status in TERMINAL_STATUSES}


class BadForm(ValueError):
    """A field is missing or cannot be what the carrier sends; the message names it."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"{field} {what}")
        self.field = field


@dataclass(frozen=True, slots=True)
class CallForm:
    """Who calls whom: the part every voice request has."""

    call_sid: str
    from_: str
    to: str

    @classmethod
    def parse(cls, form: Form) -> CallForm:
        return cls(_sid(form, "CallSid", CALL_SID), _address(form, "From"), _address(form, "To"))


@dataclass(frozen=True, slots=True)
class StepForm:
    """The answer to a step: keys, words, a recording or the end of a transfer."""

    call_sid: str
    event: CallEvent

    @classmethod
    def parse(cls, form: Form, *, silent: bool) -> StepForm:
        """`silent`: the leg went past its last verb without any result."""
        return cls(_sid(form, "CallSid", CALL_SID), Continued() if silent else _event(form))


def _event(form: Form) -> CallEvent:
    if "DialCallStatus" in form:
        return TransferEnded(TRANSFER_STATUSES.get(form["DialCallStatus"], "failed"))  # type: ignore[arg-type]
    if form.get("RecordingUrl"):
        return RecordingLeft(form["RecordingUrl"], _seconds(form.get("RecordingDuration")))
    if form.get("Digits"):
        return DigitsEntered(form["Digits"])
    if form.get("SpeechResult"):
        return SpeechHeard(form["SpeechResult"], _confidence(form.get("Confidence")))
    return InputTimedOut()


@dataclass(frozen=True, slots=True)
class StatusForm:
    """A call's new status. `sequence` counts a call's callbacks, -1 when it is not told; `at` is the event's time."""

    call_sid: str
    status: str
    sequence: int
    at: datetime | None

    @classmethod
    def parse(cls, form: Form) -> StatusForm:
        status = form.get("CallStatus") or ""
        if not status:
            raise BadForm("CallStatus", "is missing")
        return cls(
            _sid(form, "CallSid", CALL_SID), status, _sequence(form.get("SequenceNumber")), _time(form.get("Timestamp"))
        )


@dataclass(frozen=True, slots=True)
class MachineForm:
    """Who picked up, by the carrier's ear."""

    call_sid: str
    answered_by: str

    @classmethod
    def parse(cls, form: Form) -> MachineForm:
        answered_by = form.get("AnsweredBy") or ""
        if not answered_by:
            raise BadForm("AnsweredBy", "is missing")
        return cls(_sid(form, "CallSid", CALL_SID), answered_by)


def is_machine(answered_by: str) -> bool:
    """Whether nobody is there to press a key. `human`, `unknown` and words we do not know count as somebody."""
    return answered_by == "fax" or answered_by.startswith("machine_")


@dataclass(frozen=True, slots=True)
class RoomForm:
    """What happened in a conference. `call_status` is the leg's own status when it left."""

    event: str
    call_sid: str | None
    call_status: str | None
    at: datetime | None

    @classmethod
    def parse(cls, form: Form) -> RoomForm:
        event = form.get("StatusCallbackEvent") or ""
        if not event:
            raise BadForm("StatusCallbackEvent", "is missing")
        call_sid = _sid(form, "CallSid", CALL_SID) if form.get("CallSid") else None
        return cls(event, call_sid, form.get("ParticipantCallStatus"), _time(form.get("Timestamp")))


@dataclass(frozen=True, slots=True)
class RecordingForm:
    """A recording is there, or will never be (`absent`)."""

    recording_sid: str
    url: str
    status: str
    duration_s: float
    started_at: datetime | None

    @classmethod
    def parse(cls, form: Form) -> RecordingForm:
        url = form.get("RecordingUrl") or ""
        if not url.startswith(("http://", "https://")) or len(url) > 2000:
            raise BadForm("RecordingUrl", "is missing or no address")
        return cls(
            _sid(form, "RecordingSid", RECORDING_SID),
            url,
            form.get("RecordingStatus") or "completed",
            _seconds(form.get("RecordingDuration")),
            _time(form.get("RecordingStartTime")),
        )


def _sid(form: Form, field: str, pattern: re.Pattern[str]) -> str:
    value = form.get(field) or ""
    if not value:
        raise BadForm(field, "is missing")
    if not pattern.fullmatch(value):
        raise BadForm(field, "is no such id")
    return value


def _address(form: Form, field: str) -> str:
    value = (form.get(field) or "").strip()
    if len(value) > LONGEST_ADDRESS or not value.isprintable():
        raise BadForm(field, "is no address")
    return value


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 1e6 else 0.0


def _confidence(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _sequence(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 9 else -1


def _time(text: str | None) -> datetime | None:
    """RFC 2822 as the carrier writes it; None when it is not."""
    try:
        at = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, IndexError):
        return None
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
