"""The worker process: the hands (durable jobs) and the clock.

Any number may run. SIGTERM lets the jobs at hand finish.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import procrastinate
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as QueuedJob
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import jobs
from app.clock import Clock, tick
from app.db import sessions

log = structlog.get_logger()


class Crew(NamedTuple):
    """How many jobs of a queue a worker does at a time, and how often it looks for one that nobody announced: a job
    that waited for another of its lock, or for its time. For callers who wait that is soon; files have time.
    """

    hands: int
    look_again_s: float


CREWS = {"hands": Crew(6, 0.2), "files": Crew(2, 1.0), "heavy": Crew(1, 1.0)}
MAX_PAUSE_S = 600
HEARTBEAT_S = 2
STALLED_AFTER_S = 10
"""A job of a caller who waits must not be stuck for long behind a worker that died."""


class GrowingPauses(BaseRetryStrategy):
    """2, 4, 8 … seconds between tries, at most ten minutes."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        if job.attempts + 1 >= self.attempts:
            return None
        pause = min(jobs.FIRST_RETRY_S * 2**job.attempts, MAX_PAUSE_S)
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=pause))


def job_app(url: str) -> procrastinate.App:
    """Procrastinate with every registered handler as a task."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=plain_url(url)))
    for each in jobs.handlers.values():
        app.task(name=each.name, queue=each.queue, retry=GrowingPauses(each.attempts))(_logged(each))
    return app


def plain_url(url: str) -> str:
    """The URL without SQLAlchemy's driver, as psycopg takes it."""
    return url.replace("postgresql+psycopg:", "postgresql:", 1)


def _logged(each: jobs.Job) -> Callable[..., None]:
    def run(**args: Any) -> None:
        with structlog.contextvars.bound_contextvars(job=each.name, **_ids(args)):
            try:
                each.handler(**args)
            except Exception:
                log.exception("job.failed")
                raise

    return run


def _ids(args: dict[str, Any]) -> dict[str, Any]:
    """Only ids go into the log, never a number or a text."""
    return {name: value for name, value in args.items() if name.endswith("_id")}


@tick("jobs.wake_stalled", every_s=3)
def wake_stalled_jobs(session: Session) -> None:
    """Put jobs of a worker that died (no heartbeat for 10 s) back to be done again."""
    session.execute(
        text(
            """
            SELECT procrastinate_retry_job_v1(job.id, now(), NULL, NULL, NULL)
            FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
            WHERE job.status = 'doing'
              AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => :seconds))
            """
        ),
        {"seconds": STALLED_AFTER_S},
    )


async def work(url: str) -> None:
    """Run the hands and the heavy work until SIGTERM or SIGINT; jobs at hand get 20 s to finish."""
    app = job_app(url)
    async with app.open_async():
        crews = [asyncio.create_task(_run(app, queue, crew)) for queue, crew in CREWS.items()]
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, lambda: [crew.cancel() for crew in crews])
        await asyncio.wait(crews, return_when=asyncio.FIRST_COMPLETED)
        for crew in crews:
            crew.cancel()
        for outcome in await asyncio.gather(*crews, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def _run(app: procrastinate.App, queue: str, crew: Crew) -> None:
    await app.run_worker_async(
        queues=[queue],
        name=queue,
        concurrency=crew.hands,
        delete_jobs="successful",
        shutdown_graceful_timeout=20,
        fetch_job_polling_interval=crew.look_again_s,
        update_heartbeat_interval=HEARTBEAT_S,
        stalled_worker_timeout=STALLED_AFTER_S,
        install_signal_handlers=False,
    )


async def work_off(url: str, *, queues: list[str] | None = None) -> None:
    """Do every job that is due, and those that come of them, then return: how tests and the command line run jobs."""
    app = job_app(url)
    async with app.open_async():
        left: set[int] = set()
        while (due := await _due(app, queues)) != left:
            await app.run_worker_async(
                queues=queues or list(CREWS),
                wait=False,
                install_signal_handlers=False,
                listen_notify=False,
                concurrency=4,
                delete_jobs="successful",
            )
            left = due  # a job that waits for a later one of its lock stays: asking again would not help


async def _due(app: procrastinate.App, queues: list[str] | None) -> set[int]:
    jobs_waiting = await app.job_manager.list_jobs_async(status="todo")
    now = datetime.now(UTC)
    return {
        each.id
        for each in jobs_waiting
        if each.id is not None
        and (queues is None or each.queue in queues)
        and (each.scheduled_at is None or each.scheduled_at <= now)
    }


def main() -> None:
    from app import create_app

    app = create_app()
    url = app.config["DATABASE_URL"]
    clock = Clock()
    clock.start()
    log.info("worker.ready", jobs=len(jobs.handlers))
    print("worker: ready", flush=True)  # noqa: T201 - read by script/server
    try:
        asyncio.run(work(url))
    except ConnectorException:
        log.exception("worker.database_away")
        raise SystemExit(1) from None
    finally:
        clock.stop()
        sessions.configure(bind=None)


if __name__ == "__main__":
    from app import worker  # under its own name, which its jobs carry

    worker.main()
