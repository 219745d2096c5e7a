"""What the callback pages may send."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from app.callbacks.calendar import Slot
from app.callbacks.policy import Policy
from app.callbacks.request import CallbackRefused, Window
from app.forms import Form, Words
from ivr_flows.nodes.hours import known_zone

SOON = "soon"
Number = Annotated[str, StringConstraints(min_length=5, max_length=40)]
Choice = Annotated[str, StringConstraints(max_length=40)]
Zone = Annotated[str, StringConstraints(max_length=60), AfterValidator(known_zone)]


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


class CalendarForm(Form):
    queue: Annotated[int | None, BeforeValidator(_empty_is_none)] = None
    day: Annotated[date | None, BeforeValidator(_empty_is_none)] = None


class MoveForm(Form):
    when: Choice


class PromiseForm(Form):
    """An agent promises a call."""

    customer_id: uuid.UUID
    queue: int
    number: Number
    when: Choice
    note: Annotated[Words, StringConstraints(max_length=500)] = ""
    own: bool = False


class AskForm(Form):
    """Somebody asks on the web."""

    number: Number
    when: Choice
    zone: Annotated[Zone | None, BeforeValidator(_empty_is_none)] = None


def window_of(when: str, policy: Policy, zone: str) -> Window | None:
    """The window that a page's choice means: None for as soon as possible. Raises CallbackRefused."""
    if when == SOON:
        return None
    try:
        start = datetime.fromisoformat(when)
    except ValueError:
        start = datetime.min  # noqa: DTZ901 - without a zone it is refused like all else that is no choice
    if start.tzinfo is None:
        raise CallbackRefused("bad_time", "Choose one of the times in the list.")
    return Window(start, policy.slot_min, zone)


def day_names(slots: list[Slot], zone: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Slots by day for a list to choose from: [("2027-03-28", [(ISO begin, "09:00")])], on the zone's clock."""
    days: dict[str, list[tuple[str, str]]] = {}
    for slot in slots:
        local = slot.start.astimezone(ZoneInfo(zone))
        days.setdefault(local.date().isoformat(), []).append((slot.start.isoformat(), local.strftime("%H:%M")))
    return list(days.items())
