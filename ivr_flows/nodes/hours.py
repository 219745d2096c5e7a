from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date as Date
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

import holidays as public_holidays
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from ivr_flows.facts import HoursChecked
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Part, Way
from ivr_flows.patterns import COUNTRY_PATTERN, Name
from ivr_flows.said import wrong
from ivr_flows.texts import Target

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = "24/7"
_DAY_MINUTES = 24 * 60
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]\d|2[0-3]):([0-5]\d)|24:00)\Z")
_DATE = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})\Z")

Spans = tuple[tuple[int, int], ...]  # minutes after midnight; an end of at most its start is on the next day


def read_spans(value: Any) -> Spans:
    """ "08:00-12:00", a list of such, or "closed"."""
    if value == "closed":
        return ()
    texts = value if isinstance(value, list) else [value]
    if not texts or len(texts) > 10:
        raise wrong("must be times such as 08:00-17:30, a list of up to ten of them, or closed")
    return tuple(_read_span(text) for text in texts)


def _read_span(text: Any) -> tuple[int, int]:
    match = _SPAN.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise wrong("'{text}' is not a time span; write it as 08:00-17:30, or closed", text=text)
    start = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4]) if match[3] else _DAY_MINUTES
    if start == end:
        raise wrong("'{text}' begins when it ends; for a whole day write 00:00-24:00", text=text)
    return start, end


def read_weekly(value: Any) -> dict[str, Spans]:
    """{mon-fri.

    "08:00-20:00", sat: [...]} as spans by day; a day that is not named is closed. "24/7" is every day, all day.
    """
    if value == ALWAYS:
        return dict.fromkeys(DAYS, ((0, _DAY_MINUTES),))
    if not isinstance(value, dict) or not value:
        raise wrong("must be 24/7, or times by day, for instance {mon-fri: 08:00-20:00, sat: closed}")
    week: dict[str, Spans] = {}
    for days, spans in value.items():
        for day in _days(days):
            if day in week:
                raise wrong("names {day} twice", day=day)
            week[day] = read_spans(spans)
    return week


def _days(text: Any) -> list[str]:
    first, _, last = str(text).partition("-")
    if first not in DAYS or (last and last not in DAYS):
        raise wrong(
            "'{text}' is not a day; use one of {names}, or a range such as mon-fri", text=text, names=", ".join(DAYS)
        )
    start, end = DAYS.index(first), DAYS.index(last or first)
    if end < start:
        raise wrong("'{text}' runs backwards; write it as two ranges", text=text)
    return list(DAYS[start : end + 1])


def known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except Exception as error:  # zoneinfo raises several kinds for bad keys, all meaning the same
        raise wrong("'{name}' is not a time zone; use an IANA name such as America/New_York", name=name) from error
    return name


def _whole_date(value: Any) -> str:
    match = _DATE.match(str(value))
    try:
        Date(int(match[1] or 2000), int(match[2]), int(match[3])) if match else Date(0, 1, 1)
    except ValueError as error:
        raise wrong("'{value}' is not a date; write 2026-12-24, or 12-24 for every year", value=value) from error
    return str(value)


class DatedException(Part):
    """One date with its own times.

    {date: 2026-12-24, hours: 08:00-12:00}, or every year: {date: 12-25, hours: closed}
    """

    date: Annotated[str, BeforeValidator(_whole_date)]
    """The date: 2026-12-24, or 12-24 for every year."""
    hours: Annotated[Spans, BeforeValidator(read_spans, json_schema_input_type=str | list[str])]
    """The times of that date: 08:00-12:00, a list of such, or closed."""
    name: str | None = Field(default=None, max_length=60)
    """What people call the day."""

    def is_on(self, day: Date) -> bool:
        return self.date in (day.isoformat(), day.strftime("%m-%d"))


class PublicHolidays(Part):
    """Public holidays of a country (ISO code), and of a part of it where they differ: {country: US, part: CA}"""

    country: Annotated[str, StringConstraints(pattern=COUNTRY_PATTERN)]
    """The country's ISO code, such as US, GB or MX."""
    part: str | None = None
    """A part of the country whose holidays differ, such as CA."""

    @model_validator(mode="after")
    def _is_known(self) -> PublicHolidays:
        supported = public_holidays.list_supported_countries(include_aliases=False)
        if self.country not in supported:
            raise wrong(
                "no public holidays are known for country '{country}'; use an ISO code such as US, GB or MX",
                country=self.country,
            )
        if self.part is not None and self.part not in supported[self.country]:
            parts = ", ".join(supported[self.country]) or "none"
            raise wrong(
                "'{part}' is not a part of {country}; use one of: {parts}",
                part=self.part,
                country=self.country,
                parts=parts,
            )
        return self


def _holidays_short(value: Any) -> Any:
    return {"country": value} if isinstance(value, str) else value


