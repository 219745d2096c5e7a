"""One IVR step (webhook in, TwiML out, state saved), beside a bare Flask route that does one PostgreSQL commit.

The two differ in nothing but the Flask application: both stand in `app.asgi` with the same settings, speak to the same
database through the same kind of pool, and are asked by the same client. Goal: at least 0.5 of the bare route.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import urlencode, urlsplit

import httpx
from _common import database, folder, machine, percentile, show
from twilio.request_validator import RequestValidator

from app.db import unit_of_work
from app.routing.models import Queue
from tests.support.house import LINE, ROOT, House, free_port

CLIENTS = 4
CALLS_PER_CLIENT = 12
STEPS_PER_CALL = 8
ROUNDS = 3

BARE = """
from flask import Flask
from sqlalchemy import text
from app import asgi, db
from app.config import Settings

settings = Settings.from_env()
db.connect(settings.database_url)
with db.unit_of_work() as session:
    session.execute(text("CREATE TABLE IF NOT EXISTS bare (n bigint)"))
app = Flask("bare")
app.config.update(SETTINGS=settings, DATABASE_URL=settings.database_url)

@app.post("/bare")
def bare():
    with db.unit_of_work() as session:
        session.execute(text("INSERT INTO bare VALUES (1)"))
    return "done"

asgi.serve(app)
"""


class Caller:
    """A client with one kept connection that signs its requests as the carrier does."""

    def __init__(self, base: str, public: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base).netloc)
        self._public, self._signer = public, RequestValidator(token)

    def post(self, path: str, form: dict[str, str]) -> tuple[str, float]:
        """The answer, and how long it took (signing is the client's own time and not counted)."""
        signature = self._signer.compute_signature(self._public + path, form)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        started = time.perf_counter()
        self._connection.request("POST", path, urlencode(form), headers)
        answer = self._connection.getresponse()
        body = answer.read().decode()
        assert answer.status < 300, (answer.status, body)
        return body, time.perf_counter() - started


ALL_DIALLED = Barrier(CLIENTS)


def steps(caller: Caller) -> list[float]:
    """Calls that ask for the other language again and again: every step changes and saves the state.

    The calls begin before the clock does: opening a record is more than a step.
    """
    calls = [dial(caller) for _ in range(CALLS_PER_CLIENT)]
    ALL_DIALLED.wait()
    took = []
    for call, document in calls:
        for _ in range(STEPS_PER_CALL):
            found = re.search(r"/voice/step/[0-9a-f-]+/\d+", document)
            assert found, document
            document, seconds = caller.post(found[0], {**call, "Digits": "9"})
            took.append(seconds)
    return took


def dial(caller: Caller) -> tuple[dict[str, str], str]:
    """A call arrives: its form, and the first document it hears."""
    call = {"CallSid": f"CA{uuid.uuid4().hex}", "AccountSid": "AC", "From": "+15550142030", "To": LINE}
    call |= {"CallStatus": "in-progress", "Direction": "inbound"}
    return call, caller.post("/voice/incoming", call)[0]


def bare(caller: Caller) -> list[float]:
    return [caller.post("/bare", {"n": "1"})[1] for _ in range(CALLS_PER_CLIENT * STEPS_PER_CALL)]


def measure(make: Callable[[], Caller], work: Callable[[Caller], list[float]]) -> list[float]:
    """All clients at once; every step's time."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return [each for took in pool.map(work, [make() for _ in range(CLIENTS)]) for each in took]


def main() -> None:
    machine()
    with database() as url, folder() as here:
        house = House(url, here, flows=ROOT / "ivr_flows" / "flows")
        house.furnish()
        with unit_of_work() as session:  # the other queues that the demo's flows name
            session.add_all(Queue(key=key, name=key.title()) for key in ("support", "billing"))
        port = free_port()
        env = {**os.environ, **house.env, "PORT": str(port), "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen([sys.executable, "-c", BARE], env=env, cwd=ROOT)
        try:
            house.start("carrier")
            house.start("web")
            until_up(f"http://127.0.0.1:{port}/")
            web = house.front.backends[0]
            public, token = house.settings.public_base_url, house.settings.twilio_auth_token
            step_times: list[float] = []
            bare_times: list[float] = []
            for turn in range(ROUNDS + 1):
                bares = measure(lambda: Caller(f"http://127.0.0.1:{port}", public, token), bare)
                found = measure(lambda: Caller(f"http://127.0.0.1:{web}", public, token), steps)
                if turn:  # the first round warms both up
                    bare_times += bares
                    step_times += found
        finally:
            server.kill()
            house.close()
    report(step_times, bare_times)


def report(step_times: list[float], bare_times: list[float]) -> None:
    per_s, bare_per_s = (CLIENTS * len(times) / sum(times) for times in (step_times, bare_times))
    show("bare route with one commit", bare_per_s, "per s")
    show("bare route, p99", percentile(bare_times, 99) * 1000, "ms")
    show("IVR step", per_s, "per s")
    show("IVR step, p99", percentile(step_times, 99) * 1000, "ms")
    show("IVR step beside the bare route", per_s / bare_per_s, "ratio", "goal >= 0.5")


def until_up(address: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            httpx.get(address)
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise SystemExit("the bare server did not start")


if __name__ == "__main__":
    assert Path("app").is_dir(), "run it through script/bench"
    main()
