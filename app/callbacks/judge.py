"""May this number be called now, and if not, when? Pure: the moment is given (DOMAIN 3, C-2).

Allowed is what lies in the agreed window and in the opening hours and in the calling hours of every zone the person
may be in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers.timezone import time_zones_for_number

from ivr_flows.callback_times import on_the_clock
from ivr_flows.nodes.hours import DAYS, OpeningHours, Spans

UNKNOWN = "Etc/Unknown"
NORTH_AMERICA = 1
MAINLAND = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
"""Where a North American number without a place may be."""
A_PLACE_HAS_AT_MOST = 4
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a dial must keep to. `zones`: where the person may be; `quiet`: when they may be called there, on the first
    `days` days of the week.
    """

    window_start: datetime
    window_end: datetime
    zones: tuple[str, ...]
    quiet: Spans
    hours: OpeningHours | None = None
    days: int = 7


def may_dial(now: datetime, terms: Terms) -> bool:
    """Whether a dial may begin at this moment."""
    return terms.window_start <= now < terms.window_end and _is_allowed(now, terms)


def next_time(now: datetime, terms: Terms) -> datetime | None:
    """The first moment from `now` on when a dial may begin; None when the window has none left.

    The allowed times are stretches that begin where the window, the opening hours or somebody's calling hours begin,
    so only those moments need a look.
    """
    earliest = max(now, terms.window_start)
    moments = [earliest, *(each for each in _beginnings(earliest, terms) if each > earliest)]
    return next((each for each in sorted(moments) if may_dial(each, terms)), None)


def zones_of(number: str, stated: str | None, house: str) -> tuple[str, ...]:
    """Where whoever answers this number may be: where they said, else what the prefix says, else where the house is.

    `number` is E.164, zones are IANA names.
    """
    if stated:
        return (stated,)
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return (house,)
    zones = tuple(zone for zone in time_zones_for_number(parsed) if zone != UNKNOWN)
    if parsed.country_code == NORTH_AMERICA and not 0 < len(zones) <= A_PLACE_HAS_AT_MOST:
        return MAINLAND
    return zones or (house,)


def _is_allowed(moment: datetime, terms: Terms) -> bool:
    if terms.hours is not None and not terms.hours.at(moment)[0]:
        return False
    return all(_is_in(terms, moment.astimezone(ZoneInfo(zone))) for zone in terms.zones)


def _is_in(terms: Terms, local: datetime) -> bool:
    """Whether people may be called at this time of their clock. Past midnight it is the next day's call."""
    minute = local.hour * 60 + local.minute
    return local.weekday() < terms.days and _holds(terms.quiet, minute)


def _holds(spans: Spans, minute: int) -> bool:
    return any(
        start <= minute < end if start < end else minute >= start or minute < end  # past midnight
        for start, end in spans
    )


def _beginnings(earliest: datetime, terms: Terms) -> Iterator[datetime]:
    hours = terms.hours
    openings = [*hours.weekly.values(), *(each.hours for each in hours.exceptions)] if hours else []
    quiet = terms.quiet if terms.days == len(DAYS) else (*terms.quiet, (0, 0))
    clocks = [(zone, quiet) for zone in terms.zones]
    if hours is not None:
        clocks.append((hours.zone, tuple({span for spans in openings for span in spans} | {(0, 0)})))
    for zone, spans in clocks:
        for start in {start for start, _ in spans}:
            yield from _daily(earliest, terms.window_end, start, ZoneInfo(zone))


def _daily(earliest: datetime, latest: datetime, minute: int, zone: ZoneInfo) -> Iterator[datetime]:
    """When clocks of this zone show this minute, day by day; where they show it twice, both."""
    day = (earliest - DAY).astimezone(zone).date()
    while day <= (latest + DAY).astimezone(zone).date():
        wall = datetime.combine(day, time()) + timedelta(minutes=minute)
        yield on_the_clock(wall, zone)
        yield wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        day += timedelta(days=1)
