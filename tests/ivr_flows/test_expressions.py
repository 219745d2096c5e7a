"""Templates come from authors who make mistakes, and may come from worse."""

from __future__ import annotations

import contextlib
import time

import pytest

from ivr_flows.expressions import BadTemplate, TextTooLong, check_expression, check_template, evaluate, fill

DEEP: dict[str, object] = {}
for _ in range(400):
    DEEP = {"a": DEEP, "b": "x" * 1000}
NAMES = {
    "vars": {"account": "4071", "n": 7, "long": "x" * 2000, "list": ["x" * 50] * 5000, "deep": DEEP},
    "customer": {"name": "Ana", "tags": ["gold", "fibre"], "is_known": True},
    "call": {"caller": "+15551234567", "language": "en"},
    "now": {"hour": 9, "weekday": "mon"},
}

FILLED = [
    ("Hello.", "Hello."),
    ("Hello {{ customer.name }}.", "Hello Ana."),
    ("{{ vars.account | spell }}", "4, 0, 7, 1"),
    ("{{ customer.tags[0] }}", "gold"),
    ("{{ customer.nothing.at.all }}", ""),
    ("{{ customer.name | default('friend') }}", "Ana"),
    ("{{ customer.nick | default('friend') }}", "friend"),
    ("{% if customer.is_known %}Welcome back{% else %}Welcome{% endif %}.", "Welcome back."),
    ("{{ 'morning' if now.hour < 12 else 'afternoon' }}", "morning"),
    ("{{ vars.n + 1 }} and {{ vars.n * 2 }} and {{ vars.n - 8 }}", "8 and 14 and -1"),
    ("{{ 2.345 | round(1) }}", "2.3"),
    ("{{ customer.tags | length }}", "2"),
    ("{{ customer.name | upper }} {{ '  a  b ' | trim }}", "ANA a b"),
    ("line\none", "line\none"),
]


@pytest.mark.parametrize(("source", "text"), FILLED)
def test_a_text_is_filled_in(source, text):
    check_template(source)
    assert fill(source, NAMES) == text


HELD = [
    ("customer.is_known", True),
    ("customer.is_known and vars.n > 6", True),
    ("vars.n > 7", False),
    ("'gold' in customer.tags", True),
    ("customer.nothing", False),
    ("customer.nothing is defined", False),
    ("vars.account == '4071'", True),
    ("not customer.is_known or call.language == 'en'", True),
    ("now.weekday in ['sat', 'sun']", False),
]


@pytest.mark.parametrize(("source", "holds"), HELD)
def test_a_condition_is_worked_out(source, holds):
    check_expression(source)
    assert evaluate(source, NAMES) is holds


REFUSED = {
    "a loop": "{% for a in [1] %}x{% endfor %}",
    "loops in loops": "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    "a call": "{{ range(10) }}",
    "a method": "{{ customer.name.upper() }}",
    "a class": "{{ ''.__class__ }}",
    "the way to the system": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "the globals": "{{ self.__init__.__globals__ }}",
    "self": "{{ self }}",
    "the configuration": "{{ config }}",
    "a name that begins with an underscore": "{{ vars._secret }}",
    "attribute by filter": "{{ vars | attr('__class__') }}",
    "map": "{{ [vars] | map(attribute='__class__') }}",
    "format": "{{ '%1000000000d' | format(1) }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "power": "{{ 10 ** 10 ** 10 }}",
    "a set": "{% set a = 'x' %}{{ a }}",
    "a macro": "{% macro a() %}x{% endmacro %}",
    "an include": "{% include '/etc/passwd' %}",
    "an import": "{% import 'os' as os %}",
    "an extension": "{% extends 'a' %}",
    "a block": "{% block a %}{% endblock %}",
    "a do": "{% do vars.clear() %}",
    "centre": "{{ 'a' | center(1000000000) }}",
    "join": "{{ ['a', 'b'] | join(vars.long) }}",
    "replace": "{{ 'aaaa' | replace('a', 'aaaaaaaaaa') }}",
    "a slice": "{{ vars.long[0:10] }}",
    "a lambda": "{{ (lambda: 1) }}",
    "not closed": "{{ vars.a ",
    "half a tag": "{% if %}",
    "nested a thousand deep": "{{ " + "(" * 1500 + "1" + ")" * 1500 + " }}",
    "too long": "x" * 4001,
    "a chain of conditions without end": "{{ " + " and ".join(["vars.n"] * 200) + " }}",
    "minus signs without end": "{{ " + "- " * 500 + "1 }}",
    "conditions inside each other": "{{ " + "1 if 1 else " * 300 + "1 }}",
    "lists inside each other": "{{ " + "[" * 90 + "]" * 90 + " }}",
    "a cycler": "{{ cycler('a') }}",
    "a namespace": "{{ namespace(a=1) }}",
    "a joiner": "{{ joiner() }}",
    "a list of random words": "{{ lipsum(n=1000000) }}",
    "the base class by key": "{{ vars['__class__'].__mro__ }}",
    "the code of a filter": "{{ 'a' | upper | attr('__globals__') }}",
    "a batch": "{{ [1] | batch(1000000000, 0) }}",
    "a padded text": "{{ 'a' | indent(1000000000) }}",
    "a range by filter": "{{ 1000000000 | range }}",
    "a keyed slice": "{{ vars.long[::1] }}",
}


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED.keys())
def test_a_hostile_text_is_refused_when_the_flow_is_read(source):
    with pytest.raises(BadTemplate):
        check_template(source)


