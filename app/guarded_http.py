"""Asking web services by addresses that somebody wrote into a page or a file: never into our own network.

The name is resolved once and the connection goes to the address that was checked (no second look-up can change it).
Every address of the name must be public; hosts that HTTP_ALLOW_HOSTS names may be private, yet never link-local or a
cloud's metadata service. No redirects, no proxies, no cookies, no compression; the whole exchange has one deadline and
the answer a limit. httpcore is the engine inside httpx; its network backend is where a connection can be pinned.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

LARGEST_ANSWER = 256 * 1024
METADATA = frozenset({ip_address("169.254.169.254"), ip_address("fd00:ec2::254"), ip_address("100.100.100.200")})
PROTOCOL_ASSIGNMENTS = ip_network("192.0.0.0/24")
NAT64 = ip_network("64:ff9b::/96")
PORTS = {"http": 80, "https": 443}

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]
"""Name and port to addresses; OSError when there are none."""


class GuardedError(Exception):
    """The service could not be asked, or its answer not be taken."""


class AddressRefused(GuardedError):
    """The address leads where nobody may ask; the message says which rule it breaks."""


class TimedOut(GuardedError):
    """The whole exchange took longer than it may."""


class Unreachable(GuardedError):
    """No connection, no certificate to trust, or an answer that broke off."""


class TooLarge(GuardedError):
    """The answer is larger than LARGEST_ANSWER, or compressed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and content. A redirect is an answer like any other: it is not followed."""

    status: int
    content: bytes


def resolved(host: str, port: int) -> list[str]:
    """Every address of this name, in the system's order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@cache
def usual_trust() -> ssl.SSLContext:
    """The certificates that httpx trusts."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class GuardedClient:
    """Asks public addresses, and the hosts of `allowed` ("crm.internal", "crm.internal:8443"). Safe from threads."""

    allowed: Collection[str] = ()
    resolve: Resolve = resolved
    trust: Callable[[], ssl.SSLContext] = usual_trust

    def ask(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, timeout_s: float
    ) -> Answer:
        """Ask once. Raises a GuardedError; never asks twice."""
        deadline = _Deadline(time.monotonic() + timeout_s)
        host, port, is_tls = _where(url)
        addresses = self.checked(host, port)
        backend = _Pinned(addresses, deadline)
        try:
            with httpcore.ConnectionPool(
                ssl_context=self.trust() if is_tls else None, network_backend=backend, max_connections=1, retries=0
            ) as pool:
                return _exchange(pool, method, url, headers, body, deadline)
        except httpcore.TimeoutException as error:
            raise TimedOut("There was no answer in time.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
            raise Unreachable(f"The service cannot be reached: {type(error).__name__}.") from error
        except (httpcore.UnsupportedProtocol, ValueError) as error:
            raise AddressRefused("That is no address that can be asked.") from error

    def is_allowed(self, host: str, port: int) -> bool:
        """Whether the installation trusts this host: it may be private, and secrets may go there."""
        name = _plain(host)
        return name in self.allowed or f"{name}:{port}" in self.allowed

    def checked(self, host: str, port: int) -> list[str]:
        """The addresses of this host when all of them may be asked. AddressRefused, Unreachable."""
        try:
            addresses = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Unreachable("There is no such host.") from error
        may = may_ask_trusted if self.is_allowed(host, port) else may_ask
        if not addresses or not all(may(ip_address(each.partition("%")[0])) for each in addresses):
            raise AddressRefused("The host is not a public one; HTTP_ALLOW_HOSTS can name it.")
        return addresses


def may_ask(address: Address) -> bool:
    """Whether this address is somewhere on the public internet, also when it only carries another one."""
    inner = _unwrapped(address)
    is_special = inner.is_multicast or inner.is_reserved or inner in METADATA or inner in PROTOCOL_ASSIGNMENTS
    return inner.is_global and not is_special


def may_ask_trusted(address: Address) -> bool:
    """Whether a trusted host may be at this address: private is fine, link-local and metadata never are."""
    inner = _unwrapped(address)
    never = inner in METADATA or inner.is_link_local or inner.is_multicast or inner.is_unspecified
    return not never


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only carries it."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _where(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("That is no address.") from None
    if parts.scheme not in PORTS or not host or parts.username or parts.password:
        raise AddressRefused("An address begins with http:// or https:// and a host, without a password.")
    return host, port or PORTS[parts.scheme], parts.scheme == "https"


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


@dataclass(frozen=True, slots=True)
class _Deadline:
    at: float

    def left(self) -> float:
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("The time is up.")
        return seconds


def _exchange(
    pool: httpcore.ConnectionPool,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    deadline: _Deadline,
) -> Answer:
    sent = {"Accept": "application/json", "User-Agent": "Throughline", **headers, "Accept-Encoding": "identity"}
    seconds = deadline.left()
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
    encoded = [(name.encode("ascii"), value.encode("utf-8")) for name, value in sent.items()]
    with pool.stream(method, url, headers=encoded, content=body, extensions={"timeout": timeouts}) as response:
        _refuse_compressed(response.headers)
        content = bytearray()
        for chunk in response.iter_stream():
            content += chunk
            if len(content) > LARGEST_ANSWER:
                raise TooLarge(f"The answer is larger than {LARGEST_ANSWER // 1024} KB.")
        return Answer(response.status, bytes(content))


def _refuse_compressed(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """A small answer may unfold to a huge one; we asked for a plain one."""
    for name, value in headers:
        if name.lower() == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise TooLarge("The answer is compressed, which was not asked for.")


class _Pinned(httpcore.NetworkBackend):
    """Connects to the checked addresses whatever name is asked for, within the deadline."""

    def __init__(self, addresses: list[str], deadline: _Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        *others, last = self._addresses
        for address in others:
            try:
                return self._connected(address, port)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connected(last, port)

    def _connected(self, address: str, port: int) -> httpcore.NetworkStream:
        stream = self._real.connect_tcp(address, port, timeout=self._deadline.left())
        return _Timed(stream, self._deadline)


class _Timed(httpcore.NetworkStream):
    """A connection all of whose reads and writes share one deadline: bytes that drip in slowly do not prolong it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
