"""When a number may be dialled: window, opening hours and everybody's calling hours, also when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.callbacks.judge import MAINLAND, Terms, may_dial, next_time, zones_of
from ivr_flows.callback_times import on_the_clock
from ivr_flows.nodes.hours import OpeningHours

EIGHT_TO_NINE = ((8 * 60, 21 * 60),)
EASTERN = ZoneInfo("America/New_York")


def terms(
    zones: tuple[str, ...] = ("UTC",), hours: OpeningHours | None = None, days: int = 3, begin: datetime | None = None
) -> Terms:
    start = begin or datetime(2027, 3, 10, tzinfo=UTC)
    return Terms(start, start + timedelta(days=days), zones, EIGHT_TO_NINE, hours)


def test_a_time_that_the_clocks_skip_is_the_moment_they_jump() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert on_the_clock(datetime.fromisoformat("2027-03-28T02:30"), berlin) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


def test_a_time_that_the_clocks_show_twice_is_the_first() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert on_the_clock(datetime.fromisoformat("2027-10-31T02:30"), berlin) == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_an_american_number_without_a_place_is_dialled_from_11_to_21_eastern() -> None:
    zones = zones_of("+18005551234", None, "UTC")
    assert zones == MAINLAND
    day = terms(zones)
    allowed = [
        hour for hour in range(24) if may_dial(datetime(2027, 3, 11, hour, 30, tzinfo=EASTERN).astimezone(UTC), day)
    ]
    assert allowed == list(range(11, 21))
    first = next_time(datetime(2027, 3, 11, 6, 0, tzinfo=UTC), day)
    assert first == datetime(2027, 3, 11, 11, 0, tzinfo=EASTERN)


@pytest.mark.parametrize(
    ("number", "stated", "zones"),
    [
        ("+12125551234", None, ("America/New_York",)),
        ("+4930123456", None, ("Europe/Berlin",)),
        ("+12125551234", "Asia/Tokyo", ("Asia/Tokyo",)),
        ("+15550100001", None, MAINLAND),
        ("no number", None, ("Europe/Madrid",)),
    ],
)
def test_the_zone_is_what_was_said_else_what_the_prefix_says(
    number: str, stated: str | None, zones: tuple[str, ...]
) -> None:
    assert zones_of(number, stated, "Europe/Madrid") == zones


def test_outside_the_window_nothing_is_dialled_even_at_noon() -> None:
    noon = datetime(2027, 3, 12, 12, 0, tzinfo=UTC)
    assert may_dial(noon, terms())
    assert not may_dial(noon - timedelta(days=3), terms())
    assert not may_dial(terms().window_end, terms())


def test_a_holiday_moves_the_call_to_the_next_opening() -> None:
    hours = OpeningHours.model_validate(
        {
            "zone": "Europe/Berlin",
            "weekly": {"mon-fri": "09:00-17:00"},
            "exceptions": [{"date": "2027-03-12", "hours": "closed"}],
        }
    )
    friday = datetime(2027, 3, 12, 12, 0, tzinfo=UTC)
    found = next_time(friday, terms(hours=hours, days=10))
    assert found == datetime(2027, 3, 15, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))


def test_a_window_without_an_allowed_moment_has_no_next_time() -> None:
    night = Terms(
        datetime(2027, 3, 12, 22, 0, tzinfo=UTC), datetime(2027, 3, 13, 2, 0, tzinfo=UTC), ("UTC",), EIGHT_TO_NINE
    )
    assert next_time(night.window_start, night) is None


ZONES = st.lists(
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    min_size=1,
    max_size=3,
    unique=True,
)


@settings(max_examples=60, deadline=None)
@given(
    zones=ZONES,
    begin=st.integers(0, 260 * 1440).map(lambda minutes: datetime(2027, 3, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    minutes=st.integers(0, 3000),
    opening=st.sampled_from([None, "07:30-12:15", "20:00-02:30", "00:00-24:00"]),
)
def test_the_next_time_is_allowed_and_none_before_it_is(
    zones: list[str], begin: datetime, minutes: int, opening: str | None
) -> None:
    hours = OpeningHours.model_validate({"zone": "Europe/Berlin", "weekly": {"mon-sun": opening}}) if opening else None
    rules = terms(tuple(zones), hours, begin=begin)
    now = rules.window_start + timedelta(minutes=minutes)
    found = next_time(now, rules)
    last = found or rules.window_end
    assert found is None or (may_dial(found, rules) and found >= now)
    moment = now
    while moment < last:
        assert not may_dial(moment, rules)
        moment += timedelta(minutes=7)
