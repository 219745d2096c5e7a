"""The event log and durable jobs on the real database."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events, jobs, worker
from app.db import unit_of_work
from app.events import Event


def test_an_event_is_written_with_the_change_it_tells(session: Session) -> None:
    events.record(session, "customer.changed", actor="user:1", users=(7,), name="Mira")
    session.commit()
    event = session.scalars(select(Event)).one()
    assert (event.kind, event.topics, event.data) == ("customer.changed", ["user:7", "floor"], {"name": "Mira"})
    assert event.xid > 0


async def test_a_job_that_comes_of_a_job_is_done_in_the_same_go(database: str) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        with unit_of_work() as session:
            jobs.enqueue(session, "test.second")

    jobs.handlers["test.first"] = jobs.Job("test.first", first, "hands", 1)
    jobs.handlers["test.second"] = jobs.Job("test.second", lambda: ran.append("second"), "hands", 1)
    try:
        with unit_of_work() as session:
            jobs.enqueue(session, "test.first")
        await worker.work_off(database)
    finally:
        del jobs.handlers["test.first"], jobs.handlers["test.second"]
    assert ran == ["first", "second"]


async def test_a_job_runs_after_its_transaction_commits_and_not_after_a_rollback(database: str) -> None:
    ran: list[int] = []
    jobs.handlers["test.note"] = jobs.Job("test.note", lambda n: ran.append(n), "hands", 1)
    try:
        with unit_of_work() as session:
            jobs.enqueue(session, "test.note", n=1)
        with unit_of_work() as session:
            jobs.enqueue(session, "test.note", n=2)
            session.rollback()
        await worker.work_off(database)
    finally:
        del jobs.handlers["test.note"]
    assert ran == [1]
