from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ivr_flows.instructions import Hangup
from ivr_flows.nodes.base import Call, End, Node, Outcome, Way
from ivr_flows.patterns import Goal
from ivr_flows.texts import PromptText


class HangupNode(Node):
    """Say a last word and end the call.

        goodbye: {kind: hangup, say: {en: Thank you for calling. Goodbye.}, goal: got_payment_link}

    Emits Hangup. `goal` names what the caller got done without a person: only calls that end with a goal count as
    contained.
    """

    kind: Literal["hangup"] = "hangup"
    """Say a last word and end the call."""
    say: PromptText | None = None
    """The last word."""
    goal: Goal | None = None
    """What the caller got done without a person; only such calls count as contained."""

    def enter(self, call: Call) -> Outcome:
        return End("contained" if self.goal else "hung_up", (*call.prompt(self.say), Hangup()), goal=self.goal or "")

    def ways(self) -> Iterator[Way]:
        yield from ()
