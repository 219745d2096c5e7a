from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from ivr_flows.events import CallEvent, Continued
from ivr_flows.facts import Waited
from ivr_flows.instructions import Pause
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Wait, Way
from ivr_flows.texts import PromptText, Target


class WaitNode(Node):
    """Say nothing for some seconds and go on.

        settle: {kind: wait, seconds: 2, next: main_menu}
        find_paper: {kind: wait, before: {en: I will wait while you fetch a pen.}, seconds: 20, next: main_menu}

    Emits Pause; resumes on Continued. What follows sees the time after the wait. Keys pressed meanwhile are not
    heard: to wait for an answer use a menu with a long `timeout_s`.
    """

    kind: Literal["wait"] = "wait"
    """Say nothing for some seconds and go on."""
    on_path: ClassVar[bool] = False
    before: PromptText | None = None
    """Said before the silence."""
    seconds: int = Field(ge=1, le=120)
    """How long, 1 to 120."""
    next: Target
    """The node that comes after."""

    def enter(self, call: Call) -> Outcome:
        return Wait((*call.prompt(self.before), Pause(self.seconds)))

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        if not isinstance(event, Continued):
            return None
        return Go(self.next, facts=(Waited(self.id, self.seconds),))

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))
