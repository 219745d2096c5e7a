"""What the timeline is told.

Small things that happened in the flow, in order. Sensitive input is masked before it gets here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

MASK = "••••"


@dataclass(frozen=True, slots=True)
class NodeEntered:
    flow: str
    node: str
    node_kind: str
    title: str  # what people call the node: its `title`, or its id made readable
    on_path: bool = True  # False for silent work (hours, branch, set) that a reader of the path does not need
    kind: Literal["node_entered"] = "node_entered"

    def describe(self) -> str:
        return f"entered {self.title}"


@dataclass(frozen=True, slots=True)
class KeyPressed:
    node: str
    key: str
    kind: Literal["key_pressed"] = "key_pressed"

    def describe(self) -> str:
        return f"pressed {self.key}"


@dataclass(frozen=True, slots=True)
class WordsUnderstood:
    """`heard` is all the caller said, `phrase` the part that made the choice."""

    node: str
    heard: str
    phrase: str
    confidence: float | None
    kind: Literal["words_understood"] = "words_understood"

    def describe(self) -> str:
        return f"said “{self.heard}”{_sureness(self.confidence)}"


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Keys or words that no choice takes. `given` is masked when the question is sensitive."""

    node: str
    given: str
    confidence: float | None
    reason: str
    kind: Literal["not_understood"] = "not_understood"

    def describe(self) -> str:
        return f"gave “{self.given}”{_sureness(self.confidence)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class TimedOut:
    node: str
    kind: Literal["timed_out"] = "timed_out"

    def describe(self) -> str:
        return "gave no answer"


@dataclass(frozen=True, slots=True)
class PersonAsked:
    """The caller asked for a person where the menu has no such choice of its own."""

    node: str
    kind: Literal["person_asked"] = "person_asked"

    def describe(self) -> str:
        return "asked for a person"


@dataclass(frozen=True, slots=True)
class Collected:
    node: str
    variable: str
    value: str  # masked when sensitive
    sensitive: bool
    kind: Literal["collected"] = "collected"

    def describe(self) -> str:
        return f"gave {self.variable.replace('_', ' ')} {self.value}"


@dataclass(frozen=True, slots=True)
class LanguageChosen:
    language: str
    kind: Literal["language_chosen"] = "language_chosen"

    def describe(self) -> str:
        return f"chose language {self.language}"


@dataclass(frozen=True, slots=True)
class VariableSet:
    node: str
    variable: str
    value: str
    kind: Literal["variable_set"] = "variable_set"

    def describe(self) -> str:
        return f"{self.variable.replace('_', ' ')} is {self.value}"


@dataclass(frozen=True, slots=True)
class HoursChecked:
    node: str
    is_open: bool
    reason: str
    kind: Literal["hours_checked"] = "hours_checked"

    def describe(self) -> str:
        return f"{'open' if self.is_open else 'closed'}: {self.reason}"


@dataclass(frozen=True, slots=True)
class BranchTaken:
    node: str
    condition: str  # "" when no condition held
    kind: Literal["branch_taken"] = "branch_taken"

    def describe(self) -> str:
        return f"because {self.condition}" if self.condition else "no condition held"


@dataclass(frozen=True, slots=True)
class QueueJoined:
    node: str
    queue: str
    priority_min: int
    kind: Literal["queue_joined"] = "queue_joined"

    def describe(self) -> str:
        return f"joined the queue {self.queue}"


@dataclass(frozen=True, slots=True)
class QueueGone:
    node: str
    queue: str
    reason: str
    kind: Literal["queue_gone"] = "queue_gone"

    def describe(self) -> str:
        return f"left the queue {self.queue}: {self.reason}"


@dataclass(frozen=True, slots=True)
class VoicemailLeft:
    node: str
    mailbox: str
    reference: str
    duration_s: float
    kind: Literal["voicemail_left"] = "voicemail_left"

    def describe(self) -> str:
        return f"left a message of {self.duration_s:.0f} s for {self.mailbox}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the caller said into a recording that the flow went on from. `reference` is the host's way to find it."""

    node: str
    reference: str
    duration_s: float
    kind: Literal["recorded"] = "recorded"

    def describe(self) -> str:
        return f"recorded {self.duration_s:.0f} s"


