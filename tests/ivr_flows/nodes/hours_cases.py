from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.ivr_flows.nodes.case import Case

NEW_YORK = ZoneInfo("America/New_York")
OFFICE = """
it:
  kind: hours
  zone: America/New_York
  weekly: {mon-fri: 09:00-17:00, sat: [09:00-12:00, 13:00-15:00]}
  exceptions:
    - {date: 2026-11-27, hours: 10:00-12:00, name: Day after Thanksgiving}
    - {date: 12-24, hours: closed, name: Christmas Eve}
    - {date: 2026-07-03, hours: 09:00-17:00}
  holidays: US
  open: after
  closed: other
  holiday: third
"""
NIGHT = "{kind: hours, zone: America/New_York, weekly: {sat: 22:00-06:00}, open: after, closed: other}"
ALWAYS = "{kind: hours, zone: Europe/Madrid, weekly: 24/7, open: after, closed: other}"
MADRID = (
    "{kind: hours, zone: Europe/Madrid, weekly: 24/7, holidays: {country: ES, part: MD}, open: after, closed: other}"
)
KATHMANDU = "{kind: hours, zone: Asia/Kathmandu, weekly: {tue: 22:00-23:00}, open: after, closed: other}"


def local(year, month, day, hour, minute=0, fold=0):
    return datetime(year, month, day, hour, minute, fold=fold, tzinfo=NEW_YORK)


def utc(year, month, day, hour, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


CASES = [
    Case("is open in the weekly hours", OFFICE, now=local(2026, 3, 3, 12), at="after", told=("open: weekly hours",)),
    Case("opens with the opening minute", OFFICE, now=local(2026, 3, 3, 9, 0), at="after"),
    Case("is closed a minute before", OFFICE, now=local(2026, 3, 3, 8, 59), at="other", told=("closed: weekly hours",)),
    Case("is open until the last minute", OFFICE, now=local(2026, 3, 3, 16, 59), at="after"),
    Case("closes with the closing minute", OFFICE, now=local(2026, 3, 3, 17, 0), at="other"),
    Case("is closed over lunch", OFFICE, now=local(2026, 3, 7, 12, 30), at="other"),
    Case("is open again after lunch", OFFICE, now=local(2026, 3, 7, 13, 0), at="after"),
    Case("is closed on a day without hours", OFFICE, now=local(2026, 3, 8, 12), at="other"),
    Case(
        "goes its own way on a public holiday",
        OFFICE,
        now=local(2026, 11, 26, 12),
        at="third",
        told=("closed: Thanksgiving Day",),
    ),
    Case(
        "puts an exception before the week",
        OFFICE,
        now=local(2026, 11, 27, 15),
        at="other",
        told=("closed: Day after Thanksgiving",),
    ),
    Case(
        "has the exception's own hours",
        OFFICE,
        now=local(2026, 11, 27, 11),
        at="after",
        told=("open: Day after Thanksgiving",),
    ),
    Case("puts an exception before a public holiday", OFFICE, now=local(2026, 7, 3, 12), at="after"),
    Case("has exceptions every year", OFFICE, now=local(2029, 12, 24, 12), at="other", told=("closed: Christmas Eve",)),
    Case("counts in its own zone", OFFICE, now=utc(2026, 3, 3, 13, 59), at="other"),
    Case("opens at nine by the winter clock", OFFICE, now=utc(2026, 3, 6, 14, 0), at="after"),
    Case("opens at nine by the summer clock", OFFICE, now=utc(2026, 3, 9, 13, 0), at="after"),
    Case("is closed at eight by the summer clock", OFFICE, now=utc(2026, 3, 9, 12, 59), at="other"),
    Case("is open past midnight", NIGHT, now=local(2026, 3, 8, 1, 30), at="after"),
    Case("is open over the hour that the spring clock leaves out", NIGHT, now=utc(2026, 3, 8, 7, 0), at="after"),
    Case("closes at six by the new clock in spring", NIGHT, now=utc(2026, 3, 8, 10, 0), at="other"),
    Case("is open until six by the new clock in spring", NIGHT, now=utc(2026, 3, 8, 9, 59), at="after"),
    Case(
        "is open in the autumn hour that comes twice, the first time", NIGHT, now=local(2026, 11, 1, 1, 30), at="after"
    ),
    Case(
        "is open in the autumn hour that comes twice, the second time",
        NIGHT,
        now=local(2026, 11, 1, 1, 30, fold=1),
        at="after",
    ),
    Case("closes at six by the new clock in autumn", NIGHT, now=utc(2026, 11, 1, 11, 0), at="other"),
    Case("does not open the evening before its day", NIGHT, now=local(2026, 3, 6, 23), at="other"),
    Case("does not run on into the second night", NIGHT, now=local(2026, 3, 9, 1), at="other"),
    Case("is always open around the clock", ALWAYS, now=utc(2026, 1, 1, 3), at="after"),
    Case("is closed on a holiday of a part of a country", MADRID, now=utc(2026, 5, 2, 10), at="other"),
    Case("counts in zones with odd offsets", KATHMANDU, now=utc(2026, 3, 3, 16, 15), at="after"),
    Case("closes on time in zones with odd offsets", KATHMANDU, now=utc(2026, 3, 3, 17, 15), at="other"),
]
