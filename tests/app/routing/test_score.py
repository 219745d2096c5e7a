"""Who is more urgent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.score import RulesRefused, counted_from, read_value_rules, score_s, value_min

NINE = 9 * 3600.0
TWELVE_PAST = NINE + 720
moments = st.integers(0, 86_400)


@pytest.mark.parametrize(
    ("entered", "priority_min", "weight_s", "score"),
    [
        pytest.param(NINE, 0, 0, 720, id="twelve minutes waited"),
        pytest.param(NINE + 599, 10, 0, 721, id="two minutes waited, ten of priority"),
        pytest.param(NINE + 601, 10, 0, 719, id="just too late to overtake"),
        pytest.param(NINE, 0, 60, 780, id="in a queue that weighs a minute"),
        pytest.param(NINE, -5, 0, 420, id="less urgent than others"),
    ],
)
def test_urgency_is_seconds_waited_plus_priority_minutes_plus_weight(
    entered: float, priority_min: int, weight_s: int, score: float
) -> None:
    assert score_s(entered, priority_min, weight_s, TWELVE_PAST) == score


@given(moments, moments, st.integers(-60, 60), st.integers(-60, 60), st.integers(0, 600), st.integers(0, 600))
def test_the_order_is_the_same_at_any_time_and_overtaking_is_bounded(
    first: int, second: int, first_min: int, second_min: int, first_w: int, second_w: int
) -> None:
    """A-7: the later one goes first only within its priority-minutes and the queues' weights."""
    goes_first = counted_from(second, second_min, second_w) < counted_from(first, first_min, first_w)
    for now in (86_400.0, 1e6):
        assert goes_first == (score_s(second, second_min, second_w, now) > score_s(first, first_min, first_w, now))
    if goes_first:
        assert second - first < 60 * (second_min - first_min) + second_w - first_w


RULES = [
    {"tier": "gold", "priority_min": 10},
    {"entry_point": "+15550100000", "priority_min": 3},
    {"tier": "gold", "language": "es", "priority_min": 5},
    {"campaign": "winback", "priority_min": -2},
]


@pytest.mark.parametrize(
    ("facts", "worth"),
    [
        ({}, 0),
        ({"tier": "gold"}, 10),
        ({"tier": "gold", "language": "es"}, 15),
        ({"tier": "trial", "entry_point": "+15550100000"}, 3),
        ({"campaign": "winback"}, -2),
    ],
)
def test_value_and_source_add_their_minutes(facts: dict[str, Any], worth: int) -> None:
    assert value_min(read_value_rules(RULES), facts) == worth


def test_worth_has_its_bounds() -> None:
    assert value_min([{"tier": "x", "priority_min": 1440}] * 3, {"tier": "x"}) == 1440


@pytest.mark.parametrize(
    "value",
    [
        None,
        [{}],
        [{"priority_min": 5}],
        [{"tier": "gold"}],
        [{"tier": "gold", "priority_min": 1.5}],
        [{"tier": "gold", "priority_min": True}],
        [{"tier": 7, "priority_min": 1}],
        [{"colour": "red", "priority_min": 1}],
        [{"tier": "gold", "priority_min": 1441}],
        [{"tier": "gold", "priority_min": 1}] * 51,
    ],
)
def test_value_rules_that_cannot_be_are_refused(value: Any) -> None:
    with pytest.raises(RulesRefused):
        read_value_rules(value)
