"""The dispatch: 1,000 agents, 10,000 who wait, 50 queues; then ten times as many of each.

Assignments per second by one dispatcher with everybody waiting; the time from "agent free" (their wrap-up's commit) to
"offer written" (its commit) while agents become free at a steady pace; both beside what the same database needs for
nothing but an offer's own row locks and insert, one transaction each, measured in the same run.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event, Lock

from _common import database, machine, percentile, show
from sqlalchemy import select, text

from app.db import sessions, unit_of_work
from app.interactions.models import Interaction, State
from app.routing.dispatch import AT_ONCE, dispatch
from app.routing.models import Offer, OfferState
from app.routing.release import end_work

AGENTS, WAITING, QUEUES = 1_000, 10_000, 50
FREE_AT_ONCE = 500
FREED_PER_S, FREED_FOR_S = 10, 20
BARE = 1_000

FLOOR = """
INSERT INTO queue (key, name, ring_s, retry_cooldown_s, wrap_up_s, max_wait_s, default_aht_s, service_level_s,
    short_abandon_s, method)
SELECT 'q' || n, 'Queue ' || n, 20, 30, 60, 86400, 240, 20, 5,
    (ARRAY['longest_idle','round_robin','skills','longest_idle'])[1 + n % 4]
FROM generate_series(1, :queues) n;
INSERT INTO skill (key, name) VALUES ('es', 'Spanish'), ('fr', 'French');
INSERT INTO "user" (email, name, active, fs_uniquifier)
SELECT n || '@bench.test', 'Agent ' || n, true, 'u' || n FROM generate_series(1, :agents) n;
INSERT INTO agent_state (user_id, presence, not_responding, version)
SELECT id, 'available', false, 1 FROM "user";
INSERT INTO agent_session (id, user_id, phone_ready, expires_at)
SELECT gen_random_uuid(), id, true, now() + interval '1 day' FROM "user";
INSERT INTO queue_member (queue_id, user_id)
SELECT DISTINCT 1 + (id * 7 + k * 13) % :queues, id FROM "user", generate_series(0, 1) k;
INSERT INTO agent_skill (user_id, skill_id, level)
SELECT id, 1 + id % 2, 1 + id % 5 FROM "user" WHERE id % 3 = 0;
INSERT INTO customer (id, fields) VALUES (gen_random_uuid(), '{}');
INSERT INTO interaction (id, customer_id, channel, direction, remote_address, our_address, state, version, queue_id,
    virtual_start, queued_at, wake_at, wait_until, priority_min, required_skills)
SELECT gen_random_uuid(), customer.id, 'voice', 'inbound', '+15550100001', '+15550100000', 'queued', 3,
    1 + n % :queues, now() - n * interval '10 ms', now(), now() + interval '1 day', now() + interval '1 day', 0,
    CASE WHEN n % 10 = 0 THEN '{"es": 1}' WHEN n % 10 = 1 THEN '{"fr": 1}' ELSE '{}' END::jsonb
FROM customer, generate_series(1, :waiting) n;
INSERT INTO interaction (id, customer_id, channel, direction, remote_address, our_address, state, version, queue_id,
    virtual_start, queued_at, wake_at, priority_min, agent_id, answered_at, disposition_code)
SELECT gen_random_uuid(), customer.id, 'voice', 'inbound', '+15550100001', '+15550100000', 'wrapping', 5,
    m.queue_id, now(), now(), now() + interval '1 day', 0, m.user_id, now(), 'DONE'
