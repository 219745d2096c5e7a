"""Limits of queues: told once, seen by one, over when the queue is well again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import unit_of_work
from app.interactions.models import Interaction
from app.routing.models import Queue
from app.routing.release import caller_gone
from app.supervisor.alerts import STEADY, excesses, watch_queues
from app.supervisor.models import Alert
from tests import factories
from tests.app.conftest import Browser
from tests.support.acd import at_once, events_named

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CALM: dict[str, Any] = {
    "id": 1,
    "waiting": 2,
    "oldest_since": (NOW - timedelta(seconds=60)).isoformat(),
    "service_level": 75.0,
    "staffed": 3,
    "tally": {"answered": 20, "abandoned": 1, "short": 0},
}


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        ({}, []),
        ({"waiting": 3}, []),
        ({"waiting": 2}, ["waiting"]),
        ({"oldest_wait_s": 61}, []),
        ({"oldest_wait_s": 60}, ["oldest_wait_s"]),
        ({"service_level": 75}, []),
        ({"service_level": 76}, ["service_level"]),
        ({"staffed": 3}, []),
        ({"staffed": 4}, ["staffed"]),
        ({"waiting": 1, "staffed": 9}, ["waiting", "staffed"]),
    ],
)
def test_a_limit_is_passed_from_its_own_value_on(limits: dict[str, int], passed: list[str]) -> None:
    assert [each.kind for each in excesses(CALM, limits, NOW)] == passed


def test_a_service_level_of_four_calls_says_nothing() -> None:
    few = CALM | {"tally": {"answered": 4, "abandoned": 0, "short": 0}, "service_level": 0.0}
    assert excesses(few, {"service_level": 80}, NOW) == []


def test_an_empty_queue_has_no_oldest_wait() -> None:
    assert excesses(CALM | {"oldest_since": None}, {"oldest_wait_s": 1}, NOW) == []


def watch() -> int:
    with unit_of_work() as session:
        return watch_queues(session)


@pytest.fixture
def crowded(sales: int) -> int:
    """Two wait in Sales, whose limit is two."""
    with unit_of_work() as session:
        queue = session.get_one(Queue, sales)
        queue.alerts = {"waiting": 2}
        for _ in range(2):
            factories.waiting_call(session, queue)
    return sales


def alerts_of(sam: Browser) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sam.get("/supervisor/floor").json["alerts"]
    return found


def test_an_alert_is_raised_once_and_ends_when_it_is_over(sam: Browser, crowded: int) -> None:
    assert (watch(), watch()) == (1, 0)
    [alert] = alerts_of(sam)
    assert (alert["queue_id"], alert["kind"], alert["limit"], alert["value"]) == (crowded, "waiting", 2, 2)
    with unit_of_work() as session:
        for id_ in session.scalars(select(Interaction.id)):
            caller_gone(session, id_)
    assert watch() == 0, "it stands for a while: a queue at its limit does not ring and go silent with every call"
    with unit_of_work() as session:
        session.execute(update(Alert).values(raised_at=Alert.raised_at - STEADY * 2))
    assert watch() == 1 and alerts_of(sam) == []
    with unit_of_work() as session:
        kinds = [each.kind for name in ("alert.raised", "alert.ended") for each in events_named(session, name)]
        assert kinds == ["alert.raised", "alert.ended"]
        assert "floor" in events_named(session, "alert.raised")[0].topics


def test_a_limit_that_is_taken_away_ends_its_alert(sam: Browser, crowded: int) -> None:
    watch()
    with unit_of_work() as session:
        session.get_one(Queue, crowded).alerts = {}
        session.execute(update(Alert).values(raised_at=Alert.raised_at - STEADY * 2))
    assert watch() == 1 and alerts_of(sam) == []


def test_two_clocks_raise_one_alert(crowded: int) -> None:
    assert sorted(at_once(watch_queues, watch_queues)) == [0, 1]


def test_without_limits_nothing_is_raised(sales: int) -> None:
    with unit_of_work() as session:
        factories.waiting_call(session, session.get_one(Queue, sales))
    assert watch() == 0


def test_one_supervisor_looks_after_an_alert(sam: Browser, crowded: int, app: Any) -> None:
    from tests.app.conftest import browser

    with unit_of_work() as session:
        tia = browser(app, factories.user(session, "Tia", ["supervisor"]))
    watch()
    [alert] = alerts_of(sam)
    path = f"/supervisor/alerts/{alert['id']}/see"
    assert sam.post(path).status_code == 200
    assert sam.post(path).status_code == 200, "twice is once"
    assert tia.post(path).status_code == 409
    assert alerts_of(tia)[0]["seen_by"] == "Sam"
    with unit_of_work() as session:
        assert len(events_named(session, "alert.seen")) == 1


@pytest.mark.parametrize("alert_id", [0, 999, 10**30])
def test_an_alert_that_is_none_is_refused(sam: Browser, alert_id: int) -> None:
    assert sam.post(f"/supervisor/alerts/{alert_id}/see").status_code == 409
