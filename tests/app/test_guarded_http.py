"""The guarded client against a real server, and every way that is known of turning one into a spy."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
import trustme

from app.guarded_http import (
    LARGEST_ANSWER,
    AddressRefused,
    GuardedClient,
    TimedOut,
    TooLarge,
    Unreachable,
    may_ask,
    may_ask_trusted,
)

AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("crm.test")
"""Both made for this run alone; no key lies anywhere."""
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n" + b'{"state": 12}'

Behaviour = Callable[[socket.socket, bytes], None]


@contextmanager
def service(behave: Behaviour, *, tls: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """A server on this machine that reads one request a connection and then does as told; its port and what came."""
    came: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(context)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection: socket.socket) -> None:
        with connection:
            try:
                stream = context.wrap_socket(connection, server_side=True) if tls else connection
                request = _whole_request(stream)
                came.append(request)
                behave(stream, request)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], came
    finally:
        listener.close()


def _whole_request(stream: socket.socket) -> bytes:
    """The head, and as much content as it tells of."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += stream.recv(65536)
    length = request.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    while len(request.partition(b"\r\n\r\n")[2]) < int(length or 0):
        request += stream.recv(65536)
    return request


def says(answer: bytes) -> Behaviour:
    return lambda stream, _: stream.sendall(answer)


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


CLIENT = GuardedClient(allowed=("crm.test",), resolve=here, trust=trusting)


def ask(url: str, client: GuardedClient = CLIENT, timeout_s: float = 5.0, **more: object) -> tuple[int, bytes]:
    answer = client.ask("GET", url, **({"headers": {}, "timeout_s": timeout_s} | more))  # type: ignore[arg-type]
    return answer.status, answer.content


def test_a_service_is_asked_under_its_own_name_and_gives_its_answer() -> None:
    with service(says(OK)) as (port, came):
        assert ask(f"http://crm.test:{port}/orders?of=1", headers={"X-Key": "1"}) == (200, b'{"state": 12}')
    assert came[0].startswith(b"GET /orders?of=1 HTTP/1.1\r\n")
    assert f"Host: crm.test:{port}".encode() in came[0]
    assert b"X-Key: 1" in came[0] and b"Accept-Encoding: identity" in came[0]


def test_a_body_is_sent_with_its_length() -> None:
    with service(says(OK)) as (port, came):
        CLIENT.ask("POST", f"http://crm.test:{port}/", headers={"Content-Type": "text/plain"}, body=b"abc", timeout_s=5)
    assert came[0].startswith(b"POST / ") and b"Content-Length: 3" in came[0] and came[0].endswith(b"abc")


def test_the_certificate_must_be_the_names_own_although_the_connection_goes_to_an_address() -> None:
    with service(says(OK), tls=True) as (port, _):
        assert ask(f"https://crm.test:{port}/")[0] == 200
        with pytest.raises(Unreachable):
            ask(f"https://erp.test:{port}/", GuardedClient(("erp.test",), here, trusting))
        with pytest.raises(Unreachable):
            ask(f"https://crm.test:{port}/", GuardedClient(("crm.test",), here))  # nobody vouches for it


def test_the_name_is_resolved_once_so_that_a_second_answer_cannot_lead_elsewhere() -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    with service(says(OK)) as (port, _):
        client = GuardedClient(("crm.test",), lambda host, port: next(answers))
        assert ask(f"http://crm.test:{port}/", client)[0] == 200
    assert next(answers) == ["169.254.169.254"]


