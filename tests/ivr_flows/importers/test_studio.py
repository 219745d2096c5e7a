"""A Twilio Studio flow becomes a flow file that callers can be let into."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr_flows import FlowError, load_flow
from ivr_flows.importers import ImportFailed, Options, import_flow
from ivr_flows.yaml_reader import read_yaml
from tests.ivr_flows.callers import Caller

SHOP = Path(__file__).parent / "exports" / "studio_bicycle_shop.json"
NAMES = Options(
    queues={"WW00000000000000000000000000000001": "support"},
    flows={"FW00000000000000000000000000000001": "survey"},
    queue="support",
)


def state(name: str, type_: str, *ways: tuple[str, str | None], **properties: Any) -> dict[str, Any]:
    transitions = [{"event": event, **({"next": to} if to else {})} for event, to in ways]
    return {"name": name, "type": type_, "transitions": transitions, "properties": {"offset": {}, **properties}}


def flow_of(*states: dict[str, Any], start: str | None = None) -> Any:
    trigger = state("Trigger", "trigger", ("incomingCall", start or states[0]["name"]))
    return import_flow(json.dumps({"states": [trigger, *states], "initial_state": "Trigger"}))


def node_of(imported: Any, id_: str) -> dict[str, Any]:
    node: dict[str, Any] = read_yaml(imported.text, "imported").value["nodes"][id_]
    return node


def notes_of(imported: Any) -> list[str]:
    return list(map(str, imported.notes))


@pytest.fixture(scope="module")
def shop() -> Any:
    return import_flow(SHOP.read_text("utf-8"), NAMES)


def test_the_flow_passes_the_check(shop):
    assert load_flow(shop.text, "shop").title == "Harbour Cycles front desk"


def test_a_question_and_the_splits_behind_it_become_one_menu(shop):
    menu = node_of(shop, "main_menu")
    assert menu["kind"] == "menu"
    assert [(one.get("key"), one.get("words"), one["to"]) for one in menu["choices"]] == [
        ("1", ["repair"], "repairs_number"),
        ("2", ["order", "delivery"], "ask_order"),
        ("3", None, "send_address"),
        ("9", ["person"], "to_flex"),
        ("0", None, "to_flex"),
    ]
    assert shop.nodes["by_key"] == shop.nodes["by_word"] == ("main_menu",)


def test_callers_can_be_let_in(shop):
    caller = Caller(load_flow(shop.text, "shop"), now=datetime(2026, 3, 3, 12, 0, tzinfo=UTC))
    assert "Thank you for calling Harbour Cycles." in caller.heard
    assert caller.says("a person please").waits_for == "support"


def test_a_number_that_is_asked_for_is_kept_and_looked_up(shop):
    assert node_of(shop, "ask_order")["into"] == "ask_order"
    look_up = node_of(shop, "look_up_order")
    assert look_up["url"] == "https://shop.harbour.example/orders/{{ vars.ask_order }}"
    assert look_up["query"] == {"phone": "{{ call.caller }}"}
    assert look_up["into"] == {"look_up_order_order_state": "order.state", "look_up_order_order_total": "order.total"}
    assert (look_up["next"], look_up["fallback"]) == ("remember", "to_flex")


def test_conditions_become_conditions(shop):
    assert [case["if"] for case in node_of(shop, "order_state")["when"]] == [
        "not vars.order_state",
        "vars.look_up_order_order_total | float > 500",
    ]
    assert node_of(shop, "is_open")["when"][0]["if"] == (
        "now.hour * 60 + now.minute > 540 and now.hour * 60 + now.minute < 1020"
    )


def test_names_given_for_queues_and_flows_are_used(shop):
    assert node_of(shop, "to_flex")["queue"] == "support"
    assert node_of(shop, "rate_us")["flow"] == "survey"
    assert not [note for note in notes_of(shop) if "has no name here" in note]


def test_what_has_no_counterpart_is_told_in_words_and_stands_in_the_file(shop):
    notes = notes_of(shop)
    assert "Trigger: incomingMessage leads to text_back: a flow here answers calls, nothing else" in notes
    assert "order_state: the condition regex ^lost.* has no counterpart" in notes
    assert "say_state: the filter truncate: 20 has no counterpart: the value is used as it is" in notes
    assert "send_address: the variable {{unknown.thing}} is not known here" in notes
    assert any(note.startswith("score: the widget run-function has no counterpart") for note in notes)
    assert any(note.startswith("to_flex: attributes:") for note in notes)
    comments = " ".join(line[1:].strip() for line in shop.text.splitlines() if line.startswith("#"))
    assert "order_state: the condition regex ^lost.* has no counterpart" in comments


def test_callers_pass_a_widget_without_counterpart_as_if_it_had_worked():
    imported = flow_of(
        state("pay", "capture-payments", ("success", "thanks"), ("maxFailedAttempts", "sorry"), currency="gbp"),
        state("thanks", "say-play", ("audioComplete", None), say="Thanks."),
        state("sorry", "say-play", ("audioComplete", None), say="Sorry."),
    )
    assert read_yaml(imported.text, "f").value["start"] == "thanks"
    assert (
        "pay: the widget capture-payments has no counterpart; the call goes on as after success; "
        'left out: maxFailedAttempts → sorry; its settings were {"currency": "gbp"}'
    ) in notes_of(imported)


def test_a_ring_of_widgets_without_counterpart_leads_to_a_person():
    imported = flow_of(state("a", "run-function", ("success", "b")), state("b", "run-function", ("success", "a")))
    assert read_yaml(imported.text, "f").value["start"] == "a_person"
    load_flow(imported.text, "f")


def test_a_number_in_a_variable_is_never_dialled():
    imported = flow_of(state("call", "connect-call-to", ("callCompleted", None), noun="number", to="{{flow.data.to}}"))
    assert "call: a variable chooses whom to call" in " ".join(notes_of(imported))
    assert "flow.data" not in imported.text.split("title:")[1]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("Hello {{flow.variables.firstName}}.", "Hello {{ vars.first_name }}."),
        ("From {{ trigger.call.From }}", "From {{ call.caller }}"),
        ("{{ flow.variables.a | upcase | default: 'none' }}", "{{ vars.a | upper | default('none') }}"),
        ("{% if flow.variables.a == 'x' %}X{% else %}Y{% endif %}", "{% if vars.a == 'x' %}X{% else %}Y{% endif %}"),
        ("{% for a in flow.variables.b %}x{% endfor %}Hi", "xHi"),
        ("{{ ''.__class__ }}Hi", "Hi"),
        ("Half a brace {{ and no end", "Half a brace (( and no end"),
        ("Two\nlines", "Two lines"),
    ],
)
def test_texts_keep_their_variables_or_lose_them_and_that_is_told(text, becomes):
    imported = flow_of(state("hi", "say-play", ("audioComplete", None), say=text))
    assert node_of(imported, "hi")["text"] == becomes


def test_a_text_of_any_length_is_said_whole():
    words = "word " * 1500
    said = node_of(flow_of(state("hi", "say-play", ("audioComplete", None), say=words)), "hi")["text"]
    assert " ".join(part["say"] for part in said) == words.strip()


def test_thirty_variables_are_set_by_two_nodes():
    variables = [{"key": f"v{n}", "value": str(n)} for n in range(30)]
    imported = flow_of(state("many", "set-variables", ("next", None), variables=variables))
    assert len(imported.nodes["many"]) == 2
    assert sum(len(node_of(imported, id_)["variables"]) for id_ in imported.nodes["many"]) == 30


def test_a_way_to_a_widget_that_is_not_there_leads_to_a_person_and_is_told():
    imported = flow_of(state("hi", "say-play", ("audioComplete", "gone"), say="Hi."))
    assert "hi: leads to gone, which is not in the flow: callers go to the fallback" in notes_of(imported)
    assert node_of(imported, "hi")["next"] == "a_person"


def test_widgets_whose_names_look_alike_stay_apart():
    one, two = (state(name, "say-play", ("audioComplete", None), say=name) for name in ("Say Hi", "say_hi"))
    one["transitions"][0]["next"] = "say_hi"
    assert {*flow_of(one, two).nodes.values()} >= {("say_hi",), ("say_hi_2",)}


def test_the_answer_of_the_api_is_read_like_the_export():
    export = json.loads(SHOP.read_text("utf-8"))
    answer = {"sid": "FW1", "friendly_name": "Front desk", "status": "published", "definition": export}
    assert load_flow(import_flow(json.dumps(answer)).text, "shop").title == "Front desk"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is no JSON"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "neither a Twilio Studio flow"),
        ('{"states": []}', "a list of states"),
        ('{"states": 5}', "a list of states"),
        ('{"states": [5]}', "every state has a name and a type"),
        ('{"states": [{"name": "a"}]}', "every state has a name and a type"),
        ('{"states": [{"name": "a", "type": "x"}, {"name": "a", "type": "y"}]}', "two states are called 'a'"),
        (json.dumps({"states": [{"name": str(n), "type": "x"} for n in range(2001)]}), "more than 2,000 states"),
        (" " * 10_000_001, "larger than 10 MB"),
    ],
    ids=str,
)
def test_what_is_no_flow_is_refused_clearly(text, message):
    with pytest.raises(ImportFailed, match=message):
        import_flow(text)


def test_hostile_names_stay_in_their_place():
    evil = "x: {kind: hangup}\n# \x00\u202e{{ 7*7 }}"
    imported = flow_of(state(evil, "say-play", ("audioComplete", None), say="Hi."), start=evil)
    assert set(read_yaml(imported.text, "f").value["nodes"]) == {
        "x_kind_hangup_7_7",
        "end_of_call",
        "a_person",
    }
    try:
        load_flow(imported.text, "f")
    except FlowError as error:
        pytest.fail(str(error))
