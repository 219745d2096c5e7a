"""Stories of many people at once: told by Hypothesis, but what a race did in them cannot be done again."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

_failures: list[Exception] = []


def noted(deed: Callable[..., None]) -> Callable[..., None]:
    """A rule or an invariant whose failure is kept as it first happened."""

    @wraps(deed)
    def done(*given: Any, **facts: Any) -> None:
        try:
            deed(*given, **facts)
        except Exception as failure:
            _failures.append(failure)
            raise

    return done


def play(story: type[RuleBasedStateMachine], *, examples: int, steps: int) -> None:
    """Play so many stories (or HYPOTHESIS_EXAMPLES) of so many steps; raise the first failure as it was.

    Hypothesis tries a failing story again, and would only tell that it went otherwise. For the same reason there is
    nothing to shrink.
    """
    _failures.clear()
    budget = settings(
        max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", examples)),
        stateful_step_count=steps,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    try:
        run_state_machine_as_test(story, settings=budget)
    except Exception:
        if _failures:
            raise _failures[0] from None
        raise
