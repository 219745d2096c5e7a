"""The ways out of a queue: steps, tried in their order, that always end in one for everybody (DOMAIN 2.4, A-14).

Seconds count from the entry into this queue, and ringing counts too; an offer that rings is never cut, the step is
taken when it ends. A contact goes to no queue twice, and no step gives it longer to wait than it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONDITIONS = ("after_s", "ewt_over_s", "no_agents", "full", "closed", "always")
ACTIONS = ("queue", "callback", "voicemail", "hang_up")
MOST_STEPS = 10
LONGEST_S = 24 * 3600
LOOK_EVERY_S = 5
"""How often conditions that no clock foretells are looked at."""


class OverflowRefused(ValueError):
    """Steps that cannot be; the message says what can."""


@dataclass(frozen=True, slots=True)
class Step:
    """`when` is one of CONDITIONS, with seconds for the first two; `target` is the key of a queue."""

    when: str
    action: str
    limit_s: float = 0
    target: str | None = None


CATCH_ALL = Step("always", "voicemail")
"""What a list without an end of its own ends in."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known about a contact's wait. `is_over`: its limit is reached; `estimate_s` None: nobody knows."""

    waited_s: float
    estimate_s: float | None = None
    staffed: int = 1
    is_full: bool = False
    is_closed: bool = False
    is_over: bool = False


def due(steps: Iterable[Step], moment: Moment) -> Iterator[Step]:
    """The steps whose time has come, in their order. The one for everybody waits for the end of the wait."""
    return (step for step in steps if _is_due(step, moment))


def _is_due(step: Step, moment: Moment) -> bool:
    match step.when:
        case "after_s":
            return moment.waited_s >= step.limit_s
        case "ewt_over_s":
            return moment.estimate_s is not None and moment.estimate_s > step.limit_s
        case "no_agents":
            return moment.staffed == 0
        case "full":
            return moment.is_full
        case "closed":
            return moment.is_closed
        case _:
            return moment.is_over or moment.is_full or moment.is_closed


def next_look_s(steps: Iterable[Step], waited_s: float) -> float | None:
    """In how many seconds a step may come due next; None when only the end of the wait is left."""
    looks = [step.limit_s - waited_s for step in steps if step.when == "after_s" and step.limit_s > waited_s]
    if any(step.when in ("ewt_over_s", "no_agents") for step in steps):
        looks.append(LOOK_EVERY_S)
    return min(looks, default=None)


def read_steps(value: Any) -> tuple[Step, ...]:
    """Steps as they are stored, a list of {"after_s": 60, "action": "queue", "target": "support"}.

    A list that does not end in {"always": true, …} gets CATCH_ALL at its end. Raises OverflowRefused.
    """
    if not isinstance(value, list) or len(value) > MOST_STEPS:
        raise OverflowRefused(f"Overflow is a list of at most {MOST_STEPS} steps.")
    steps = tuple(_step(each) for each in value)
    if any(step.when == "always" for step in steps[:-1]):
        raise OverflowRefused("A step for everybody ends the list: those after it would never be taken.")
    if steps and steps[-1].when == "always":
        if steps[-1].action == "queue":
            raise OverflowRefused("The last step must not be a queue: that one may be full or closed as well.")
        return steps
    return (*steps, CATCH_ALL)


def _step(value: Any) -> Step:
    named = [word for word in CONDITIONS if isinstance(value, Mapping) and word in value]
    if len(named) != 1 or set(value) - {named[0], "action", "target"}:
        raise OverflowRefused(f"A step has one of {', '.join(CONDITIONS)}, an action and, for a queue, its target.")
    when, action, target = named[0], value.get("action"), value.get("target")
    if action not in ACTIONS:
        raise OverflowRefused(f"There is no action {str(action)[:20]!r}: give one of {', '.join(ACTIONS)}.")
    if (action == "queue") != isinstance(target, str):
        raise OverflowRefused("The action queue, and only it, has the key of a queue as its target.")
    return Step(when, action, _limit(when, value[when]), target)


def _limit(when: str, value: Any) -> float:
    if when not in ("after_s", "ewt_over_s"):
        if value is not True:
            raise OverflowRefused(f"{when} is true: it has no seconds.")
        return 0
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LONGEST_S:
        raise OverflowRefused(f"{when} is a number of seconds from 0 to {LONGEST_S}.")
    return value
