"""The floor as it stands now. One reading serves everybody who asks before anything has happened since."""

from __future__ import annotations

import threading
import time
from typing import Any

from sqlalchemy.orm import Session

from app.db import database_now
from app.desktop.state import newest_event_id
from app.supervisor.agents import agents
from app.supervisor.alerts import open_alerts
from app.supervisor.queues import Tally, parked_contacts, queues, waiting_contacts

FRESH_S = 2.0
"""A rest that runs out makes no event; so a reading is not kept for longer, though nothing was told."""

Floor = dict[str, Any]


class Lookout:
    """Keeps the last reading, so that twenty supervisors ask the database as much as one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Floor | None = None
        self._read_at = 0.0

    def look(self, session: Session) -> Floor:
        """The floor now, in the shape of docs/contracts.md. Take `/live` from its `last_event_id`."""
        newest = newest_event_id(session)
        with self._lock:
            old = time.monotonic() - self._read_at > FRESH_S
            if self._kept is None or old or self._kept["last_event_id"] != newest:
                self._kept, self._read_at = read_floor(session), time.monotonic()
            return self._kept


def read_floor(session: Session) -> Floor:
    """Agents, queues, who waits, who is parked, open alerts and the house's totals."""
    last_event_id = newest_event_id(session)  # before the reading: an event in between comes twice rather than never
    standing = queues(session)
    people = agents(session)
    return {
        "agents": people,
        "queues": standing,
        "waiting": waiting_contacts(session),
        "parked": parked_contacts(session),
        "alerts": open_alerts(session),
        "totals": _totals(standing, people),
        "server_time": database_now(session).isoformat(),
        "last_event_id": last_event_id,
    }


def _totals(standing: list[dict[str, Any]], people: list[dict[str, Any]]) -> dict[str, Any]:
    lately = sum((Tally(**each["tally"]) for each in standing), Tally())
    today = sum((Tally(**each["tally_today"]) for each in standing), Tally())
    oldest = [each["oldest_since"] for each in standing if each["oldest_since"]]
    return {
        "waiting": sum(each["waiting"] for each in standing),
        "asking": sum(each["asking"] for each in standing),
        "oldest_since": min(oldest, default=None),
        "service_level": lately.service_level,
        "service_level_today": today.service_level,
        "staffed": sum(each["status"] not in ("offline", "break") for each in people),
        "ready": sum(each["status"] == "ready" for each in people),
        "answered_today": today.answered,
        "abandoned_today": today.abandoned,
        "callbacks_due": sum(each["callbacks_due"] for each in standing),
    }
