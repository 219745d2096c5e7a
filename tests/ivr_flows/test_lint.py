"""Warnings: said, and not in the way. Errors have their files in broken/."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter

from ivr_flows import Known, load_flow
from ivr_flows.expressions import CLOCK_NAMES, clock_names
from ivr_flows.loader import check

SILENCE = "no_input: desk, no_match: desk"
HEAD = (
    "title: Test\nlanguages: [{languages}]\nstart: a\nfallback: desk\nnodes:\n  desk: {{kind: queue, queue: sales}}\n"
)


def warnings_of(nodes: str, languages: str = "en") -> list[str]:
    return [str(warning) for warning in load_flow(HEAD.format(languages=languages) + nodes, "test").warnings]


def test_a_good_flow_has_no_warnings():
    assert warnings_of("  a: {kind: say, text: Hello., next: desk}\n") == []


def test_a_node_that_nothing_leads_to_is_told():
    nodes = "  a: {kind: say, text: Hello., next: desk}\n  lost: {kind: hangup}\n"
    assert warnings_of(nodes) == ["test.yaml:8:3: node lost: no way leads here"]


def test_more_than_five_choices_are_told():
    choices = ", ".join(f"{{key: {key}, to: desk}}" for key in range(1, 7))
    assert warnings_of(f"  a: {{kind: menu, prompt: Press., {SILENCE}, choices: [{choices}]}}\n") == [
        "test.yaml:7:76: node a, field choices: has 6 choices; callers remember 5 at most"
    ]


def test_five_choices_are_fine():
    choices = ", ".join(f"{{key: {key}, to: desk}}" for key in range(1, 6))
    assert warnings_of(f"  a: {{kind: menu, prompt: Press., {SILENCE}, choices: [{choices}]}}\n") == []


def test_a_variable_that_is_never_set_is_told():
    nodes = '  a: {kind: say, text: "Number {{ vars.acount }}.", next: desk}\n'
    assert warnings_of(nodes) == [
        "test.yaml:7:24: node a, field text: uses the variable 'acount', which this flow never sets"
    ]


def test_a_prompt_too_long_to_bear_is_told():
    assert "is longer than 400 characters" in warnings_of(f"  a: {{kind: say, text: {'x' * 401}, next: desk}}\n")[0]
    assert warnings_of(f"  a: {{kind: say, text: {'x' * 400}, next: desk}}\n") == []


def test_a_choice_without_words_in_one_language_is_told():
    nodes = (
        f"  a: {{kind: menu, prompt: {{en: A, es: B}}, {SILENCE}, "
        "choices: [{key: 1, words: {en: [sales]}, to: desk}]}\n"
    )
    assert warnings_of(nodes, "en, es") == ["test.yaml:7:101: node a, field choices[0].words: has no words in: es"]


def test_a_text_of_variables_alone_needs_no_translation():
    nodes = '  a: {kind: set, variables: {n: 1}, next: b}\n  b: {kind: say, text: "{{ vars.n }}", next: desk}\n'
    assert warnings_of(nodes, "en, es") == []


def test_music_needs_no_translation():
    assert warnings_of("  a: {kind: play, audio: /audio/jingle.wav, next: desk}\n", "en, es") == []


def test_a_menu_that_leaves_silence_to_the_fallback_is_told():
    menu = "  a: {kind: menu, prompt: Press one.,%s choices: [{key: 1, to: desk}]}\n"
    assert warnings_of(menu % "") == [
        "test.yaml:7:3: node a: leaves out no_input and no_match: such callers go to the fallback, desk"
    ]
    assert warnings_of(menu % " no_match: desk,") == [
        "test.yaml:7:3: node a: leaves out no_input: such callers go to the fallback, desk"
    ]
    assert warnings_of(menu % f" {SILENCE},") == []


def test_a_caller_who_is_asked_again_and_again_is_told():
    nodes = (
        "  a: {kind: menu, prompt: One., no_input: b, no_match: desk, choices: [{key: 1, to: desk}]}\n"
        "  b: {kind: say, text: Hello?, next: a}\n"
    )
    assert warnings_of(nodes) == [
        "test.yaml:7:43: node a, field no_input: a caller who says nothing comes back here again and again"
    ]
    assert warnings_of(nodes.replace("no_input: b, no_match: desk", "no_input: desk, no_match: b")) == [
        "test.yaml:7:59: node a, field no_match: a caller who is not understood comes back here again and again"
    ]


def test_two_questions_that_send_a_silent_caller_to_each_other_are_told():
    nodes = (
        "  a: {kind: collect, prompt: One., into: one, no_input: b, next: desk}\n"
        "  b: {kind: collect, prompt: Two., into: two, no_input: a, next: desk}\n"
    )
    assert [line.split(":")[1] for line in warnings_of(nodes)] == ["7", "8"]
    assert warnings_of(nodes.replace("no_input: a", "no_input: desk")) == []


def test_a_call_that_ends_without_a_word_is_told():
    nodes = (
        "  a: {kind: collect, prompt: One., into: one, next: %s}\n"
        "  bye: {kind: hangup}\n"
        "  thanks: {kind: say, text: Bye., next: bye}\n"
    )
    assert warnings_of(nodes % "bye")[0] == (
        "test.yaml:8:3: node bye: dead end: ends the call without a word; give it something to say"
    )
    assert warnings_of(nodes % "thanks") == []


def test_a_word_said_before_quiet_work_counts():
    nodes = (
        "  a: {kind: say, text: Goodbye., next: note}\n"
        "  note: {kind: set, variables: {done: true}, next: bye}\n"
        "  bye: {kind: hangup}\n"
    )
    assert [line for line in warnings_of(nodes) if "dead end" in line] == []


def test_a_flow_in_which_nobody_gets_to_a_person_is_told():
    nodes = "  a: {kind: say, text: We are closed., next: bye}\n  bye: {kind: hangup}\n"
    assert warnings_of(nodes) == ["test.yaml:3:8: field start: no way leads from here to a person or a message"]


def test_a_variable_like_another_is_suggested():
    nodes = (
        "  a: {kind: collect, prompt: One., into: account, next: b}\n"
        '  b: {kind: say, text: "Number {{ vars.acount }}.", next: desk}\n'
    )
    assert warnings_of(nodes) == [
        "test.yaml:8:24: node b, field text: uses the variable 'acount', which this flow never sets; "
        "did you mean 'account'?"
    ]


def test_a_prompt_of_many_parts_is_as_long_as_all_of_them():
    parts = ", ".join(["{say: " + "x" * 101 + "}"] * 4)
    assert "is longer than 400 characters" in warnings_of(f"  a: {{kind: say, text: [{parts}], next: desk}}\n")[0]


def test_a_transfer_to_a_number_of_our_own_is_told():
    text = HEAD.format(languages="en") + '  a: {kind: transfer, number: "+15005550006"}\n'
    faults = check(text, "test", Known(numbers={"+15005550006"}))
    assert [str(fault) for fault in faults] == [
        "test.yaml:7:31: node a, field number: +15005550006 is a number of our own: the call would come back here"
    ]
    assert check(text, "test") == check(text, "test", Known(numbers={"+15005550007"})) == []


def test_the_clock_has_the_names_that_the_check_knows():
    assert clock_names(datetime.now(UTC)).keys() == CLOCK_NAMES


def test_a_flow_of_a_thousand_nodes_is_checked_at_once():
    menu = "{kind: menu, prompt: 'Press one {{ vars.x }}.', choices: [{key: 1, words: [go, on], to: a%d}]}"
    nodes = "".join(f"  a{n}: {menu % (n + 1)}\n" for n in range(999))
    text = HEAD.format(languages="en").replace("start: a", "start: a0") + nodes + "  a999: {kind: hangup}\n"
    began = perf_counter()
    faults = check(text, "test")
    assert perf_counter() - began < 5  # under 1 s on a core of its own
    assert {fault.severity for fault in faults} == {"warning"}


def test_keys_used_twice_are_told_wherever_there_are_choices():
    choose = (
        "  a: {kind: language, prompt: Which., choices: [{key: 1, language: en}, {key: 1, language: es}], next: desk}\n"
    )
    faults = check(HEAD.format(languages="en, es") + choose.replace("Which.", "{en: A, es: B}"), "test")
    assert "the key 1 is taken by choice 1 already" in [fault.message for fault in faults]
    rate = (
        "  a:\n    kind: survey\n    survey: rating\n    questions:\n"
        "      - {id: how, ask: How., expect: choice, choices: [{key: 1, value: good}, {key: 1, value: bad}]}\n"
        "    next: desk\n"
    )
    faults = check(HEAD.format(languages="en") + rate, "test")
    assert [(fault.field, fault.message) for fault in faults if fault.severity == "error"] == [
        ("questions[0].choices[1].key", "the key 1 is taken by choice 1 already")
    ]


def test_a_flow_that_comes_back_to_its_caller_needs_no_person_of_its_own():
    nodes = "  a: {kind: say, text: Hello., next: back}\n  back: {kind: return}\n"
    assert warnings_of(nodes) == []
