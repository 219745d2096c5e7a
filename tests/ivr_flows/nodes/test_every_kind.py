"""Rules for every kind of node. A kind without a table of cases beside this file fails here."""

from __future__ import annotations

import importlib
import re
import textwrap
from pathlib import Path

import pytest

from ivr_flows import FlowError, State, flow_json_schema, load_flow, resume
from ivr_flows.events import (
    Continued,
    DigitsEntered,
    InputTimedOut,
    QueueLeft,
    RecordingLeft,
    SpeechHeard,
    Started,
    TransferEnded,
)
from ivr_flows.nodes import KINDS
from tests.ivr_flows.nodes.case import AROUND, Case

EVENTS = [
    Started(),
    DigitsEntered("1"),
    SpeechHeard("sales"),
    InputTimedOut(),
    RecordingLeft("rec", 3),
    TransferEnded("completed"),
    QueueLeft("timeout"),
    Continued(),
]


def cases_of(kind: str) -> list[Case]:
    assert (Path(__file__).parent / f"{kind}_cases.py").exists(), f"write tests/ivr_flows/nodes/{kind}_cases.py"
    cases: list[Case] = importlib.import_module(f"tests.ivr_flows.nodes.{kind}_cases").CASES
    return cases


ALL = [pytest.param(case, id=f"{kind}: {case.name}") for kind in KINDS for case in cases_of(kind)]
ONE_OF_EACH = [pytest.param(cases_of(kind)[0], id=kind) for kind in KINDS]


@pytest.mark.parametrize("case", ALL)
def test_a_call_through_the_node_goes_as_the_table_says(case):
    case.check(case.call())


@pytest.mark.parametrize("case", ALL)
def test_the_same_call_twice_goes_the_same_way(case):
    assert case.call().step == case.call().step


@pytest.mark.parametrize("case", ALL)
def test_events_that_are_not_awaited_change_nothing(case):
    caller = case.call()
    flow = case.flow_named(caller.state.flow)
    for event in EVENTS:
        step = resume(flow, caller.state, event, flows=case.flow_named)
        moved_on = step.state.step == caller.state.step + 1
        repeated = step.state == caller.state and step.facts == () and step.instructions == caller.state.instructions
        assert moved_on or repeated


@pytest.mark.parametrize("case", ALL)
def test_the_state_survives_json(case):
    state = case.call().state
    assert State.from_json(state.to_json()) == state


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_in_the_docstring_is_a_flow_that_loads(kind):
    assert load_flow(flow_of_example(kind), "example").nodes


@pytest.mark.parametrize("kind", KINDS)
def test_the_docstring_begins_with_what_the_node_does(kind):
    first_line = (KINDS[kind].__doc__ or "").splitlines()[0]
    assert first_line.endswith(".") and len(first_line) < 80


@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_a_field_that_does_not_exist_is_refused_by_name(case):
    assert case.flow().nodes["it"]
    node = case.node.strip()
    spoiled = (
        node.replace("kind:", "colour: red, kind:", 1)
        if node.startswith("{")
        else node.replace("\n  kind:", "\n  colour: red\n  kind:", 1)
    )
    with pytest.raises(FlowError) as refused:
        Case("", spoiled).flow()
    assert [(fault.node, fault.field) for fault in refused.value.faults] == [("it", "colour")]


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_schema_describes_the_kind(kind):
    schema = flow_json_schema()
    described = schema["$defs"][kind]
    assert described["properties"]["kind"]["const"] == kind
    assert "id" not in described["properties"]
    assert described["additionalProperties"] is False
    assert {"$ref": f"#/$defs/{kind}"} in schema["properties"]["nodes"]["additionalProperties"]["oneOf"]


def flow_of_example(kind: str) -> str:
    """The indented lines of the docstring as nodes, with every node that they point to."""
    doc = textwrap.dedent("    " + (KINDS[kind].__doc__ or ""))
    lines = [line[4:] for line in doc.splitlines()[1:] if line.startswith("    ")]
    example = "\n".join(lines)
    names = [
        "main_menu",
        "sales",
        "sales_message",
        "support",
        "weekend",
        "closed_menu",
        "night_message",
        "goodbye",
        "message",
    ]
    missing = "".join(f"\n  {name}: {{kind: hangup}}" for name in names if f"\n{name}:" not in f"\n{example}")
    start = next(line.split(":")[0] for line in lines if not line.startswith(" "))
    languages = "[en, es]" if re.search(r"\bes\b", example) else "[en]"
    around = AROUND.replace("[en, es]", languages).format(start=start, nodes=textwrap.indent(example, "  "))
    return around + missing.lstrip("\n") + "\n"
