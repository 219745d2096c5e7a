"""An Amazon Connect flow becomes a flow file that callers can be let into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ivr_flows import load_flow
from ivr_flows.importers import ImportFailed, Options, import_flow
from ivr_flows.yaml_reader import read_yaml
from tests.ivr_flows.callers import Caller

ENERGY = Path(__file__).parent / "exports" / "connect_energy.json"
NAMES = Options(
    queues={"Faults": "faults", "Business": "business", "General": "general"},
    flows={"Moving house": "moving", "Survey module": "survey"},
    queue="general",
)


def action(id_: str, type_: str, next_: str | None = None, **more: Any) -> dict[str, Any]:
    ways: dict[str, Any] = {"NextAction": next_} if next_ else {}
    ways["Errors"] = [{"ErrorType": error, "NextAction": to} for error, to in more.pop("errors", {}).items()]
    ways["Conditions"] = [
        {"NextAction": to, "Condition": {"Operator": operator, "Operands": [operand]}}
        for operator, operand, to in more.pop("when", ())
    ]
    return {"Identifier": id_, "Type": type_, "Parameters": more, "Transitions": ways}


def flow_of(*actions: dict[str, Any]) -> Any:
    export = {
        "Version": "2019-10-30",
        "StartAction": actions[0]["Identifier"],
        "Actions": list(actions),
        "Metadata": {},
    }
    return import_flow(json.dumps(export))


def node_of(imported: Any, id_: str) -> dict[str, Any]:
    node: dict[str, Any] = read_yaml(imported.text, "imported").value["nodes"][id_]
    return node


def notes_of(imported: Any) -> list[str]:
    return list(map(str, imported.notes))


@pytest.fixture(scope="module")
def energy() -> Any:
    return import_flow(ENERGY.read_text("utf-8"), NAMES)


def test_the_flow_passes_the_check(energy):
    assert load_flow(energy.text, "energy").title == "Alder Energy inbound"


def test_a_question_without_memory_becomes_a_menu(energy):
    menu = node_of(energy, "main_menu")
    assert [(choice["key"], choice["to"]) for choice in menu["choices"]] == [
        ("1", "power_cut"),
        ("2", "account_number"),
        ("3", "call_me_back"),
        ("4", "moving"),
    ]
    assert (menu["timeout_s"], menu["no_input"], menu["no_match"]) == (7, "try_again", "try_again")


def test_a_loop_asks_as_often_as_there_and_then_gives_up(energy):
    caller = Caller(load_flow(energy.text, "energy"))
    asked = 0
    while caller.is_asked:
        asked += 1
        caller.stays_silent()
    assert caller.waits_for == "general"
    assert asked == 3


def test_a_question_with_memory_becomes_a_variable_masked_when_it_was_encrypted(energy):
    assert node_of(energy, "account_number") == {
        "kind": "collect",
        "prompt": "Please enter your account number.",
        "tries": 1,
        "timeout_s": 10,
        "no_input": "queue_general",
        "no_match": "queue_general",
        "into": "stored_customer_input",
        "max_length": 10,
        "finish_key": "#",
        "sensitive": True,
        "next": "which_tariff",
    }


def test_a_queue_that_is_named_before_stands_in_the_queue_node(energy):
    assert node_of(energy, "into_the_faults_queue") == {
        "kind": "queue",
        "queue": "faults",
        "unanswered": "call_me_back",
    }
    assert energy.nodes["Queue faults"] == ("into_the_faults_queue",)


def test_a_queue_that_may_have_been_two_is_chosen_by_what_was_named(energy):
    assert node_of(energy, "queue_business")["variables"] == {"target_queue": "business"}
    assert node_of(energy, "into_the_queue")["kind"] == "branch"
    queues = {node_of(energy, id_).get("queue") for id_ in energy.nodes["Into the queue"]}
    assert {"business", "general"} <= queues


def test_shares_hours_transfers_waits_callbacks_and_other_flows_have_counterparts(energy):
    assert node_of(energy, "share_of_calls")["shares"] == [
        {"percent": 20, "to": "faults_line"},
        {"percent": 80, "to": "into_the_faults_queue"},
    ]
    assert node_of(energy, "check_hours")["weekly"] == "24/7"
    assert node_of(energy, "faults_line")["number"] == "+15005550021"
    assert node_of(energy, "a_moment") == {"kind": "wait", "seconds": 5, "next": "music"}
    assert node_of(energy, "call_me_back") == {"kind": "callback", "queue": "general", "declined": "goodbye"}
    assert node_of(energy, "moving") == {"kind": "goto", "flow": "moving", "fallback": "queue_general"}
    assert node_of(energy, "survey")["flow"] == "survey"


def test_what_has_no_counterpart_is_told_in_words(energy):
    notes = " | ".join(notes_of(energy))
    assert "Welcome: its mark-up (SSML) for the voice is left out, its words are kept" in notes
    assert "Check hours: the hours Office hours are not in the export: 24/7 stands here, write the times in" in notes
    assert "Look up account: the action InvokeLambdaFunction has no counterpart; the call goes on" in notes
    assert "Which tariff: the way TextStartsWith pre → Queue general has no counterpart" in notes
    assert "Music: the recording Chime.wav is not in the export: put it at /audio/chime.wav" in notes
    assert "UpdateContactRecordingBehavior: recording is a setting of the house" in notes


def test_mark_up_leaves_its_words():
    said = "<speak>Hello <break time='1s'/>there<emphasis>, you</emphasis>.</speak>"
    imported = flow_of(action("a", "MessageParticipant", SSML=said))
    assert node_of(imported, "a")["text"] == "Hello there, you."


def test_values_in_texts_become_variables():
    text = "You are $.Attributes.firstName, calling from $.CustomerEndpoint.Address with $.Lex.Slot.x."
    imported = flow_of(action("a", "MessageParticipant", Text=text))
    assert node_of(imported, "a")["text"] == "You are {{ vars.first_name }}, calling from {{ call.caller }} with ."
    assert "a: the value $.Lex.Slot.x. is not known here: it is left out" not in notes_of(imported)
    assert "a: the value $.Lex.Slot.x is not known here: it is left out" in notes_of(imported)


def test_braces_in_a_text_are_words_and_no_template():
    imported = flow_of(action("a", "MessageParticipant", Text="Say {{ vars }} and {% if %}"))
    assert "{{" not in node_of(imported, "a")["text"]
    load_flow(imported.text, "f")


def test_a_number_in_an_attribute_is_never_dialled():
    imported = flow_of(
        action(
            "a", "TransferParticipantToThirdParty", errors={"CallFailed": "b"}, ThirdPartyPhoneNumber="$.Attributes.n"
        ),
        action("b", "DisconnectParticipant"),
    )
    assert read_yaml(imported.text, "f").value["start"] == "b"
    assert "a number must stand in the flow" in " ".join(notes_of(imported))


def test_the_answer_of_the_api_is_read_like_the_export():
    answer = {"ContactFlow": {"Arn": "a", "Name": "Inbound", "Content": ENERGY.read_text("utf-8")}}
    assert load_flow(import_flow(json.dumps(answer)).text, "energy").title == "Inbound"


@pytest.mark.parametrize(
    ("export", "message"),
    [
        ({"Actions": []}, "a list of Actions"),
        ({"Actions": [5]}, "every action has an Identifier and a Type"),
        ({"Actions": [{"Identifier": "a", "Type": "x"}]}, "StartAction names no action"),
        (
            {"Actions": [{"Identifier": "a", "Type": "x"}] * 2, "StartAction": "a"},
            "two actions have the Identifier 'a'",
        ),
        ({"ContactFlow": {"Content": "{"}}, "the flow's Content is no JSON"),
    ],
    ids=str,
)
def test_what_is_no_flow_is_refused_clearly(export, message):
    with pytest.raises(ImportFailed, match=message):
        import_flow(json.dumps(export))
