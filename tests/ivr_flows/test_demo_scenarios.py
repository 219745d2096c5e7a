"""The test calls that ship with the demo flows."""

from __future__ import annotations

import pytest

from ivr_flows import FlowStore
from ivr_flows.scenario import PlacedScenario, scenarios_of_file
from ivr_flows.scenario_run import run_scenario, run_scenarios
from tests.ivr_flows.conftest import DEMO

STORE = FlowStore(DEMO, check_every_s=3600)
PLACED = [(name, one) for name in STORE.names() for one in scenarios_of_file(STORE.get(name), DEMO / f"{name}.yaml")]


@pytest.mark.parametrize(("flow", "placed"), PLACED, ids=[f"{flow}: {one.scenario.name}" for flow, one in PLACED])
def test_the_demo_flows_pass_their_test_calls(flow: str, placed: PlacedScenario):
    result = run_scenario(STORE.get(flow), placed, STORE.get)
    assert result.passed, result.transcript


@pytest.mark.parametrize("flow", STORE.names())
def test_the_test_calls_reach_every_node_and_every_way(flow: str):
    missed = run_scenarios(STORE.get(flow), [one for name, one in PLACED if name == flow], STORE.get).missed
    assert missed.nodes == ()
    assert [str(way) for way in missed.ways] == []
