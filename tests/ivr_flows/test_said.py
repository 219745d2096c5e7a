"""Sentences that can be said in another language: the English stays the same for whoever reads it."""

from __future__ import annotations

import copy

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from ivr_flows.diff import changes
from ivr_flows.loader import check
from ivr_flows.said import Said, in_words, said, sentence_of, together, wrong

FLOW = """
title: Main
start: menu
fallback: desk
nodes:
  menu: {kind: menu, prompt: Press 1., choices: [{key: 1, to: desk}], no_input: desk, no_match: desk}
  desk: {kind: queue, queue: sales, max_wait_s: 300}
"""
WORDS = {
    "there is no node '{name}'{hint}": "kein Schritt „{name}“{hint}",
    "; did you mean '{name}'?": "; gemeint ist „{name}“?",
    "{what} now goes to {node}": "{node} folgt auf {what}",
    "{what} changed": "{what} neu",
    "is longer than {most:,} characters": "über {most:,} Zeichen",
}


def in_german(sentence: str) -> str:
    return in_words(sentence, lambda pattern: WORDS.get(pattern, pattern))


def test_a_sentence_is_its_english_text() -> None:
    made = said("is longer than {most:,} characters", most=2000)
    assert made == "is longer than 2,000 characters" and in_german(made) == "über 2,000 Zeichen"
    assert copy.deepcopy(made).pattern == made.pattern


def test_what_stands_in_a_sentence_is_said_in_the_language_too() -> None:
    inner = said("; did you mean '{name}'?", name="menu")
    assert in_german(said("there is no node '{name}'{hint}", name="men", hint=inner)) == (
        "kein Schritt „men“; gemeint ist „menu“?"
    )
    assert in_german(together([said("{what} changed", what="a"), "b"], ", ")) == "a neu, b"


@pytest.mark.parametrize("hostile", ["{name}", "{hint}", "{0}", "{name.__class__}", "{{", "}", "%(name)s", "{" * 5000])
def test_what_an_author_wrote_is_never_a_pattern(hostile: str) -> None:
    made = said("there is no node '{name}'{hint}", name=hostile, hint="")
    assert made == f"there is no node '{hostile}'"
    assert in_german(made) == f"kein Schritt „{hostile}“"


def test_any_name_may_stand_in_a_pattern() -> None:
    assert said("must fit the pattern {pattern}", pattern="[a-z]") == "must fit the pattern [a-z]"


def test_braces_that_are_no_blanks_stay() -> None:
    assert said("such as {press: 1} or {use: …}") == "such as {press: 1} or {use: …}"


def test_a_text_of_others_stays_as_it_is() -> None:
    assert in_german("is longer than {most:,} characters") == "is longer than {most:,} characters"


def test_a_validators_sentence_keeps_its_pattern() -> None:
    class Odd(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def _is_odd(cls, number: int) -> int:
            raise wrong("{most} is {press: 1}", most=number)

    with pytest.raises(ValidationError) as refused:
        Odd(number=2)
    [error] = refused.value.errors()
    assert error["msg"] == "2 is {press: 1}" and error["ctx"]["said"].pattern == "{most} is {press: 1}"
    assert isinstance(sentence_of(ValueError(said("x"))), Said) and sentence_of(ValueError("y")) == "y"


def test_faults_are_said_in_the_readers_language() -> None:
    faults = check(FLOW.replace("to: desk", "to: dask"), "main")
    assert [in_german(fault.message) for fault in faults if fault.severity == "error"] == [
        "kein Schritt „dask“; gemeint ist „desk“?"
    ]
    assert faults[0].said == "node menu, field choices[0].to: there is no node 'dask'; did you mean 'desk'?"


def test_changes_are_said_in_the_readers_language() -> None:
    new = FLOW.replace("to: desk", "to: menu").replace("Press 1.", "Press one.").replace("300", "600")
    told = [change.to_json(lambda pattern: WORDS.get(pattern, pattern))["words"] for change in changes(FLOW, new)]
    assert told == ["menu menu: prompt (en) neu", "menu menu: menu folgt auf key 1", "queue desk: max wait 5 → 10 min"]


def test_every_fault_of_the_broken_files_can_be_said_in_another_language() -> None:
    """A sentence put together by hand somewhere would reach every reader in English."""
    from pathlib import Path

    plain = []
    for path in sorted((Path(__file__).parent / "broken").glob("*.yaml")):
        plain += [fault for fault in check(path.read_text(), "flow") if not isinstance(fault.message, Said)]
    assert plain == []
