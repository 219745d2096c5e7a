"""The event tail: nothing skipped, nothing twice, resumed by id. Real transactions, interleaved."""

from __future__ import annotations

import asyncio
import json

import psycopg
import pytest
from sqlalchemy import text

from app import db, events
from app.live import Cursor, Hub, TopicRefused, allowed_topics, asked_kinds
from app.worker import plain_url


async def kinds_of(stream, count: int) -> list[dict]:
    """Collect `count` events (not the hello) from a follower."""
    found = []
    async for frame in stream:
        fields = dict(line.split(": ", 1) for line in frame.strip().splitlines() if not line.startswith(":"))
        if fields.get("event") == "hello":
            continue
        found.append(json.loads(fields["data"]))
        if len(found) == count:
            return found
    return found


async def following(hub: Hub, *topics: str):
    """A browser's stream that has said hello: what is committed from now on reaches it."""
    stream = hub.follow(frozenset(topics or {"user:7"}), None)
    assert "hello" in await asyncio.wait_for(anext(stream), 5)
    return stream


def write(session, kind: str) -> None:
    events.record(session, kind, actor="system", users=(7,))
    session.flush()


@pytest.fixture
async def hub(database: str):
    hub = Hub(plain_url(database))
    task = asyncio.create_task(hub.run())
    yield hub
    hub.stop()
    task.cancel()


async def test_a_transaction_that_commits_late_is_not_skipped(hub: Hub) -> None:
    early, late = db.sessions(), db.sessions()
    write(late, "late.first_written")  # takes the lower id, commits last
    write(early, "early.committed")
    follower = await following(hub)
    early.commit()
    late.commit()
    heard = await asyncio.wait_for(kinds_of(follower, 2), 10)
    assert {event["kind"] for event in heard} == {"late.first_written", "early.committed"}


async def test_a_browser_that_comes_back_gets_exactly_what_it_missed(hub: Hub) -> None:
    with db.unit_of_work() as session:
        write(session, "one")
    seen = (await asyncio.wait_for(kinds_of(hub.follow(frozenset({"user:7"}), Cursor(0, 0)), 1), 10))[0]
    sleeper = db.sessions()
    write(sleeper, "three.late")
    with db.unit_of_work() as session:
        write(session, "two")
    sleeper.commit()
    resumed = hub.follow(frozenset({"user:7"}), Cursor.parse(seen["id"]))
    missed = await asyncio.wait_for(kinds_of(resumed, 2), 10)
    assert sorted(event["kind"] for event in missed) == ["three.late", "two"]


async def test_many_interleaved_writers_reach_the_browser_each_once_and_in_resume_order(hub: Hub) -> None:
    async def writer(number: int) -> None:
        connection = await psycopg.AsyncConnection.connect(hub._conninfo)
        async with connection:
            for turn in range(10):
                await connection.execute(
                    "INSERT INTO event (kind, actor, topics, data) VALUES (%s, 'system', '{user:7}', '{}')",
                    (f"w{number}.{turn}",),
                )
                await asyncio.sleep(0.002 * (number % 3))
                if turn % 3 == 2:
                    await connection.commit()

    follower = asyncio.create_task(asyncio.wait_for(kinds_of(await following(hub), 80), 20))
    await asyncio.gather(*(writer(number) for number in range(8)))
    got = await follower
    assert len({event["kind"] for event in got}) == 80
    places = [Cursor.parse(event["id"]) for event in got]
    assert places == sorted(places)


async def test_the_first_browser_after_a_rest_hears_what_comes_then_and_nothing_older(hub: Hub) -> None:
    gone = await following(hub)
    await gone.aclose()
    async with asyncio.timeout(5):
        while hub.ready.is_set():
            await asyncio.sleep(0.01)
    with db.unit_of_work() as session:
        write(session, "nobody.heard")
    follower = await following(hub)
    with db.unit_of_work() as session:
        write(session, "heard")
    assert [event["kind"] for event in await asyncio.wait_for(kinds_of(follower, 1), 10)] == ["heard"]


