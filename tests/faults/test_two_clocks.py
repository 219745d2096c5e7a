"""Two workers, one clock (F22): whoever leads stands still for longer than its lease, and wakes up overtaken."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from app.callbacks.models import Callback
from app.callbacks.policy import set_policy
from app.db import database_now, unit_of_work
from app.leases import Lease
from app.routing.models import Queue
from tests.app.callbacks.conftest import a_callback
from tests.faults.calls import CALLER, read, wrap_up
from tests.faults.test_callbacks import assert_kept, is_called_back, outcomes
from tests.support.house import LINE, House

pytestmark = pytest.mark.timeout(300)
HOUSE = {"workers": 2}
TAKES_OVER_WITHIN_S = 30


def test_a_leader_that_stood_still_wakes_up_overtaken_and_nobody_is_called_twice(house: House) -> None:
    caller = house.phone(CALLER)
    ana = house.agent("Ana")
    let_the_first_worker_lead(house)
    overtaken = lease_token()
    house.freeze("worker")
    with unit_of_work() as session:
        queue = session.scalars(select(Queue)).one()
        set_policy(session, queue.id, quiet="00:00-24:00", per_slot=5)
        a_callback(session, queue, CALLER, in_min=1, minutes=120).our_address = LINE
    come_due_now()
    house.until(lambda: lease_token() > overtaken, "the other one leads", TAKES_OVER_WITHIN_S)
    is_called_back(house, caller, ana)
    house.thaw("worker")
    house.until(lambda: knows_that_it_was_overtaken(house), "the first one follows", TAKES_OVER_WITHIN_S)
    caller.hang_up()
    wrap_up(house, ana)
    assert_kept(house)
    assert outcomes() == ["connected"]
    assert lease_token() == overtaken + 1, "nobody took the clock back"


def let_the_first_worker_lead(house: House) -> None:
    house.stop("worker2")
    house.until(lambda: lease_token() > 0, "a worker leads", TAKES_OVER_WITHIN_S)
    house.start("worker2")


def lease_token() -> int:
    """Grows with every change of the leader; 0 while nobody leads."""
    [token] = read(select(Lease.token).where(Lease.name == "clock", Lease.expires_at > func.clock_timestamp())) or [0]
    return token


def come_due_now() -> None:
    with unit_of_work() as session:
        now = database_now(session)
        session.execute(update(Callback).values(window_start=now, due_at=now, virtual_start=now))


def knows_that_it_was_overtaken(house: House) -> bool:
    said = house.log_of("worker", 10_000).rpartition("clock.leading")[2]
    return "clock.fenced_off" in said or "clock.following" in said
