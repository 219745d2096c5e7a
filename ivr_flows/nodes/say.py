from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ivr_flows.nodes.base import Call, Go, Node, Outcome, Way
from ivr_flows.texts import PromptText, Target


class SayNode(Node):
    """Speak a text and go on.

        welcome: {kind: say, text: {en: Welcome to Meridian., es: Bienvenido a Meridian.}, next: main_menu}

    Emits Say (and Play, when the text is a list with recordings). Never waits.
    """

    kind: Literal["say"] = "say"
    """Speak a text and go on."""
    text: PromptText
    """What the caller hears."""
    next: Target
    """The node that comes after."""

    def enter(self, call: Call) -> Outcome:
        return Go(self.next, call.prompt(self.text))

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))
