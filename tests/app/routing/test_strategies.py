"""Routing rules as plain functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.strategies import (
    FreeAgent,
    idle_since_after_break,
    longest_idle,
    parking_would_cascade,
    score_s,
)

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
moments = st.integers(0, 86_400).map(lambda second: NINE + timedelta(seconds=second))


def test_the_agent_idle_longest_is_asked_first_and_ties_go_by_id() -> None:
    agents = [FreeAgent(id, NINE + timedelta(seconds=s), frozenset({1})) for id, s in ((3, 5), (1, 9), (2, 5))]
    assert [agent.user_id for agent in longest_idle(agents)] == [2, 3, 1]


@pytest.mark.parametrize(
    ("entered", "priority_min", "score"),
    [
        pytest.param(NINE, 0, 720, id="twelve minutes waited"),
        pytest.param(NINE + timedelta(minutes=9, seconds=59), 10, 721, id="two minutes waited, ten of priority"),
        pytest.param(NINE + timedelta(minutes=10, seconds=1), 10, 719, id="just too late to overtake"),
    ],
)
def test_urgency_is_seconds_waited_plus_priority_minutes(entered: datetime, priority_min: int, score: int) -> None:
    assert score_s(entered, priority_min, NINE + timedelta(minutes=12)) == score


@given(moments, moments, st.integers(0, 60), st.integers(0, 60))
def test_a_caller_is_overtaken_only_by_those_within_their_priority_minutes(
    first: datetime, second: datetime, first_min: int, second_min: int
) -> None:
    now = NINE + timedelta(days=2)
    if score_s(second, second_min, now) > score_s(first, first_min, now):
        assert second - first < timedelta(minutes=second_min - first_min)


@given(moments, moments, moments)
def test_a_break_never_gives_more_idle_time_than_the_agent_left_with(a: datetime, b: datetime, c: datetime) -> None:
    idle_since, left, back = sorted((a, b, c))
    assert back - idle_since_after_break(idle_since, left, back) == left - idle_since


@pytest.mark.parametrize(
    ("staffed", "parked", "stop"),
    [
        pytest.param(1, 0, False, id="the only agent is parked"),
        pytest.param(2, 0, False, id="the first of two"),
        pytest.param(2, 1, True, id="the second of two stays"),
        pytest.param(10, 4, False, id="four of ten"),
        pytest.param(10, 5, True, id="half of ten"),
        pytest.param(0, 0, False, id="nobody there"),
    ],
)
def test_parking_stops_when_half_of_the_agents_are_parked(staffed: int, parked: int, stop: bool) -> None:
    assert parking_would_cascade(staffed, parked) is stop
