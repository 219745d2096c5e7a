"""The clock's lease: one leader, fenced (F22), on the real database."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app import clock, leases
from app.clock import Clock, Tick
from app.db import unit_of_work
from app.jobs import enqueue


def write_a_lease(session) -> None:
    leases.acquire(session, "written-by-tick", "tick", 60)


def was_written() -> bool:
    with unit_of_work() as session:
        return bool(session.execute(text("SELECT count(*) FROM lease WHERE name = 'written-by-tick'")).scalar())


def expire_the_lease() -> None:
    with unit_of_work() as session:
        session.execute(text("UPDATE lease SET expires_at = now() - interval '1 second' WHERE name = 'clock'"))


def test_only_one_of_two_clocks_leads(database: str) -> None:
    first, second = Clock(), Clock()
    first.campaign()
    second.campaign()
    assert first.token is not None
    assert second.token is None


def test_a_leader_that_falls_asleep_in_the_middle_of_a_tick_does_not_stop_the_clock(database: str) -> None:
    sleeper, successor = Clock(lease_s=0.4), Clock()
    sleeper.campaign()

    def sleeps(session) -> None:
        write_a_lease(session)
        successor.campaign()  # waits for the row that the sleeper holds, until the database takes it away
        assert successor.token is not None
        session.execute(text("SELECT 1"))

    sleeper.run_tick(Tick("t", 1, sleeps))
    assert successor.token is not None
    assert not was_written()


def test_a_leader_that_slept_past_its_lease_writes_nothing_when_it_wakes(database: str) -> None:
    sleeper, successor = Clock(), Clock()
    sleeper.campaign()
    expire_the_lease()
    successor.campaign()
    assert successor.token is not None
    sleeper.run_tick(Tick("t", 1, write_a_lease))
    assert not was_written()
    assert sleeper.token is None
    successor.run_tick(Tick("t", 1, write_a_lease))
    assert was_written()


def test_renewing_keeps_the_token_and_taking_over_raises_it(database: str) -> None:
    leader, other = Clock(), Clock()
    leader.campaign()
    token = leader.token
    leader.campaign()
    assert leader.token == token
    expire_the_lease()
    other.campaign()
    assert other.token is not None and token is not None and other.token > token


def test_a_tick_that_fails_leaves_nothing_half_done_and_the_clock_goes_on(database: str) -> None:
    def half(session) -> None:
        write_a_lease(session)
        raise RuntimeError("boom")

    leader = Clock()
    leader.campaign()
    leader.run_tick(Tick("half", 1, half))
    assert not was_written()
    leader.run_tick(Tick("whole", 1, write_a_lease))
    assert was_written()


def test_a_given_back_lease_is_free_at_once(database: str) -> None:
    first, second = Clock(), Clock()
    first.start()
    first.stop()
    second.campaign()
    assert second.token is not None


@pytest.mark.parametrize("heard_ago_s", [5, 120])
def test_a_job_of_a_dead_worker_is_done_again_and_a_living_ones_is_left(database: str, heard_ago_s: int) -> None:
    from app.worker import wake_stalled_jobs

    with unit_of_work() as session:
        enqueue(session, "test.stalled")
        worker = session.execute(
            text(
                "INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - make_interval(secs => :s)) RETURNING id"
            ),
            {"s": heard_ago_s},
        ).scalar()
        session.execute(text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :w"), {"w": worker})
    with unit_of_work() as session:
        wake_stalled_jobs(session)
        status = session.execute(text("SELECT status FROM procrastinate_jobs")).scalar()
        session.execute(text("DELETE FROM procrastinate_jobs"))
        session.execute(text("DELETE FROM procrastinate_workers"))
    assert status == ("todo" if heard_ago_s > 30 else "doing")


def test_every_tick_has_a_name_and_an_interval() -> None:
    for each in clock.ticks.values():
        assert each.name and each.every_s > 0
