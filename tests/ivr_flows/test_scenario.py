"""Test calls: how they are read, what they find, and how they say it."""

from __future__ import annotations

import pytest

from ivr_flows import FlowError, load_flow
from ivr_flows.coverage import Coverage
from ivr_flows.scenario import scenarios_in, scenarios_of
from ivr_flows.scenario_run import Result, run_scenario, run_scenarios

FLOW_TEXT = """\
title: Test
languages: [en, es]
start: hello
fallback: desk
nodes:
  hello: {kind: say, text: {en: Welcome., es: Bienvenido.}, next: menu}
  menu:
    kind: menu
    prompt: {en: Press one or two., es: Oprima uno o dos.}
    choices: [{key: 1, words: {en: [sales], es: [ventas]}, to: desk}, {key: 2, to: desk}, {key: 3, to: number}]
    tries: 2
  number: {kind: collect, prompt: {en: Number?, es: ¿Número?}, into: number, max_length: 4, next: check}
  check:
    kind: branch
    when: [{if: "vars.number == '1234'", to: desk}, {if: "vars.number == '1'", to: desk}]
    otherwise: link
  link: {kind: sms, text: {en: See x.example, es: Vea x.example}, next: box}
  box: {kind: voicemail, prompt: {en: Speak., es: Hable.}, mailbox: sales}
  desk: {kind: queue, queue: sales, unanswered: out}
  out: {kind: transfer, number: "+15005550020", fallback: box}
"""
FLOW = load_flow(FLOW_TEXT, "test")


def play(call: str, rest: str = "") -> Result:
    text = f"scenarios:\n- name: Call\n  call:\n{call}\n{rest}"
    return run_scenario(FLOW, scenarios_in(text, "test.scenarios.yaml")[0])


@pytest.mark.parametrize(
    ("call", "rest"),
    [
        ("  - hears: welcome", ""),
        ("  - hears: WELCOME.  PRESS one", ""),
        ("  - hears_not: goodbye", ""),
        ("  - press: 1\n  - visits: desk", "  ends: {queue: sales}"),
        ("  - say: sales\n  - records: said “sales”", "  ends: {node: desk, queue: sales}"),
        ("  - press: 3\n  - press: 12#\n  - texted: x.example", "  ends: {mailbox: sales}\n  facts: {number: 12}"),
        ("  - press: 1\n  - leaves_queue: overflow", "  ends: {transfer: '+15005550020'}"),
        ("  - press: 1\n  - leaves_queue: overflow\n  - transfer: answered", "  ends: {outcome: transferred}"),
        ("  - press: 1\n  - leaves_queue: full\n  - transfer: busy\n  - message_s: 3", "  ends: {outcome: voicemail}"),
        ("  - hears: Bienvenido", "  given: {language: es}"),
    ],
)
def test_a_call_that_goes_as_it_says_passes(call: str, rest: str):
    result = play(call, rest)
    assert result.passed, result.transcript


@pytest.mark.parametrize(
    ("call", "rest", "why"),
    [
        ("  - hears: farewell", "", "line 4: “farewell” is not heard; the caller hears “Welcome. Press one or two.”"),
        ("  - hears_not: welcome", "", "line 4: “welcome” is heard, but must not be"),
        ("  - press: 1\n  - hears: Hi", "", "line 5: “Hi” is not heard; the caller hears nothing"),
        ("  - press: 1\n  - visits: box", "", "line 5: the call does not come through box, but desk"),
        ("  - silence: true\n  - visits: box", "", "line 5: the call does not come through box"),
        ("  - press: 1\n  - records: asked", "", "line 5: “asked” is not recorded, but entered Desk; pressed 1"),
        ("  - press: 1\n  - texted: hi", "", "line 5: “hi” is not texted"),
        ("  - message_s: 4", "  ends: {node: menu}", "line 4: leaves a message of 4 s: no message is recorded here"),
        (
            "  - press: 1",
            "  ends: {queue: billing}",
            "must end with queue billing; it waits in a queue (sales) at desk",
        ),
        ("  - press: 1", "  ends: {outcome: answered}", "it waits in a queue (sales) at desk"),
        ("  - hang_up: true", "  ends: {queue: sales}", "it ended caller_hung_up at menu"),
        ("  - press: 1", "  facts: {number: 1}", "line 2: number is not set"),
        ("  - press: 3\n  - press: 12#", "  facts: {number: 13}", "line 2: number is '12', not 13"),
    ],
)
def test_a_call_that_goes_otherwise_says_where_and_how(call: str, rest: str, why: str):
    result = play(call, rest)
    assert not result.passed
    assert why in result.why.replace("pressed 1; entered Desk", "entered Desk; pressed 1")


