from __future__ import annotations

import pytest

from ivr_flows import FlowError, load_entry_points

TWO = """\
default: {flow: main}
numbers: {"+15005550008": {flow: support, language: es, priority_min: 5}}
"""
BROKEN = {
    "number without plus": (
        'numbers: {"5005550006": {flow: main}}',
        "1:11: field numbers.5005550006: must be a phone number such as +15005550020",
    ),
    "unknown flow": (
        'numbers:\n  "+15005550006": {flow: mian}',
        "2:26: field numbers.+15005550006.flow: there is no flow 'mian'; did you mean 'main'?",
    ),
    "unknown default flow": (
        "default: {flow: nowhere}",
        "1:17: field default.flow: there is no flow 'nowhere'; use one of: main, support",
    ),
    "no flow": ("default: {language: en}", "1:1: field default.flow: is missing"),
    "unknown field": (
        "default: {flow: main, lang: en}",
        "1:23: field default.lang: is not a field here; did you mean 'language'?",
    ),
    "priority too high": (
        "default: {flow: main, priority_min: 500}",
        "1:37: field default.priority_min: must be 120 or less",
    ),
    "number twice": (
        'numbers:\n  "+15005550006": {flow: main}\n  "+15005550006": {flow: support}',
        "3:3: the key '+15005550006' is there twice, first on line 2",
    ),
    "a list": ("- main", "1:1: must be a mapping"),
    "empty": ("", "1:1: the file is empty"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_entry_points_are_refused_with_the_place_and_the_way_out(text, message):
    with pytest.raises(FlowError) as refused:
        load_entry_points(text, flows={"main", "support"}, file="e.yaml")
    assert str(refused.value) == f"e.yaml:{message}"


def test_a_number_has_its_entry_point_and_others_the_default():
    points = load_entry_points(TWO)
    special = points.for_number("+15005550008")
    assert special is not None
    assert (special.flow, special.language, special.priority_min) == ("support", "es", 5)
    other = points.for_number("+15005550001")
    assert other is not None
    assert (other.flow, other.language, other.priority_min) == ("main", None, 0)


def test_without_a_default_other_numbers_lead_nowhere():
    assert load_entry_points('numbers: {"+15005550008": {flow: support}}').for_number("+15005550001") is None
