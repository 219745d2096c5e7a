"""The dispatch: 1,000 agents, 10,000 who wait, 50 queues; then ten times as many of each.

Assignments per second by one dispatcher with everybody waiting; the time from "agent free" (their wrap-up's commit) to
"offer written" (its commit) while agents become free at a steady pace; both beside what the same database needs for
nothing but an offer's own row locks and insert, one transaction each, measured in the same run.
"""

from __future__ import annotations

import time
import uuid
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random

from _common import database, machine, percentile, show
from sqlalchemy import select, text

from app.db import connect, sessions, unit_of_work
from app.interactions.models import Interaction, State
from app.routing.dispatch import AT_MOST, AT_ONCE, dispatch
from app.routing.release import end_work

AGENTS, WAITING, QUEUES = 1_000, 10_000, 50
FREE_AT_ONCE = 500
PACES, FOR_S = (10, 40), 15
"""Agents who become free each second, and for how long: a pace of everyday, and one that keeps a machine of two cores
busy.
"""
BARE = 500

FLOOR = """
INSERT INTO queue (key, name, ring_s, retry_cooldown_s, wrap_up_s, max_wait_s, default_aht_s, service_level_s,
    short_abandon_s, method)
SELECT 'q' || n, 'Queue ' || n, 20, 30, 60, 86400, 240, 20, 5,
    (ARRAY['longest_idle','round_robin','skills','longest_idle'])[1 + n % 4]
FROM generate_series(1, :queues) n;
INSERT INTO skill (key, name) VALUES ('es', 'Spanish'), ('fr', 'French');
INSERT INTO "user" (email, name, active, fs_uniquifier)
SELECT n || '@bench.test', 'Agent ' || n, true, 'u' || n FROM generate_series(1, :agents) n;
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
INSERT INTO agent_state (user_id, presence, not_responding, version)
SELECT id, 'available', false, 1 FROM "user";
CREATE TABLE bare_offer (LIKE offer INCLUDING ALL);
ALTER TABLE bare_offer ALTER COLUMN id RESTART WITH 1;
ANALYZE;
"""

FREE_MANY = """
WITH ended AS (
    UPDATE offer SET state = 'completed', ended_at = clock_timestamp()
    WHERE id IN (SELECT id FROM offer WHERE state = 'wrapping' ORDER BY id LIMIT :count)
    RETURNING interaction_id, user_id
), over AS (
    UPDATE interaction SET state = 'completed', ended_at = clock_timestamp(), wake_at = NULL, version = version + 1
    WHERE id IN (SELECT interaction_id FROM ended)
), closed AS (
    UPDATE segment SET ended_at = clock_timestamp()
    WHERE interaction_id IN (SELECT interaction_id FROM ended) AND ended_at IS NULL
) SELECT count(*) FROM ended
"""


def main() -> None:
    machine()
    first, tenfold = measure(1), measure(10)
    show("ten times as many: assignments per second, of before", tenfold[0] / first[0], "ratio", "goal 0.67 or more")
    show("ten times as many: p99 at a steady pace, against before", tenfold[1] / first[1], "times", "goal 1.5 or less")


def measure(factor: int) -> tuple[float, float]:
    """Everything at `factor` times the size; assignments per second, and the p99 in ms at 10 a second."""
    agents, waiting, queues = AGENTS * factor, WAITING * factor, QUEUES * factor
    print(f"  {agents:,} agents, {waiting:,} waiting, {queues:,} queues")
    with database() as url:
        began = time.perf_counter()
        furnish(agents, waiting, queues)
        show("the floor is set up", time.perf_counter() - began, "s")
        before = bare_cost()
        per_s = assignments_per_s()
        bare_s = (before + bare_cost()) / 2
        show("two row locks and one insert, bare", bare_s * 1000, "ms")
        show("assignments by one dispatcher", per_s, "per s", f"{FREE_AT_ONCE} agents become free at once")
        show(
            "an assignment beside its bare locks and insert", per_s * bare_s, "ratio", "goal 0.6; 1 = as cheap as bare"
        )
        p99s = [free_to_offered(url, pace) for pace in PACES]
    return per_s, p99s[0]


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
    """Five hundred become free at once; one dispatcher matches until nobody is left, as the worker's job does."""
    with unit_of_work() as session:
        session.execute(text(FREE_MANY), {"count": FREE_AT_ONCE})
    began, made, most = time.perf_counter(), 0, AT_ONCE
    while True:
        with unit_of_work() as session:
            offers = len(dispatch(session, most))
        made += offers
        if offers < most:
            assert made == FREE_AT_ONCE, made
            return made / (time.perf_counter() - began)
        most = min(2 * most, AT_MOST)


def free_to_offered(url: str, pace: int) -> float:
    """The p99 in ms when so many agents a second end their wrap-up, in a process of their own, at random moments.

    The dispatcher works as the worker does: asked, it looks once.
    """
    with unit_of_work() as session:  # the calls that rang before are talked and wrapped up
        session.execute(text("UPDATE offer SET state = 'wrapping' WHERE state = 'pending'"))
        session.execute(
            text("UPDATE interaction SET state = 'wrapping', disposition_code = 'DONE' WHERE state = 'offered'")
        )
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    desks = context.Process(target=end_wrap_ups, args=(url, pace, there))
    desks.start()
    freed: dict[int, float] = {}
    offered: dict[int, float] = {}
    while here.poll(None):
        news = [here.recv()]
        while here.poll():
            news.append(here.recv())
        freed.update(each for each in news if each is not None)
        with unit_of_work() as session:
            users = [offer.user_id for offer in dispatch(session)]
        offered.update(dict.fromkeys(users, time.perf_counter()))
        if None in news:
            break
    desks.join()
    waits = [max(0.0, offered[user] - at) * 1000 for user, at in freed.items() if user in offered]
    assert len(waits) >= 0.99 * len(freed), (len(offered), len(freed))
    span = max(freed.values()) - min(freed.values())
    note = f"{len(freed) / span:.0f} agents become free each second"
    show("agent free to offer written, median", percentile(waits, 50), "ms", note)
    show("agent free to offer written, p99", percentile(waits, 99), "ms", note)
    return percentile(waits, 99)


def end_wrap_ups(url: str, pace: int, told: Connection) -> None:
    """Other people's desktops: wrap-ups end as the pages end them, and the moment of each commit is told."""
    connect(url)
    chance = Random(7)  # noqa: S311 - the same moments every time
    due = time.perf_counter() + 0.5
    for call, user in _wrapping(pace * FOR_S):
        due += chance.expovariate(pace)
        time.sleep(max(0.0, due - time.perf_counter()))
        with unit_of_work() as session:
            assert end_work(session, session.get_one(Interaction, call), actor="system", reason="wrapped_up")
        told.send((user, time.perf_counter()))
    told.send(None)


def _wrapping(count: int) -> list[tuple[uuid.UUID, int]]:
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


if __name__ == "__main__":
    main()
