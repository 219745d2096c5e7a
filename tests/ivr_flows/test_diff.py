"""Two versions of a flow, compared in words."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from ivr_flows.diff import changes, unified
from ivr_flows.nodes import KINDS
from tests.ivr_flows.conftest import DEMO

FLOW = """\
title: Main line
languages: [en, es]
start: welcome
fallback: sales
nodes:
  welcome:
    kind: say
    text: {en: Welcome., es: Bienvenidos.}
    next: main
  main:
    kind: menu
    prompt:
      - say: {en: "For sales, press 1.", es: "Ventas, oprima 1."}
      - {say: Para español oprima 9., language: es}
    tries: 2
    choices:
      - {key: 1, words: {en: [sales, buy], es: [ventas]}, to: sales}
      - {key: 3, to: sales}
    no_input: sales
  pin:
    kind: collect
    prompt: {en: Your PIN., es: Su PIN.}
    into: pin
    timeout_s: 5
    next: sales
  sales:
    kind: queue
    queue: sales
    unanswered: message
  message: {kind: voicemail, mailbox: sales, prompt: {en: Leave a message., es: Deje un mensaje.}}
  billing: {kind: queue, queue: billing}
"""


def said(old: str, new: str) -> list[str]:
    return [change.words for change in changes(old, new)]


def changed(*swaps: str) -> list[str]:
    """What is said of the flow after one or more replacements of a text by another."""
    new = FLOW
    for old_part, new_part in zip(swaps[::2], swaps[1::2], strict=True):
        assert old_part in new
        new = new.replace(old_part, new_part)
    return said(FLOW, new)


@pytest.mark.parametrize(
    ("swaps", "words"),
    [
        (("{key: 3, to: sales}", "{key: 3, to: billing}"), ["menu main: key 3 now goes to billing"]),
        (("{key: 3, to: sales}", "{key: 4, to: billing}"), [
            "menu main: key 4 added: goes to billing",
            "menu main: key 3 is gone",
        ]),
        (("en: Welcome.", "en: Hello."), ["prompt welcome (en) changed"]),
        (("en: Welcome., es: Bienvenidos.", "en: Hi., es: Hola."), ["prompt welcome (en, es) changed"]),
        ((", es: Bienvenidos.", ""), ["prompt welcome (es) removed"]),
        (("Para español", "Español"), ["menu main: prompt (es) changed"]),
        (("tries: 2", "tries: 4"), ["menu main: tries 2 → 4"]),
        (("    tries: 2\n", ""), ["menu main: tries 2 → 3"]),
        (("timeout_s: 5", "timeout_s: 8"), ["collect pin: timeout 5 → 8 s"]),
        (("timeout_s: 5", "timeout_s: 5\n    sensitive: true"), ["collect pin: sensitive no → yes"]),
        (("    no_input: sales\n", ""), ["menu main: no answer now goes to the fallback"]),
        (("no_input: sales", "no_input: sales\n    person: null"), ["menu main: asking for a person is now off"]),
        (("[sales, buy]", "[sales, order]"), ["menu main: key 1 words (en) now also “order”, no longer “buy”"]),
        (("next: main", "next: pin"), ["say welcome: now goes on to pin"]),
        (("unanswered: message", "unanswered: billing"), ["queue sales: nobody answering now goes to billing"]),
        (("mailbox: sales", "mailbox: support"), ["voicemail message: mailbox sales → support"]),
        (("start: welcome", "start: main"), ["calls now start at main"]),
        (("fallback: sales", "fallback: billing"), ["callers who need a person now go to billing"]),
        (("title: Main line", "title: Our line"), ["title Main line → Our line"]),
        (("languages: [en, es]", "languages: [en, es, fr]"), ["languages en, es → en, es, fr"]),
        (("title: Main line", "title: Main line\nlimits: {steps: 50}"), ["limits set to steps: 50"]),
        (("billing: {kind: queue, queue: billing}", "bills: {kind: hangup}"), [
            "hangup bills added",
            "queue billing removed",
        ]),
        (("billing: {kind: queue, queue: billing}", "billing: {kind: hangup}"), ["queue billing is now a hangup"]),
    ],
)  # fmt: skip
def test_a_change_is_said_in_words(swaps, words) -> None:
    assert changed(*swaps) == words


@pytest.mark.parametrize(
    "same",
    [
        FLOW + "  # nothing more\n",
        FLOW.replace("key: 1,", 'key: "1",'),
        FLOW.replace("\n", "\r\n"),
        FLOW.replace("    kind: queue\n    queue: sales\n", "    queue: sales\n    kind: queue\n"),
    ],
)
def test_comments_quotes_order_and_line_ends_mean_nothing(same) -> None:
    assert said(FLOW, same) == []


def test_a_renamed_node_is_one_change_wherever_it_is_named() -> None:
    new = FLOW.replace("  billing: {", "  bills: {").replace("sales:\n    kind: queue", "team:\n    kind: queue")
    new = (
        new.replace("to: sales", "to: team")
        .replace("next: sales", "next: team")
        .replace("fallback: sales", "fallback: team")
    )
    new = new.replace("no_input: sales", "no_input: team")
    found = changes(FLOW, new)
    assert [(change.node, change.how, change.words) for change in found] == [
        ("team", "changed", "queue sales is now called team"),
        ("bills", "changed", "queue billing is now called bills"),
    ]


def test_the_diagram_is_told_which_nodes_and_how() -> None:
    new = FLOW.replace("  billing: {kind: queue, queue: billing}", "  bye: {kind: hangup}").replace(
        "tries: 2", "tries: 1"
    )
    assert [(change.node, change.how) for change in changes(FLOW, new)] == [
        ("main", "changed"),
        ("bye", "added"),
        ("billing", "removed"),
    ]


def test_minutes_are_said_as_minutes() -> None:
    old = "title: x\nstart: q\nfallback: q\nnodes: {q: {kind: queue, queue: sales, max_wait_s: 300}}"
    assert said(old, old.replace("300", "600")) == ["queue q: max wait 5 → 10 min"]
    assert said(old, old.replace("300", "90")) == ["queue q: max wait 300 → 90 s"]
    assert said(old, old.replace(", max_wait_s: 300", "")) == ["queue q: max wait no longer set (was 5 min)"]


def test_conditions_are_known_by_what_they_ask() -> None:
    old = """
