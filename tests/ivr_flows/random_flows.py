"""Random flows of every kind of node, made from the kinds' own JSON Schema: a new kind or field takes part by itself.

Where the schema cannot say what fits (a time zone, a condition), the field's name does, in BY_NAME.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import combinations
from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from ivr_flows import Flow, FlowError, flow_json_schema, load_flow
from ivr_flows.nodes import KINDS
from ivr_flows.patterns import E164_PATTERN, KEY_PATTERN, NODE_ID_PATTERN, VARIABLE_PATTERN

Values = st.SearchStrategy[Any]

NAME = "random"
LANGUAGES = ("en", "es")
IDS = tuple(f"n{index}" for index in range(5))
TARGETS = st.sampled_from([*IDS, "desk", "box", "bye"])
VARIABLES = st.sampled_from(["n", "plan", "state"])
TEXTS = st.sampled_from(
    ["Hello.", "You are {{ customer.name }}.", "{{ vars.n }}", "{{ vars.n | spell }} {{ now.hour }}"]
)
CONDITIONS = st.sampled_from(
    ["vars.n", "customer.is_known", "now.hour < 12", "vars.plan == 'gold'", "vars.n > 3", "true"]
)
PHRASES = st.lists(st.sampled_from(["sales", "billing", "one", "ventas"]), min_size=1, max_size=2, unique=True)
FLOWS = st.sampled_from(["other", NAME, "gone"])

QUESTIONS = st.sampled_from(
    [
        {"id": "n", "ask": {"en": "1 to 5?", "es": "¿1 a 5?"}},
        {"id": "plan", "ask": {"en": "Yes?", "es": "¿Sí?"}, "expect": "yes_no"},
        {"id": "state", "ask": {"en": "Why?", "es": "¿Por qué?"}, "expect": "words"},
        {"id": "x", "ask": {"en": "Which?", "es": "¿Cuál?"}, "expect": "choice", "choices": [{"key": 1, "value": "a"}]},
    ]
)

BY_NAME: dict[str, Values] = {
    "audio": st.just("/audio/a.wav"),
    "body": st.sampled_from([{"a": "{{ vars.n }}"}, None]),
    "country": st.just("US"),
    "date": st.sampled_from(["12-25", "2026-03-03"]),
    "flow": FLOWS,
    "headers": st.just({"X-Caller": "{{ call.caller }}"}),
    "holidays": st.sampled_from(["US", {"country": "US", "part": "CA"}]),
    "DatedException.hours": st.sampled_from(["closed", "08:00-12:00"]),
    "http.into": st.dictionaries(VARIABLES, st.sampled_from(["a", "order.state", "lines.0"]), max_size=2),
    "if": CONDITIONS,
    "language": st.sampled_from(LANGUAGES),
    "pattern": st.sampled_from([r"\d+", "[1-4]*"]),
    "person": TARGETS | st.none(),
    "play": st.just("/audio/b.wav"),
    "query": st.just({"of": "{{ vars.n }}"}),
    "read": st.dictionaries(VARIABLES, st.sampled_from(["name", "is_known", "fields.plan"]), max_size=2),
    "questions": st.lists(QUESTIONS, min_size=1, max_size=3, unique_by=lambda question: question["id"]),
    "set": st.dictionaries(st.sampled_from(["name", "plan"]), TEXTS, max_size=2),
    "shares": st.tuples(TARGETS, TARGETS).map(
        lambda to: [{"percent": 30, "name": "new", "to": to[0]}, {"percent": 70, "to": to[1]}]
    ),
    "status": st.sampled_from([404, "5xx"]),
    "tries": st.integers(1, 3),
    "url": st.sampled_from(["https://crm.example/orders", "https://crm.example/{{ vars.n }}"]),
    "use": st.just("office"),
    "wait_flow": FLOWS,
    "weekly": st.sampled_from(["24/7", {"mon-wed": "08:00-20:00"}]),
    "zone": st.sampled_from(["UTC", "America/New_York"]),
}
"""By the field's name, or by kind.field (part.field in a part of a node) where one name means several things."""
_BY_PATTERN: dict[str, Values] = {
    E164_PATTERN: st.just("+15005550020"),
    KEY_PATTERN: st.sampled_from(["1", "2", "*"]),
    NODE_ID_PATTERN: st.sampled_from(["sales", "support"]),
    VARIABLE_PATTERN: VARIABLES,
}


