"""What every resource needs: forms, paging, and finding things or answering 404.

General rules: https://www.twilio.com/docs/usage/requests-to-twilio and …/usage/twilios-response (paging, errors).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from telephony.local_carrier.callbacks import Callback
from telephony.local_carrier.calls import Call
from telephony.local_carrier.carrier import Carrier
from telephony.local_carrier.conference import Conference
from telephony.local_carrier.errors import RestError, not_found
from telephony.local_carrier.resources import Json
from telephony.local_carrier.webhooks import is_web_address

CARRIER: web.AppKey[Carrier] = web.AppKey("carrier", Carrier)
ROOT = "/2010-04-01/Accounts/{account}"
DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
MAX_FIELD = 4096
METHODS = frozenset({"GET", "POST"})
T = TypeVar("T")


def carrier_of(request: web.Request) -> Carrier:
    """The carrier that serves a request."""
    return request.app[CARRIER]


def found(request: web.Request, item: T | None) -> T:
    """The item, or 404 in Twilio's words."""
    if item is None:
        raise not_found(request.path)
    return item


def call_of(request: web.Request) -> Call:
    """The call in the address. RestError 404."""
    return found(request, carrier_of(request).calls.get(request.match_info["call"]))


def conference_of(request: web.Request) -> Conference:
    """The conference in the address. RestError 404."""
    return found(request, carrier_of(request).conferences.get(request.match_info["conference"]))


def reply(body: Json, status: int = 200) -> web.Response:
    """JSON."""
    return web.json_response(body, status=status)


def deleted() -> web.Response:
    """204 without a body."""
    return web.Response(status=204)


class Form:
    """The fields of a request, typed; what cannot be used is a RestError 400 that names the field."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = fields

    @classmethod
    async def read(cls, request: web.Request) -> Form:
        """The form in the body, empty when there is none."""
        if request.method == "POST" and request.content_type not in {
            "application/x-www-form-urlencoded", "application/octet-stream", "multipart/form-data",
        }:  # fmt: skip
            raise RestError(415, 20006, "Send the fields as application/x-www-form-urlencoded.")
        data = await request.post()
        return cls({name: [str(value) for value in data.getall(name)] for name in data})

    def has(self, name: str) -> bool:
        """Whether the field was sent at all."""
        return name in self._fields

    def names(self) -> Iterable[str]:
        """Every field sent."""
        return self._fields.keys()

    def text(self, name: str, default: str = "", *, longest: int = MAX_FIELD) -> str:
        """The first value."""
        value = self._fields.get(name, [default])[0]
        if len(value) > longest:
            raise RestError(400, 20001, f"{name} is longer than {longest} characters.")
        return value

    def many(self, name: str) -> list[str]:
        """Every value of a repeated field."""
        return list(self._fields.get(name, []))

    def flag(self, name: str, default: bool = False) -> bool:
        """`true`, in any case, is true; anything else sent is false."""
        return self.text(name).lower() == "true" if self.has(name) else default

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds."""
        if not self.text(name):
            return default
        try:
            value = int(self.text(name))
        except ValueError:
            raise RestError(400, 20001, f"{name} must be a whole number.") from None
        if not low <= value <= high:
            raise RestError(400, 20001, f"{name} must be between {low} and {high}.")
        return value

    def choice(self, name: str, default: str, allowed: Iterable[str]) -> str:
        """One of some words."""
        value = self.text(name) or default
        if value not in allowed:
            raise RestError(400, 20001, f"{name} must be one of: {', '.join(sorted(allowed))}.")
        return value

    def method(self, name: str = "Method", default: str = "POST") -> str:
        """GET or POST."""
        return self.choice(name, default, METHODS)

    def url(self, name: str, code: int = 21205) -> str:
        """An absolute web address, or empty."""
        value = self.text(name)
        if value and not is_web_address(value):
            raise RestError(400, code, f"{name} is not a valid URL; it must be absolute, with http or https.")
        return value

    def callback(self, name: str, default: Iterable[str], allowed: Iterable[str]) -> Callback | None:
        """A callback by the name of its URL field, with `…Method` and `…Event`; None when it was not sent."""
        url = self.url(name, 21609)
        if not url:
            return None
        events = [word for value in self.many(f"{name}Event") for word in value.split()] or list(default)
        unknown = set(events) - set(allowed)
        if unknown:
            raise RestError(400, 21626, f"{name}Event has unknown words: {', '.join(sorted(unknown))[:100]}.")
        return Callback(url, self.method(f"{name}Method"), frozenset(events))


