from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, model_validator

from ivr_flows.facts import Fact, LanguageChosen, VariableSet
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Way
from ivr_flows.patterns import LanguageTag, VariableName
from ivr_flows.said import wrong
from ivr_flows.texts import Target, Text


def read_value(value: Any) -> bool | int | float | Text:
    return value if isinstance(value, bool | int | float | Text) else Text.read(value)


class SetNode(Node):
    """Give variables a value, or change the caller's language, and go on.

        spanish: {kind: set, title: Español, language: es, next: main_menu}
        reason: {kind: set, variables: {topic: billing, greeting: "Hello {{ customer.name }}"}, next: sales}

    Texts may use variables; numbers, true and false are kept as they are. Never waits. The language must be one of
    the flow's.
    """

    kind: Literal["set"] = "set"
    """Give variables a value, or change the caller's language."""
    on_path: ClassVar[bool] = False
    unheard: ClassVar[frozenset[str]] = frozenset({"variables"})
    variables: dict[VariableName, Annotated[bool | int | float | Text, PlainValidator(read_value)]] = Field(
        default_factory=dict, max_length=20
    )
    """Values by name: texts with variables in them, numbers, true or false."""
    language: LanguageTag | None = None
    """The language the caller hears from here on; one of the flow's."""
    next: Target
    """The node that comes after."""

    @model_validator(mode="after")
    def _does_something(self) -> SetNode:
        if not self.variables and self.language is None:
            raise wrong("sets nothing: give it variables or a language")
        return self

    def enter(self, call: Call) -> Outcome:
        values = {
            name: call.text(value) if isinstance(value, Text) else value for name, value in self.variables.items()
        }
        facts: tuple[Fact, ...] = tuple(VariableSet(self.id, name, str(value)) for name, value in values.items())
        if self.language:
            facts = (LanguageChosen(self.language), *facts)
        return Go(self.next, facts=facts, variables=values, language=self.language)

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))