def test_the_transcript_shows_the_call_and_what_failed_where_it_failed():
    transcript = play("  - hears: Welcome\n  - press: 1\n  - hears: Hi", "  ends: {queue: sales}").transcript
    assert transcript.splitlines() == [
        "Call  (test.scenarios.yaml:2)",
        "  12:00:00  +15550100123 calls +15550100100",
        "            at      hello → menu",
        "            hears   Welcome.  (en)",
        "            hears   Press one or two.  (en)",
        "  12:00:00  presses 1",
        "            at      desk",
        "            note    pressed 1",
        "            note    joined the queue sales",
        "  ✗ line 6: “Hi” is not heard; the caller hears nothing",
        "  = waits in a queue (sales) at desk",
    ]


BROKEN = [
    ("scenarios: [{name: a}]", "1:13: field scenarios[0]: expects nothing: say what must be heard, or where"),
    ("scenarios: [{call: [{hears: x}]}]", "field scenarios[0].name: is missing"),
    (
        "scenarios:\n- name: a\n  call:\n  - pres: 1",
        "4:5: field scenarios[0].call[0].pres: is not a field here; did you",
    ),
    ("scenarios:\n- name: a\n  call:\n  - {press: 1, say: x}", "4:5: field scenarios[0].call[0]: must be one act"),
    ("scenarios:\n- name: a\n  call:\n  - press: call", "4:12: field scenarios[0].call[0].press: must be keys: 0 to 9"),
    ("scenarios:\n- name: a\n  call:\n  - silence: no", "4:14: field scenarios[0].call[0].silence: must be true"),
    ("scenarios:\n- name: a\n  call:\n  - wait_s: 1000000", "field scenarios[0].call[0].wait_s: must be 86400"),
    ("scenarios:\n- name: a\n  ends: {}", "3:9: field scenarios[0].ends: is empty: give outcome, queue"),
    (
        "scenarios:\n- name: a\n  ends: {queu: x}",
        "field scenarios[0].ends.queu: is not a field here; did you mean 'queue'",
    ),
    (
        "scenarios:\n- name: a\n  given: {at: 2026-03-03T12:00:00}\n  ends: {node: b}",
        "3:15: field scenarios[0].given.at: must",
    ),
    (
        "scenarios:\n- name: a\n  given: {at: noon}\n  ends: {node: b}",
        "3:15: field scenarios[0].given.at: must be a time with its zone",
    ),
    ("scenarios:\n- name: a\n  given: {queues: {sales: {wait: 4}}}\n  ends: {node: b}", "wait: is not a field here"),
    (
        "scenarios:\n- {name: a, ends: {queue: b}}\n- {name: a, ends: {queue: b}}",
        "3:10: field scenarios[1].name: the name",
    ),
    ("scenarios:\n- {name: a, ends: {node: dask}}", "2:26: field scenarios[0].ends.node: there is no node 'dask'; did"),
    ("scenarios:\n- {name: a, call: [{visits: x}]}", "field scenarios[0].call[0].visits: there is no node 'x'"),
    ("scenario:\n- {name: a}", "1:1: field scenario: is not a field of a file of test calls; use scenarios"),
    ("[]", "1:1: a file of test calls is a mapping with the key scenarios"),
    ("scenarios: {a: b}", "field scenarios: must be a list"),
    ("scenarios: [", "this is not YAML"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_file_of_test_calls_that_cannot_be_used_says_where_and_why(text: str, message: str):
    with pytest.raises(FlowError) as refused:
        scenarios_in(text, "t.scenarios.yaml", nodes=FLOW.nodes)
    assert message in str(refused.value)


def test_test_calls_come_from_the_flows_own_file_and_from_the_one_beside_it():
    own = FLOW_TEXT + "scenarios:\n- {name: own, ends: {node: menu}}\n"
    beside = "scenarios:\n- {name: beside, ends: {node: menu}}\n"
    found = scenarios_of(FLOW, own, beside)
    assert [(one.scenario.name, one.file, one.line) for one in found] == [
        ("own", "test.yaml", own.count("\n")),
        ("beside", "test.scenarios.yaml", 2),
    ]
    assert scenarios_of(FLOW, FLOW_TEXT, "# nothing yet\n") == []


def missed_after(*calls: str) -> list[str]:
    text = "scenarios:\n" + "\n".join(
        f"- {{name: '{at}', ends: {{node: x}}, call: [{call}]}}" for at, call in enumerate(calls)
    )
    missed = run_scenarios(FLOW, scenarios_in(text, "t.scenarios.yaml")).missed
    return [*missed.nodes, *map(str, missed.ways)]


def test_ways_that_lead_to_the_same_node_are_told_apart():
    everything = missed_after("{say: hm}")
    assert "menu → desk (key 1 or “sales”)" in everything
    after_1 = missed_after("{press: 1}")
    assert "menu → desk (key 1 or “sales”)" not in after_1
    assert {"menu → desk (key 2)", "menu → desk (no answer)", "menu → desk (not understood)"} <= set(after_1)
    assert missed_after("{say: sales}") == after_1
    assert "menu → desk (key 2)" not in missed_after("{say: press two}")
    assert "menu → desk (no answer)" not in missed_after("{silence: true}, {silence: true}")
    assert "menu → desk (not understood)" not in missed_after("{press: 8}, {press: 8}")
    assert "menu → desk (asked for a person)" not in missed_after("{say: operator}")


def test_conditions_that_lead_to_the_same_node_are_told_apart():
    missed = missed_after("{press: 3}, {press: 1#}")
    assert "check → desk (if vars.number == '1234')" in missed
    assert "check → desk (if vars.number == '1')" not in missed


def test_calls_reach_everything_together():
    missed = missed_after(
        "{press: 1}, {leaves_queue: full}, {transfer: busy}, {message_s: 3}", "{press: 3}, {press: 12#}, {message_s: 3}"
    )
    assert not any(" " not in line for line in missed), missed


def test_what_calls_reach_in_another_flow_counts_there():
    other = load_flow(FLOW_TEXT.replace("title: Test", "title: Other"), "other")
    door = load_flow(
        "title: Door\nstart: go\nfallback: desk\n"
        "nodes: {go: {kind: transfer, flow: other, fallback: desk}, desk: {kind: queue, queue: sales}}",
        "door",
    )
    coverage = Coverage()
    placed = scenarios_in("scenarios: [{name: a, call: [{press: 1}], ends: {node: other/desk}}]", "door.scenarios.yaml")
    report = run_scenarios(door, placed, lambda name, version: other, coverage)
    assert report.failed == ()
    assert "hello" not in coverage.missed(other).nodes
    assert "menu → desk (key 1 or “sales”)" not in map(str, coverage.missed(other).ways)


def test_a_report_as_json_has_what_pages_show():
    report = run_scenarios(
        FLOW, scenarios_in("scenarios: [{name: a, ends: {node: desk}}]", "t.scenarios.yaml")
    ).to_json()
    assert (report["passed"], report["failed"]) == (0, 1)
    assert (
        report["results"][0]["why"] == "line 1: the call must end with node desk; it waits for a key or words at menu"
    )
    assert report["coverage"]["nodes"] == ["number", "check", "link", "box", "desk", "out"]


def test_what_is_written_into_the_record_is_a_fact():
    flow = load_flow(
        "title: T\nstart: a\nfallback: d\n"
        "nodes: {a: {kind: customer, set: {plan: gold, name: Ana}, next: d}, d: {kind: queue, queue: s}}",
        "t",
    )
    text = "scenarios: [{name: a, facts: {customer.name: Ana, customer.fields.plan: gold, customer.fields.x.y: 1}}]"
    result = run_scenario(flow, scenarios_in(text, "t.scenarios.yaml")[0])
    assert result.why == "line 1: customer.fields.x.y is not set"


def test_a_look_up_without_a_given_answer_fails_the_call():
    flow = load_flow(
        "title: T\nstart: a\nfallback: d\n"
        "nodes: {a: {kind: http, url: 'https://x.example', next: d}, d: {kind: queue, queue: s}}",
        "t",
    )
    result = run_scenario(flow, scenarios_in("scenarios: [{name: a, ends: {queue: s}}]", "t.scenarios.yaml")[0])
    assert result.why == "line 1: a asks https://x.example: no answer is given; add one under given, lookups"


def test_a_subflow_that_comes_back_took_the_way_of_its_result():
    flow = load_flow(
        "title: T\nstart: who\nfallback: d\nnodes:\n"
        "  who: {kind: subflow, flow: who, results: {yes: d, no: d}, next: d}\n  d: {kind: queue, queue: s}",
        "t",
    )
    who = load_flow(
        "title: W\nstart: r\nfallback: d\nnodes: {r: {kind: return, result: no}, d: {kind: queue, queue: s}}", "w"
    )
    placed = scenarios_in("scenarios: [{name: a, ends: {queue: s}}]", "t.scenarios.yaml")
    missed = run_scenarios(flow, placed, lambda name, version: who).missed
    assert [str(way) for way in missed.ways] == [
        "who → d (yes)",
        "who → d (flow not there)",
        "d → d (not answered)",
    ]
