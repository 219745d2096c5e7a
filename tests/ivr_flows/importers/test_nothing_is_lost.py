"""Whatever an export holds, every step of it is in the flow or told of, and the flow can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr_flows.importers import Imported, import_flow
from ivr_flows.importers.connect import ACTIONS, HOUSE
from ivr_flows.importers.studio import CONDITIONS, WIDGETS
from ivr_flows.loader import check
from ivr_flows.yaml_reader import read_yaml

EXPORTS = sorted((Path(__file__).parent / "exports").glob("*.json"))
STEPS = ["one", "Two steps", "three", "Vier", "五"]
SHAPES_ONLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
words = st.text(max_size=30) | st.sampled_from(
    [
        "1",
        "2,3",
        "09:30",
        "2026-01-01",
        "+15005550020",
        "{{flow.variables.a}}",
        "{{widgets.one.Digits}}",
        "$.Attributes.a",
    ]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
targets = st.none() | st.sampled_from([*STEPS, "nowhere"])


@st.composite
def studio_states(draw: st.DrawFn) -> list[dict[str, Any]]:
    events = ["audioComplete", "keypress", "speech", "timeout", "success", "failed", "next", "noMatch", "sent", "other"]
    properties = [
        "say", "play", "loop", "language", "timeout", "number_of_digits", "url", "method", "body", "variables", "to",
        "noun", "input", "flow_sid", "parameters", "queue_name", "max_length", "finish_on_key", "unheard_of",
    ]  # fmt: skip
    matches = st.fixed_dictionaries(
        {
            "event": st.just("match"),
            "next": targets,
            "conditions": st.lists(
                st.fixed_dictionaries(
                    {
                        "arguments": st.lists(words | st.just("{{widgets.one.Digits}}"), max_size=2),
                        "type": st.sampled_from([*CONDITIONS, "regex"]),
                        "value": words,
                    }
                ),
                max_size=2,
            ),
        }
    )
    ways = st.fixed_dictionaries({"event": st.sampled_from(events), "next": targets}) | matches
    return [
        {
            "name": name,
            "type": draw(st.sampled_from([*WIDGETS, "run-function", "something-new"])),
            "transitions": draw(st.lists(ways, max_size=5) | anything),
            "properties": draw(st.dictionaries(st.sampled_from(properties), anything, max_size=6) | anything),
        }
        for name in STEPS
    ]


@st.composite
def connect_actions(draw: st.DrawFn) -> list[dict[str, Any]]:
    parameters = [
        "Text", "SSML", "PromptId", "StoreInput", "InputTimeLimitSeconds", "DTMFConfiguration", "InputValidation",
        "ComparisonValue", "Attributes", "QueueId", "ContactFlowId", "LoopCount", "TimeLimitSeconds", "LanguageCode",
        "ThirdPartyPhoneNumber", "Messages", "Media", "UnheardOf",
    ]  # fmt: skip
    errors = ["NoMatchingError", "NoMatchingCondition", "InputTimeLimitExceeded", "QueueAtCapacity", "CallFailed"]
    operators = ["Equals", "NumericLessThan", "TextContains", "TextStartsWith"]
    operands = st.lists(words | st.sampled_from(["True", "ContinueLooping", "21"]), max_size=2)
    conditions = st.fixed_dictionaries(
        {
            "NextAction": targets,
            "Condition": st.fixed_dictionaries({"Operator": st.sampled_from(operators), "Operands": operands}),
        }
    )
    ways = st.fixed_dictionaries(
        {
            "NextAction": targets,
            "Errors": st.lists(
                st.fixed_dictionaries({"ErrorType": st.sampled_from(errors), "NextAction": targets}), max_size=3
            ),
            "Conditions": st.lists(conditions, max_size=4) | anything,
        }
    )
    return [
        {
            "Identifier": name,
            "Type": draw(st.sampled_from([*ACTIONS, *HOUSE, "InvokeLambdaFunction", "SomethingNew"])),
            "Parameters": draw(st.dictionaries(st.sampled_from(parameters), anything, max_size=6) | anything),
            "Transitions": draw(ways | anything),
        }
        for name in STEPS
    ]


def told_of(imported: Imported) -> set[str]:
    return {name for note in imported.notes for name in note.where}


def assert_nothing_is_lost(imported: Imported, steps: set[str]) -> None:
    nodes = read_yaml(imported.text, "imported").value["nodes"]
    standing = {source for source, ids in imported.nodes.items() if set(ids) <= nodes.keys()}
    assert steps <= standing | told_of(imported)
    errors = [str(fault) for fault in check(imported.text, "imported") if fault.severity == "error"]
    assert [error for error in errors if "ring that never asks" not in error and "no way leads" not in error] == []


@SHAPES_ONLY
@given(studio_states())
def test_every_widget_is_in_the_flow_or_told_of(states):
    trigger = {"name": "T", "type": "trigger", "transitions": [{"event": "incomingCall", "next": "one"}]}
    text = json.dumps({"states": [trigger, *states], "initial_state": "T"})
    assert_nothing_is_lost(import_flow(text), {"T", *STEPS})


@SHAPES_ONLY
@given(connect_actions())
def test_every_action_is_in_the_flow_or_told_of(actions):
    text = json.dumps({"StartAction": "one", "Actions": actions})
    assert_nothing_is_lost(import_flow(text), set(STEPS))


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_every_step_of_a_real_export_is_in_the_flow_or_told_of(path):
    export = json.loads(path.read_text("utf-8"))
    steps = {one.get("name") or one.get("Identifier") for one in export.get("states") or export["Actions"]}
    assert_nothing_is_lost(import_flow(path.read_text("utf-8")), steps)


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_every_setting_of_a_real_export_is_taken_or_told_of(path):
    """A setting that no importer has ever heard of is told, whatever step it stands in."""
    export = json.loads(path.read_text("utf-8"))
    for step in export.get("states") or export["Actions"]:
        if step.get("type") == "trigger":
            continue
        step.setdefault("properties" if "states" in export else "Parameters", {})["strange_setting"] = "strange"
    told = {name for note in import_flow(json.dumps(export)).notes if "strange" in note.said for name in note.where}
    merged = {"by_key", "by_word"}  # splits that became the choices of a menu
    steps = {one.get("name") or one.get("Identifier") for one in export.get("states") or export["Actions"]}
    assert steps - merged - {"Trigger"} <= told