async def test_at_rest_the_tail_does_not_listen_to_the_database(hub: Hub) -> None:
    gone = await following(hub)
    await gone.aclose()
    last = text("SELECT query FROM pg_stat_activity WHERE query ~ 'LISTEN' AND pid <> pg_backend_pid()")
    async with asyncio.timeout(5):
        while True:
            with db.unit_of_work() as session:
                if session.scalars(last).all() == ["UNLISTEN *"]:
                    return
            await asyncio.sleep(0.05)


async def test_a_browser_that_comes_as_the_last_one_goes_misses_nothing(hub: Hub) -> None:
    for turn in range(20):
        stream = await following(hub)
        with db.unit_of_work() as session:
            write(session, f"turn.{turn}")
        assert [event["kind"] for event in await asyncio.wait_for(kinds_of(stream, 1), 10)] == [f"turn.{turn}"]
        await stream.aclose()
        await asyncio.sleep(0.01 * (turn % 7))


async def test_whispers_reach_their_topic_and_are_not_stored(hub: Hub) -> None:
    stream = hub.follow(frozenset({"interaction:x"}), None)
    hello = await anext(stream)
    assert "hello" in hello
    with db.unit_of_work() as session:
        events.whisper(session, "interaction:x", "transcript.partial", {"text": "hel"})
        events.whisper(session, "interaction:x", "transcript.partial", {"text": "long " * 4000})
    first, second = await asyncio.wait_for(anext(stream), 5), await asyncio.wait_for(anext(stream), 5)
    assert '"text": "hel"' in first and "transcript.partial" in second
    with db.unit_of_work() as session:
        assert session.execute(text("SELECT count(*) FROM event")).scalar() == 0


@pytest.mark.parametrize("bad", ["", "1", "1-", "x-1", "1-2-3", "9" * 30 + "-1", "1-1;drop"])
def test_a_wrong_resume_id_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="event id"):
        Cursor.parse(bad)


def test_an_agent_follows_own_events_and_records_but_not_colleagues_or_the_floor() -> None:
    record = "customer:6f1c1b7e-8f0e-4a55-9d7c-0d3f3a1e2b4c"
    assert allowed_topics(f"user:7,{record}", 7, False) == {"user:7", record}
    for topic in ("user:8", "floor", "queue:1", "customer:*", "nonsense", "", ",".join(f"user:{n}" for n in range(60))):
        with pytest.raises(TopicRefused):
            allowed_topics(topic, 7, False)
    assert allowed_topics("floor,queue:1,user:8", 7, True) == {"floor", "queue:1", "user:8"}


async def test_a_page_that_names_kinds_is_sent_no_others_now_and_afterwards(hub: Hub) -> None:
    with db.unit_of_work() as session:
        for kind in ("offer.made", "flow.step", "offer.ended"):
            write(session, kind)
    only = frozenset({"offer.ended", "offer.late"})
    follower = hub.follow(frozenset({"user:7"}), Cursor(0, 0), only)
    seen = await asyncio.wait_for(kinds_of(follower, 1), 10)
    assert [event["kind"] for event in seen] == ["offer.ended"]
    coming = asyncio.create_task(
        asyncio.wait_for(kinds_of(hub.follow(frozenset({"user:7"}), Cursor.parse(seen[0]["id"]), only), 1), 10)
    )
    await asyncio.sleep(0)
    with db.unit_of_work() as session:
        for kind in ("flow.step", "offer.late"):
            write(session, kind)
    assert [event["kind"] for event in await coming] == ["offer.late"]


@pytest.mark.parametrize(
    "asked", ["x", "offer.made;drop", "a." + "b" * 50, ",".join(f"k.{'a' * n}" for n in range(1, 200))]
)
def test_kinds_that_are_none_are_refused(asked: str) -> None:
    with pytest.raises(TopicRefused):
        asked_kinds(asked)


def test_without_kinds_all_are_sent() -> None:
    assert asked_kinds("") == frozenset()
