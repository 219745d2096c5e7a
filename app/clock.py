"""The clock: APScheduler ticks, run by whichever worker holds the lease.

Deadlines are rows, judged by the database's clock; the scheduler only asks "is anything due?". A tick is a name, an
interval and one service call. A leader that slept past its lease is fenced off: its tick writes nothing.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Tick:
    """`run` gets a session whose transaction is fenced; what it returns is ignored."""

    name: str
    every_s: float
    run: Callable[[Session], object]


ticks: dict[str, Tick] = {}


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

    def start(self) -> None:
        self.campaign()
        self._scheduler.start()

    def stop(self) -> None:
        """Let the tick at hand finish, then give the lease back."""
        self._scheduler.shutdown(wait=True)
        with unit_of_work() as session:
            leases.release(session, LEASE, self.holder)

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
                leases.fence(session, LEASE, self.token)
                found = each.run(session)
            if found and each.name == "callbacks.due":
                crash.point("K1")
        except leases.StaleLease:
            self.token = None
            log.warning("clock.fenced_off", tick=each.name)
        except Exception:
            log.exception("clock.tick_failed", tick=each.name)
