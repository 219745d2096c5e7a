"""How urgent a waiting contact is: plain functions (DOMAIN 2.2). Times are seconds of any one clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MOST_VALUE_MIN = 24 * 60
RULE_WORDS = ("tier", "entry_point", "language", "channel", "campaign")
"""What a value rule may ask for."""


class RulesRefused(ValueError):
    """Value rules that cannot be; the message says what can."""


def score_s(virtual_start: float, priority_min: float, weight_s: float, now: float) -> float:
    """Seconds waited, and the seconds that priority and queue are worth; the highest goes first.

    It grows without bound, so nobody waits for ever, and a contact is overtaken only by ones that came less than
    their priority-minutes (and the queues' difference in weight) later (A-7).
    """
    return (now - virtual_start) + 60 * priority_min + weight_s


def counted_from(virtual_start: float, priority_min: float, weight_s: float) -> float:
    """When the wait would have begun if priority and weight were waiting time: the order of scores, at any `now`."""
    return virtual_start - 60 * priority_min - weight_s


def value_min(rules: Iterable[Mapping[str, Any]], facts: Mapping[str, Any]) -> int:
    """The minutes that a contact's value is worth: every rule whose words all fit `facts` adds its own."""
    worth: int = sum(rule["priority_min"] for rule in rules if _fits(rule, facts))
    return max(-MOST_VALUE_MIN, min(MOST_VALUE_MIN, worth))


def _fits(rule: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return all(facts.get(word) == wanted for word, wanted in rule.items() if word != "priority_min")


def read_value_rules(value: Any) -> list[dict[str, Any]]:
    """Value rules as they are stored: [{"tier": "gold", "priority_min": 10}]. Raises RulesRefused."""
    if not isinstance(value, list) or len(value) > 50:
        raise RulesRefused("Value rules are a list of at most 50.")
    return [_rule(each) for each in value]


def _rule(value: Any) -> dict[str, Any]:
    words = set(value) - {"priority_min"} if isinstance(value, Mapping) else set()
    if not words or not words <= set(RULE_WORDS) or not all(isinstance(value[word], str) for word in words):
        raise RulesRefused(f"A value rule names at least one of {', '.join(RULE_WORDS)}, and priority_min.")
    worth = value.get("priority_min")
    if not isinstance(worth, int) or isinstance(worth, bool) or abs(worth) > MOST_VALUE_MIN:
        raise RulesRefused(f"A value rule's priority_min is a whole number up to {MOST_VALUE_MIN}.")
    return dict(value)
