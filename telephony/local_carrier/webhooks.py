"""Asking the application: signed requests with Twilio's limits, redirects, cookies and connection overrides.

Sources: https://www.twilio.com/docs/usage/webhooks/webhooks-security (signature),
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides (limits, retries),
https://www.twilio.com/docs/voice/twiml (redirects, cookies).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from telephony.local_carrier.trace import Trace

CONNECT_LIMIT_S = 5.0
MAX_REDIRECTS = 10
MAX_RETRIES = 5
MAX_URL = 4000
USER_AGENT = "TwilioProxy/1.1"


class FetchError(Exception):
    """The application could not be asked or answered badly. `code` is Twilio's (11200, 11205, 11210, 11215…)."""

    def __init__(self, code: int, message: str, url: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.url = url


@dataclass(frozen=True)
class Reply:
    """What the application answered. `url` is where it was found after redirects; header names are in lower case."""

    status: int
    content_type: str
    body: bytes
    url: str
    headers: Mapping[str, str]


def sign(auth_token: str, url: str, parameters: Iterable[tuple[str, str]] = ()) -> str:
    """X-Twilio-Signature: base64 of HMAC-SHA1 over the URL and, for a form, its sorted unique names and values."""
    text = url + "".join(name + value for name, value in sorted(set(parameters)))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_web_address(url: str) -> bool:
    """Whether an absolute http or https address of sane length was given."""
    try:
        address = urlsplit(url)
        return address.scheme in {"http", "https"} and bool(address.hostname) and len(url) <= MAX_URL
    except ValueError:
        return False


@dataclass(frozen=True)
class Limits:
    """How patient a request is. `retry_on` holds the classes of failure that are tried again."""

    connect_s: float = CONNECT_LIMIT_S
    read_s: float = 15.0
    total_s: float = 15.0
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})


def overridden(limits: Limits, fragment: str) -> Limits:
    """Limits changed by the URL's fragment, for example `#ct=2000&rc=3&rp=5xx,ct`; what cannot be read is ignored.

    Times are milliseconds; the total never grows beyond what was given, it is a hard limit for calls.
    """
    wanted = dict(parse_qsl(fragment))

    def milliseconds(name: str, fallback_s: float) -> float:
        return min(int(wanted[name]) / 1000, limits.total_s) if wanted.get(name, "").isdigit() else fallback_s

    retries = int(wanted["rc"]) if wanted.get("rc", "").isdigit() else limits.retries
    classes = frozenset(wanted["rp"].split(",")) if "rp" in wanted else limits.retry_on
    return replace(
        limits,
        connect_s=milliseconds("ct", limits.connect_s),
        read_s=milliseconds("rt", limits.read_s),
        total_s=milliseconds("tt", limits.total_s),
        retries=min(retries, MAX_RETRIES),
        retry_on=classes,
    )


class Webhooks:
    """The carrier's way out to applications: one connector, one signing token."""

    def __init__(self, auth_token: str, limit_s: float) -> None:
        self._auth_token = auth_token
        self.limits = Limits(read_s=limit_s, total_s=limit_s)
        self.trace = Trace()
        self._connector: aiohttp.TCPConnector | None = None

    def conversation(self) -> Conversation:
        """A fresh jar of cookies: one for each call."""
        if self._connector is None:
            # A connection for each request. One that was kept open may be to a process that has just died, and then
            # the fallback, which is there for that case, would be asked of the dead one too.
            self._connector = aiohttp.TCPConnector(limit=0, limit_per_host=0, force_close=True)
        return Conversation(self, self._connector)

    def signature(self, url: str, parameters: Mapping[str, str]) -> str:
        """The signature of one request by this account."""
        return sign(self._auth_token, url, parameters.items())

    async def close(self) -> None:
        """Close every connection."""
        if self._connector is not None:
            await self._connector.close()


