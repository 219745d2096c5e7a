"""F16: clocks are set, summer time begins and ends, zones get new rules. Nobody is called early or twice."""

from __future__ import annotations

import importlib.resources
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import apscheduler.schedulers.base as scheduler
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.callbacks import zones
from app.callbacks.calendar import slot_starts
from app.callbacks.expire import look_at_due
from app.callbacks.models import Callback, CallbackSetting
from app.callbacks.policy import Policy
from app.clock import Clock, Tick
from app.db import database_now, unit_of_work
from app.events import Event
from app.interactions.models import Interaction
from ivr_flows.callback_times import on_the_clock
from tests.app.callbacks.conftest import a_callback, a_queue, pass_time
from tests.support.acd import at_once, events_named
from tests.support.home_and_carrier import until

HOUR = 3600
BERLIN = ZoneInfo("Europe/Berlin")
SUMMER = "2027-07-01T09:00"


# -- clocks on the wall that are set


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The machine's clock on the wall, `by` seconds wrong for the scheduler and whoever watches it."""
    shown = SimpleNamespace(by=0.0)

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=shown.by)

    real = clock.wall_s
    monkeypatch.setattr(scheduler, "datetime", Wrong)
    monkeypatch.setattr(clock, "wall_s", lambda: real() + shown.by)
    return shown


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Clock]]:
    """Starts clocks that do nothing but one tick, and stops them in the end."""
    running: list[Clock] = []

    def start(name: str, run: Callable[[Session], object]) -> Clock:
        monkeypatch.setattr(clock, "ticks", {name: Tick(name, 0.2, run)})
        made = Clock()
        made.start()
        running.append(made)
        return made

    yield start
    for each in running:
        each.stop()


@pytest.mark.parametrize("step_s", [-HOUR, HOUR, -3 * HOUR], ids=["back", "on", "far back"])
def test_a_wall_clock_that_is_set_stops_no_tick(
    database: str, wall: SimpleNamespace, ticking: Callable[..., Clock], step_s: float
) -> None:
    seen: list[float] = []
    ticking("probe", lambda _session: seen.append(0))
    until(lambda: len(seen) >= 2, "it ticks")
    wall.by += step_s
    before = len(seen)
    until(lambda: len(seen) >= before + 3, "it ticks on after the clock was set", 8)


@pytest.mark.parametrize("wrong_s", [HOUR, -HOUR], ids=["fast", "slow"])
def test_with_wrong_wall_clocks_a_callback_comes_neither_early_nor_twice(
    database: str, wall: SimpleNamespace, ticking: Callable[..., Clock], wrong_s: float
) -> None:
    wall.by = wrong_s
    with unit_of_work() as session:
        callback = a_callback(session, a_queue(session, per_slot=5), in_min=2 / 60)
        due = callback.window_start
    for _ in range(2):
        ticking("callbacks.due", look_at_due)
    wall.by -= wrong_s / 2
    until(lambda: states(callback) == ["due"], "its time has come", 15)
    with unit_of_work() as session:
        [place] = session.scalars(select(Interaction)).all()
        assert place.created_at >= due, "by the database's clock"


def states(callback: Callback) -> list[str]:
    with unit_of_work() as session:
        return list(session.scalars(select(Callback.state).where(Callback.id == callback.id)))


# -- summer time


@pytest.mark.parametrize(
    ("day", "count"), [("2027-03-28", 92), ("2027-03-29", 96), ("2027-10-31", 100)], ids=["forward", "usual", "back"]
)
def test_the_quarters_of_a_day_add_up_to_it(day: str, count: int) -> None:
    policy = Policy(zone="Europe/Berlin", slot_min=15)
    begins = slot_starts(policy, date.fromisoformat(day))
    [next_day, *_] = slot_starts(policy, date.fromisoformat(day) + timedelta(days=1))
    assert len(begins) == count
    lengths = {later - earlier for earlier, later in zip(begins, [*begins[1:], next_day], strict=True)}
    assert lengths == {timedelta(minutes=15)}


