"""The diagram of a flow follows its text, also through every moment of typing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr_flows.graph import graph_of
from ivr_flows.loader import check

BROKEN = Path(__file__).parent / "broken"
FLOW = """\
title: Test
languages: [en, es]
start: hello
fallback: desk
nodes:
  # the first thing said
  hello:
    kind: menu
    title: First question
    prompt: {en: Press one., es: Oprima uno.}
    retry_prompt: {en: Once more., es: Otra vez.}
    choices:
      - {key: 1, to: sales}
      - {key: 2, to: nowhere}
    person: null

  sales:
    kind: queue
    queue: sales

  # nobody there
  desk: {kind: queue, queue: support}
limits: {steps: 50}
"""


def node(graph, id_):
    return next(one for one in graph["nodes"] if one["id"] == id_)


def test_every_node_has_its_kind_its_lines_and_the_first_words_heard():
    graph = graph_of(FLOW, "test")
    assert graph["start"] == "hello"
    assert graph["fallback"] == "desk"
    assert node(graph, "hello") == {
        "id": "hello",
        "kind": "menu",
        "title": "First question",
        "line": 7,
        "end_line": 15,
        "detail": "Press one.",
        "severity": "error",
    }
    assert (node(graph, "sales")["line"], node(graph, "sales")["end_line"]) == (17, 19)
    assert (node(graph, "desk")["line"], node(graph, "desk")["end_line"]) == (22, 22)
    assert node(graph, "desk")["detail"] == "support"
    assert node(graph, "desk")["severity"] is None


def test_every_way_out_is_an_edge_also_those_the_file_leaves_open_or_points_nowhere():
    edges = graph_of(FLOW, "test")["edges"]
    assert [(e["from"], e["to"], e["label"], e["field"], e["implicit"]) for e in edges] == [
        ("hello", "sales", "key 1", "choices[0].to", False),
        ("hello", "nowhere", "key 2", "choices[1].to", False),
        ("hello", "desk", "no answer", "no_input", True),
        ("hello", "desk", "not understood", "no_match", True),
        ("sales", "desk", "not answered", "unanswered", True),
        ("desk", "desk", "not answered", "unanswered", True),
    ]


def test_a_node_with_a_wrong_field_stays_on_the_diagram_with_its_ways():
    graph = graph_of(FLOW.replace("person: null", "persn: null"), "test")
    assert node(graph, "hello")["severity"] == "error"
    assert [(e["to"], e["field"]) for e in graph["edges"] if e["from"] == "hello"] == [
        ("sales", "choices[0].to"),
        ("nowhere", "choices[1].to"),
    ]


@pytest.mark.parametrize(
    ("was", "now", "at_fault"),
    [
        ("    queue: sales\n", '    queue: "sales\n', "sales"),
        ("    queue: sales\n", "    queue: [sales\n", "sales"),
        ("    queue: sales\n", "    queue: sales\n    queue: sales\n", "sales"),
        ("    queue: sales\n", "    queue: : sales\n", "sales"),
        ("      - {key: 1, to: sales}", "      - {key: 1, to: sales", "hello"),
        ("    kind: menu\n", "    kind: menu: hello\n", "hello"),
    ],
)
def test_one_node_that_is_no_yaml_leaves_the_others_on_the_diagram(was, now, at_fault):
    graph = graph_of(FLOW.replace(was, now), "test")
    assert [one["id"] for one in graph["nodes"]] == ["hello", "sales", "desk"]
    assert [one["id"] for one in graph["nodes"] if one["severity"] == "error" and not one["kind"]] == [at_fault]
    assert graph["start"] == "hello"


def test_the_diagram_of_every_moment_of_typing_can_be_drawn():
    for length in range(len(FLOW)):
        graph = graph_of(FLOW[:length], "test")
        assert {"start", "fallback", "nodes", "edges"} == graph.keys()
        assert all(1 <= one["line"] <= one["end_line"] for one in graph["nodes"])


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_broken_file_breaks_the_diagram_or_the_check(path):
    text = path.read_text("utf-8")
    ids = [one["id"] for one in graph_of(text, path.stem)["nodes"]]
    assert len(ids) == len(set(ids))
    check(text, path.stem)


def test_the_check_of_a_half_broken_file_tells_of_the_other_nodes_too():
    messages = [str(fault) for fault in check(FLOW.replace("    queue: sales\n", "    qeue: sales\n"), "test")]
    assert messages == [
        "test.yaml:7:3: node hello: leaves out no_input and no_match: such callers go to the fallback, desk",
        "test.yaml:14:22: node hello, field choices[1].to: there is no node 'nowhere'; use one of: desk, hello, sales",
        "test.yaml:17:3: node sales, field queue: is missing",
        "test.yaml:19:5: node sales, field qeue: is not a field here; did you mean 'queue'?",
    ]