class Conversation:
    """Requests that belong together and share cookies; requests of one call come one after the other."""

    def __init__(self, webhooks: Webhooks, connector: aiohttp.TCPConnector) -> None:
        self._webhooks = webhooks
        self._session = aiohttp.ClientSession(
            connector=connector,
            connector_owner=False,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            auto_decompress=True,
            headers={"User-Agent": USER_AGENT, "Accept": "*/*"},
        )

    async def close(self) -> None:
        """Forget the cookies."""
        await self._session.close()

    async def ask(
        self,
        url: str,
        method: str = "POST",
        parameters: Mapping[str, str] | None = None,
        *,
        max_bytes: int = 1024 * 1024,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Request the URL as Twilio would and give the 2xx answer (or 304 to a conditional GET). Raises FetchError."""
        if self._session.closed:
            raise FetchError(11205, "The call is over; nothing more is asked for it.", url[:MAX_URL])
        if not is_web_address(url):
            raise FetchError(11100, "The URL is not an absolute http or https address.", url[:MAX_URL])
        plain, fragment = urldefrag(url)
        limits = overridden(self._webhooks.limits, fragment)
        wanted = _Request(plain, method.upper(), parameters or {}, dict(headers or {}), str(uuid.uuid4()), max_bytes)
        try:
            async with asyncio.timeout(limits.total_s):
                return await self._with_retries(wanted, limits)
        except TimeoutError as late:
            raise FetchError(11200, f"No complete answer within {limits.total_s:g} s.", url) from late

    async def _with_retries(self, wanted: _Request, limits: Limits) -> Reply:
        for attempts_left in range(limits.retries, -1, -1):
            try:
                return await self._follow(wanted, limits)
            except _Failure as failure:
                if attempts_left and not {failure.kind, "all"}.isdisjoint(limits.retry_on):
                    continue
                raise failure.error from failure
        raise AssertionError("the last attempt returns or raises")

    async def _follow(self, wanted: _Request, limits: Limits) -> Reply:
        """Follow redirects, keeping or dropping the form as browsers do, signing each address anew."""
        for _ in range(MAX_REDIRECTS + 1):
            reply = await self._once(wanted, limits)
            target = reply.headers.get("location", "")
            if reply.status not in {301, 302, 303, 307, 308} or not target:
                return _accepted(reply)
            keep_form = reply.status in {307, 308}
            moved = urljoin(wanted.url, target)
            if not is_web_address(moved):
                raise _Failure("http", FetchError(11100, "The redirect leads to no web address.", wanted.url))
            wanted = replace(wanted, url=urldefrag(moved)[0], method=wanted.method if keep_form else "GET")
        raise _Failure("http", FetchError(11215, f"More than {MAX_REDIRECTS} redirects.", wanted.url))

    async def _once(self, wanted: _Request, limits: Limits) -> Reply:
        began = time.monotonic()
        reply: Reply | None = None
        try:
            reply = await self._send(wanted, limits, authorization=None)
            credentials = _credentials(wanted.url)
            if reply.status == 401 and credentials:
                reply = await self._send(wanted, limits, authorization=credentials)
            return reply
        finally:
            status, told = (reply.status, _readable(reply)) if reply else (None, "")
            ms = (time.monotonic() - began) * 1000
            self._webhooks.trace.note(
                wanted.method, _without_credentials(wanted.url), wanted.parameters, status, told, ms
            )

    async def _send(self, wanted: _Request, limits: Limits, authorization: aiohttp.BasicAuth | None) -> Reply:
        is_form = wanted.method == "POST"
        url = wanted.url if is_form else _with_query(wanted.url, wanted.parameters)
        signature = self._webhooks.signature(url, wanted.parameters if is_form else {})
        headers = {"X-Twilio-Signature": signature, "I-Twilio-Idempotency-Token": wanted.token, **wanted.headers}
        if is_form:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        try:
            async with self._session.request(
                wanted.method,
                URL(_without_credentials(url), encoded=True),
                data=urlencode(wanted.parameters) if is_form else None,
                headers=headers,
                auth=authorization,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=limits.connect_s, sock_read=limits.read_s),
            ) as response:
                body = await _limited(response, wanted.max_bytes, url)
                return Reply(
                    response.status,
                    response.content_type,
                    body,
                    url,
                    {name.lower(): value for name, value in response.headers.items()},
                )
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise _failure(problem, url) from problem


@dataclass(frozen=True)
class _Request:
    url: str
    method: str
    parameters: Mapping[str, str]
    headers: dict[str, str]
    token: str
    max_bytes: int


class _Failure(Exception):
    """A failed attempt and its class for retries: ct connect, rt read, 4xx, 5xx, http the rest."""

    def __init__(self, kind: str, error: FetchError) -> None:
        super().__init__(error.message)
        self.kind = kind
        self.error = error


def _accepted(reply: Reply) -> Reply:
    if 200 <= reply.status < 300 or reply.status == 304:
        return reply
    kind = f"{reply.status // 100}xx"
    raise _Failure(kind, FetchError(11200, f"The server answered {reply.status}.", reply.url))


def _failure(problem: Exception, url: str) -> _Failure:
    """Which of Twilio's codes a failed attempt is."""
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return _Failure("ct", FetchError(11210, "The host name cannot be resolved.", url))
    if isinstance(problem, aiohttp.ClientSSLError):
        return _Failure("ct", FetchError(11220, "The TLS handshake failed.", url))
    if isinstance(problem, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return _Failure("ct", FetchError(11205, "No connection to the server.", url))
    if isinstance(problem, (aiohttp.ServerTimeoutError, TimeoutError)):
        return _Failure("rt", FetchError(11200, "The server's answer took too long.", url))
    return _Failure("http", FetchError(11206, f"The server broke the protocol: {type(problem).__name__}.", url))


async def _limited(response: aiohttp.ClientResponse, max_bytes: int, url: str) -> bytes:
    """The body, as far as the limit allows: a longer one is refused before it is read whole."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > max_bytes:
            code = 11750 if max_bytes <= 64 * 1024 else 11751
            raise _Failure("http", FetchError(code, f"The answer is larger than {max_bytes} bytes.", url))
    return bytes(body)


def _readable(reply: Reply) -> str:
    """The answer's text; sounds and pictures are none."""
    is_text = reply.content_type.startswith("text/") or reply.content_type.endswith(("xml", "json"))
    return reply.body.decode("utf-8", "replace") if is_text else ""


def _with_query(url: str, parameters: Mapping[str, str]) -> str:
    if not parameters:
        return url
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(parameters))))
    return urlunsplit(parts._replace(query=query))


def _credentials(url: str) -> aiohttp.BasicAuth | None:
    address = URL(url, encoded=True)
    return aiohttp.BasicAuth(address.user, address.password or "") if address.user else None


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
