"""Where a call stands in its flow: everything the engine remembers between two webhooks, as plain JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from ivr_flows.facts import (
    Collected,
    Fact,
    KeyPressed,
    NodeEntered,
    NotUnderstood,
    PersonAsked,
    SurveyAnswered,
    TimedOut,
    VerificationFailed,
    VerificationPassed,
    WordsUnderstood,
)
from ivr_flows.instructions import Instruction


@dataclass(frozen=True, slots=True)
class CallContext:
    """What the host knows when the call starts. The flow reads it; expressions see `call`, `customer` and `now`.

    `now` must carry a zone (ValueError otherwise). `customer` is a small snapshot of plain values, for instance
    {"name": "Ana Ruiz", "is_known": True, "language": "es"}. `language` may be None: the flow's first language then.
    `call_id` is the host's own name for the call: what a split's chance is drawn from, so that it falls the same way
    however often it is asked. `customer["wrong_verifications"]`, if given, are the times (ISO 8601) of the customer's
    wrong attempts since the last right one.
    """

    caller: str
    called: str
    now: datetime
    customer: Mapping[str, Any] = field(default_factory=dict)
    language: str | None = None
    priority_min: int = 0
    queue: Mapping[str, Any] = field(default_factory=dict)
    """In a wait flow {"name", "position", "low_min", "high_min", "waited_s", "callback"}; minutes may be None."""
    call_id: str = ""
    full_times: tuple[str, ...] = ()
    """Times (ISO 8601, UTC) at which no more callbacks are taken: a callback node does not offer them."""

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("CallContext.now has no time zone: pass an aware datetime, for instance datetime.now(UTC)")
        object.__setattr__(self, "now", self.now.astimezone(UTC))  # one form, so that the state is the same after JSON


@dataclass(frozen=True, slots=True)
class PathStep:
    """One stop on the caller's way: which node, and what the caller did to get there ("" when nothing)."""

    flow: str
    node: str
    title: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a subflow was called from, and goes back to."""

    flow: str
    version: str
    node: str
    language: str


@dataclass(frozen=True, slots=True)
class State:
    """Saved after each step and given back with the next event.

    `step` counts the engine's answers (1 after `start`): put it into action URLs, so that a late webhook of an
    earlier step is known. `instructions` is what the caller was last told, without side effects: answer a repeated
    webhook with it. `flow` and `version` name the flow to load for the next `resume`; they change when the call goes
    on in another flow.
    """

    flow: str
    version: str
    node: str
    call: CallContext
    language: str
    step: int = 0
    tries: int = 0  # failed tries at the current question
    nodes_entered: int = 0  # counts towards the step limit
    rescues: int = 0  # how often a limit took the caller to a person or a message
    variables: dict[str, Any] = field(default_factory=dict)
    sensitive: tuple[str, ...] = ()  # names of variables that must never be shown
    pending: dict[str, Any] = field(default_factory=dict)  # the current node's own notes
    versions: dict[str, str] = field(default_factory=dict)  # every flow this call has been in, at its pinned version
    stack: tuple[Frame, ...] = ()  # the subflows the call is in, the outermost first
    path: tuple[PathStep, ...] = ()
    instructions: tuple[Annotated[Instruction, Field(discriminator="kind")], ...] = ()
    ended: bool = False
    outcome: str = ""

    def to_json(self) -> dict[str, Any]:
        dumped: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return dumped

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> State:
        """The reverse of `to_json`; pydantic.ValidationError when the data is something else."""
        return _ADAPTER.validate_python(dict(data))

    def dumps(self) -> str:
        """`to_json` as text, made in one go."""
        return _ADAPTER.dump_json(self).decode()

    @classmethod
    def loads(cls, text: str) -> State:
        """The reverse of `dumps`; pydantic.ValidationError when the text is something else."""
        return _ADAPTER.validate_json(text)

    def path_line(self) -> str:
        """Welcome → Sales (said “sales”)"""
        return " → ".join(f"{stop.title} ({stop.because})" if stop.because else stop.title for stop in self.path)


_ADAPTER: TypeAdapter[State] = TypeAdapter(State)


def extended_path(path: Iterable[PathStep], facts: Iterable[Fact]) -> tuple[PathStep, ...]:
    """The path with the stops that these facts tell of. A choice belongs to the next stop a reader would care for."""
    stops, because = list(path), ""
    for fact in facts:
        match fact:
            case KeyPressed(key=key):
                because = f"pressed {key}"
            case WordsUnderstood(heard=heard):
                because = f"said “{heard}”"
            case PersonAsked():
                because = "asked for a person"
            case TimedOut():
                because = "no answer"
            case NotUnderstood():
                because = "not understood"
            case VerificationPassed():
                because = "verified"
            case VerificationFailed():
                because = "not verified"
            case Collected() | SurveyAnswered():
                because = ""
            case NodeEntered(on_path=True):
                stops.append(PathStep(fact.flow, fact.node, fact.title, because))
                because = ""
            case _:
                pass
    return tuple(stops)


def path_line(facts: Iterable[Fact]) -> str:
    """The way through the flow in one line, from the facts of all the call's steps: Welcome → Sales (said “sales”)"""
    stops = extended_path((), facts)
    return " → ".join(f"{stop.title} ({stop.because})" if stop.because else stop.title for stop in stops)
