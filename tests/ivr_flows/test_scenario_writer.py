"""A simulated call becomes a test call in the file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr_flows import FlowError, FlowStore
from ivr_flows.scenario import is_blank, scenarios_in
from ivr_flows.scenario_run import run_scenario
from ivr_flows.scenario_writer import scenario_of, with_scenario
from tests.ivr_flows.conftest import DEMO

STORE = FlowStore(DEMO, check_every_s=3600)
SALES: dict[str, Any] = {
    "name": "Sales: “one”",
    "call": [{"press": "1"}, {"visits": "sales"}],
    "ends": {"queue": "sales"},
}


def test_a_simulated_call_is_written_as_an_author_would():
    flow = STORE.get("support")
    acts = [{"press": "40712255#"}, {"say": "yes", "confidence": 0.8}, {"wait_s": 30.0}]
    scenario = scenario_of(flow, "Account given", {"customer": {}, "language": "en"}, acts, STORE.get)
    assert (
        with_scenario("# Ours.\n", scenario, "support.scenarios.yaml")
        == """\
# Ours.
scenarios:
  - name: Account given
    given: {language: en}
    call:
      - visits: account
      - press: 40712255#
      - hears: 'I have 4, 0, 7, 1, 2, 2, 5, 5. Press 1 or say yes if that is right. Press 2 or say no to try again.'
      - {say: 'yes', confidence: 0.8}
      - visits: support_queue
      - wait_s: 30
    ends: {queue: support, node: support_queue}
    facts: {account_number: '40712255'}
"""
    )


@pytest.mark.parametrize(
    ("name", "given", "acts"),
    [
        ("main", {}, []),
        ("main", {"language": "es"}, [{"press": "1"}, {"press": "*"}, {"message_s": 4}]),
        ("main", {"at": "2026-12-25T12:00:00-05:00"}, [{"press": "2"}]),
        ("main", {}, [{"press": "2"}, {"press": "0"}, {"agent_answers": True}]),
        (
            "main",
            {"queues": {"sales": {"wait_s": 20}}},
            [{"silence": True}, {"say": "er"}, {"press": "1"}, {"wait_s": 20}],
        ),
        ("support", {"customer": {"account_number": "4", "näme": 'Ana: "A" #1'}}, [{"hang_up": True}]),
    ],
)
def test_a_call_that_was_saved_passes(name: str, given: dict[str, Any], acts: list[dict[str, Any]]):
    text = with_scenario("", scenario_of(STORE.get(name), "Saved", given, acts, STORE.get), "x.yaml")
    result = run_scenario(STORE.get(name), scenarios_in(text, "x.yaml")[0], STORE.get)
    assert result.passed, result.transcript


BEFORE = """\
# Test calls of the main line
scenarios:
- name: First   # the easy one
  call:
  - press: 2
  # odd, but ours
  ends: {outcome: answered}

# the end
"""


def test_what_stands_in_the_file_stays_as_it_is():
    added = """
- name: 'Sales: “one”'
  call:
    - press: '1'
    - visits: sales
  ends: {queue: sales}
"""
    assert with_scenario(BEFORE, SALES, "x.yaml") == BEFORE.replace("\n\n# the end", f"\n{added}\n# the end")


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# nothing yet\n",
        "scenarios: []  # none\n",
        "scenarios:\n",
        "scenarios:\n  - {name: a, ends: {node: b}}",
        "scenarios:\r\n  - {name: a, ends: {node: b}}\r\n",
        "title: T\nscenarios:\n  - name: a\n    ends: {node: b}\nnodes: {}\n",
        "title: T\nnodes: {}\n",
        BEFORE,
    ],
)
def test_a_scenario_is_added_at_the_end_of_whatever_is_there(before: str):
    names = [] if is_blank(before) else [one.scenario.name for one in scenarios_in(before, "x.yaml")]
    after = with_scenario(before, SALES, "x.yaml")
    assert [one.scenario.name for one in scenarios_in(after, "x.yaml")] == [*names, SALES["name"]]
    kept = [line for line in before.splitlines() if not line.startswith("scenarios")]
    rest = iter(after.splitlines())
    assert all(line in rest for line in kept)  # in this order
    assert ("\r\n" in after) == ("\r\n" in before)


@pytest.mark.parametrize(
    ("before", "scenario", "message"),
    [
        (
            "scenarios:\n- {name: a, ends: {node: b}}\n",
            {**SALES, "name": "a"},
            "the name 'a' is taken by the scenario on line 2",
        ),
        ("scenarios: [{name: a, ends: {node: b}}]\n", SALES, "x.yaml:1:1: write the test calls one below the other"),
        ("scenarios: [", SALES, "this is not YAML"),
        ("- a\n", SALES, "a file of test calls is a mapping"),
        ("", {"name": "a", "call": [{"pres": 1}]}, "field call[0].pres: is not a field here"),
        ("", {"name": "", "ends": {"node": "b"}}, "field name: must not be empty"),
    ],
)
def test_what_cannot_be_added_is_refused_and_said_why(before: str, scenario: dict[str, Any], message: str):
    with pytest.raises(FlowError) as refused:
        with_scenario(before, scenario, "x.yaml")
    assert message in str(refused.value)


def test_acts_that_cannot_be_read_are_refused():
    with pytest.raises(ValidationError):
        scenario_of(STORE.get("main"), "a", {}, [{"press": "1", "say": "b"}])


words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(name=words, said=words, value=words | st.integers(-(10**9), 10**9) | st.booleans())
def test_whatever_is_typed_is_read_back_as_it_was(name: str, said: str, value: Any):
    scenario = {"name": name, "given": {"customer": {"note": value}}, "call": [{"say": said}], "ends": {"node": "b"}}
    read = scenarios_in(with_scenario(BEFORE, scenario, "x.yaml"), "x.yaml")[-1].scenario
    assert (read.name, read.call[0].say, read.given.customer["note"]) == (name, said, value)