title: x
start: b
fallback: q
nodes:
  b: {kind: branch, cases: [{when: vars.a == '1', to: q}, {when: vars.b, to: q}], otherwise: q}
  q: {kind: queue, queue: sales}
  r: {kind: queue, queue: support}
"""
    assert said(old, old.replace("vars.b, to: q", "vars.b, to: r")) == ["branch b: case vars.b now goes to r"]


def test_test_calls_are_named() -> None:
    old = FLOW + "scenarios:\n  - {name: One, ends: {node: main}}\n"
    assert said(FLOW, old) == ["test call “One” added"]
    assert said(old, old.replace("node: main", "node: sales")) == ["test call “One” changed"]


def test_a_new_flow_is_all_added() -> None:
    assert {change.how for change in changes("", FLOW) if change.node} == {"added"}


@pytest.mark.parametrize("broken", ["nodes: [", "a: b: c", "\x00", "- just\n- a list", "x" * 2_000_000])
def test_what_cannot_be_read_is_said_and_nothing_fails(broken) -> None:
    for found in (changes(FLOW, broken), changes(broken, FLOW), changes(broken, broken)):
        assert all(change.words for change in found)
    assert "cannot be compared" in said(FLOW, "nodes: [")[0]


@pytest.mark.parametrize(
    "odd",
    [
        "nodes: {main: 3, sales: [1], x: {kind: [a]}, y: {kind: nothing, z: 1}}",
        "nodes: {main: {kind: menu, choices: {a: b}}}",
        "nodes: {main: {kind: menu, choices: [1, {key: 1}, {key: 1}, [2]]}}",
        "nodes: {main: {kind: menu, prompt: [[1]], choices: null, words: 3}}\nlanguages: en\nscenarios: {a: 1}",
        "prompts: [1]\nhours: 3\ntitle: [a]\nstart: {a: 1}\nfallback: [b]",
    ],
)
def test_strange_shapes_are_compared_all_the_same(odd) -> None:
    for old, new in ((FLOW, odd), (odd, FLOW), (odd, odd.replace("1", "2"))):
        assert all(isinstance(change.words, str) for change in changes(old, new))


def test_the_text_diff_is_unified() -> None:
    text = unified(FLOW, FLOW.replace("tries: 2", "tries: 4"), "live", "draft")
    assert text.startswith("--- live\n+++ draft\n@@ ") and "-    tries: 2\n+    tries: 4\n" in text


def test_a_thousand_nodes_are_compared_in_a_moment() -> None:
    nodes = "".join(f"  n{i}: {{kind: say, text: Text {i}., next: n{i + 1}}}\n" for i in range(1000))
    old = f"title: x\nstart: n0\nfallback: n1000\nnodes:\n{nodes}  n1000: {{kind: queue, queue: sales}}\n"
    began = time.process_time()
    assert len(changes(old, old.replace("Text", "Words"))) == 1000
    assert time.process_time() - began < 5


def test_the_demo_flows_are_as_they_are() -> None:
    for path in DEMO.glob("*.yaml"):
        assert said(path.read_text(), path.read_text()) == []


FIELDS = [(kind, name) for kind, model in KINDS.items() for name in model.model_fields if name not in ("kind", "id")]
VALUES = (
    "a",
    "b",
    3,
    4,
    True,
    False,
    {"en": "x"},
    {"en": "y"},
    ["p"],
    ["q"],
    [{"key": 1, "to": "a"}],
    {"k": ["v"]},
    None,
)


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=[f"{kind}.{field}" for kind, field in FIELDS])
def test_whatever_a_field_of_any_kind_becomes_is_said(kind, field) -> None:
    """A new kind, or a new field of one, is compared without a word of its own here."""
    for old, new in (*itertools.pairwise(VALUES), *itertools.pairwise(reversed(VALUES))):
        texts = [json.dumps({"nodes": {"n": {"kind": kind, field: value}}}) for value in (old, new)]
        words = said(*texts)
        assert words, (old, new)
        assert all(each.startswith((f"{kind} n: ", "prompt n ")) and "object" not in each for each in words)


def test_where_the_results_of_a_subflow_lead_is_said() -> None:
    old = "nodes: {pay: {kind: subflow, flow: pay, results: {paid: thanks, refused: desk}, next: desk}}"
    assert said(old, old.replace("refused: desk", "refused: bill")) == ["subflow pay: results refused now goes to bill"]
    assert said(old, old.replace(", refused: desk", "")) == ["subflow pay: results refused now goes to the fallback"]


SHARING = """\
include: [common]
prompts: {welcome: {en: Welcome., es: Bienvenidos.}}
hours: {office: {weekly: {mon: ["09:00-17:00"]}}}
nodes:
  hello: {kind: say, text: {use: welcome}, next: bye}
  bye: {kind: hangup, say: Goodbye.}
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("en: Welcome.", "en: Hello.", "prompt welcome (en) changed"),
        ("{use: welcome}", "{use: hello}", "say hello: now says the shared prompt hello"),
        ("say: Goodbye.", "say: {use: bye}", "hangup bye: say now says the shared prompt bye"),
        ("{use: welcome}", "Hi.", "prompt hello (en) changed"),
        ("09:00-17:00", "09:00-18:00", "hours office: weekly mon 09:00-17:00 → 09:00-18:00"),
        ("[common]", "[common, more]", "include common → common, more"),
    ],
)
def test_shared_prompts_and_hours_are_known_by_their_names(old, new, words) -> None:
    assert said(SHARING, SHARING.replace(old, new)) == [words]


def test_what_changed_in_an_included_file_names_the_file() -> None:
    whole = SHARING + "\n#%include common\nprompts: {sorry: Sorry.}\n"
    assert said(whole, whole.replace("Sorry.", "Pardon.")) == ["prompt sorry (en) changed (in common)"]
    assert said(SHARING, whole) == ["prompt sorry added (in common)"]
