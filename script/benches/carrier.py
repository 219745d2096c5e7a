"""Two-party calls held by the local carrier: which share of 20 ms deadlines is missed, beside a bare WebSocket echo.

    python script/benches/carrier.py [--calls 50] [--seconds 10] [--full]

Three processes: the carrier (one process, as it ships), a bare echo server of the same library, and this one, which is
all the phones. Each call is a conference of two telephones that talk all the time; with --full one leg of each is also
recorded in two channels and streamed in both directions, as a contact centre does. Every frame carries the moment when
it was said, so that its way from mouth to ear is known. Goal: 50 calls with under 1 % of deadlines missed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import secrets
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote

import numpy as np
import requests

from telephony.local_carrier.priority import HELPER, MIXER, hurry

REPOSITORY = Path(__file__).parents[2]
ACCOUNT, TOKEN = "AC" + "c3" * 16, "bench"
LINE = "+15550000001"
FRAME_S = 0.02
SLOTS = 10
SETTLE_S = 2.0
AUDIO_HEAD = struct.pack("!BBHI", 0x82, 0x80 | 126, 160, 0)  # masked, as clients must, with a mask that changes nothing
FILLING = b"\x55" * 152
GOAL = 1.0


@dataclass
class Ear:
    """What one phone heard: when each frame came, and how long it had been on its way."""

    arrivals: list[float] = field(default_factory=list)
    ways: list[float] = field(default_factory=list)


class Phone(asyncio.Protocol):
    """The smallest WebSocket client that can hold a call: one `data_received` per packet, no library in the way."""

    def __init__(self, path: str, headers: str = "") -> None:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._hello = (
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
        )
        self._buffer = b""
        self._is_open = False
        self.ear = Ear()
        self.texts: list[str] = []
        self.opened = asyncio.Event()
        self.answered = asyncio.Event()
        self.listens = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(self._hello.encode())

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        data = self._buffer + data if self._buffer else data
        if not self._is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            self._is_open = True
            self.opened.set()
        at, length = 0, len(data)
        while length - at >= 2:
            size, start = data[at + 1] & 0x7F, at + 2
            if size == 126:
                if length - at < 4:
                    break
                size, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
            if length - start < size:
                break
            self._take(data[at] & 0x0F, data[start : start + size], now)
            at = start + size
        self._buffer = data[at:]

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == 2 and self.listens:
            self.ear.arrivals.append(now)
            if payload[8:] == FILLING:
                self.ear.ways.append(now - struct.unpack("!d", payload[:8])[0])
        elif opcode == 1:
            text = payload.decode()
            self.texts.append(text)
            if '"answered"' in text:
                self.answered.set()
        elif opcode == 9:
            self.transport.write(struct.pack("!BBI", 0x8A, 0x80 | len(payload), 0) + payload)

    def send_text(self, text: str) -> None:
        payload = text.encode()
        self.transport.write(struct.pack("!BBI", 0x81, 0x80 | len(payload), 0) + payload)

    def say(self) -> None:
        self.transport.write(AUDIO_HEAD + struct.pack("!d", time.perf_counter()) + FILLING)


def rooms_by_caller(stream_url: Callable[[], str | None]) -> tuple[ThreadingHTTPServer, str]:
    """The application: two callers with the same room number meet."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            number, url = int(form["From"][0][-4:]), stream_url()
            room = f'<Dial><Conference beep="false" waitUrl="">{number // 2}</Conference></Dial>'
            if url and number % 2 == 0:
                room = f'<Start><Stream url="{url}" track="both_tracks"/></Start>{room}'
            body = f"<Response>{room}</Response>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 512

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}/voice"


def start(*command: str) -> tuple[subprocess.Popen[str], int]:
    """A server in a process of its own; it tells its port in its first line."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, int(line.split("127.0.0.1:")[1].split()[0])


async def connect(port: int, path: str, headers: str = "") -> Phone:
    loop = asyncio.get_running_loop()
    _, phone = await loop.create_connection(lambda: Phone(path, headers), "127.0.0.1", port)
    await phone.opened.wait()
    return phone


async def talk(phones: list[Phone], seconds: float) -> None:
    """Everybody speaks for so long, each at a steady pace, spread over the 20 ms as real phones are."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    measured_from = begun + SETTLE_S
    slot = 0
    while loop.time() < measured_from + seconds:
        due = begun + slot * FRAME_S / SLOTS
        wait_s = due - loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        for phone in phones[slot % SLOTS :: SLOTS]:
            phone.say()
        if slot == round(SETTLE_S / FRAME_S * SLOTS):
            for phone in phones:
                phone.listens = True
        slot += 1
    for phone in phones:
        phone.listens = False


def late_share(ears: list[Ear]) -> float:
    """Per cent of frames that came more than 20 ms after their turn; the turn is the leg's steady 20 ms beat.

    Frames that never came count as late.
    """
    late = total = 0
    for ear in ears:
        beats = np.array(ear.arrivals)
        if len(beats) < 2:
            return 100.0
        lateness = beats - np.arange(len(beats)) * FRAME_S
        expected = round((beats[-1] - beats[0]) / FRAME_S) + 1
        # The beat is the usual way of a frame (median), so that one early frame does not make all others late.
        late += int(np.sum(lateness - np.median(lateness) > FRAME_S)) + max(0, expected - len(beats))
        total += expected
    return 100.0 * late / total


