from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from ivr_flows.events import CallEvent, Continued, QueueLeft
from ivr_flows.facts import QueueGone, QueueJoined
from ivr_flows.instructions import EnterQueue
from ivr_flows.nodes.base import Call, End, Go, Node, Outcome, Wait, Way
from ivr_flows.patterns import Name
from ivr_flows.texts import PromptText, Target

DONE = frozenset({"answered", "callback", "abandoned"})


class QueueNode(Node):
    """Let the caller wait for a person.

        sales: {kind: queue, queue: sales, before: {en: Let me find somebody in sales.}, unanswered: sales_message}

    Emits EnterQueue; resumes on QueueLeft. When an agent answered, or a callback was agreed, the flow is over.
    Otherwise (time out, overflow, nobody there, "voicemail" pressed while waiting) the call goes to `unanswered`,
    without it to the flow's fallback, and to a general message when this is the fallback. `priority_min` is a head
    start in minutes, added to the entry point's.
    """

    kind: Literal["queue"] = "queue"
    """Let the caller wait for a person."""
    queue: Name
    """The key of the queue."""
    before: PromptText | None = None
    """Said once, before the wait begins."""
    priority_min: int = Field(default=0, ge=-60, le=120)
    """A head start in minutes over others who wait, added to the entry point's."""
    unanswered: Target | None = None
    """Where the call goes when nobody answered in time; without it to the flow's fallback."""

    def enter(self, call: Call) -> Outcome:
        priority = self.priority_min + call.context.priority_min
        wait = EnterQueue(self.queue, priority, call.language, call.facts_for_agent())
        return Wait((*call.prompt(self.before), wait), (QueueJoined(self.id, self.queue, priority),))

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        match event:
            case QueueLeft(reason) if reason in DONE:
                return End(reason, facts=(QueueGone(self.id, self.queue, reason),))
            case QueueLeft(reason):
                return Go(self.unanswered, facts=(QueueGone(self.id, self.queue, reason),))
            case Continued():
                return Go(self.unanswered, facts=(QueueGone(self.id, self.queue, "ended"),))
            case _:
                return None

    def ways(self) -> Iterator[Way]:
        yield Way("not answered", self.unanswered, ("unanswered",))

    @property
    def reaches_person(self) -> bool:
        return True