class OpeningHours(Part):
    """When the company is open.

    {zone: America/New_York, weekly: {mon-fri: 08:00-20:00}, holidays: US}
    """

    zone: Annotated[str, AfterValidator(known_zone)]
    """The IANA time zone of the times, such as America/New_York."""
    weekly: Annotated[
        dict[str, Spans], BeforeValidator(read_weekly, json_schema_input_type=str | dict[str, str | list[str]])
    ]
    """Times by day: {mon-fri: 08:00-20:00, sat: [09:00-13:00, 14:00-17:00]}, or 24/7."""
    exceptions: tuple[DatedException, ...] = Field(default=(), max_length=400)
    """Dates with times of their own; they go before holidays and weekly times."""
    holidays: (
        Annotated[PublicHolidays, BeforeValidator(_holidays_short, json_schema_input_type=str | PublicHolidays)] | None
    ) = None
    """The country whose public holidays count: US, or {country: US, part: CA}."""

    def at(self, now: datetime) -> tuple[bool, str, bool]:
        """Whether it is open at this moment, why, and whether the reason is a public holiday. `now` must be aware."""
        local = now.astimezone(ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        spans, why, is_holiday = self._day(local.date())
        if any(start <= minute and (minute < end or end <= start) for start, end in spans):
            return True, why, False
        before, why_before, _ = self._day(local.date() - timedelta(days=1))
        if any(end <= start and minute < end for start, end in before):
            return True, why_before, False
        return False, why, is_holiday

    def _day(self, day: Date) -> tuple[Spans, str, bool]:
        for exception in self.exceptions:
            if exception.is_on(day):
                return exception.hours, exception.name or f"exception of {exception.date}", False
        name = self._holiday_name(day)
        if name:
            return (), name, True
        return self.weekly.get(DAYS[day.weekday()], ()), "weekly hours", False

    def _holiday_name(self, day: Date) -> str | None:
        if self.holidays is None:
            return None
        return _holidays_of(self.holidays.country, self.holidays.part, day.year).get(day)


class HoursNode(Node):
    """Go one way when the company is open and another when it is closed.

        office_hours:
          kind: hours
          zone: America/New_York
          weekly: {mon-fri: 08:00-20:00, sat: [09:00-13:00, 14:00-17:00]}
          exceptions: [{date: 2026-12-24, hours: 08:00-12:00}, {date: 12-25, hours: closed, name: Christmas}]
          holidays: US
          open: main_menu
          closed: closed_menu

    A dated exception goes before a public holiday, and that before the weekly times. On a public holiday the call
    goes to `holiday`, or to `closed` without one. `weekly: 24/7` is always open. Times are the wall clock's in
    `zone`, so they keep their meaning when the clocks change; a span past midnight (22:00-06:00) belongs to the day
    it begins on. The opening minute is open, the closing one closed. Hours that several nodes or flows share stand
    under the file's `hours`, or in a file it includes, and are named by `use`.
    """

    kind: Literal["hours"] = "hours"
    """Go one way when the company is open and another when it is closed."""
    on_path: ClassVar[bool] = False
    use: Name | None = None
    """Shared hours, by their name, instead of zone, weekly, exceptions and holidays."""
    zone: Annotated[str, AfterValidator(known_zone)] | None = None
    """The IANA time zone of the times, such as America/New_York."""
    weekly: (
        Annotated[
            dict[str, Spans], BeforeValidator(read_weekly, json_schema_input_type=str | dict[str, str | list[str]])
        ]
        | None
    ) = None
    """Times by day: {mon-fri: 08:00-20:00, sat: [09:00-13:00, 14:00-17:00]}, or 24/7."""
    exceptions: tuple[DatedException, ...] = Field(default=(), max_length=400)
    """Dates with times of their own; they go before holidays and weekly times."""
    holidays: (
        Annotated[PublicHolidays, BeforeValidator(_holidays_short, json_schema_input_type=str | PublicHolidays)] | None
    ) = None
    """The country whose public holidays count: US, or {country: US, part: CA}."""
    open: Target
    """The node to go to while open."""
    closed: Target
    """The node to go to while closed."""
    holiday: Target | None = None
    """The node to go to on a public holiday; without it to closed."""

    @model_validator(mode="after")
    def _has_times_once(self) -> HoursNode:
        own = self.model_fields_set & OpeningHours.model_fields.keys()
        if self.use is not None and own:
            raise wrong("takes its times from '{use}': leave out {names}", use=self.use, names=", ".join(sorted(own)))
        if self.use is None and (self.zone is None or self.weekly is None):
            raise wrong("needs zone and weekly, or use with the name of shared hours")
        return self

    @property
    def own_times(self) -> OpeningHours:
        values = {name: getattr(self, name) for name in OpeningHours.model_fields}
        return OpeningHours.model_construct(**values)

    def enter(self, call: Call) -> Outcome:
        times = call.hours(self.use) if self.use else self.own_times
        is_open, reason, is_holiday = times.at(call.context.now)
        target = self.open if is_open else (self.holiday if is_holiday and self.holiday else self.closed)
        return Go(target, facts=(HoursChecked(self.id, is_open, reason),))

    def ways(self) -> Iterator[Way]:
        yield Way("open", self.open, ("open",))
        yield Way("closed", self.closed, ("closed",))
        if self.holiday:
            yield Way("public holiday", self.holiday, ("holiday",))


@lru_cache(maxsize=256)
def _holidays_of(country: str, part: str | None, year: int) -> dict[Date, str]:
    return dict(public_holidays.country_holidays(country, subdiv=part, years=year, language="en_US"))
