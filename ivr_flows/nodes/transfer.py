from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ivr_flows.events import CallEvent, Continued, TransferEnded
from ivr_flows.facts import QueueJoined, TransferFinished, TransferStarted
from ivr_flows.instructions import EnterQueue, Hangup, TransferToAgent, TransferToNumber
from ivr_flows.nodes.base import Call, End, Go, GoToFlow, Node, Outcome, Wait, Way
from ivr_flows.nodes.queue import left_queue
from ivr_flows.patterns import E164, Name
from ivr_flows.said import wrong
from ivr_flows.texts import PromptText, Target, Text


class TransferNode(Node):
    """Connect the caller to a number, a named agent, a queue or another flow.

        night_desk: {kind: transfer, number: "+15005550020", timeout_s: 25, fallback: night_message}
        my_agent: {kind: transfer, agent: "{{ customer.preferred_agent }}", fallback: sales}
        overflow: {kind: transfer, queue: support, fallback: night_message}
        billing: {kind: transfer, flow: billing, fallback: sales}

    Emits TransferToNumber or TransferToAgent and resumes on TransferEnded, or EnterQueue and resumes on QueueLeft (a
    queue node says more of how to wait); another flow is entered at once, with the
    variables and the language kept. When the other side does not answer, or the flow or agent is not there, the call
    goes to `fallback`, without it to the flow's fallback. After a finished conversation the call ends. A number
    stands in the file, never in a variable, so that no caller can choose who is dialled.
    """

    unheard: ClassVar[frozenset[str]] = frozenset({"agent"})
    kind: Literal["transfer"] = "transfer"
    """Connect the caller to a number, an agent, a queue or another flow."""
    number: E164 | None = None
    """The number to call, such as +15005550020."""
    agent: Text | None = None
    """The agent to ring, mostly {{ customer.preferred_agent }}."""
    queue: Name | None = None
    """The queue to wait in."""
    flow: Name | None = None
    """The flow to go on with; variables and language are kept."""
    before: PromptText | None = None
    """Said before the transfer."""
    timeout_s: int = Field(default=20, ge=5, le=120)
    """How many seconds it rings."""
    fallback: Target | None = None
    """Where the call goes when nobody answers; without it to the flow's fallback."""

    @model_validator(mode="after")
    def _has_one_destination(self) -> TransferNode:
        if sum(to is not None for to in (self.number, self.agent, self.queue, self.flow)) != 1:
            raise wrong("needs exactly one of: number, agent, queue, flow")
        return self

    def enter(self, call: Call) -> Outcome:
        before = call.prompt(self.before)
        if self.flow:
            return GoToFlow(self.flow, self.fallback, before)
        if self.queue:
            priority = call.context.priority_min
            wait = EnterQueue(self.queue, priority, call.language, call.facts_for_agent())
            return Wait((*before, wait), (QueueJoined(self.id, self.queue, priority),))
        if self.number:
            dial = TransferToNumber(self.number, self.timeout_s)
            return Wait((*before, dial), (TransferStarted(self.id, self.number),))
        agent = call.text(self.agent) if self.agent else ""
        if not agent:
            return Go(self.fallback, facts=(TransferFinished(self.id, "nobody", "failed"),))
        ring = TransferToAgent(agent, self.timeout_s, call.facts_for_agent())
        return Wait((*before, ring), (TransferStarted(self.id, agent),), pending={"to": agent})

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        if self.queue:
            return left_queue(self.id, self.queue, event, self.fallback)
        to = self.number or str(call.pending.get("to", ""))
        match event:
            case TransferEnded("completed"):
                return End("transferred", (Hangup(),), (TransferFinished(self.id, to, "completed"),))
            case TransferEnded(status):
                return Go(self.fallback, facts=(TransferFinished(self.id, to, status),))
            case Continued():
                return Go(self.fallback, facts=(TransferFinished(self.id, to, "failed"),))
            case _:
                return None

    def ways(self) -> Iterator[Way]:
        yield Way("not answered", self.fallback, ("fallback",))

    @property
    def reaches_person(self) -> bool:
        return self.flow is None
