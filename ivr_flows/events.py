"""What happened on the call, as the host tells the engine. Past tense, plain, and safe to receive late or twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

MAX_HEARD_CHARS = 500
MAX_DIGITS = 64
KEYS = "0123456789*#"

LookupProblem = Literal["timeout", "unreachable", "refused", "too large", "no JSON"]
"""`refused` is our own refusal: an address that must not be asked."""
TransferStatus = Literal["completed", "busy", "no-answer", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class Started:
    """The call was answered. `resume` with it repeats the current step, so a repeated first webhook is harmless."""

    kind: Literal["started"] = "started"


@dataclass(frozen=True, slots=True)
class DigitsEntered:
    """Keys pressed, without the finish key. Empty counts as silence."""

    digits: str
    kind: Literal["digits_entered"] = "digits_entered"


@dataclass(frozen=True, slots=True)
class SpeechHeard:
    """Words recognised. `confidence` is 0 to 1; None or 0 when the recogniser gives none."""

    text: str
    confidence: float | None = None
    kind: Literal["speech_heard"] = "speech_heard"


@dataclass(frozen=True, slots=True)
class InputTimedOut:
    """The caller neither pressed nor spoke."""

    kind: Literal["input_timed_out"] = "input_timed_out"


@dataclass(frozen=True, slots=True)
class RecordingLeft:
    """A voicemail was recorded; `reference` is the host's way to find it (a URL or a recording id)."""

    reference: str
    duration_s: float
    kind: Literal["recording_left"] = "recording_left"


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """The other leg ended, or was never reached."""

    status: TransferStatus
    kind: Literal["transfer_ended"] = "transfer_ended"


@dataclass(frozen=True, slots=True)
class QueueLeft:
    """The caller left the queue.

    "answered", "callback" and "abandoned" end the flow's part in the call. "callback_asked" goes on at the queue node's
    `callback` way, any other reason ("timeout", "overflow", "no_agents", "voicemail", …) at its `unanswered` way.
    """

    reason: str
    kind: Literal["queue_left"] = "queue_left"


@dataclass(frozen=True, slots=True)
class LookupAnswered:
    """A web service answered, or did not: then `problem` says why, and `status` is None unless it got that far.

    `json` is the answer's content, None for an answer without one.
    """

    status: int | None = None
    json: Any = None
    problem: LookupProblem | None = None
    kind: Literal["lookup_answered"] = "lookup_answered"


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    """The caller's leg ended."""

    kind: Literal["caller_hung_up"] = "caller_hung_up"


@dataclass(frozen=True, slots=True)
class Continued:
    """The carrier went past the last instruction without a result.

    Silence after a question, nothing recorded after a beep.
    """

    kind: Literal["continued"] = "continued"


CallEvent = (
    Started
    | DigitsEntered
    | SpeechHeard
    | InputTimedOut
    | RecordingLeft
    | TransferEnded
    | QueueLeft
    | LookupAnswered
    | CallerHungUp
    | Continued
)

_ADAPTER: TypeAdapter[CallEvent] = TypeAdapter(Annotated[CallEvent, Field(discriminator="kind")])


def event_to_json(event: CallEvent) -> dict[str, Any]:
    dumped: dict[str, Any] = _ADAPTER.dump_python(event, mode="json")
    return dumped


def event_from_json(data: Mapping[str, Any]) -> CallEvent:
    """pydantic.ValidationError when the data is no event."""
    return _ADAPTER.validate_python(dict(data))


def tidied(event: CallEvent) -> CallEvent:
    """The event without what a telephone cannot send.

    Control characters, broken text, floods of keys, wild confidences.
    """
    match event:
        case DigitsEntered(digits):
            return replace(event, digits="".join(key for key in digits if key in KEYS)[:MAX_DIGITS])
        case SpeechHeard(text, confidence):
            return replace(event, text=plain_text(text, MAX_HEARD_CHARS), confidence=_usable(confidence))
        case RecordingLeft(reference, duration):
            return replace(event, reference=plain_text(reference, 2000), duration_s=duration if duration > 0 else 0.0)
        case QueueLeft(reason):
            return replace(event, reason=plain_text(reason, 100))
        case _:
            return event


def plain_text(text: str, max_chars: int) -> str:
    """Printable text on one line, at most `max_chars`: no NUL (PostgreSQL refuses it) and no lone surrogates."""
    readable = text[: max_chars * 4].encode("utf-8", "ignore").decode("utf-8")
    return " ".join("".join(char if char.isprintable() else " " for char in readable).split())[:max_chars]


def _usable(confidence: float | None) -> float | None:
    """Carriers send 0 for "not known"; anything outside 0 to 1 (or not a number) is not known either."""
    if confidence is None or not 0 < confidence <= 1:
        return None
    return float(confidence)