def page(request: web.Request, key: str, items: Iterable[T], shape: Callable[[T], Json]) -> web.Response:
    """One page of a list, in Twilio's envelope; the next page's address carries the filters on."""
    query = dict(request.query)
    size = _whole(query.pop("PageSize", str(DEFAULT_PAGE_SIZE)), "PageSize", 1, MAX_PAGE_SIZE)
    number = _whole(query.pop("Page", "0"), "Page", 0, 10**9)
    token = query.pop("PageToken", None)
    every = list(items)
    first = number * size
    if token is not None:
        first = _place_after(every, token, first)
    rows = every[first : first + size]

    def address(index: int, after: object = None) -> str:
        parts = {**query, "PageSize": str(size), "Page": str(index)}
        if after is not None:
            parts["PageToken"] = f"PA{_sid_of(after)}"
        return f"{request.path}?{urlencode(parts)}"

    has_more = first + size < len(every)
    return reply(
        {
            key: [shape(item) for item in rows],
            "page": number,
            "page_size": size,
            "start": first,
            "end": first + max(len(rows) - 1, 0),
            "uri": request.path_qs,
            "first_page_uri": address(0),
            "next_page_uri": address(number + 1, rows[-1]) if has_more and rows else None,
            "previous_page_uri": address(number - 1) if number > 0 else None,
        }
    )


def _sid_of(item: Any) -> str:
    """What tells one item from another: its own SID, or for a participant its call's."""
    return str(getattr(item, "sid", None) or item.call.sid)


def _place_after(every: Sequence[object], token: str, otherwise: int) -> int:
    """Where a page begins that follows an item, even when newer items came in before it."""
    if not token.startswith("PA"):
        raise RestError(400, 21481, "PageToken is invalid.")
    wanted = token.removeprefix("PA")
    for index, item in enumerate(every):
        if _sid_of(item) == wanted:
            return index + 1
    return otherwise


def _whole(value: str, name: str, low: int, high: int) -> int:
    if not value.isdigit() or not low <= int(value[:12]) <= high:
        raise RestError(400, 20001, f"{name} must be a whole number from {low} to {high}.")
    return int(value)


def within(request: web.Request, field: str, at: datetime.datetime | None) -> bool:
    """Whether a time satisfies the filters `Field`, `Field<`, `Field>` of the query (dates or times, UTC).

    `Field>` and `Field<` include their own day or moment, as `>=` and `<=` are what Twilio documents.
    """
    for suffix in ("", "<", ">"):
        written = request.query.get(field + suffix)
        if not written:
            continue
        if at is None or not _satisfies(suffix, at, written, field):
            return False
    return True


def _satisfies(suffix: str, at: datetime.datetime, written: str, field: str) -> bool:
    try:
        wanted = datetime.datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError:
        raise RestError(400, 20001, f"{field}{suffix} must be a date or time, YYYY-MM-DD or ISO 8601.") from None
    if "T" not in written and " " not in written.strip():
        day, wanted_day = at.date(), wanted.date()
        return {"": day == wanted_day, "<": day <= wanted_day, ">": day >= wanted_day}[suffix]
    moment = wanted if wanted.tzinfo else wanted.replace(tzinfo=datetime.UTC)
    whole = at.replace(microsecond=0)
    return {"": whole == moment, "<": whole <= moment, ">": whole >= moment}[suffix]
