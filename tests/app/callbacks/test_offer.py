"""Who is offered a call back while they wait: by the wait, the line, a share, and not shortly before closing."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.callbacks.offer import closes_soon, is_among, is_offered, is_worth_it
from app.callbacks.policy import Policy, PolicyRefused, set_policy
from app.routing.wait import waiting
from tests import factories as make
from tests.app.callbacks.conftest import a_queue

WEEKDAYS = {"zone": "Europe/Berlin", "weekly": {"mon-fri": ["09:00-12:00", "13:00-17:00"]}}


@pytest.mark.parametrize(
    ("rules", "estimate_s", "length", "offered"),
    [
        ({}, 0.0, 1, True),
        ({"offer_over_s": 180}, 180.0, 9, False),
        ({"offer_over_s": 180}, 181.0, 1, True),
        ({"offer_over_s": 180}, None, 1, True),
        ({"offer_over_waiting": 1}, 600.0, 1, False),
        ({"offer_over_waiting": 1}, 0.0, 2, True),
        ({"offer_over_s": 180, "offer_over_waiting": 3}, 10.0, 3, False),
        ({"offer_over_s": 180, "offer_over_waiting": 3}, 10.0, 4, True),
        ({"offer_over_s": 180, "offer_over_waiting": 3}, 200.0, 1, True),
    ],
    ids=[
        "without limits always",
        "a wait up to the limit",
        "a longer one",
        "nobody knows how long without agents",
        "who is alone in line",
        "two in line",
        "neither",
        "the line is long enough",
        "the wait is",
    ],
)
def test_a_long_wait_or_a_long_line_is_enough(
    rules: dict[str, Any], estimate_s: float | None, length: int, offered: bool
) -> None:
    assert is_worth_it(Policy(**rules), estimate_s, lambda: length) is offered


@pytest.mark.parametrize(
    ("at", "stops"),
    [
        ("2027-03-01T10:00", False),
        ("2027-03-01T15:58", False),
        ("2027-03-01T15:59", True),
        ("2027-03-01T10:59", True),
        ("2027-03-01T11:30", True),
        ("2027-03-01T12:00", False),
        ("2027-03-06T10:00", True),
    ],
    ids=[
        "in the morning",
        "two minutes left",
        "one minute left",
        "before lunch",
        "at lunch",
        "after lunch",
        "Saturday",
    ],
)
def test_shortly_before_closing_no_more_are_offered(at: str, stops: bool) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert closes_soon(Policy(hours=WEEKDAYS, stop_before_close_min=1), now) is stops


def test_who_never_closes_goes_on_offering() -> None:
    assert not closes_soon(Policy(stop_before_close_min=120), datetime.now(UTC))


def test_a_share_is_drawn_once_for_each_caller() -> None:
    callers = [uuid.UUID(int=n) for n in range(2000)]
    drawn = [each for each in callers if is_among(each, 30)]
    assert 500 < len(drawn) < 700
    assert drawn == [each for each in callers if is_among(each, 30)]
    assert set(drawn) < {each for each in callers if is_among(each, 60)}, "a larger share takes nobody's offer away"
    assert all(is_among(each, 100) for each in callers) and not any(is_among(each, 0) for each in callers)


def test_the_line_and_the_wait_are_those_of_the_database(session: Session) -> None:
    queue = a_queue(session, offer_over_s=300, offer_over_waiting=2)
    make.agent(session, "Ana", [queue])
    calls = [make.waiting_call(session, queue) for _ in range(2)]
    assert not any(is_offered(session, each, waiting(session, each)) for each in calls)
    calls.append(make.waiting_call(session, queue))
    assert all(is_offered(session, each, waiting(session, each)) for each in calls), "three wait"
    set_policy(session, queue.id, offer_over_waiting=9, offer_over_s=200)
    assert [is_offered(session, each, waiting(session, each)) for each in calls] == [False, True, True]
    set_policy(session, queue.id, hours={"zone": "UTC", "weekly": {"mon-sun": "closed"}})
    assert not any(is_offered(session, each, waiting(session, each)) for each in calls)


@pytest.mark.parametrize(
    "rules", [{"offer_share": 101}, {"offer_over_s": -1}, {"offer_over_waiting": 1001}, {"stop_before_close_min": 121}]
)
def test_a_limit_that_makes_no_sense_is_refused(session: Session, rules: dict[str, Any]) -> None:
    queue = a_queue(session)
    with pytest.raises(PolicyRefused, match=next(iter(rules))):
        set_policy(session, queue.id, **rules)