@pytest.mark.parametrize(
    "source", ["1 }} {{ 2", "vars.a vars.b", "", "x = 1", "import os", "vars.clear()", "[x for x in vars]"]
)
def test_a_hostile_condition_is_refused_when_the_flow_is_read(source):
    with pytest.raises(BadTemplate):
        check_expression(source)


BOMBS = {
    "multiplied text": "{{ 'x' * 1000000000 }}",
    "multiplied list": "{{ ([1] * 1000000000) | length }}",
    "a number that grows": "{{ 99999999 * 99999999 * 99999999 }}",
    "rounding to a billion digits": "{{ 5 | round(999999999) }}",
    "rounding to minus a billion digits": "{{ 5 | round(0 - 999999999) }}",
    "a very long number": "{{ ('9' ~ vars.long) | int }}",
    "text plus number": "{{ customer.name + 1 }}",
    "filters on filters": "{{ vars.long" + " | upper | lower | title | trim" * 11 + " }}",
    "many filters side by side": "{{ vars.long | upper }}" * 170,
    "a long text printed over and over": "{{ vars.long }}" * 260,
    "texts put together over and over": "{{ " + " ~ ".join(["vars.long"] * 300) + " }}",
    "lists put together": "{{ " + " + ".join(["vars.list"] * 45) + " }}",
    "a long list printed": "{{ vars.list }}" * 260,
    "a deep mapping printed": "{{ vars.deep }}",
    "a list times a number": "{{ (vars.list * 1000) | length }}",
    "a truth times a text": "{{ true * vars.long }}",
    "a number beyond numbers": "{{ 1e308 * 1e308 | int }}",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_a_text_that_would_cost_too_much_fails_at_once(source):
    check_template(source)
    began = time.process_time()
    with contextlib.suppress(BadTemplate, TextTooLong):
        assert len(fill(source, NAMES)) <= 3000
    assert time.process_time() - began < 0.5


def test_a_text_that_grows_over_the_limit_is_stopped():
    with pytest.raises(TextTooLong):
        fill("{{ vars.long }}{{ vars.long }}", NAMES)


def test_a_text_that_takes_too_long_is_stopped_at_the_same_place_on_every_machine():
    hard = "{{ (vars.long" + " | upper | lower" * 12 + ") | length }}"
    assert fill(hard, NAMES) == "2000"
    with pytest.raises(BadTemplate, match="takes more than 100,000 steps to work out"):
        fill(hard * 2, NAMES)
    assert fill(hard, NAMES) == "2000"  # the allowance is each text's own


def test_a_condition_that_takes_too_long_does_not_hold_and_is_told():
    with pytest.raises(BadTemplate, match="takes more than 100,000 steps"):
        evaluate(" and ".join(["(vars.list + vars.list) | length > 1"] * 40), NAMES)


def test_methods_of_values_cannot_be_seen():
    assert fill("{{ customer.name.upper }}{{ vars.items }}{{ customer.tags.append }}", NAMES) == ""


def test_what_a_caller_said_is_never_a_template():
    assert fill("{{ vars.heard }}", {**NAMES, "vars": {"heard": "{{ 7 * 7 }}"}}) == "{{ 7 * 7 }}"


def test_a_text_has_no_control_characters():
    assert fill("A{{ vars.heard }}", {**NAMES, "vars": {"heard": "\x00b\x07\ud800c\n"}}) == "A b c"
