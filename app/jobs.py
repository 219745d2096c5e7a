"""Durable jobs: Procrastinate on PostgreSQL, enqueued in the caller's own transaction.

A feature enqueues by name; the handler is registered by the adapter that can do it (`@job("voice.ring_agent")`).
Handlers are at-least-once: each records its attempt before an outside call and its outcome after.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

log = structlog.get_logger()

Handler = Callable[..., None]

ATTEMPTS = 8
FIRST_RETRY_S = 2


@dataclass(frozen=True, slots=True)
class Job:
    """A handler with its name. `queue` is `hands` (calls and messages, at once), `files` (fetching) or `heavy`
    (transcripts).
    """

    name: str
    handler: Handler
    queue: str
    attempts: int


handlers: dict[str, Job] = {}


def job(name: str, *, queue: str = "hands", attempts: int = ATTEMPTS) -> Callable[[Handler], Handler]:
    """Register a handler under `name`. An exception retries it with growing pauses, `attempts` times in all."""

    def register(handler: Handler) -> Handler:
        handlers[name] = Job(name, handler, queue, attempts)
        return handler

    return register


DEFER = text(
    """
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        ROW(:queue, :name, 0, :lock, NULL, CAST(:args AS jsonb), CAST(:run_at AS timestamptz))
    ]::procrastinate_job_to_defer_v1[])
    """
)


def enqueue(
    session: Session,
    name: str,
    *,
    lock: str | None = None,
    run_at: datetime | None = None,
    queue: str = "hands",
    **args: Any,
) -> None:
    """Enqueue a job in the session's transaction: it runs after the commit, and not at all after a rollback.

    Jobs of one `lock` run one after the other in the order they were enqueued. `args` must be JSON.
    """
    session.execute(
        DEFER,
        {"queue": queue, "name": name, "lock": lock, "args": json.dumps(args, default=str), "run_at": run_at},
    )


DEFER_MANY = text(
    """
    SELECT procrastinate_defer_jobs_v1(array_agg(
        ROW(:queue, :name, 0, job.lock, NULL, job.args, NULL)::procrastinate_job_to_defer_v1 ORDER BY job.n
    ))
    FROM jsonb_to_recordset(CAST(:jobs AS jsonb)) AS job (n int, lock text, args jsonb)
    """
)


def enqueue_many(session: Session, name: str, wanted: Sequence[tuple[str | None, dict[str, Any]]]) -> None:
    """Enqueue several jobs of one name at once, each with its lock and arguments."""
    if wanted:
        rows = [{"n": n, "lock": lock, "args": args} for n, (lock, args) in enumerate(wanted)]
        session.execute(DEFER_MANY, {"queue": "hands", "name": name, "jobs": json.dumps(rows, default=str)})
