"""One row of a node kind's table: the node, what the caller does, and what must follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from ivr_flows import Flow, Instruction, load_flow
from ivr_flows.faults import FlowError
from tests.ivr_flows.callers import TUESDAY_NOON, Caller

AROUND = """\
title: Test flow
languages: [en, es]
start: {start}
fallback: desk
nodes:
{nodes}
  after: {{kind: hangup, title: After}}
  other: {{kind: hangup, title: Other}}
  third: {{kind: hangup, title: Third}}
  desk: {{kind: queue, queue: desk}}
"""
OTHER_FLOWS = {
    "other": """\
title: Other flow
languages: [es]
start: hello
fallback: box
nodes:
  hello: {kind: say, text: Hola desde otro flujo., next: box}
  box: {kind: voicemail, prompt: Deje un mensaje., mailbox: general}
""",
    "identify": """\
title: Flow that comes back, in English only
start: ask
fallback: box
nodes:
  ask:
    kind: menu
    prompt: "Who is it? {{ vars.hint }}"
    choices: [{key: 1, to: found}, {key: 2, to: done}, {key: 3, to: bye}, {key: 4, to: away}]
  found: {kind: return, say: Found you., result: verified}
  done: {kind: return, result: unheard_of}
  bye: {kind: hangup}
  away: {kind: goto, flow: identify}
  box: {kind: voicemail, prompt: Leave a message., mailbox: general}
""",
    "deep": """\
title: Flow that calls itself
start: down
fallback: box
nodes:
  down: {kind: subflow, flow: deep, next: up, fallback: up}
  up: {kind: return}
  box: {kind: voicemail, prompt: Leave a message., mailbox: general}
""",
}


@dataclass(frozen=True)
class Case:
    """`node` is YAML for the node "it", or for several with "it" first.

    What is None is not looked at; `told` are lines that the timeline must have, `not_told` words that it must not have.
    """

    name: str
    node: str
    does: Callable[[Caller], object] = lambda caller: None
    at: str | None = None
    hears: str | None = None
    last: Instruction | None = None
    told: tuple[str, ...] = ()
    not_told: tuple[str, ...] = ()
    variables: dict[str, Any] | None = None
    outcome: str | None = None
    language: str | None = None
    customer: dict[str, Any] = field(default_factory=dict)
    number: str = "+15551234567"
    now: datetime = TUESDAY_NOON
    speaks: str | None = None
    priority_min: int = 0
    call_id: str = ""

    def flow(self) -> Flow:
        node = self.node.strip("\n")
        nodes = node if node.lstrip().startswith("it:") else f"it: {node}"
        indented = "\n".join(f"  {line}" for line in nodes.splitlines())
        return loaded(AROUND.format(nodes=indented, start="it"))

    def flow_named(self, name: str, version: str | None = None) -> Flow:
        return self.flow() if name == "test" else other_flows(name, version)

    def call(self) -> Caller:
        caller = Caller(
            self.flow(),
            self.flow_named,
            number=self.number,
            now=self.now,
            language=self.speaks,
            customer=self.customer,
            priority_min=self.priority_min,
            call_id=self.call_id,
        )
        self.does(caller)
        return caller

    def check(self, caller: Caller) -> None:
        seen = {
            "at": caller.state.node,
            "hears": caller.heard,
            "last": caller.last,
            "variables": caller.state.variables,
            "outcome": caller.state.outcome,
            "language": caller.state.language,
        }
        wanted = {name: getattr(self, name) for name in seen if getattr(self, name) is not None}
        assert {name: seen[name] for name in wanted} == wanted
        assert [line for line in self.told if line not in caller.told] == [], caller.told
        assert [line for line in self.not_told if line in " | ".join(caller.told)] == []


@cache
def loaded(text: str) -> Flow:
    """A flow never changes, so a text need be read only once."""
    return load_flow(text, "test")


def other_flows(name: str, version: str | None) -> Flow:
    """The flow that the table's own goes to; the table's own is "test", and given by the case."""
    if name not in OTHER_FLOWS:
        raise FlowError([])
    return loaded_other(name)


@cache
def loaded_other(name: str) -> Flow:
    return load_flow(OTHER_FLOWS[name], name)
