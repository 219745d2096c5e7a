"""Test calls: what is given, what the caller does, what must be heard, and where the call must end.

They stand in the flow's own file under `scenarios`, or beside it in <flow>.scenarios.yaml:

    scenarios:
      - name: A caller who presses 1 waits for sales
        given: {at: 2026-03-03T12:00:00-05:00, customer: {name: Ana Ruiz}}
        call:
          - hears: For sales, press 1
          - press: 1
          - visits: sales
        ends: {queue: sales}
        facts: {topic: sales}

They are played by the engine that answers real calls (see `simulator`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import Field, ValidationError, model_validator

from ivr_flows.beside import ENDING, beside
from ivr_flows.engine import LAST_RESORT
from ivr_flows.faults import Fault, FlowError, nearest, short
from ivr_flows.loader import faults_from_pydantic, read_flow_text
from ivr_flows.said import said, wrong
from ivr_flows.schema import Flow
from ivr_flows.simulator import Act, Given, Strict
from ivr_flows.yaml_reader import Document, Path, read_yaml

MAX_SCENARIOS = 5000
MAX_TURNS = 300


class Turn(Act):
    """One line of a call: an act, or what must have followed the act before it.

    `hears` is part of what the caller hears, `hears_not` what must not be heard, `visits` a node that the call comes
    through (flow/node in another flow), `records` part of what the timeline is told, `texted` part of a text message.
    """

    hears: str | None = Field(default=None, min_length=1, max_length=1000)
    hears_not: str | None = Field(default=None, min_length=1, max_length=1000)
    visits: str | None = Field(default=None, min_length=1, max_length=130)
    records: str | None = Field(default=None, min_length=1, max_length=1000)
    texted: str | None = Field(default=None, min_length=1, max_length=1000)

    @property
    def is_act(self) -> bool:
        return not self.model_fields_set & _EXPECTED


_EXPECTED = {"hears", "hears_not", "visits", "records", "texted"}


class Ending(Strict):
    """Where the call must end; all that are given must hold.

    `queue` and `mailbox`: waiting there, or having been there last. `transfer`: the number or agent. `node`: where the
    call stands. `outcome`: how it ended (answered, voicemail, contained, hung_up, transferred, caller_hung_up, …).
    """

    outcome: str | None = Field(default=None, min_length=1, max_length=60)
    queue: str | None = Field(default=None, min_length=1, max_length=60)
    mailbox: str | None = Field(default=None, min_length=1, max_length=60)
    transfer: str | None = Field(default=None, min_length=1, max_length=200)
    node: str | None = Field(default=None, min_length=1, max_length=130)

    @model_validator(mode="after")
    def _says_something(self) -> Ending:
        if not self.model_fields_set:
            raise wrong("is empty: give outcome, queue, mailbox, transfer or node")
        return self


class Scenario(Strict):
    """One test call. `line` is where it stands in its file, `lines` where its turns do."""

    name: str = Field(min_length=1, max_length=200)
    given: Given = Given()
    call: tuple[Turn, ...] = Field(default=(), max_length=MAX_TURNS)
    ends: Ending | None = None
    facts: dict[str, str | int | float | bool | None] = Field(default_factory=dict, max_length=100)

    @model_validator(mode="after")
    def _expects_something(self) -> Scenario:
        if self.ends is None and not self.facts and all(turn.is_act for turn in self.call):
            raise wrong("expects nothing: say what must be heard, or where the call ends")
        return self


class _ScenarioList(Strict):
    scenarios: tuple[Scenario, ...] = Field(default=(), max_length=MAX_SCENARIOS)


@dataclass(frozen=True, slots=True)
class PlacedScenario:
    """A scenario and where it stands, for messages."""

    scenario: Scenario
    file: str
    line: int
    lines: tuple[int, ...]  # of its turns


def scenarios_in(text: str, file: str, *, nodes: Collection[str] | None = None) -> list[PlacedScenario]:
    """The scenarios of a file of test calls, or of a flow's own file; none when it has none.

    FlowError with every fault (file, line, column, field, what is accepted) when they cannot be used. `nodes` are the
    flow's: a scenario that names another one is at fault.
    """
    document = read_yaml(text, file)
    value = document.value
    if not isinstance(value, dict):
        raise FlowError([Fault(said("a file of test calls is a mapping with the key scenarios"), file)])
    is_flow = "title" in value or "nodes" in value
    strange = () if is_flow else [key for key in value if key != "scenarios"]
    if strange:
        message = said("is not a field of a file of test calls; use scenarios")
        raise FlowError(_at(document, file, (key,), message, on_key=True) for key in strange)
    scenarios = _read(document, file, value.get("scenarios") or [])
    faults = [*_names_taken(document, file, scenarios), *_unknown_nodes(document, file, scenarios, nodes)]
    if faults:
        raise FlowError(faults)
    return [_placed(document, file, index, scenario) for index, scenario in enumerate(scenarios)]


def scenarios_of(
    flow: Flow, own_text: str, beside_text: str | None = None, *, file: str = "", beside_file: str = ""
) -> list[PlacedScenario]:
    """A flow's scenarios from its own file and from the one beside it (None or blank: there is none).

    FlowError as for `scenarios_in`. Files default to the flow's name.
    """
    found = scenarios_in(own_text, file or f"{flow.name}.yaml", nodes=flow.nodes)
    if beside_text is None or is_blank(beside_text):
        return found
    return found + scenarios_in(beside_text, beside_file or f"{flow.name}{ENDING}", nodes=flow.nodes)


def is_blank(text: str) -> bool:
    """Whether a file holds comments at most."""
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines())


def scenarios_of_file(flow: Flow, path: FilePath) -> list[PlacedScenario]:
    """The scenarios of the flow that stands in this file, and in the one beside it."""
    other = beside(path)
    other_text = read_flow_text(other) if other.exists() else None
    return scenarios_of(flow, read_flow_text(path), other_text, file=str(path), beside_file=str(other))


def _read(document: Document, file: str, value: Any) -> tuple[Scenario, ...]:
    try:
        return _ScenarioList.model_validate({"scenarios": value}).scenarios
    except ValidationError as error:
        raise FlowError(faults_from_pydantic(error, _ScenarioList, document, file)) from error


def _placed(document: Document, file: str, index: int, scenario: Scenario) -> PlacedScenario:
    at: Path = ("scenarios", index)
    lines = tuple(document.place_of_key((*at, "call", turn))[0] for turn in range(len(scenario.call)))
    return PlacedScenario(scenario, file, document.place_of_key(at)[0], lines)


def _names_taken(document: Document, file: str, scenarios: Iterable[Scenario]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, scenario in enumerate(scenarios):
        line, _ = document.place_of_key(("scenarios", index))
        if scenario.name in first:
            message = said(
                "the name '{name}' is taken by the scenario on line {line}",
                name=short(scenario.name),
                line=first[scenario.name],
            )
            yield _at(document, file, ("scenarios", index, "name"), message)
        first.setdefault(scenario.name, line)


def _unknown_nodes(
    document: Document, file: str, scenarios: Iterable[Scenario], nodes: Collection[str] | None
) -> Iterator[Fault]:
    if nodes is None:
        return
    for index, scenario in enumerate(scenarios):
        for path, node in _nodes_named(scenario):
            if node is not None and "/" not in node and node not in (*nodes, LAST_RESORT):
                message = said("there is no node '{name}'{hint}", name=short(node), hint=nearest(node, nodes))
                yield _at(document, file, ("scenarios", index, *path), message)


def _nodes_named(scenario: Scenario) -> Iterator[tuple[Path, str | None]]:
    for index, turn in enumerate(scenario.call):
        yield ("call", index, "visits"), turn.visits
    yield ("ends", "node"), scenario.ends.node if scenario.ends else None


def _at(document: Document, file: str, path: Path, message: str, *, on_key: bool = False) -> Fault:
    line, column = document.place_of_key(path) if on_key else document.place_of_value(path)
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    return Fault(message, file, line, column, field=short(name))
