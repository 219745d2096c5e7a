from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from ivr_flows.events import CallEvent, Continued, QueueLeft
from ivr_flows.facts import QueueGone, QueueJoined
from ivr_flows.instructions import Announcements, EnterQueue
from ivr_flows.nodes.base import Call, End, Go, Node, Outcome, Part, Wait, Way
from ivr_flows.patterns import Name
from ivr_flows.said import wrong
from ivr_flows.texts import PromptText, Target


class Telling(Part):
    """What is told in the line: {position: true, wait: true, message: true, every_s: 90}"""

    position: bool = True
    """The place in the line."""
    wait: bool = True
    """The wait, as a range of minutes."""
    message: bool = True
    """That star takes a message instead."""
    every_s: int = Field(default=90, ge=15, le=900)
    """How many seconds lie between two tellings."""

    @property
    def as_told(self) -> Announcements:
        return Announcements(self.position, self.wait, self.message, self.every_s)


DONE = frozenset({"answered", "callback", "abandoned"})


class QueueNode(Node):
    """Let the caller wait for a person.

        sales:
          kind: queue
          queue: sales
          before: {en: Let me find somebody in sales.}
          skills: [fibre]
          max_wait_s: 600
          callback: call_me
          unanswered: sales_message
        call_me: {kind: callback, queue: sales, declined: sales}

    Emits EnterQueue; resumes on QueueLeft. When an agent answered, or a callback was agreed, the flow is over.
    Otherwise (time out, overflow, nobody there, "voicemail" pressed while waiting) the call goes to `unanswered`,
    without it to the flow's fallback, and to a general message when this is the fallback. `priority_min` is a head
    start in minutes, added to the entry point's. `skills` are what the agent should have. `max_wait_s` ends the wait
    earlier than the queue's own limit does. While waiting the caller hears music and, as `announcements` says, the
    place in the line, the wait as a range, and that star takes a message. With `callback` the loop offers
    `callback_key` for a call back, whose node then stands at that way; the place in the line is kept. The queue's
    rules say to whom and when it is offered. `wait_flow` plays a small flow of its own instead of this loop: its texts
    and conditions see queue.position, queue.low_min, queue.high_min, queue.waited_s and queue.callback (whether the
    rules offer one now); its callback and voicemail nodes leave the line, all others keep the place.
    """

    kind: Literal["queue"] = "queue"
    """Let the caller wait for a person."""
    queue: Name
    """The key of the queue."""
    before: PromptText | None = None
    """Said once, before the wait begins."""
    priority_min: int = Field(default=0, ge=-60, le=120)
    """A head start in minutes over others who wait, added to the entry point's."""
    skills: tuple[Name, ...] = Field(default=(), max_length=10)
    """What the agent should have, such as fibre or spanish."""
    max_wait_s: int | None = Field(default=None, ge=5, le=14_400)
    """The longest wait, when the queue's own limit is later."""
    announcements: Telling = Telling()
    """What the house's own loop tells the waiting caller."""
    wait_flow: Name | None = None
    """A small flow that plays while the caller waits, instead of the house's own loop."""
    callback: Target | None = None
    """A callback node: the loop offers to call back without losing the place in the line."""
    callback_key: Literal["1", "2", "3", "4", "5", "6", "7", "8", "9"] = "1"
    """The key for a callback."""
    unanswered: Target | None = None
    """Where the call goes when nobody answered in time; without it to the flow's fallback."""

    @model_validator(mode="after")
    def _offers_one_callback(self) -> QueueNode:
        if self.callback and self.wait_flow:
            raise wrong("has both wait_flow and callback: put a callback node into the wait flow instead")
        return self

    def enter(self, call: Call) -> Outcome:
        priority = self.priority_min + call.context.priority_min
        wait = EnterQueue(
            self.queue,
            priority,
            call.language,
            call.facts_for_agent(),
            skills=self.skills,
            max_wait_s=self.max_wait_s,
            wait_flow=self.wait_flow or "",
            callback_key=self.callback_key if self.callback else "",
            announcements=self.announcements.as_told,
        )
        return Wait((*call.prompt(self.before), wait), (QueueJoined(self.id, self.queue, priority),))

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        if isinstance(event, QueueLeft) and event.reason == "callback_asked" and self.callback:
            return Go(self.callback, facts=(QueueGone(self.id, self.queue, event.reason),))
        return left_queue(self.id, self.queue, event, self.unanswered)

    def ways(self) -> Iterator[Way]:
        yield Way("not answered", self.unanswered, ("unanswered",))
        if self.callback:
            yield Way("asked for a callback", self.callback, ("callback",))

    @property
    def reaches_person(self) -> bool:
        return True


def left_queue(node: str, queue: str, event: CallEvent, unanswered: Target | None) -> Outcome | None:
    """What follows from the end of a wait: the flow is over, or it goes on at `unanswered`."""
    match event:
        case QueueLeft(reason) if reason in DONE:
            return End(reason, facts=(QueueGone(node, queue, reason),))
        case QueueLeft(reason):
            return Go(unanswered, facts=(QueueGone(node, queue, reason),))
        case Continued():
            return Go(unanswered, facts=(QueueGone(node, queue, "ended"),))
        case _:
            return None
