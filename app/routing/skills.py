"""What an agent must be able to do, and how that is relaxed while somebody waits: plain functions (DOMAIN 2.3, A-8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_RINGS = 6
LONGEST_STAY_S = 3600
MOST_SKILLS = 10
LEVELS = range(1, 6)

Needs = Mapping[str, int]
"""{skill: least level}"""


class SkillsRefused(ValueError):
    """Skills or rings that cannot be; the message says what can."""


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring of the bullseye: after `stay_s` in it the skills of `drop` are no longer needed."""

    stay_s: float
    drop: frozenset[str]


def required_now(needs: Needs, rings: Sequence[Ring], age_s: float) -> Needs:
    """What is needed of the agent after `age_s` of waiting. It never grows with the age (A-8)."""
    gone: set[str] = set()
    left_s = age_s
    for ring in rings:
        if left_s < ring.stay_s:
            break
        left_s -= ring.stay_s
        gone |= ring.drop
    return {skill: level for skill, level in needs.items() if skill not in gone} if gone else needs


def last_needs(needs: Needs, rings: Sequence[Ring]) -> Needs:
    """What is needed however long the wait."""
    return required_now(needs, rings, float("inf"))


def missing(needs: Needs, skills: Mapping[str, int]) -> str | None:
    """The first skill that an agent lacks, as `french<2`; None when they hold them all."""
    for skill, level in needs.items():
        if skills.get(skill, 0) < level:
            return f"{skill}<{level}"
    return None


def held(needs: Needs, skills: Mapping[str, int]) -> int:
    """How many of the needed skills an agent holds."""
    return sum(skills.get(skill, 0) >= level for skill, level in needs.items())


def mastery(needs: Needs, skills: Mapping[str, int]) -> int:
    """The summed levels of an agent in what is needed."""
    return sum(skills.get(skill, 0) for skill in needs)


def ring_of(needs: Needs, rings: Sequence[Ring], skills: Mapping[str, int]) -> int:
    """The innermost ring an agent belongs to: 0 holds everything, `len(rings) + 1` never qualifies."""
    each = enumerate(needs_of_rings(needs, rings))
    return next((number for number, left in each if missing(left, skills) is None), len(rings) + 1)


def needs_of_rings(needs: Needs, rings: Sequence[Ring]) -> list[Needs]:
    """What is needed of an agent in each ring, from the innermost to the one after the last."""
    left = [needs]
    for ring in rings:
        left.append({skill: level for skill, level in left[-1].items() if skill not in ring.drop})
    return left


def read_rings(value: Any) -> tuple[Ring, ...]:
    """Rings as they are stored: [{"stay_s": 30, "drop": ["french"]}]. Raises SkillsRefused."""
    if not isinstance(value, list) or len(value) > MOST_RINGS:
        raise SkillsRefused(f"Rings are a list of at most {MOST_RINGS}.")
    return tuple(_ring(each) for each in value)


def _ring(value: Any) -> Ring:
    if not isinstance(value, Mapping) or set(value) - {"stay_s", "drop"}:
        raise SkillsRefused("A ring has stay_s and drop: how long it lasts, and the skills not needed after it.")
    stay_s, drop = value.get("stay_s"), value.get("drop", [])
    if not isinstance(stay_s, int | float) or isinstance(stay_s, bool) or not 0 < stay_s <= LONGEST_STAY_S:
        raise SkillsRefused(f"A ring lasts more than 0 and at most {LONGEST_STAY_S} seconds.")
    if not isinstance(drop, list) or not all(isinstance(skill, str) for skill in drop):
        raise SkillsRefused("A ring drops a list of skills.")
    return Ring(stay_s, frozenset(drop))


def read_needs(value: Any) -> dict[str, int]:
    """Needed skills: {"french": 2}, or ["french"] for any level. Raises SkillsRefused."""
    needs = dict.fromkeys(value, 1) if isinstance(value, list | tuple) else value
    if not isinstance(needs, Mapping) or len(needs) > MOST_SKILLS:
        raise SkillsRefused(f"Needed skills are at most {MOST_SKILLS}, each with its least level.")
    for skill, level in needs.items():
        if not isinstance(skill, str) or isinstance(level, bool) or level not in LEVELS:
            raise SkillsRefused(f"{str(skill)[:40]} needs a level from {LEVELS[0]} to {LEVELS[-1]}.")
    return dict(sorted(needs.items()))