FROM customer, (SELECT user_id, min(queue_id) AS queue_id FROM queue_member GROUP BY user_id) m;
INSERT INTO segment (interaction_id, state, queue_id, agent_id, started_at)
SELECT id, state, queue_id, agent_id, now() FROM interaction;
INSERT INTO offer (interaction_id, queue_id, user_id, role, state, expires_at)
SELECT id, queue_id, agent_id, 'primary', 'wrapping', now() FROM interaction WHERE state = 'wrapping';
CREATE TABLE bare_offer (LIKE offer INCLUDING ALL);
ALTER TABLE bare_offer ALTER COLUMN id RESTART WITH 1;
ANALYZE;
"""


def main() -> None:
    machine()
    first = measure(1)
    tenfold = measure(10)
    show("ten times as many: p99 against before", tenfold / first, "times")


def measure(factor: int) -> float:
    """Everything at `factor` times the size; the p99 from free to offered, in milliseconds."""
    agents, waiting, queues = AGENTS * factor, WAITING * factor, QUEUES * factor
    print(f"  {agents:,} agents, {waiting:,} waiting, {queues:,} queues")
    with database():
        furnish(agents, waiting, queues)
        bare_s = bare_cost()
        per_s = assignments_per_s()
        waits = free_to_offered()
    show("two row locks and one insert, bare", bare_s * 1000, "ms")
    show("assignments by one dispatcher", per_s, "per s")
    show("an assignment beside its bare locks and insert", per_s * bare_s, "ratio", "1 = as cheap as bare")
    p99 = percentile(waits, 99) * 1000
    show("agent free to offer written, median", percentile(waits, 50) * 1000, "ms")
    show("agent free to offer written, p99", p99, "ms", f"{FREED_PER_S} agents become free each second")
    return p99


def furnish(agents: int, waiting: int, queues: int) -> None:
    with unit_of_work() as session:
        for statement in FLOOR.split(";"):
            if statement.strip():
                session.execute(text(statement), {"agents": agents, "waiting": waiting, "queues": queues})


def bare_cost() -> float:
    """Seconds for one transaction with the locks of an interaction and an agent and the insert of an offer."""
    with unit_of_work() as session:
        calls = list(session.scalars(select(Interaction.id).where(Interaction.state == State.QUEUED).limit(BARE)))
        people = list(session.scalars(text('SELECT id FROM "user" ORDER BY id LIMIT 1000')))
    began = time.perf_counter()
    for n, call in enumerate(calls):
        with unit_of_work() as session:
            session.execute(LOCK_CALL, {"id": call})
            session.execute(LOCK_AGENT, {"id": people[n % len(people)]})
            session.execute(INSERT, {"call": call, "agent": people[n % len(people)], "n": n})
    return (time.perf_counter() - began) / len(calls)


LOCK_CALL = text("SELECT 1 FROM interaction WHERE id = :id FOR NO KEY UPDATE SKIP LOCKED")
LOCK_AGENT = text("SELECT 1 FROM agent_state WHERE user_id = :id FOR NO KEY UPDATE SKIP LOCKED")
INSERT = text(
    "INSERT INTO bare_offer (interaction_id, queue_id, user_id, role, state, expires_at, lane) "
    "VALUES (:call, 1, :agent, 'primary', 'completed', now(), :n)"
)


def assignments_per_s() -> float:
    """Half a floor becomes free at once; one dispatcher matches until nobody is left."""
    free(_wrapping(FREE_AT_ONCE))
    began, made = time.perf_counter(), 0
    while True:
        with unit_of_work() as session:
            offers = len(dispatch(session))
        made += offers
        if offers < AT_ONCE:
            return made / (time.perf_counter() - began)


def free_to_offered() -> list[float]:
    """Agents become free one after another while a dispatcher works as the worker does: asked, it looks once."""
    with unit_of_work() as session:  # the calls that rang above are over
        session.execute(text("UPDATE offer SET state = 'wrapping' WHERE state = 'pending'"))
        session.execute(
            text("UPDATE interaction SET state = 'wrapping', disposition_code = 'DONE' WHERE state = 'offered'")
        )
    ending = _wrapping(FREED_PER_S * FREED_FOR_S)
    freed: dict[int, float] = {}
    offered: dict[int, float] = {}
    asked, over, lock = Event(), Event(), Lock()

    def dispatcher() -> None:
        while not over.is_set() or asked.is_set():
            if not asked.wait(0.05):
                continue
            asked.clear()
            with unit_of_work() as session:
                users = [offer.user_id for offer in dispatch(session)]
            now = time.perf_counter()
            with lock:
                offered.update(dict.fromkeys(users, now))

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(dispatcher)
        began = time.perf_counter()
        for n, (call, user) in enumerate(ending):
            time.sleep(max(0.0, began + n / FREED_PER_S - time.perf_counter()))
            free([(call, user)])
            with lock:
                freed[user] = time.perf_counter()
            asked.set()
        time.sleep(1)
        over.set()
        running.result()
    with sessions() as session:
        assert session.scalars(select(Offer).where(Offer.state == OfferState.PENDING)).first() is not None
    assert len(offered) >= 0.99 * len(freed), (len(offered), len(freed))
    return [max(0.0, offered[user] - freed[user]) for user in freed if user in offered]


def _wrapping(count: int) -> list[tuple[object, int]]:
    """Calls being wrapped up, one of each of so many agents, in any order."""
    with sessions() as session:
        rows = session.execute(
            select(Interaction.id, Interaction.agent_id)
            .where(Interaction.state == State.WRAPPING)
            .order_by(Interaction.id)
        ).all()
    found = [(call, user) for call, user in rows if user is not None]
    Random(7).shuffle(found)  # noqa: S311 - the same order every time
    return found[:count]


def free(calls: list[tuple[object, int]]) -> None:
    """End the wrap-up of these calls as the desktop does, each in a transaction of its own."""
    for call, _ in calls:
        with unit_of_work() as session:
            interaction = session.get_one(Interaction, call)
            assert end_work(session, interaction, actor="system", reason="wrapped_up")


if __name__ == "__main__":
    main()
