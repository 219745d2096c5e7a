"""When a queue is open: the same rules as in flows, its own or shared ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.db import database_now
from app.routing.models import OpeningHours, Queue
from ivr_flows.nodes.hours import OpeningHours as Times


class HoursRefused(ValueError):
    """Hours that cannot be; the message says what can."""


def read_times(rules: Mapping[str, Any]) -> Times:
    """Times as they are stored: {"zone", "weekly", "exceptions", "holidays"}. Raises HoursRefused."""
    try:
        return Times.model_validate(dict(rules))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise HoursRefused(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def times_of(session: Session, queue: Queue) -> Times | None:
    """The queue's times; None for one that is always open. Raises HoursRefused, also for shared hours that are gone."""
    if queue.hours is None:
        return None
    if "use" not in queue.hours:
        return read_times(queue.hours)
    shared = session.get(OpeningHours, queue.hours["use"])
    if shared is None:
        raise HoursRefused(f"There are no shared hours {str(queue.hours['use'])[:40]!r}.")
    return read_times(shared.rules)


def is_open(session: Session, queue: Queue, now: datetime | None = None) -> bool:
    """Whether the queue takes people in now. Hours that cannot be read keep nobody out."""
    try:
        times = times_of(session, queue)
    except HoursRefused:
        return True
    return times is None or times.at(now or database_now(session))[0]