@cache
def definitions() -> dict[str, Any]:
    found: dict[str, Any] = flow_json_schema()["$defs"]
    return found


def fields_of(kind: str) -> list[str]:
    return [name for name in definitions()[kind]["properties"] if name != "kind"]


@st.composite
def nodes(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(KINDS)) -> dict[str, Any]:
    """A node that its model takes, with some of its fields."""
    kind = draw(st.sampled_from(kinds))
    required = definitions()[kind]["required"]
    optional = [name for name in fields_of(kind) if name not in required]
    names = [name for name in optional if draw(st.booleans())]
    fields = {name: draw(_field(kind, name)) for name in [*required, *names] if name != "kind"}
    fields = _without_what_is_wrong({"kind": kind, **fields}, required)
    return fields if _fits(fields) else _made_to_fit(draw, fields, optional)


def _without_what_is_wrong(fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """Without the fields that the model names; some take values that their schema cannot tell apart."""
    wrong = _wrong_fields(fields) - set(required)
    return {name: value for name, value in fields.items() if name not in wrong}


def _made_to_fit(draw: st.DrawFn, fields: dict[str, Any], optional: list[str]) -> dict[str, Any]:
    """With one or two fields more, else with one after the other left out: fields may exclude or need each other."""
    kind = fields["kind"]
    values = {name: draw(_field(kind, name)) for name in optional if name not in fields}
    for left_out in ["", *draw(st.permutations(optional))]:
        if left_out in fields:
            values[left_out] = fields.pop(left_out)
        for count in range(3):
            for names in combinations(values, count):
                more = {**fields, **{name: values[name] for name in names}}
                if _fits(more):
                    return more
    raise AssertionError(f"no {kind} can be made that its model takes: {fields}; mend it in BY_NAME")


def _fits(fields: dict[str, Any]) -> bool:
    return not _wrong_fields(fields)


def _wrong_fields(fields: dict[str, Any]) -> set[str]:
    """The fields that the model refuses; "" for how they go together."""
    try:
        KINDS[fields["kind"]].model_validate({**fields, "id": "it"})
    except ValidationError as error:
        return {str(problem["loc"][0]) if problem["loc"] else "" for problem in error.errors()}
    return set()


@cache
def _field(kind: str, name: str) -> Values:
    return _value(definitions()[kind]["properties"][name], kind, name)


def _value(schema: dict[str, Any], owner: str, name: str) -> Values:
    """Whatever fits the schema. Texts and words are given in every language of the flow."""
    known = BY_NAME.get(f"{owner}.{name}", BY_NAME.get(name))
    if known is not None:
        return known
    if "$ref" in schema:
        part = schema["$ref"].rpartition("/")[2]
        return _value(definitions()[part], part, "")
    if "anyOf" in schema:
        ways = [way for way in schema["anyOf"] if way.get("type") != "null"]
        whole = [way for way in ways if _is_by_language(way) or "use" in way.get("properties", {})]
        ways = whole if any(map(_is_by_language, whole)) else ways
        return st.one_of(*(_value(way, owner, name) for way in ways))
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case "object":
            return _mapping(schema, owner)
        case "array":
            inside = _value(schema["items"], owner, name)
            return st.lists(inside, min_size=schema.get("minItems", 0), max_size=max(3, schema.get("minItems", 0)))
        case "integer":
            least = schema.get("minimum", 0)
            return st.integers(least, min(schema.get("maximum", least + 20), least + 20))
        case "number":
            least = schema.get("minimum", 0)
            return st.floats(least, min(schema.get("maximum", least + 20), least + 20), width=16)
        case "boolean":
            return st.booleans()
        case "string":
            return _text(schema)
        case _:
            return st.sampled_from([1, True, "gold", "{{ vars.n }}"])


def _is_by_language(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "object" and schema.get("minProperties") == 1 and "additionalProperties" in schema


def _mapping(schema: dict[str, Any], owner: str) -> Values:
    if _is_by_language(schema):
        inside = schema["additionalProperties"]
        each = PHRASES if inside.get("type") == "array" else TEXTS
        return st.fixed_dictionaries(dict.fromkeys(LANGUAGES, each))
    if "patternProperties" in schema:
        ((_, inside),) = schema["patternProperties"].items()
        return st.dictionaries(
            VARIABLES, _value(inside, owner, ""), min_size=schema.get("minProperties", 0), max_size=2
        )
    if "properties" not in schema:
        return st.dictionaries(VARIABLES, _value(schema.get("additionalProperties") or {}, owner, ""), max_size=2)
    required = schema.get("required", [])
    parts = {key: _value(part, owner, key) for key, part in schema["properties"].items()}
    return st.fixed_dictionaries(
        {key: parts[key] for key in required}, optional={key: parts[key] for key in parts if key not in required}
    )


def _text(schema: dict[str, Any]) -> Values:
    if schema.get("format") == "node-id":
        return TARGETS
    pattern = schema.get("pattern")
    if pattern is None:
        return TEXTS
    return (
        _BY_PATTERN[pattern]
        if pattern in _BY_PATTERN
        else st.from_regex(re.compile(pattern.replace("$", r"\Z")), alphabet=st.characters(codec="ascii"))
    )


@st.composite
def flows(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(KINDS)) -> Flow:
    """A flow of a few random nodes that lead to each other in any way."""
    made = {id_: draw(nodes(kinds)) for id_ in IDS}
    made["desk"] = {"kind": "queue", "queue": "sales", "unanswered": draw(TARGETS)}
    made["box"] = {"kind": "voicemail", "prompt": {"en": "Speak.", "es": "Hable."}, "mailbox": "sales"}
    made["bye"] = {"kind": "hangup"}
    head = {
        "title": "Random",
        "languages": list(LANGUAGES),
        "limits": {"steps": draw(st.integers(5, 40))},
        "prompts": {"office": {"en": "Our office.", "es": "Nuestra oficina."}},
        "hours": {"office": {"zone": "UTC", "weekly": {"mon-fri": "09:00-17:00"}, "holidays": "US"}},
        "start": "n0",
        "fallback": draw(st.sampled_from(["desk", "box"])),
    }
    return mended(head, made)


def mended(head: dict[str, Any], made: dict[str, Any]) -> Flow:
    """The flow; nodes that the check refuses (a ring that never asks, say) say a word and lead to the desk."""
    for _ in range(len(made)):
        try:
            return load_flow(json.dumps({**head, "nodes": made}), NAME)
        except FlowError as error:
            wrong = {fault.node for fault in error.faults} & set(IDS)
            assert wrong, error
            made |= {id_: {"kind": "say", "text": {"en": "Hello.", "es": "Hola."}, "next": "desk"} for id_ in wrong}
    return load_flow(json.dumps({**head, "nodes": made}), NAME)


OTHER = load_flow(
    """\
title: Other
languages: [en]
start: ask
fallback: box
nodes:
  ask: {kind: menu, prompt: Press one., choices: [{key: 1, to: back}]}
  back: {kind: transfer, flow: random, fallback: box}
  box: {kind: voicemail, prompt: Speak., mailbox: general}
""",
    "other",
)


def lookup_for(flow: Flow) -> Any:
    """Finds the random flow itself and one other; any other name is not there."""
    there = {NAME: flow, "other": OTHER}

    def find(name: str, version: str | None) -> Flow:
        if name not in there:
            raise FlowError([])
        return there[name]

    return find
