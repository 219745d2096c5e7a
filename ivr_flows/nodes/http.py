from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BeforeValidator, Field, model_validator

from ivr_flows.events import CallEvent, LookupAnswered, plain_text
from ivr_flows.expressions import MAX_NUMBER
from ivr_flows.facts import LookedUp
from ivr_flows.instructions import LookUp
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Part, Wait, Way
from ivr_flows.patterns import VariableName
from ivr_flows.said import wrong
from ivr_flows.texts import PromptText, Target, Template

MAX_URL_CHARS = 2000
MAX_VALUE_CHARS = 1000
MAX_BODY_CHARS = 20_000
MAX_BODY_DEPTH = 6
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?=[/?]|\Z)", re.IGNORECASE)
_PATH = re.compile(r"[A-Za-z0-9_-]{1,60}(?:\.[A-Za-z0-9_-]{1,60}){0,9}\Z")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}\Z")
_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)\Z")
_OURS = frozenset({"host", "content-length", "content-type", "connection", "transfer-encoding", "accept-encoding"})


def _address(value: Any) -> Template:
    """The scheme, the host and the port stand in the file: nobody who calls may choose whom we ask."""
    template = Template.read(value)
    if len(template) > MAX_URL_CHARS:
        raise wrong("is longer than {most:,} characters", most=MAX_URL_CHARS)
    origin = _ORIGIN.match(template)
    if origin is None or not _has_a_host(origin[0]):
        raise wrong("must begin with https:// and a host without variables, for instance https://crm.example/orders/")
    if "#" in template.split("{")[0] or any(char.isspace() for char in re.sub(r"\{[{%].*?[}%]\}", "", template)):
        raise wrong("must be an address without spaces and without #")
    return template


