"""Which nodes and which ways out of them test calls have come through, and which none has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ivr_flows.facts import Fact, FlowReturned, LimitReached, NodeEntered
from ivr_flows.nodes.base import Way
from ivr_flows.schema import Flow
from ivr_flows.ways import is_told


@dataclass(frozen=True, slots=True)
class MissedWay:
    """A way that no call took: from a node to another one, and when it would be taken."""

    node: str
    to: str
    label: str

    def __str__(self) -> str:
        return f"{self.node} → {self.to} ({self.label})"


@dataclass(frozen=True, slots=True)
class Missed:
    """What no call reached in one flow. `of_nodes` and `of_ways` are how many there are."""

    nodes: tuple[str, ...]
    ways: tuple[MissedWay, ...]
    of_nodes: int
    of_ways: int

    def to_json(self) -> dict[str, Any]:
        edges = [{"from": way.node, "to": way.to, "label": way.label} for way in self.ways]
        return {"nodes": list(self.nodes), "edges": edges, "of_nodes": self.of_nodes, "of_edges": self.of_ways}


class Coverage:
    """Collects what calls have reached, in any number of flows."""

    def __init__(self) -> None:
        self._nodes: set[tuple[str, str]] = set()
        self._ways: set[tuple[str, str, int]] = set()
        self._ways_of: dict[tuple[str, str, str], tuple[Way, ...]] = {}

    def take(self, told: Iterable[Fact], flows: Iterable[Flow]) -> None:
        """Count a whole call by the facts it told, in order; `flows` are those it went through."""
        known = {flow.name: flow for flow in flows}
        here: dict[str, str] = {}  # the last node in each flow: a call may leave a flow and come back
        since: list[Fact] = []
        for fact in told:
            if isinstance(fact, FlowReturned):
                here[fact.flow] = fact.node
            if not isinstance(fact, NodeEntered):
                since.append(fact)
                continue
            flow = known.get(fact.flow)
            if flow is None or fact.node not in flow.nodes:
                continue
            if fact.flow in here:
                self._took(flow, here[fact.flow], fact.node, since)
            self._nodes.add((flow.name, fact.node))
            here[fact.flow], since = fact.node, []

    def missed(self, flow: Flow) -> Missed:
        """The nodes and ways of this flow that no call reached, in the order of the file."""
        nodes = tuple(id_ for id_ in flow.nodes if (flow.name, id_) not in self._nodes)
        ways = [(id_, index, way) for id_ in flow.nodes for index, way in enumerate(self._ways_from(flow, id_))]
        missed = (
            MissedWay(id_, way.to or flow.fallback, way.label)
            for id_, index, way in ways
            if (flow.name, id_, index) not in self._ways
        )
        return Missed(nodes, tuple(missed), len(flow.nodes), len(ways))

    def _took(self, flow: Flow, from_: str, to: str, since: Sequence[Fact]) -> None:
        if any(isinstance(fact, LimitReached) for fact in since):
            return  # the engine's own way, none of the node's
        ways = self._ways_from(flow, from_)
        leading = [index for index, way in enumerate(ways) if (way.to or flow.fallback) == to]
        told = [index for index in leading if is_told(flow.nodes[from_], ways[index], since)]
        self._ways.update((flow.name, from_, index) for index in told or leading)

    def _ways_from(self, flow: Flow, id_: str) -> tuple[Way, ...]:
        key = (flow.name, flow.version, id_)
        if key not in self._ways_of:
            self._ways_of[key] = tuple(flow.nodes[id_].ways())
        return self._ways_of[key]
