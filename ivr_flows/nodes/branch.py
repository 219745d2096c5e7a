from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from ivr_flows.facts import BranchTaken
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Part, Way
from ivr_flows.texts import Condition, Target


class Case(Part):
    """One condition and where to go when it holds."""

    condition: Condition = Field(alias="if")
    """The condition, for instance: customer.is_known and now.hour < 12"""
    to: Target
    """The node to go to when it holds."""


class BranchNode(Node):
    """Go where the first condition that holds points.

        known_caller:
          kind: branch
          when:
            - {if: "customer.is_known and customer.open_tickets > 0", to: support}
            - {if: "now.weekday == 'sat'", to: weekend}
          otherwise: main_menu

    Conditions see `vars`, `customer`, `call` (caller, called, language) and `now` (hour, minute, weekday, date). One
    that cannot be worked out, such as a word compared with a number, does not hold, and the timeline says so.
    """

    kind: Literal["branch"] = "branch"
    """Go where the first condition that holds points."""
    on_path: ClassVar[bool] = False
    when: tuple[Case, ...] = Field(min_length=1, max_length=50)
    """The conditions, tried from top to bottom."""
    otherwise: Target
    """The node to go to when none of them holds."""

    def enter(self, call: Call) -> Outcome:
        for case in self.when:
            if call.holds(case.condition):
                return Go(case.to, facts=(BranchTaken(self.id, case.condition),))
        return Go(self.otherwise, facts=(BranchTaken(self.id, ""),))

    def ways(self) -> Iterator[Way]:
        for index, case in enumerate(self.when):
            yield Way(f"if {case.condition}", case.to, ("when", index, "to"))
        yield Way("otherwise", self.otherwise, ("otherwise",))
