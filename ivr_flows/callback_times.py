"""Times for callbacks: which can be offered, and how they are said. Pure: the moment is given."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Annotated
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from pydantic import AfterValidator, BeforeValidator, Field

from ivr_flows.nodes.base import Part
from ivr_flows.nodes.hours import DAYS, Spans, known_zone, read_weekly

DAY_WORDS = {
    "en": ("today at {time}", "tomorrow at {time}", "{day} at {time}"),
    "es": ("hoy a las {time}", "mañana a las {time}", "el {day} a las {time}"),
    "zh": ("今天{time}", "明天{time}", "{day}{time}"),
}
_DAY_MINUTES = 24 * 60
_MOST_A_DAY = 300


class Times(Part):
    """When callbacks may be agreed: {zone: America/New_York, weekly: {mon-fri: 09:00-17:00}, every_min: 60, offer: 3}

    Times begin every `every_min` minutes within `weekly`, at the earliest `ahead_min` minutes from now and within
    `days` days; the first `offer` are offered.
    """

    zone: Annotated[str, AfterValidator(known_zone)]
    """The IANA time zone that the times are in."""
    weekly: Annotated[
        dict[str, Spans], BeforeValidator(read_weekly, json_schema_input_type=str | dict[str, str | list[str]])
    ]
    """When somebody calls back, by day: {mon-fri: 09:00-17:00}."""
    every_min: int = Field(default=60, ge=10, le=480)
    """A new time begins after so many minutes, and lasts as long."""
    ahead_min: int = Field(default=30, ge=0, le=7 * _DAY_MINUTES)
    """The first time is at least so many minutes away."""
    days: int = Field(default=5, ge=1, le=14)
    """How many days ahead are offered."""
    offer: int = Field(default=3, ge=1, le=7)
    """How many times are offered."""

    def after(self, now: datetime, full: Container[str] = ()) -> list[datetime]:
        """The times to offer, first to last, in UTC, without those that are `full` (ISO 8601)."""
        free = (moment for moment in self.all_after(now) if moment.isoformat() not in full)
        return list(islice(free, self.offer))

    def all_after(self, now: datetime) -> Iterator[datetime]:
        """Every time from now on, in UTC. Each exists on the wall clock, also when the clocks change."""
        earliest, last = now + timedelta(minutes=self.ahead_min), None
        for moment in self._moments(now.astimezone(ZoneInfo(self.zone)).date()):
            if moment >= earliest and moment != last:
                last = moment
                yield moment

    def _moments(self, first: date) -> Iterator[datetime]:
        zone = ZoneInfo(self.zone)
        for number in range(self.days + 1):
            day = first + timedelta(days=number)
            for start, end in sorted(self.weekly.get(DAYS[day.weekday()], ())):
                last = end if end > start else end + _DAY_MINUTES
                for minute in range(start, last, self.every_min)[:_MOST_A_DAY]:
                    yield on_the_clock(datetime.combine(day, time()) + timedelta(minutes=minute), zone)


def on_the_clock(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment (UTC) when clocks in this zone show `wall`, which has no zone of its own.

    Shown twice (the clocks go back): the first. Never shown (they go forward): the moment they jump.
    """
    before = wall.replace(tzinfo=zone, fold=0)
    moment = before.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    jump = (wall.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    probe = moment - jump
    while (probe + timedelta(minutes=1)).astimezone(zone).utcoffset() == before.utcoffset():
        probe += timedelta(minutes=1)
    return probe + timedelta(minutes=1)


def spoken(moment: datetime, now: datetime, zone: str, language: str) -> str:
    """The time as one says it: "tomorrow at 9:00 AM". A language we have no words for gets its weekday and time."""
    there, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    locale = _locale(language)
    hour = format_time(there.time(), "short", locale=locale).replace("\u202f", " ")
    words = DAY_WORDS.get(language.split("-")[0], ("{day} {time}",) * 3)
    day = format_date(there.date(), "EEEE", locale=locale)
    ahead = (there.date() - today).days
    return words[min(max(ahead, 0), 2) if ahead < 2 else 2].format(day=day, time=hour)


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")