@dataclass(frozen=True, slots=True)
class Waited:
    node: str
    seconds: int
    kind: Literal["waited"] = "waited"

    def describe(self) -> str:
        return f"waited {self.seconds} s"


@dataclass(frozen=True, slots=True)
class SplitTaken:
    """Which share of the calls this one fell into, by chance and once for all its life."""

    node: str
    way: str
    kind: Literal["split_taken"] = "split_taken"

    def describe(self) -> str:
        return f"by chance: {self.way}"


@dataclass(frozen=True, slots=True)
class SurveyAnswered:
    """One answer. `score` is the answer as a number where the question has a scale, None elsewhere."""

    node: str
    survey: str
    question: str
    answer: str
    score: int | None
    by: Literal["key", "voice"]
    kind: Literal["survey_answered"] = "survey_answered"

    def describe(self) -> str:
        return f"{self.survey}, {self.question.replace('_', ' ')}: {self.answer}"


@dataclass(frozen=True, slots=True)
class SurveySkipped:
    """A question that got no answer that could be taken."""

    node: str
    survey: str
    question: str
    kind: Literal["survey_skipped"] = "survey_skipped"

    def describe(self) -> str:
        return f"{self.survey}, {self.question.replace('_', ' ')}: no answer"


@dataclass(frozen=True, slots=True)
class VerificationPassed:
    """The caller gave what only this customer knows. What was given is told nowhere."""

    node: str
    kind: Literal["verification_passed"] = "verification_passed"

    def describe(self) -> str:
        return "was verified"


@dataclass(frozen=True, slots=True)
class VerificationFailed:
    """One wrong attempt; `left` more are allowed before the lock-out."""

    node: str
    left: int
    kind: Literal["verification_failed"] = "verification_failed"

    def describe(self) -> str:
        return f"was not verified, {self.left} {'attempt' if self.left == 1 else 'attempts'} left"


@dataclass(frozen=True, slots=True)
class VerificationLocked:
    """Too many wrong attempts, in this call or in those shortly before: no more are taken."""

    node: str
    kind: Literal["verification_locked"] = "verification_locked"

    def describe(self) -> str:
        return "is locked out after too many wrong attempts"


@dataclass(frozen=True, slots=True)
class TransferStarted:
    node: str
    to: str
    kind: Literal["transfer_started"] = "transfer_started"

    def describe(self) -> str:
        return f"put through to {self.to}"


@dataclass(frozen=True, slots=True)
class TransferFinished:
    node: str
    to: str
    status: str
    kind: Literal["transfer_finished"] = "transfer_finished"

    def describe(self) -> str:
        return f"transfer to {self.to}: {self.status}"


@dataclass(frozen=True, slots=True)
class FlowEntered:
    """The call went on in another flow, at this version of it."""

    flow: str
    version: str
    kind: Literal["flow_entered"] = "flow_entered"

    def describe(self) -> str:
        return f"went on in flow {self.flow}"


@dataclass(frozen=True, slots=True)
class FlowReturned:
    """A subflow is done: the call is back at the node that called it, at the version it was in."""

    flow: str
    version: str
    node: str  # the one that called
    result: str  # "" when the subflow named none
    kind: Literal["flow_returned"] = "flow_returned"

    def describe(self) -> str:
        return f"came back to flow {self.flow}" + (f": {self.result.replace('_', ' ')}" if self.result else "")


