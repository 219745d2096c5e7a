"""What is needed of an agent, and how that is relaxed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.skills import (
    Ring,
    SkillsRefused,
    held,
    mastery,
    missing,
    read_needs,
    read_rings,
    required_now,
    ring_of,
)

A_AND_B = {"a": 1, "b": 1}
THIRTY_EACH = (Ring(30, frozenset({"a"})), Ring(30, frozenset({"b"})))


@pytest.mark.parametrize(
    ("age_s", "needed"),
    [
        pytest.param(0, {"a", "b"}, id="at once, both"),
        pytest.param(29.9, {"a", "b"}, id="still both"),
        pytest.param(30, {"b"}, id="after the first ring"),
        pytest.param(59.9, {"b"}, id="within the second"),
        pytest.param(60, set(), id="anybody"),
        pytest.param(10_000, set(), id="anybody for ever"),
    ],
)
def test_a_bullseye_drops_skills_ring_by_ring(age_s: float, needed: set[str]) -> None:
    assert set(required_now(A_AND_B, THIRTY_EACH, age_s)) == needed


names = st.sampled_from("abcd")
rings_of_any_kind = st.lists(st.builds(Ring, st.floats(0.1, 3600), st.frozensets(names)), max_size=6)


@given(
    st.dictionaries(names, st.integers(1, 5)),
    rings_of_any_kind,
    st.dictionaries(names, st.integers(1, 5)),
    st.floats(0, 30_000),
    st.floats(0, 30_000),
)
def test_whoever_could_take_it_earlier_can_take_it_later(
    needs: dict[str, int], rings: list[Ring], skills: dict[str, int], age: float, other_age: float
) -> None:
    """A-8."""
    early, late = sorted((age, other_age))
    if missing(required_now(needs, rings, early), skills) is None:
        assert missing(required_now(needs, rings, late), skills) is None


@pytest.mark.parametrize(
    ("skills", "lacks", "mastered", "has", "ring"),
    [
        ({"a": 3, "b": 2}, None, 5, 2, 0),
        ({"b": 2}, "a<1", 2, 1, 1),
        ({"a": 5}, "b<1", 5, 1, 2),
        ({}, "a<1", 0, 0, 2),
    ],
)
def test_an_agents_skills_are_held_against_the_needs(
    skills: dict[str, int], lacks: str | None, mastered: int, has: int, ring: int
) -> None:
    assert missing(A_AND_B, skills) == lacks
    assert (mastery(A_AND_B, skills), held(A_AND_B, skills)) == (mastered, has)
    assert ring_of(A_AND_B, THIRTY_EACH, skills) == ring


def test_a_level_below_the_needed_one_is_not_enough() -> None:
    assert missing({"french": 2}, {"french": 1}) == "french<2"
    assert missing({"french": 2}, {"french": 2}) is None


def test_needs_are_read_with_or_without_levels_in_one_order() -> None:
    assert read_needs(["fibre", "dutch"]) == {"dutch": 1, "fibre": 1}
    assert list(read_needs({"z": 5, "a": 1})) == ["a", "z"]
    assert read_needs(()) == {}


@pytest.mark.parametrize(
    "value", [{"french": 0}, {"french": 6}, {"french": True}, {1: 1}, 7, [f"s{n}" for n in range(11)]]
)
def test_needs_that_cannot_be_are_refused(value: Any) -> None:
    with pytest.raises(SkillsRefused):
        read_needs(value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [{"stay_s": 30}] * 7,
        [{"stay_s": 0, "drop": []}],
        [{"stay_s": 3601, "drop": []}],
        [{"stay_s": True}],
        [{"stay_s": 5, "drop": "a"}],
        [{"stay_s": 5, "dorp": ["a"]}],
        ["ring"],
    ],
)
def test_rings_that_cannot_be_are_refused(value: Any) -> None:
    with pytest.raises(SkillsRefused):
        read_rings(value)


def test_rings_are_read() -> None:
    assert read_rings([{"stay_s": 30, "drop": ["a"]}, {"stay_s": 30, "drop": ["b"]}]) == THIRTY_EACH
