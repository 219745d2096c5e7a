"""What every kind of node shares: its fields, its way of answering, and what it may ask of the call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from ivr_flows.events import CallEvent
from ivr_flows.facts import Fact
from ivr_flows.instructions import Instruction, Prompt
from ivr_flows.state import CallContext
from ivr_flows.texts import Condition, PromptText, Template, Text


@dataclass(frozen=True, slots=True)
class Go:
    """Go on at another node; `to` None means the flow's fallback: a person or a message."""

    to: str | None
    instructions: tuple[Instruction, ...] = ()
    facts: tuple[Fact, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    sensitive: tuple[str, ...] = ()
    language: str | None = None
    customer: Mapping[str, Any] = field(default_factory=dict)
    """What is new in the snapshot of the caller's record."""


@dataclass(frozen=True, slots=True)
class GoToFlow:
    """Go on at the start of another flow, or at `otherwise` when it cannot be entered.

    `comes_back`: a `return` there leads back to this node (see `Node.returned`).
    """

    flow: str
    otherwise: str | None
    instructions: tuple[Instruction, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    comes_back: bool = False


@dataclass(frozen=True, slots=True)
class Return:
    """Go back to the node that called this flow; to this flow's fallback when none did."""

    result: str = ""
    instructions: tuple[Instruction, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Stop here until the caller, a colleague or a machine does something.

    The last instruction says what is awaited.
    """

    instructions: tuple[Instruction, ...]
    facts: tuple[Fact, ...] = ()
    pending: Mapping[str, Any] = field(default_factory=dict)
    is_retry: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """The flow's part is over: the call is hung up, or a person has it."""

    outcome: str
    instructions: tuple[Instruction, ...] = ()
    facts: tuple[Fact, ...] = ()
    goal: str = ""


Outcome = Go | GoToFlow | Return | Wait | End


@dataclass(frozen=True, slots=True)
class Way:
    """One way out of a node.

    `to` None is the flow's fallback. `label` says when it is taken; `field` is where the file says so.
    """

    label: str
    to: str | None
    field: tuple[str | int, ...] = ()


class OpeningTimes(Protocol):
    def at(self, now: datetime) -> tuple[bool, str, bool]:
        """Whether it is open at this moment, why, and whether the reason is a public holiday. `now` must be aware."""
        ...


class Call(Protocol):
    """The call as a node sees it: read-only."""

    @property
    def context(self) -> CallContext: ...
    @property
    def language(self) -> str: ...
    @property
    def tries(self) -> int:
        """Failed tries at this question so far."""
        ...

    @property
    def pending(self) -> Mapping[str, Any]:
        """What this node noted when it last waited."""
        ...

    @property
    def variables(self) -> Mapping[str, Any]:
        """Every variable of the call so far, sensitive ones too."""
        ...

    @property
    def place(self) -> str:
        """This node in this flow, as one word: what tells it from every other."""
        ...

    def prompt(self, prompt: PromptText | None, **extra: Any) -> tuple[Prompt, ...]:
        """The prompt in the caller's language with variables filled in; `extra` are more names for the templates."""
        ...

    def text(self, text: Text, **extra: Any) -> str: ...
    def fill(self, template: Template, *, in_url: bool = False) -> str:
        """The template with its variables; `in_url` percent-encodes them, so that none can change the address."""
        ...

    def holds(self, condition: Condition) -> bool: ...
    def hours(self, name: str) -> OpeningTimes:
        """The shared hours of this name."""
        ...

    def facts_for_agent(self) -> dict[str, str]:
        """Collected variables as text, without sensitive ones."""
        ...


class Node(BaseModel):
    """A step of a flow. `title` is what people read in paths and pages; without it the id is made readable."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    on_path: ClassVar[bool] = True  # False: silent work that a reader of the caller's path can do without
    asks: ClassVar[bool] = False  # the caller must answer
    unheard: ClassVar[frozenset[str]] = frozenset()  # fields whose texts are values, not words for a caller
    kind: str
    """What this step does."""
    id: SkipJsonSchema[str] = Field(exclude=True)
    title: str | None = Field(default=None, min_length=1, max_length=60)
    """What people read in paths and on the diagram; without it the id is made readable."""

    @abstractmethod
    def enter(self, call: Call) -> Outcome:
        """What to do when the call gets here."""

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        """What to do with an event while waiting here; None when this node does not wait for such an event."""
        return None

    def returned(self, call: Call, result: str) -> Outcome:
        """Where to go when the flow that was called from here is done."""
        return Go(None)

    @abstractmethod
    def ways(self) -> Iterator[Way]:
        """Every way out of this node."""

    def sets(self) -> Iterator[str]:
        """The variables that this node gives a value."""
        for name in ("into", "variables"):
            value = getattr(self, name, None)
            yield from (value,) if isinstance(value, str) else value or ()

    @property
    def is_question(self) -> bool:
        """Whether the call stops here for the caller's answer."""
        return self.asks

    @property
    def may_stop(self) -> bool:
        """Whether a call may stop here for an answer or a person, so that a way round through here is no trap."""
        return self.is_question or self.reaches_person

    @property
    def reaches_person(self) -> bool:
        """Whether the caller gets to a person or can leave a message here."""
        return False

    @property
    def label(self) -> str:
        return self.title or self.id.replace("_", " ").replace("-", " ").capitalize()


class Part(BaseModel):
    """A piece of a node that has fields of its own."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


FieldPath = tuple[str | int, ...]


def pieces(value: object, at: FieldPath = ()) -> Iterator[tuple[FieldPath, object]]:
    """Every value inside a node with the path of its field, so that the linter need not know the kinds."""
    if isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from pieces(getattr(value, name), (*at, info.alias or name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from pieces(item, (*at, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from pieces(item, (*at, key))
    else:
        yield at, value
