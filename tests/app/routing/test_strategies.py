"""Routing rules as plain functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.strategies import idle_since_after_break, parking_would_cascade

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
moments = st.integers(0, 86_400).map(lambda second: NINE + timedelta(seconds=second))


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
