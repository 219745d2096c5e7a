"""From an event's commit to its being shown in a browser, beside a bare LISTEN/NOTIFY between two connections.

A real Chromium page holds the stream; its clock and ours are the machine's. Goal: p95 under 200 ms.
"""

from __future__ import annotations

import asyncio
import time

import psycopg
from _common import database, folder, machine, percentile, show

from app import events
from app.db import unit_of_work
from app.worker import plain_url
from tests.support.browser import chromium
from tests.support.house import House
from tests.support.people import a_person

EVENTS = 150

LISTEN = """(topic) => {
  window.took = [];
  const stream = new EventSource(`/live?topics=${topic}`);
  stream.addEventListener("bench.event", (event) => {
    const sent = JSON.parse(event.data).data.sent_ms;
    document.body.dataset.seen = sent;
    requestAnimationFrame(() => window.took.push(performance.timeOrigin + performance.now() - sent));
  });
  return new Promise((done) => stream.addEventListener("hello", () => done()));
}"""


async def in_a_browser(house: House) -> list[float]:
    user = a_person("agent", name="Ana")
    cookie = house.browser(user).cookies["session"]
    async with chromium() as browser:
        context = await browser.new_context(base_url=house.front.url)
        await context.add_cookies([{"name": "session", "value": cookie, "url": house.front.url}])
        page = await context.new_page()
        await page.goto("/healthz")
        await page.evaluate(LISTEN, f"user:{user.id}")
        for _ in range(EVENTS):
            with unit_of_work() as session:
                sent_ms = time.time() * 1000
                events.record(session, "bench.event", actor="system", users=(user.id,), sent_ms=sent_ms)
            await asyncio.sleep(0.03)
        await page.wait_for_function(f"window.took.length >= {EVENTS}")
        return list(await page.evaluate("window.took"))


async def bare(url: str) -> list[float]:
    took: list[float] = []
    listening = await psycopg.AsyncConnection.connect(plain_url(url), autocommit=True)
    writing = await psycopg.AsyncConnection.connect(plain_url(url), autocommit=True)
    async with listening, writing:
        await listening.execute("LISTEN bench")
        for _ in range(EVENTS):
            started = time.perf_counter()
            await writing.execute("NOTIFY bench")
            async for _notice in listening.notifies(timeout=5, stop_after=1):
                took.append((time.perf_counter() - started) * 1000)
    return took


def main() -> None:
    machine()
    with database() as url, folder() as here:
        house = House(url, here)
        try:
            house.start("carrier")
            house.start("web")
            baseline = asyncio.run(bare(url))
            shown = asyncio.run(in_a_browser(house))
        finally:
            house.close()
    show("bare LISTEN/NOTIFY, p95", percentile(baseline, 95), "ms")
    show("event written to event shown, p50", percentile(shown, 50), "ms")
    show("event written to event shown, p95", percentile(shown, 95), "ms", "goal < 200")
    show("beside bare LISTEN/NOTIFY (p95)", percentile(shown, 95) / percentile(baseline, 95), "ratio")


if __name__ == "__main__":
    main()
