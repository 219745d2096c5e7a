"""Warnings: said, and not in the way. Errors have their files in broken/."""

from __future__ import annotations

from ivr_flows import load_flow

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
    assert warnings_of(f"  a: {{kind: menu, prompt: Press., choices: [{choices}]}}\n") == [
        "test.yaml:7:44: node a, field choices: has 6 choices; callers remember 5 at most"
    ]


def test_five_choices_are_fine():
    choices = ", ".join(f"{{key: {key}, to: desk}}" for key in range(1, 6))
    assert warnings_of(f"  a: {{kind: menu, prompt: Press., choices: [{choices}]}}\n") == []


def test_a_variable_that_is_never_set_is_told():
    nodes = '  a: {kind: say, text: "Number {{ vars.acount }}.", next: desk}\n'
    assert warnings_of(nodes) == [
        "test.yaml:7:24: node a, field text: uses the variable 'acount', which this flow never sets"
    ]


def test_a_prompt_too_long_to_bear_is_told():
    assert "is longer than 400 characters" in warnings_of(f"  a: {{kind: say, text: {'x' * 401}, next: desk}}\n")[0]
    assert warnings_of(f"  a: {{kind: say, text: {'x' * 400}, next: desk}}\n") == []


def test_a_choice_without_words_in_one_language_is_told():
    nodes = "  a: {kind: menu, prompt: {en: A, es: B}, choices: [{key: 1, words: {en: [sales]}, to: desk}]}\n"
    assert warnings_of(nodes, "en, es") == ["test.yaml:7:69: node a, field choices[0].words: has no words in: es"]


def test_a_text_of_variables_alone_needs_no_translation():
    nodes = '  a: {kind: set, variables: {n: 1}, next: b}\n  b: {kind: say, text: "{{ vars.n }}", next: desk}\n'
    assert warnings_of(nodes, "en, es") == []


def test_music_needs_no_translation():
    assert warnings_of("  a: {kind: play, audio: /audio/jingle.wav, next: desk}\n", "en, es") == []