def _has_a_host(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


class Secret(Part):
    """A header's value that only the host knows: {secret: crm_token} is the setting FLOW_SECRET_CRM_TOKEN."""

    secret: VariableName
    """Its name: crm_token is the setting FLOW_SECRET_CRM_TOKEN."""


def _path(value: Any) -> str:
    if not isinstance(value, str) or not _PATH.match(value):
        raise wrong("must be a way into the answer, such as order.items.0.state")
    return value


def _header_name(value: Any) -> str:
    if not isinstance(value, str) or not _HEADER.match(value):
        raise wrong("is not a header: use letters, digits and -")
    return value


def _status(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _STATUS.match(text):
        raise wrong("must be a status such as 404, or 4xx for all of its kind")
    return text


Path = Annotated[str, BeforeValidator(_path)]
HeaderName = Annotated[str, BeforeValidator(_header_name)]


class StatusWay(Part):
    """{status: 404, to: not_found}: where the call goes when the service answers so."""

    status: Annotated[str, BeforeValidator(_status, json_schema_input_type=int | str)]
    """A status such as 404, or 4xx for all of its kind."""
    to: Target
    """Where the call goes then."""


def _header(value: Any) -> Template | Secret:
    return Secret.model_validate(value) if isinstance(value, dict) else Template.read(value)


def _body(value: Any) -> Any:
    _check_body(value, 1)
    return value


def _check_body(value: Any, depth: int) -> None:
    if depth > MAX_BODY_DEPTH:
        raise wrong("is nested deeper than {most} levels", most=MAX_BODY_DEPTH)
    if isinstance(value, dict):
        for each in value.values():
            _check_body(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _check_body(each, depth + 1)
    elif isinstance(value, str):
        Template.read(value)
    elif not isinstance(value, bool | int | float | None):
        raise wrong("holds something that is neither text, number, true, false, list nor mapping")


class HttpNode(Node):
    """Ask a web service and keep fields of its JSON answer in variables.

        find_order:
          kind: http
          url: "https://orders.meridian.example/api/orders/{{ vars.order_number }}"
          headers: {Authorization: {secret: orders_token}}
          into: {order_state: order.state, arrives: order.delivery.days.0}
          timeout_s: 4
          cache_s: 60
          hold: {en: "One moment, I am looking that up."}
          next: main_menu
          on_status: [{status: 404, to: message}]
          fallback: support

    Emits LookUp; resumes on LookupAnswered. What callers said is percent-encoded in `url` and `query`; the host must
    stand in the file. `body` is sent as JSON, or as a form with `send: form`. An answer of 2xx with JSON goes to
    `next`; `into` takes texts, numbers, true and false by their path (a list's item by its number), and "" for what is
    not there. A status of `on_status` goes its own way, the first that fits. Everything else (another
    status, no answer within `timeout_s`, no JSON, an address that must not be asked) goes to `fallback`, without it to
    the flow's. When the answer takes long the caller hears `hold`, then music. Answers to GET are kept for `cache_s`.
    `sensitive` keeps what was learnt out of the timeline and from agents. Private addresses are refused unless
    HTTP_ALLOW_HOSTS names the host; secrets go to these hosts only.
    """

    kind: Literal["http"] = "http"
    """Ask a web service and keep fields of its JSON answer."""
    on_path: ClassVar[bool] = False
    url: Annotated[Template, BeforeValidator(_address)]
    """The address to ask; its host stands here in full, variables may come after it."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """How it is asked."""
    query: dict[str, Template] = Field(default_factory=dict, max_length=30)
    """Names and values after the address's question mark."""
    headers: dict[HeaderName, Annotated[Template | Secret, BeforeValidator(_header)]] = Field(
        default_factory=dict, max_length=20
    )
    """Headers to send: a text, or {secret: name} for a value that only the host knows."""
    body: Annotated[dict[str, Any] | list[Any] | None, BeforeValidator(_body)] = None
    """What to send; variables may stand in its texts."""
    send: Literal["json", "form"] = "json"
    """Whether the body goes as JSON or as a web form."""
    into: dict[VariableName, Path] = Field(default_factory=dict, max_length=30)
    """Variables and where their values stand in the answer, such as order.items.0.state."""
    sensitive: bool = False
    """Keep what was learnt out of the timeline and from agents."""
    timeout_s: float = Field(default=4.0, ge=0.5, le=15)
    """How many seconds the answer may take, all in all."""
    cache_s: int = Field(default=0, ge=0, le=86_400)
    """How many seconds an answer to GET is kept for the next caller who asks the same."""
    hold: PromptText | None = None
    """Said when the answer takes long; music follows."""
    next: Target
    """The node that comes after a good answer."""
    on_status: tuple[StatusWay, ...] = Field(default=(), max_length=20)
    """Where other statuses lead."""
    fallback: Target | None = None
    """Where the call goes without a usable answer; without it to the flow's fallback."""

    @model_validator(mode="after")
    def _fits_together(self) -> HttpNode:
        ours = next((name for name in self.headers if name.lower() in _OURS), None)
        if ours:
            raise wrong("the header {name} is set by the house: leave it out", name=ours)
        if self.body is not None and self.method == "GET":
            raise wrong("a GET has no body: use query, or method: POST")
        if self.cache_s and self.method != "GET":
            raise wrong("only answers to GET can be kept: leave out cache_s")
        if self.send == "form" and not isinstance(self.body, dict):
            raise wrong("a form needs a body of names and values")
        return self

    def enter(self, call: Call) -> Outcome:
        url = self._url(call)
        body = self._text_of_body(call)
        if len(url) > MAX_URL_CHARS or (body is not None and len(body) > MAX_BODY_CHARS):
            return Go(self.fallback, facts=(LookedUp(self.id, self.host, "too large to ask"),))
        ask = LookUp(
            node=self.id,
            method=self.method,
            url=url,
            headers={name: call.fill(value) for name, value in self.headers.items() if isinstance(value, Template)},
            secrets={name: value.secret for name, value in self.headers.items() if isinstance(value, Secret)},
            body=body,
            content_type="" if body is None else _CONTENT_TYPES[self.send],
            timeout_s=self.timeout_s,
            cache_s=self.cache_s,
            hold=call.prompt(self.hold),
            language=call.language,
        )
        return Wait((ask,))

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        if not isinstance(event, LookupAnswered):
            return None
        problem = event.problem or ("" if _is_usable(event, self.into) else "no JSON")
        is_good = event.status is not None and 200 <= event.status < 300
        if is_good and not problem:
            values = {name: _value_at(event.json, path) for name, path in self.into.items()}
            secret = tuple(values) if self.sensitive else ()
            return Go(self.next, facts=(self._told(str(event.status)),), variables=values, sensitive=secret)
        if event.status is None or is_good:
            return Go(self.fallback, facts=(self._told(problem or "no answer"),))
        return Go(self._way_of(event.status), facts=(self._told(str(event.status)),))

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))
        for index, way in enumerate(self.on_status):
            yield Way(f"status {way.status}", way.to, ("on_status", index, "to"))
        yield Way("no usable answer", self.fallback, ("fallback",))

    @property
    def host(self) -> str:
        return re.split("[/?]", self.url.partition("://")[2], maxsplit=1)[0]

    def _url(self, call: Call) -> str:
        url = quote(call.fill(self.url, in_url=True), safe=_URL_CHARACTERS)
        query = urlencode({name: call.fill(value) for name, value in self.query.items()})
        return url + ("&" if "?" in url else "?") + query if query else url

    def _text_of_body(self, call: Call) -> str | None:
        if self.body is None:
            return None
        filled = _filled(call, self.body)
        return urlencode(filled) if self.send == "form" else json.dumps(filled)

    def _way_of(self, status: int) -> Target | None:
        said = (str(status), f"{status // 100}xx")
        return next((way.to for way in self.on_status if way.status in said), self.fallback)

    def _told(self, outcome: str) -> LookedUp:
        return LookedUp(self.id, self.host, outcome)


_CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
_URL_CHARACTERS = "%:/?&=+,;@!$'()*[]~._-"


def _filled(call: Call, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(call, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(call, each) for each in value]
    return call.fill(Template(value)) if isinstance(value, str) else value


def _is_usable(event: LookupAnswered, into: Mapping[str, str]) -> bool:
    return not into or isinstance(event.json, dict | list)


def _value_at(found: Any, path: str) -> str | int | float | bool:
    """The plain value at this path; "" for what is not there or is no plain value."""
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return ""
    match found:
        case bool():
            return found
        case str():
            return plain_text(found, MAX_VALUE_CHARS)
        case int() if abs(found) > MAX_NUMBER:  # a number that is a name, such as an order's
            return str(found)[:MAX_VALUE_CHARS]
        case int():
            return found
        case float() if math.isfinite(found):
            return found
        case _:
            return ""
