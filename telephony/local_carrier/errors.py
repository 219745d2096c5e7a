"""The two ways something goes wrong: a REST request is refused, or a running call meets a problem (an alert).

Codes and their meaning: https://www.twilio.com/docs/api/errors
"""

from __future__ import annotations

import datetime
import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from telephony.local_carrier.sids import new_sid

log = logging.getLogger(__name__)
MORE_INFO = "https://www.twilio.com/docs/errors/{code}"


class RestError(Exception):
    """A refused REST request: becomes Twilio's error JSON with `code`, `message`, `more_info` and `status`."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def as_json(self) -> dict[str, object]:
        """The body that the official client reads."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": MORE_INFO.format(code=self.code),
            "status": self.status,
        }


def not_found(path: str) -> RestError:
    """404 in Twilio's words."""
    return RestError(404, 20404, f"The requested resource {path} was not found")


@dataclass(frozen=True)
class Alert:
    """One problem met on the way, as Twilio's debugger would list it."""

    code: int
    message: str
    resource_sid: str | None = None
    url: str | None = None
    sid: str = field(default_factory=lambda: new_sid("NO"))
    at: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))


class AlertLog:
    """The last problems, newest first; also written to the log with the call's id and without addresses."""

    def __init__(self, limit: int = 500) -> None:
        self._alerts: deque[Alert] = deque(maxlen=limit)

    def add(self, code: int, message: str, resource_sid: str | None = None, url: str | None = None) -> None:
        """Remember one problem."""
        self._alerts.appendleft(Alert(code, message, resource_sid, url))
        log.warning("%s %s resource=%s", code, message, resource_sid)

    def __iter__(self) -> Iterator[Alert]:
        return iter(self._alerts)
