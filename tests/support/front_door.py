"""One address before several web processes, as a balancer has it: a dead one is passed over, a cut answer stays cut."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections import Counter
from dataclasses import dataclass

CHUNK_BYTES = 65536
REST_S = 1.0
"""How long a backend that broke off is passed over: it is dying, though its port may still be open."""


class FrontDoor:
    """A TCP port that passes connections to the first of `backends` (ports) that takes them; `taken` counts them."""

    def __init__(self) -> None:
        self.backends: list[int] = []
        self.taken: Counter[int] = Counter()
        self._rests_until: dict[int, float] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def welcome(self, port: int) -> None:
        """A backend that has just started gets the requests, whatever became of the one before it."""
        self._rests_until.pop(port, None)
        self.backends.insert(0, port)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in self._in_order():
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", port)
                self.taken[port] += 1
                break
        else:
            writer.close()
            return
        asked = asyncio.create_task(_pump(reader, there[1]))
        answered = asyncio.create_task(_pump(there[0], writer))
        try:
            await asyncio.wait([asked, answered], return_when=asyncio.FIRST_COMPLETED)
            if answered.done() and answered.result().broke_off:
                self._rests_until[port] = self._loop.time() + REST_S
        finally:
            for way in (asked, answered):
                way.cancel()
            for end in (writer, there[1]):
                end.close()

    def _in_order(self) -> list[int]:
        """Backends to try, those that rest last."""
        now = self._loop.time()
        return sorted(self.backends, key=lambda port: self._rests_until.get(port, 0) > now)


@dataclass
class _Passed:
    """What came one way on a connection: how it began, and how many bytes in all."""

    began: bytes = b""
    count: int = 0

    @property
    def broke_off(self) -> bool:
        """Whether nothing came, or less than the first answer said."""
        head, _, _ = self.began.partition(b"\r\n\r\n")
        told = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        return self.count < (len(head) + 4 + int(told[1]) if told else 1)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> _Passed:
    """Pass on what comes until its end."""
    passed = _Passed()
    with contextlib.suppress(OSError):
        while data := await source.read(CHUNK_BYTES):
            passed.began = passed.began or data
            passed.count += len(data)
            sink.write(data)
            await sink.drain()
    return passed