def test_a_second_address_is_tried_when_the_first_does_not_answer() -> None:
    with service(says(OK)) as (port, _):
        client = GuardedClient(("crm.test",), lambda host, port: ["127.0.0.9", "127.0.0.1"])
        assert ask(f"http://crm.test:{port}/", client)[0] == 200


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "169.254.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:0a00:0001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_no_address_inside_is_asked(address: str) -> None:
    assert not may_ask(ip_address(address))
    with pytest.raises(AddressRefused, match="not a public one"):
        ask("http://innocent.example/", GuardedClient(resolve=lambda host, port: ["93.184.216.34", address]))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public_addresses_may_be_asked(address: str) -> None:
    assert may_ask(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "fe80::1",
        "0.0.0.0",
        "224.0.0.1",
    ],
)
def test_not_even_a_trusted_host_may_be_the_clouds_metadata(address: str) -> None:
    assert not may_ask_trusted(ip_address(address))
    with pytest.raises(AddressRefused):
        ask("http://crm.test/", GuardedClient(("crm.test",), lambda host, port: [address]))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://LOCALHOST.:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://127.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://0:{port}/",
    ],
)
def test_every_spelling_of_this_machine_is_refused_by_the_real_resolver(url: str) -> None:
    with service(says(OK)) as (port, came), pytest.raises((AddressRefused, Unreachable)):
        ask(url.format(port=port), GuardedClient())
    assert came == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://crm.test/",
        "ftp://crm.test/",
        "//crm.test/",
        "crm.test",
        "http://",
        "http:///x",
        "http://me:secret@crm.test/",
        "http://crm.test:0x50/",
        "http://crm.test:99999/",
        "http://[crm.test/",
        "",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        ask(url)


@pytest.mark.parametrize("header", ["a\r\nX-Evil: 1", "a\0b", "a\nb"])
def test_a_header_cannot_smuggle_another(header: str) -> None:
    with service(says(OK)) as (port, came), pytest.raises((AddressRefused, Unreachable)):
        ask(f"http://crm.test:{port}/", headers={"X-Name": header})
    assert came == []


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with service(says(OK)) as (inside, came):
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inside}/\r\nContent-Length: 0\r\n\r\n".encode()
        with service(says(moved)) as (port, _):
            assert ask(f"http://crm.test:{port}/") == (302, b"")
    assert came == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with service(says(OK)) as (port, _):
        assert ask(f"http://crm.test:{port}/")[0] == 200


def test_an_answer_that_is_too_large_is_left_off_without_reading_on() -> None:
    def flood(stream: socket.socket, _: bytes) -> None:
        stream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            stream.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")

    with service(flood) as (port, _), pytest.raises(TooLarge, match=f"{LARGEST_ANSWER // 1024} KB"):
        ask(f"http://crm.test:{port}/")


def test_an_answer_that_unfolds_is_not_unfolded() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with service(says(head + bomb)) as (port, _), pytest.raises(TooLarge, match="compressed"):
        ask(f"http://crm.test:{port}/")


def _silent(stream: socket.socket, _: bytes) -> None:
    stream.recv(1)


def _drip(head: bytes) -> Behaviour:
    def drip(stream: socket.socket, _: bytes) -> None:
        stream.sendall(head)
        gap = threading.Event()
        while True:
            gap.wait(0.02)
            stream.sendall(b"a")

    return drip


@pytest.mark.parametrize(
    "behave",
    [_silent, _drip(b"HTTP/1.1 200 OK\r\nX-Slow: "), _drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")],
    ids=["says nothing", "drips its headers", "drips its content"],
)
def test_the_deadline_is_for_the_whole_exchange(behave: Behaviour) -> None:
    with service(behave) as (port, _):
        began = time.monotonic()
        with pytest.raises(TimedOut):
            ask(f"http://crm.test:{port}/", timeout_s=0.3)
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", b"what?\r\n\r\n", b"\0" * 50]
)
def test_an_answer_that_breaks_off_is_no_answer(answer: bytes) -> None:
    with service(says(answer)) as (port, _), pytest.raises(Unreachable):
        ask(f"http://crm.test:{port}/")


def test_a_host_that_does_not_exist_or_listen_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        ask("http://nobody.invalid/", GuardedClient())
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Unreachable):
        ask(f"http://crm.test:{port}/")


def test_a_trusted_host_may_be_named_with_its_port() -> None:
    client = GuardedClient(("crm.test:8443", "erp.test"))
    assert client.is_allowed("CRM.test.", 8443) and client.is_allowed("erp.test", 1)
    assert not client.is_allowed("crm.test", 443) and not client.is_allowed("evil-crm.test", 8443)