@dataclass(frozen=True, slots=True)
class SmsRequested:
    node: str
    text: str
    kind: Literal["sms_requested"] = "sms_requested"

    def describe(self) -> str:
        return "was sent a text"


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A web service was asked. `outcome` is its status or what went wrong; of the address only `host` is told."""

    node: str
    host: str
    outcome: str
    kind: Literal["looked_up"] = "looked_up"

    def describe(self) -> str:
        return f"asked {self.host}: {self.outcome}"


@dataclass(frozen=True, slots=True)
class CustomerChanged:
    """Which fields of the record were written, not what."""

    node: str
    fields: tuple[str, ...]
    kind: Literal["customer_changed"] = "customer_changed"

    def describe(self) -> str:
        return f"changed in the record: {', '.join(self.fields)}"


@dataclass(frozen=True, slots=True)
class CustomerChecked:
    """What the record said: `known` or `not known`, or when it was last heard of."""

    node: str
    found: str
    kind: Literal["customer_checked"] = "customer_checked"

    def describe(self) -> str:
        return f"the caller is {self.found}"


@dataclass(frozen=True, slots=True)
class CallbackAgreed:
    """`at` is the beginning of the agreed time (ISO 8601, UTC), "" for as soon as somebody is free."""

    node: str
    queue: str
    number: str
    at: str
    kind: Literal["callback_agreed"] = "callback_agreed"

    def describe(self) -> str:
        return f"is to be called back at {self.number} for {self.queue}: {self.at or 'as soon as somebody is free'}"


@dataclass(frozen=True, slots=True)
class CallbackDeclined:
    node: str
    kind: Literal["callback_declined"] = "callback_declined"

    def describe(self) -> str:
        return "wanted no callback"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something in the flow failed at this moment of this call; the call went on."""

    node: str
    what: str
    kind: Literal["trouble"] = "trouble"

    def describe(self) -> str:
        return f"trouble: {self.what}"


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A limit stopped the flow's own way; the caller was taken to a person or a message instead."""

    node: str
    limit: Literal["steps", "text"]
    kind: Literal["limit_reached"] = "limit_reached"

    def describe(self) -> str:
        return f"limit on {self.limit} reached"


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The caller hung up while the flow had the call."""

    node: str
    kind: Literal["caller_left"] = "caller_left"

    def describe(self) -> str:
        return "hung up"


@dataclass(frozen=True, slots=True)
class FlowEnded:
    """The flow's part in the call is over. `goal` names what the caller got done without a person, "" when nothing."""

    node: str
    outcome: str
    goal: str = ""
    kind: Literal["flow_ended"] = "flow_ended"

    def describe(self) -> str:
        return f"flow ended: {self.outcome.replace('_', ' ')}"


Fact = (
    NodeEntered
    | KeyPressed
    | WordsUnderstood
    | NotUnderstood
    | TimedOut
    | PersonAsked
    | Collected
    | LanguageChosen
    | VariableSet
    | HoursChecked
    | BranchTaken
    | QueueJoined
    | QueueGone
    | VoicemailLeft
    | Recorded
    | Waited
    | SplitTaken
    | SurveyAnswered
    | SurveySkipped
    | VerificationPassed
    | VerificationFailed
    | VerificationLocked
    | TransferStarted
    | TransferFinished
    | FlowEntered
    | FlowReturned
    | SmsRequested
    | LookedUp
    | CustomerChanged
    | CustomerChecked
    | CallbackAgreed
    | CallbackDeclined
    | Trouble
    | LimitReached
    | CallerLeft
    | FlowEnded
)

_ADAPTER: TypeAdapter[Fact] = TypeAdapter(Annotated[Fact, Field(discriminator="kind")])


def fact_to_json(fact: Fact) -> dict[str, Any]:
    """The fact's fields and its `kind`, as plain JSON values."""
    dumped: dict[str, Any] = _ADAPTER.dump_python(fact, mode="json")
    return dumped


def fact_from_json(data: Mapping[str, Any]) -> Fact:
    """The reverse of `fact_to_json`; pydantic.ValidationError when the data is no fact."""
    return _ADAPTER.validate_python(dict(data))


def _sureness(confidence: float | None) -> str:
    return "" if confidence is None else f" ({confidence:.2f})"