def ways_ms(ears: list[Ear]) -> tuple[float, float]:
    """Median and 95th percentile of the way from mouth to ear."""
    ways = np.concatenate([np.array(ear.ways) for ear in ears]) * 1000
    return float(np.median(ways)), float(np.percentile(ways, 95))


async def hold_calls(port: int, calls: int, seconds: float, full: bool) -> tuple[list[Ear], dict[str, float]]:
    """All phones register, dial, meet in twos and talk; gives what they heard and the mixer's own count."""
    basic = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    phones = [
        await connect(port, f"/phone?number={quote(f'+1777000{index:04d}')}", f"Authorization: Basic {basic}\r\n")
        for index in range(2 * calls)
    ]
    for phone in phones:
        phone.send_text(f'{{"event":"dial","to":"{LINE}"}}')
    for phone in phones:
        await asyncio.wait_for(phone.answered.wait(), 30)

    def record(phone: Phone) -> None:
        call_sid = next(text for text in phone.texts if '"answered"' in text).split('"callSid": "')[1][:34]
        requests.post(
            f"http://127.0.0.1:{port}/2010-04-01/Accounts/{ACCOUNT}/Calls/{call_sid}/Recordings.json",
            data={"RecordingChannels": "dual"},
            auth=(ACCOUNT, TOKEN),
            timeout=10,
        ).raise_for_status()

    if full:
        for phone in phones[::2]:
            await asyncio.to_thread(record, phone)

    def mixer() -> dict[str, float]:
        found: dict[str, float] = requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).json()["mixer"]
        return found

    before = await asyncio.to_thread(mixer)
    await talk(phones, seconds)
    after = await asyncio.to_thread(mixer)
    ticks = after["ticks"] - before["ticks"]
    return [phone.ear for phone in phones], {
        "missed": 100.0 * (after["missed"] - before["missed"]) / max(ticks, 1),
        "p99_ms": after["tick_p99_ms"],
    }


async def hold_echo(port: int, legs: int, seconds: float) -> list[Ear]:
    phones = [await connect(port, "/") for _ in range(legs)]
    await talk(phones, seconds)
    return [phone.ear for phone in phones]


def with_server(command: tuple[str, ...], use: Callable[[int], None]) -> None:
    process, port = start(*command)
    try:
        use(port)
    finally:
        process.terminate()
        process.wait(15)


def echo() -> None:
    """The baseline: the same library, and nothing but sending back what came."""
    from aiohttp import web

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(message.data)
        return socket

    async def sink(request: web.Request) -> web.StreamResponse:
        """Where streams end."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    async def run() -> None:
        hurry(MIXER)
        app = web.Application()
        app.add_routes([web.get("/", serve), web.get("/sink", sink)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"echo on 127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--full", action="store_true", help="record and stream one leg of each call")
    parser.add_argument("--echo", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.echo:
        echo()
        return 0
    hurry(HELPER)  # the phones keep their own time as well as the system allows, in front of the echo and the carrier
    sinks: list[str] = []
    application, voice_url = rooms_by_caller(lambda: sinks[0] if sinks else None)
    found: dict[str, object] = {}

    def measure_carrier(port: int) -> None:
        requests.post(
            f"http://127.0.0.1:{port}/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json",
            data={"PhoneNumber": LINE, "VoiceUrl": voice_url},
            auth=(ACCOUNT, TOKEN),
            timeout=10,
        ).raise_for_status()
        found["ears"], found["mixer"] = asyncio.run(hold_calls(port, options.calls, options.seconds, options.full))

    def measure_echo(port: int) -> None:
        found["echo"] = asyncio.run(hold_echo(port, 2 * options.calls, options.seconds))

    with tempfile.TemporaryDirectory() as data:
        carrier = (
            "-m", "telephony.local_carrier", "--port", "0", "--account-sid", ACCOUNT, "--auth-token", TOKEN,
            "--data", data,
        )  # fmt: skip
        with_server((str(Path(__file__)), "--echo"), measure_echo)
        if not options.full:
            with_server(carrier, measure_carrier)
        else:

            def measure_with_sink(sink_port: int) -> None:
                sinks.append(f"ws://127.0.0.1:{sink_port}/sink")
                with_server(carrier, measure_carrier)

            with_server((str(Path(__file__)), "--echo"), measure_with_sink)
    application.shutdown()
    return report(options.calls, found["ears"], found["echo"], found["mixer"])  # type: ignore[arg-type]


def report(calls: int, ears: list[Ear], echoed: list[Ear], mixer: dict[str, float]) -> int:
    late, bare = late_share(ears), late_share(echoed)
    median, p95 = ways_ms(ears)
    bare_median, bare_p95 = ways_ms(echoed)
    print(
        f"{calls} two-party calls ({2 * calls} legs), load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(
        f"  mixer deadlines missed      {mixer['missed']:6.2f} %   (goal under {GOAL} %; p99 tick {mixer['p99_ms']} ms)"
    )
    print(f"  frames over 20 ms late      {late:6.2f} %   bare echo {bare:6.2f} %")
    print(
        f"  mouth to ear, median / p95  {median:6.1f} / {p95:.1f} ms   bare echo {bare_median:.1f} / {bare_p95:.1f} ms"
    )
    print(f"  ratio of p95 to bare echo   {p95 / bare_p95:6.2f}")
    return 0 if mixer["missed"] < GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
