"""Times for callbacks, also on the two days a year when clocks lie."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ivr_flows.callback_times import Times, on_the_clock, spoken

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("wall", "zone", "moment"),
    [
        ("2027-03-28T02:30", BERLIN, datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        ("2027-03-28T01:59", BERLIN, datetime(2027, 3, 28, 0, 59, tzinfo=UTC)),
        ("2027-03-28T03:00", BERLIN, datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        ("2027-10-31T02:30", BERLIN, datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        ("2026-03-08T02:15", NEW_YORK, datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("2026-07-01T09:00", NEW_YORK, datetime(2026, 7, 1, 13, 0, tzinfo=UTC)),
    ],
    ids=["never shown", "just before the jump", "just after", "shown twice", "never shown overseas", "an ordinary day"],
)
def test_a_time_on_the_clock_is_one_moment(wall: str, zone: ZoneInfo, moment: datetime) -> None:
    assert on_the_clock(datetime.fromisoformat(wall), zone) == moment


def times(**more: object) -> Times:
    given = {"zone": "Europe/Berlin", "weekly": {"mon-fri": "09:00-12:00"}, "every_min": 60, "offer": 3} | more
    return Times.model_validate(given)


def said(found: list[datetime]) -> list[str]:
    return [each.astimezone(BERLIN).strftime("%a %H:%M") for each in found]


FRIDAY_1030 = datetime(2026, 3, 6, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ["Fri 11:00", "Mon 09:00", "Mon 10:00"]),
        ({"ahead_min": 31}, ["Mon 09:00", "Mon 10:00", "Mon 11:00"]),
        ({"days": 2}, ["Fri 11:00"]),
        ({"weekly": {"sat": "closed"}}, []),
        ({"weekly": "24/7", "every_min": 480, "offer": 2}, ["Fri 16:00", "Sat 00:00"]),
        ({"weekly": {"fri": "22:00-02:00"}, "every_min": 120}, ["Fri 22:00", "Sat 00:00"]),
    ],
    ids=["the next three", "not too soon", "not too far", "never open", "day and night", "past midnight"],
)
def test_the_first_times_that_fit_are_offered(more: dict[str, object], expected: list[str]) -> None:
    assert said(times(**more).after(FRIDAY_1030)) == expected


def test_no_time_is_offered_twice_when_the_clocks_jump() -> None:
    night = times(weekly={"sun": "01:30-04:00"}, every_min=30, ahead_min=0, offer=7)
    found = night.after(datetime(2027, 3, 27, 12, 0, tzinfo=UTC))
    assert said(found) == ["Sun 01:30", "Sun 03:00", "Sun 03:30"]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "tomorrow at 3:00 PM"),
        ("en-GB", "tomorrow at 15:00"),
        ("es", "mañana a las 15:00"),
        ("zh-TW", "明天下午3:00"),
        ("fr", "vendredi 15:00"),
        ("xx", "Friday 3:00 PM"),
    ],
)
def test_a_time_is_said_as_one_says_it(language: str, expected: str) -> None:
    now, moment = datetime(2026, 3, 5, 9, 0, tzinfo=UTC), datetime(2026, 3, 6, 14, 0, tzinfo=UTC)
    assert spoken(moment, now, "Europe/Berlin", language) == expected