@pytest.mark.parametrize(
    ("wall_time", "moment"),
    [("2027-03-28T02:30", "2027-03-28T01:00"), ("2027-10-31T02:30", "2027-10-31T00:30")],
    ids=["that does not exist", "that comes twice"],
)
def test_a_callback_at_half_past_two_is_made_once(session: Session, wall_time: str, moment: str) -> None:
    begin = on_the_clock(datetime.fromisoformat(wall_time), BERLIN)
    assert begin == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    callback = a_callback(session, a_queue(session, per_slot=5, max_attempts=1), in_min=60)
    agree_on(callback, wall_time, begin)
    look_at_due(session)
    assert callback.state == "waiting"
    pass_time(session, callback, begin - database_now(session))
    for _ in range(3):
        look_at_due(session)
        zones.follow_the_zones(session)
    assert len(session.scalars(select(Interaction)).all()) == 1
    callback.due_at = callback.window_start + timedelta(hours=1)  # when the clocks show it again
    look_at_due(session)
    assert len(session.scalars(select(Interaction)).all()) == 1


def agree_on(callback: Callback, wall_time: str, begin: datetime) -> None:
    callback.local_start, callback.local_zone = wall_time, "Europe/Berlin"
    callback.window_start = callback.due_at = callback.virtual_start = begin
    callback.window_end = callback.expires_at = begin + timedelta(minutes=60)


# -- zones whose rules change


@pytest.fixture
def new_rules(tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """`new_rules(zone, other)`: from now on a zone has the rules of another, as after a law and an update."""

    def update(zone: str, other: str) -> None:
        folder, _slash, name = other.rpartition("/")
        rules = importlib.resources.files("tzdata.zoneinfo").joinpath(folder, name).read_bytes()
        (tmp_path / zone).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / zone).write_bytes(rules)
        (tmp_path / "tzdata.zi").write_text("# version 2099z\nR ...\n")
        zoneinfo.reset_tzpath(to=[tmp_path])
        ZoneInfo.clear_cache()
        zones.edition.cache_clear()

    yield update
    zoneinfo.reset_tzpath()
    ZoneInfo.clear_cache()
    zones.edition.cache_clear()


def test_when_a_zones_rules_change_agreed_times_keep_their_wall_clock(
    session: Session, new_rules: Callable[[str, str], None]
) -> None:
    queue = a_queue(session, per_slot=5)
    summer, soon = a_callback(session, queue, in_min=60), a_callback(session, queue, "+15550142031")
    begin = on_the_clock(datetime.fromisoformat(SUMMER), BERLIN)
    agree_on(summer, SUMMER, begin)
    session.flush()
    assert zones.follow_the_zones(session) == 0
    new_rules("Europe/Berlin", "Africa/Lagos")  # no summer time any more
    assert zones.follow_the_zones(session) == 1
    later = begin + timedelta(hours=1)
    assert (summer.window_start, summer.virtual_start, summer.due_at) == (later, later, later)
    assert (summer.window_end, summer.expires_at) == (later + timedelta(minutes=60),) * 2
    assert soon.local_start is None and soon.state == "due", "who is called as soon as possible is not moved"
    [told] = events_named(session, "callback.moved")
    assert told.data["reason"] == "zones_changed"
    assert session.get_one(CallbackSetting, "zones").value == {"edition": "2099z"}
    assert zones.follow_the_zones(session) == 0, "once for each edition"


def test_one_that_somebody_is_at_work_with_is_counted_the_next_time(
    database: str, new_rules: Callable[[str, str], None]
) -> None:
    with unit_of_work() as session:
        callback = a_callback(session, a_queue(session, per_slot=5), in_min=60)
        agree_on(callback, SUMMER, on_the_clock(datetime.fromisoformat(SUMMER), BERLIN))
    new_rules("Europe/Berlin", "Africa/Lagos")
    with unit_of_work() as busy:
        busy.scalars(select(Callback).with_for_update()).one()
        with unit_of_work() as session:
            assert zones.follow_the_zones(session) == 0
            assert session.get(CallbackSetting, "zones") is None
    at_once(zones.follow_the_zones, zones.follow_the_zones)
    with unit_of_work() as session:
        assert session.scalars(select(Callback.window_start)).one() == datetime(2027, 7, 1, 8, tzinfo=UTC)
        assert len(session.scalars(select(Event).where(Event.kind == "callback.moved")).all()) == 1


def test_the_edition_is_that_of_the_zones_in_use(new_rules: Callable[[str, str], None]) -> None:
    known = zones.edition()
    assert known and len(known) <= 40
    new_rules("Europe/Berlin", "Africa/Lagos")
    assert zones.edition() == "2099z"
