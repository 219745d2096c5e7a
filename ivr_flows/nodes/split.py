from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ivr_flows.facts import SplitTaken
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Part, Way
from ivr_flows.said import wrong
from ivr_flows.state import CallContext
from ivr_flows.texts import Target

_PARTS = 10_000  # of a percent: fine enough for any share


class Share(Part):
    """A share of the calls and where it goes. `name` is what reports call it."""

    percent: float = Field(gt=0, le=100)
    """Its share of the calls, in percent."""
    name: str | None = Field(default=None, min_length=1, max_length=60)
    """What reports call it."""
    to: Target
    """Where these calls go."""

    @property
    def label(self) -> str:
        return self.name or f"{self.percent:g} %"


class SplitNode(Node):
    """Send a share of the calls each way, by chance.

        try_new_menu:
          kind: split
          shares:
            - {percent: 20, name: new menu, to: main_menu}
            - {percent: 80, name: menu as it was, to: support}

    Never waits. The shares must add up to 100. Chance is drawn from the call's id, so a call falls the same way
    however often it is asked; with `by: caller` from the caller's number, so that somebody who calls again meets the
    same way. Two splits in one flow fall independently of each other.
    """

    kind: Literal["split"] = "split"
    """Send a share of the calls each way, by chance."""
    on_path: ClassVar[bool] = False
    by: Literal["call", "caller"] = "call"
    """What the chance is drawn from: each call anew, or the caller, who then always meets the same way."""
    shares: tuple[Share, ...] = Field(min_length=2, max_length=20)
    """The shares; together 100 percent."""

    @model_validator(mode="after")
    def _is_whole(self) -> SplitNode:
        total = sum(share.percent for share in self.shares)
        if abs(total - 100) > 0.001:
            raise wrong("the shares add up to {total} %, not to 100", total=f"{total:g}")
        return self

    def enter(self, call: Call) -> Outcome:
        share = self.share(call.context, call.place)
        return Go(share.to, facts=(SplitTaken(self.id, share.label),))

    def ways(self) -> Iterator[Way]:
        for index, share in enumerate(self.shares):
            yield Way(share.label, share.to, ("shares", index, "to"))

    def share(self, context: CallContext, place: str) -> Share:
        """The share that this call falls into at this place (flow/node): the same whenever it comes here."""
        who = context.caller if self.by == "caller" else context.call_id or context.caller
        digest = hashlib.sha256(f"{place}\0{who}".encode("utf-8", "replace")).digest()
        return self._share_at(int.from_bytes(digest[:8], "big") % (100 * _PARTS) / _PARTS)

    def _share_at(self, chance: float) -> Share:
        reached = 0.0
        for share in self.shares:
            reached += share.percent
            if chance < reached:
                return share
        return self.shares[-1]
