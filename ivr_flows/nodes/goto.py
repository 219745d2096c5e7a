from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import model_validator

from ivr_flows.nodes.base import Call, Go, GoToFlow, Node, Outcome, Way
from ivr_flows.patterns import Name
from ivr_flows.said import wrong
from ivr_flows.texts import Target


class GotoNode(Node):
    """Go on at another node, or at the start of another flow for good.

        again: {kind: goto, to: main_menu}
        moved: {kind: goto, flow: billing, fallback: sales}

    Never waits. Another flow is entered with the variables and the language kept, and nothing comes back from it, not
    even to a flow that called this one: for that use a subflow. When the other flow is not there the call goes to
    `fallback`, without it to the flow's fallback.
    """

    kind: Literal["goto"] = "goto"
    """Go on at another node, or in another flow for good."""
    on_path: ClassVar[bool] = False
    to: Target | None = None
    """The node to go on at."""
    flow: Name | None = None
    """The flow to go on in, at its start."""
    fallback: Target | None = None
    """Where the call goes when the other flow is not there; without it to the flow's fallback."""

    @model_validator(mode="after")
    def _has_one_destination(self) -> GotoNode:
        if (self.to is None) == (self.flow is None):
            raise wrong("needs exactly one of: to, flow")
        if self.to is not None and self.fallback is not None:
            raise wrong("a fallback is for another flow: leave it out, or give flow instead of to")
        return self

    def enter(self, call: Call) -> Outcome:
        return GoToFlow(self.flow, self.fallback) if self.flow else Go(self.to)

    def ways(self) -> Iterator[Way]:
        if self.to is not None:
            yield Way("then", self.to, ("to",))
        else:
            yield Way("flow not there", self.fallback, ("fallback",))
