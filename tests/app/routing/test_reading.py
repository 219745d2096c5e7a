"""What a decision reads: as little as it needs, and yet the same answer as if it had read everything."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.interactions.models import Interaction
from app.routing import dispatch as routing
from app.routing.dispatch import dispatch
from app.routing.models import AgentState, Method, Offer, Queue
from app.routing.offers import accept_offer, cancel_offers, reject_offer
from app.routing.release import caller_gone, end_work
from tests import factories as make

MANY = """
INSERT INTO "user" (email, name, active, fs_uniquifier)
SELECT n || '@many.test', 'Agent ' || n, true, 'many' || n FROM generate_series(1, :agents) n;
INSERT INTO agent_state (user_id, presence, not_responding, version, idle_since)
SELECT id, 'available', false, 1, now() - id * interval '1 s' FROM "user" WHERE fs_uniquifier LIKE 'many%';
INSERT INTO agent_session (id, user_id, phone_ready, expires_at)
SELECT gen_random_uuid(), id, true, now() + interval '1 day' FROM "user" WHERE fs_uniquifier LIKE 'many%';
INSERT INTO queue_member (queue_id, user_id)
SELECT :queue, id FROM "user" WHERE fs_uniquifier LIKE 'many%';
"""
WAITING = text(
    """
    INSERT INTO interaction (id, customer_id, channel, direction, remote_address, our_address, state, version,
        queue_id, virtual_start, queued_at, wake_at, wait_until, priority_min)
    SELECT gen_random_uuid(), :customer, 'voice', 'inbound', '+15550100001', '+15550100000', 'queued', 1, :queue,
        now() - n * interval '1 s', now(), now() + interval '1 h', now() + interval '1 h', 0
    FROM generate_series(1, :waiting) n
    """
)
TALKING = text(
    """
    WITH calls AS (
        INSERT INTO interaction (id, customer_id, channel, direction, remote_address, our_address, state, version,
            queue_id, virtual_start, priority_min, agent_id)
        SELECT gen_random_uuid(), :customer, 'voice', 'inbound', '+15550100001', '+15550100000', 'active', 1, :queue,
            now(), 0, id FROM "user" WHERE fs_uniquifier LIKE 'many%'
        RETURNING id, agent_id
    )
    INSERT INTO offer (interaction_id, queue_id, user_id, role, state, expires_at)
    SELECT id, :queue, agent_id, 'primary', 'accepted', now() FROM calls
    """
)


def many(session: Session, agents: int, waiting: int, method: str, *, busy: bool) -> None:
    """A queue with so many agents, in a call or idle, and so many who wait."""
    sales = make.queue(session, method=method, rings=[{"stay_s": 60, "drop": ["french"]}])
    facts = {"agents": agents, "waiting": waiting, "queue": sales.id, "customer": make.customer(session).id}
    for statement in MANY.split(";")[:-1]:
        session.execute(text(statement), facts)
    session.execute(WAITING, facts)
    if busy:
        session.execute(TALKING, facts)
        make.agent(session, "Ana", [sales])


@contextmanager
def counting_rows(session: Session) -> Iterator[list[int]]:
    """How many rows the statements in this block bring or change."""
    rows: list[int] = []

    def note(connection: object, cursor: object, *_: object) -> None:
        rows.append(max(0, cursor.rowcount))  # type: ignore[attr-defined]

    engine = session.get_bind()
    assert isinstance(engine, Engine)
    event.listen(engine, "after_cursor_execute", note)
    try:
        yield rows
    finally:
        event.remove(engine, "after_cursor_execute", note)


@pytest.mark.parametrize(
    ("agents", "waiting", "method", "busy"),
    [
        pytest.param(150, 300, "longest_idle", True, id="one agent is free"),
        *(
            pytest.param(150, 1, method, False, id=f"one caller waits, {method}")
            for method in ("longest_idle", "fewest_today", "bullseye")
        ),
    ],
)
def test_a_decision_reads_no_more_when_the_floor_has_ten_times_the_people(
    session: Session, agents: int, waiting: int, method: str, busy: bool
) -> None:
    read = []
    for factor in (1, 10):
        with session.begin_nested() as kept:
            many(session, agents * factor, waiting * factor if busy else waiting, method, busy=busy)
            with counting_rows(session) as rows:
                assert len(dispatch(session)) == 1
            read.append(sum(rows))
            kept.rollback()
    assert read[1] <= read[0] + 1, read


@pytest.mark.parametrize("seed", range(10))
def test_what_is_left_unread_changes_no_decision(session: Session, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = Random(seed)
    _any_floor(session, chance)
    for most in (1, 3, 6):
        everything = _decided(session, monkeypatch, most, few=1000)
        little = _decided(session, monkeypatch, most, few=0)
        assert little == everything, (seed, most)
        assert everything


def test_a_caller_of_a_line_that_was_not_read_is_not_passed_over(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "FEW", 0)
    monkeypatch.setattr(routing, "LINES_EACH", 1)
    sales, support = make.queue(session, "sales"), make.queue(session, "support")
    for name in ("Ana", "Ben"):
        make.agent(session, name, [sales, support])
    make.waiting_call(session, sales, waited_s=100, skills={"french": 1})  # whom nobody here can serve
    first = make.waiting_call(session, sales, waited_s=90)
    make.waiting_call(session, sales, waited_s=10)
    second = make.waiting_call(session, support, waited_s=50)
    assert {offer.interaction_id for offer in dispatch(session, 2)} == {first.id, second.id}


def _any_floor(session: Session, chance: Random) -> None:
    """Four queues of any methods, agents of any skills and levels who work in some of them, and who waits.

    Some of the agents have had contacts today.
    """
    words = ["french", "german"]
    methods = chance.sample([method.value for method in Method], 4)
    queues = [
        make.queue(
            session,
            f"q{n}",
            method=method,
            weight=chance.choice([0, 30]),
            skill_rule=chance.choice(["all", "all", "best", "disregard"]),
            rings=[{"stay_s": 60, "drop": ["french"]}],
        )
        for n, method in enumerate(methods)
    ]
    people = []
    for n in range(12):
        skills = {word: chance.randint(1, 5) for word in words if chance.random() < 0.5}
        queues_of = chance.sample(queues, chance.randint(1, 2))
        facts: dict[str, Any] = {"idle_s": chance.randint(0, 500), "level": chance.randint(1, 2)}
        people.append((make.agent(session, f"A{n}", queues_of, skills=skills, **facts), queues_of))
    for _ in range(10):
        skills = {word: chance.randint(1, 3) for word in words if chance.random() < 0.3}
        make.waiting_call(session, chance.choice(queues), waited_s=chance.randint(0, 200), skills=skills)
    last = make.waiting_call(session, queues[0])  # whom anybody there may take
    for agent, queues_of in people:
        had = Offer(interaction_id=last.id, user_id=agent.id, state="completed", expires_at=agent.created_at)
        had.queue_id = chance.choice(queues_of).id
        session.add_all([had] if chance.random() < 0.5 else [])
    session.flush()


def _decided(session: Session, monkeypatch: pytest.MonkeyPatch, most: int, few: int) -> list[tuple[uuid.UUID, int]]:
    monkeypatch.setattr(routing, "FEW", few)
    monkeypatch.setattr(routing, "LINES_EACH", 1)
    monkeypatch.setattr(routing, "SPARE", 0)
    with session.begin_nested() as kept:
        made = sorted(((offer.interaction_id, offer.user_id) for offer in dispatch(session, most)), key=str)
        kept.rollback()
    session.expire_all()
    return made


# Who has a call at hand


def at_hand(session: Session, agent: User) -> bool:
    session.expire_all()
    return session.scalars(select(AgentState.has_call).where(AgentState.user_id == agent.id)).one()


def ring(session: Session, queue: Queue) -> tuple[Interaction, Offer]:
    call = make.waiting_call(session, queue)
    (offer,) = dispatch(session)
    return call, offer


def test_the_database_notes_who_has_a_call_from_its_ring_to_the_end_of_its_wrap_up(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    assert not at_hand(session, ana)
    call, offer = ring(session, sales)
    assert at_hand(session, ana)
    accept_offer(session, offer.id)
    caller_gone(session, call.id)
    assert at_hand(session, ana), "wrapping up"
    end_work(session, call, actor="test")
    assert not at_hand(session, ana)


@pytest.mark.parametrize("end", ["rejected", "canceled", "forgotten"])
def test_a_call_that_is_not_taken_is_not_at_hand(session: Session, end: str) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    call, offer = ring(session, sales)
    if end == "rejected":
        reject_offer(session, offer.id)
    elif end == "canceled":
        cancel_offers(session, call.id, "caller_hung_up")
    else:
        session.delete(offer)
        session.flush()
    assert not at_hand(session, ana)


def test_a_text_is_no_call_and_an_agent_first_seen_in_a_call_has_one(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales, channel="sms")
    assert len(dispatch(session)) == 1
    assert not at_hand(session, ana)
    ben = make.user(session, "Ben")
    session.add(
        Offer(
            interaction_id=make.waiting_call(session, sales).id,
            user_id=ben.id,
            state="accepted",
            expires_at=ana.created_at,
        )
    )
    session.flush()
    session.add(AgentState(user_id=ben.id, presence="available"))
    session.flush()
    assert at_hand(session, ben)


def test_an_agent_who_may_write_beside_a_call_is_still_found(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    ana.capacity = {"voice": 1, "chat": 2, "interruptible_by": {"voice": ["chat"]}}
    _, offer = ring(session, sales)
    accept_offer(session, offer.id)
    written = make.waiting_call(session, sales, channel="sms")
    assert [(each.interaction_id, each.user_id) for each in dispatch(session)] == [(written.id, ana.id)]
