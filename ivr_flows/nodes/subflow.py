from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator

from ivr_flows.nodes.base import Call, Go, GoToFlow, Node, Outcome, Return, Way
from ivr_flows.nodes.set import read_value
from ivr_flows.patterns import Goal, Name, VariableName
from ivr_flows.texts import PromptText, Target, Text


class SubflowNode(Node):
    """Go through another flow and come back.

        who_is_it:
          kind: subflow
          flow: identify
          with: {reason: support}
          results: {verified: support, not_found: sales}
          next: main_menu

    The other flow begins at its start, with the variables and the language of the call, and `with` given to it. When
    it comes to a `return` node the call goes on here: at the way that `results` has for the return's result, else at
    `next`. What the other flow set stays set. A flow that cannot be entered, or that goes ten deep, goes to
    `fallback`, without it to the flow's fallback. The version of the other flow is fixed for the call when it first
    gets there.
    """

    kind: Literal["subflow"] = "subflow"
    """Go through another flow and come back."""
    unheard: ClassVar[frozenset[str]] = frozenset({"with"})
    flow: Name
    """The flow to go through, from its start."""
    with_: dict[VariableName, Annotated[bool | int | float | Text, PlainValidator(read_value)]] = Field(
        default_factory=dict, max_length=20, alias="with"
    )
    """Values given to variables before: texts, numbers, true or false."""
    results: dict[Goal, Target] = Field(default_factory=dict, max_length=20)
    """Where to go on by the result of the return node; others go to next."""
    next: Target
    """Where the call goes on when the other flow is done."""
    fallback: Target | None = None
    """Where the call goes when the other flow cannot be entered; without it to the flow's fallback."""

    def enter(self, call: Call) -> Outcome:
        given: dict[str, Any] = {
            name: call.text(value) if isinstance(value, Text) else value for name, value in self.with_.items()
        }
        return GoToFlow(self.flow, self.fallback, variables=given, comes_back=True)

    def returned(self, call: Call, result: str) -> Outcome:
        return Go(self.results.get(result, self.next))

    def ways(self) -> Iterator[Way]:
        for result, target in self.results.items():
            yield Way(result.replace("_", " "), target, ("results", result))
        yield Way("then", self.next, ("next",))
        yield Way("flow not there", self.fallback, ("fallback",))

    @property
    def may_stop(self) -> bool:
        return True  # what it asks stands in the other flow

    def sets(self) -> Iterator[str]:
        yield from self.with_


class ReturnNode(Node):
    """End this flow and go back to the one that called it.

        found: {kind: return, result: verified}
        done: {kind: return, say: {en: Thank you.}}

    The call goes on at the `subflow` node that called this flow. In a call that began with this flow there is nothing
    to go back to: it goes to the flow's fallback, and the timeline says so.
    """

    kind: Literal["return"] = "return"
    """End this flow and go back to the one that called it."""
    on_path: ClassVar[bool] = False
    say: PromptText | None = None
    """Said before going back."""
    result: Goal | None = None
    """What the calling flow's results are looked up by."""

    def enter(self, call: Call) -> Outcome:
        return Return(self.result or "", call.prompt(self.say))

    def ways(self) -> Iterator[Way]:
        yield from ()
