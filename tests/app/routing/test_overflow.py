"""The ways out of a queue, as plain rules."""

from __future__ import annotations

from typing import Any

import pytest

from app.routing.overflow import CATCH_ALL, Moment, OverflowRefused, Step, due, next_look_s, read_steps

STEPS = read_steps(
    [
        {"closed": True, "action": "callback"},
        {"no_agents": True, "action": "queue", "target": "night"},
        {"ewt_over_s": 300, "action": "callback"},
        {"after_s": 60, "action": "queue", "target": "support"},
        {"always": True, "action": "hang_up"},
    ]
)


@pytest.mark.parametrize(
    ("moment", "taken"),
    [
        pytest.param(Moment(0), [], id="nothing yet"),
        pytest.param(Moment(59.9, 300), [], id="just before"),
        pytest.param(Moment(60), ["after_s"], id="the time is reached"),
        pytest.param(Moment(5, 301), ["ewt_over_s"], id="too long an estimate"),
        pytest.param(Moment(5, None), [], id="no estimate is no reason"),
        pytest.param(Moment(5, staffed=0), ["no_agents"], id="nobody there"),
        pytest.param(Moment(0, is_closed=True), ["closed", "always"], id="closed"),
        pytest.param(Moment(0, is_full=True), ["always"], id="full"),
        pytest.param(
            Moment(70, 400, 0, is_over=True), ["no_agents", "ewt_over_s", "after_s", "always"], id="all in order"
        ),
    ],
)
def test_steps_come_due_in_their_order(moment: Moment, taken: list[str]) -> None:
    assert [step.when for step in due(STEPS, moment)] == taken


@pytest.mark.parametrize(
    ("steps", "waited_s", "in_s"),
    [
        pytest.param(read_steps([]), 0, None, id="only the end of the wait"),
        pytest.param(read_steps([{"after_s": 60, "action": "callback"}]), 20, 40, id="the next time"),
        pytest.param(read_steps([{"after_s": 60, "action": "callback"}]), 60, None, id="its time has passed"),
        pytest.param(read_steps([{"no_agents": True, "action": "callback"}]), 0, 5, id="what no clock foretells"),
        pytest.param(STEPS, 58, 2, id="the nearest"),
    ],
)
def test_the_clock_knows_when_to_look_again(steps: tuple[Step, ...], waited_s: float, in_s: float | None) -> None:
    assert next_look_s(steps, waited_s) == in_s


def test_every_list_ends_in_a_step_for_everybody() -> None:
    assert read_steps([])[-1] is CATCH_ALL
    assert read_steps([{"after_s": 9, "action": "hang_up"}])[-1] is CATCH_ALL
    assert read_steps([{"always": True, "action": "callback"}]) == (Step("always", "callback"),)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "list"),
        ([{"after_s": 1, "action": "callback"}] * 11, "at most 10"),
        (["go"], "one of after_s"),
        ([{"after_s": 1, "full": True, "action": "callback"}], "one of after_s"),
        ([{"after_s": 1, "action": "dance"}], "no action 'dance'"),
        ([{"after_s": 1, "action": "queue"}], "key of a queue"),
        ([{"after_s": 1, "action": "callback", "target": "x"}], "key of a queue"),
        ([{"after_s": -1, "action": "callback"}], "seconds"),
        ([{"after_s": True, "action": "callback"}], "seconds"),
        ([{"after_s": 1e9, "action": "callback"}], "seconds"),
        ([{"full": 5, "action": "callback"}], "full is true"),
        ([{"always": True, "action": "queue", "target": "x"}], "must not be a queue"),
        ([{"always": True, "action": "callback"}, {"after_s": 5, "action": "callback"}], "never be taken"),
        ([{"after_s": 1, "action": "callback", "colour": 1}], "one of after_s"),
    ],
)
def test_steps_that_cannot_be_are_refused_in_words(value: Any, says: str) -> None:
    with pytest.raises(OverflowRefused, match=says):
        read_steps(value)
