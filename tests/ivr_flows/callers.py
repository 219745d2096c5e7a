"""A caller for tests: walks a flow and remembers what was heard and told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ivr_flows import (
    CallContext,
    CallEvent,
    Fact,
    Flow,
    FlowLookup,
    FlowStore,
    Instruction,
    State,
    Step,
    path_line,
    resume,
    start,
)
from ivr_flows.events import (
    CallerHungUp,
    Continued,
    DigitsEntered,
    InputTimedOut,
    QueueLeft,
    RecordingLeft,
    SpeechHeard,
    TransferEnded,
)
from ivr_flows.instructions import EnterQueue, Hangup, Listen, Play, RecordVoicemail, Say

TUESDAY_NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)  # noon in New York


@dataclass
class Caller:
    """Speaks to one flow, or to the flows of a store. Every state goes through JSON, as it does in production."""

    flow: Flow
    flows: FlowLookup | None = None
    number: str = "+15551234567"
    now: datetime = TUESDAY_NOON
    language: str | None = None
    customer: dict[str, Any] = field(default_factory=dict)
    priority_min: int = 0
    call_id: str = ""
    facts: list[Fact] = field(default_factory=list)
    step: Step = field(init=False)

    def __post_init__(self) -> None:
        context = CallContext(
            self.number, "+15005550006", self.now, self.customer, self.language, self.priority_min, call_id=self.call_id
        )
        self._took(start(self.flow, context, flows=self.flows))

    @classmethod
    def of(cls, store: FlowStore, name: str = "main", **given: Any) -> Caller:
        return cls(store.get(name), store.get, **given)

    def presses(self, digits: str) -> Caller:
        return self.does(DigitsEntered(digits))

    def says(self, text: str, confidence: float | None = 0.9) -> Caller:
        return self.does(SpeechHeard(text, confidence))

    def stays_silent(self) -> Caller:
        return self.does(InputTimedOut())

    def leaves_message(self, duration_s: float = 7.0) -> Caller:
        return self.does(RecordingLeft("rec-1", duration_s))

    def waits_on(self) -> Caller:
        """Let the wait at hand, or the question, run out."""
        return self.does(Continued())

    def leaves_queue(self, reason: str) -> Caller:
        return self.does(QueueLeft(reason))

    def transfer_ends(self, status: Any) -> Caller:
        return self.does(TransferEnded(status))

    def hangs_up(self) -> Caller:
        return self.does(CallerHungUp())

    def does(self, event: CallEvent) -> Caller:
        state = State.from_json(self.state.to_json())
        if (state.flow, state.version) != (self.flow.name, self.flow.version):
            assert self.flows is not None
            self.flow = self.flows(state.flow, state.version)
        self._took(resume(self.flow, state, event, flows=self.flows))
        return self

    @property
    def state(self) -> State:
        return self.step.state

    @property
    def heard(self) -> str:
        """What this step says, prompts included, recordings as [url]."""
        spoken = [prompt for one in self.step.instructions for prompt in (one, *getattr(one, "prompts", ()))]
        texts = [one.text if isinstance(one, Say) else f"[{one.url}]" for one in spoken if isinstance(one, Say | Play)]
        return " ".join(texts)

    @property
    def last(self) -> Instruction | None:
        return self.step.instructions[-1] if self.step.instructions else None

    @property
    def is_asked(self) -> bool:
        return isinstance(self.last, Listen)

    @property
    def waits_for(self) -> str:
        """The queue the caller waits in, the mailbox the caller speaks to, "" for neither."""
        match self.last:
            case EnterQueue(queue=name) | RecordVoicemail(mailbox=name):
                return name
            case _:
                return ""

    @property
    def is_hung_up(self) -> bool:
        return isinstance(self.last, Hangup)

    @property
    def told(self) -> list[str]:
        """What the timeline of the whole call reads."""
        return [fact.describe() for fact in self.facts]

    @property
    def path(self) -> str:
        return path_line(self.facts)

    def _took(self, step: Step) -> None:
        self.step = step
        self.facts.extend(step.facts)
