"""The clock: APScheduler ticks, run by whichever worker holds the lease.

Deadlines are rows, judged by the database's clock; the scheduler only asks "is anything due?". A tick is a name, an
interval and one service call. A leader that slept past its lease is fenced off: its tick writes nothing.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import crash, leases
from app.db import unit_of_work

log = structlog.get_logger()

LEASE = "clock"
LEASE_S = 6.0
RENEW_S = 2.0
STEP_S = 1.0
"""From so many seconds on the machine's wall clock was set, not just adjusted."""
WATCH_S = 0.5


@dataclass(frozen=True, slots=True)
class Tick:
    """`run` gets a session whose transaction is fenced; what it returns is ignored."""

    name: str
    every_s: float
    run: Callable[[Session], object]


ticks: dict[str, Tick] = {}


def wall_s() -> float:
    """What the machine's clock on the wall shows, in seconds since the epoch."""
    return time.time()


def tick(name: str, *, every_s: float) -> Callable[[Callable[[Session], object]], Callable[[Session], object]]:
    """Register a service to be called every `every_s` seconds by the leading worker."""

    def register(run: Callable[[Session], object]) -> Callable[[Session], object]:
        ticks[name] = Tick(name, every_s, run)
        return run

    return register


class Clock:
    """One worker's share in the clock: campaigns for the lease and ticks while it holds it."""

    def __init__(self, *, lease_s: float = LEASE_S, renew_s: float = RENEW_S) -> None:
        self.holder = f"{socket.gethostname()}:{secrets.token_hex(4)}"
        self.token: int | None = None
        self._lease_s = lease_s
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        self._scheduler.add_job(self.campaign, "interval", seconds=renew_s, id="campaign")
        for each in ticks.values():
            self._scheduler.add_job(self.run_tick, "interval", seconds=each.every_s, args=[each], id=each.name)
        self._stopped = threading.Event()

    def start(self) -> None:
        self.campaign()
        self._scheduler.start()
        threading.Thread(target=self._watch_the_wall_clock, name="clock-watch", daemon=True).start()

    def stop(self) -> None:
        """Let the tick at hand finish, then give the lease back."""
        self._stopped.set()
        self._scheduler.shutdown(wait=True)
        with unit_of_work() as session:
            leases.release(session, LEASE, self.holder)

    def _watch_the_wall_clock(self) -> None:
        """The scheduler plans by the wall clock. When that is set back, nothing would tick until it has caught up: so
        everything is planned anew from now (F16). What is due is the database's to say, whatever the wall shows.
        """
        before = wall_s() - time.monotonic()
        while not self._stopped.wait(WATCH_S):
            now = wall_s() - time.monotonic()
            if abs(now - before) >= STEP_S:
                log.warning("clock.wall_clock_was_set", by_s=round(now - before, 1))
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=datetime.fromtimestamp(wall_s(), UTC))
            before = now

    def campaign(self) -> None:
        """Take or renew the lease."""
        try:
            with unit_of_work() as session:
                token = leases.acquire(session, LEASE, self.holder, self._lease_s)
        except OperationalError:
            log.warning("clock.database_away")
            return
        if token != self.token:
            log.info("clock.leading" if token else "clock.following", token=token)
        self.token = token

    def run_tick(self, each: Tick) -> None:
        """Run one tick in its own transaction. One that fails is logged and tried again at its next time."""
        if self.token is None:
            return
        try:
            with unit_of_work() as session:
                leases.fence(session, LEASE, self.token, self._lease_s)
                found = each.run(session)
            if found and each.name == "callbacks.due":
                crash.point("K1")
        except leases.StaleLease:
            self.token = None
            log.warning("clock.fenced_off", tick=each.name)
        except Exception:
            log.exception("clock.tick_failed", tick=each.name)
