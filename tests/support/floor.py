"""A busy floor on the real tables: queues, two hundred agents in every state, calls, who waits, and a morning's past.

    with unit_of_work() as session:
        floor = furnish(session)

And the web process in this one, on a port of its own: `with served(app) as url: …`.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import uvicorn
from flask import Flask
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.accounts.models import Role, User, user_role
from app.asgi import make_asgi
from app.customers.models import Customer
from app.db import Base, database_now
from app.interactions.models import Interaction, Segment
from app.routing.models import AgentSession, AgentState, Offer, Queue, QueueMember

QUEUES = ("Sales", "Support", "Billing", "Business", "New customers", "Complaints", "Español", "中文服务")
FIRST = ("Ana", "Bo", "Cy", "Di", "Eve", "Farid", "Gu", "Hedda", "Ines", "Jo", "Kofi", "Lena", "Mei", "Nils", "Olu",
         "Pia", "Quinn", "Rosa", "Sven", "Tariq", "Uma", "Vera", "Wen", "Ximena", "Yusuf")  # fmt: skip
LAST = ("Souza", "Chen", "Okafor", "Lindqvist", "García Márquez", "Nguyen", "Iyer", "de la Fuente y Alarcón-Montenegro")
CALLERS = ("Mira Chen", "Joe Abara", None, "Priya Raman", "Lars Holm", "Nadia El-Sayed", None, "Tomás Rivera")
SPREAD = (
    ("talking", 92),
    ("ready", 38),
    ("wrapping", 17),
    ("held", 6),
    ("break", 19),
    ("ringing", 3),
    ("unreachable", 4),
    ("not_responding", 3),
    ("agent_lost", 1),
    ("offline", 17),
)
"""How many of two hundred agents do what; a smaller floor has its share of each state (from fifty on: of every one)."""
ALL_AGENTS = sum(count for _, count in SPREAD)
AT_WORK = {"talking": "active", "held": "held", "wrapping": "wrapping", "agent_lost": "agent_lost"}


@dataclass
class Furnished:
    """Ids by name."""

    queues: dict[str, int] = field(default_factory=dict)
    agents: dict[str, int] = field(default_factory=dict)
    by_status: dict[str, list[str]] = field(default_factory=dict)


def furnish(session: Session, *, agents: int = ALL_AGENTS, waiting: int = 14, past: int = 400) -> Furnished:
    """Everything that `SPREAD` names, the same each time."""
    dice = random.Random(7)
    made, now = Furnished(), database_now(session)
    for name in QUEUES:
        queue = Queue(key=f"q{len(made.queues)}", name=name, service_level_s=20, service_level_target=80)
        session.add(queue)
        session.flush()
        made.queues[name] = queue.id
    role = Role(name="agent")
    session.add(role)
    session.flush()
    people = _people(session, made, agents, role.id)
    contacts = []
    for name, status in people:
        since = now - timedelta(seconds=dice.randint(3, 1500))
        agent_id = made.agents[name]
        session.add_all(_at_work(made, agent_id, status, since, now, dice))
        if status in AT_WORK:
            contacts.append(_Contact(since, AT_WORK[status], agent_id))
        if status == "ringing":
            contacts.append(_Contact(now - timedelta(seconds=dice.randint(3, 9)), "offered", agent_id))
    contacts += [_Contact(now - timedelta(seconds=dice.randint(2, 240)), "queued") for _ in range(waiting)]
    _contacts(session, made, contacts, dice)
    _past(session, made, now, past, dice)
    return made


def _people(session: Session, made: Furnished, count: int, role_id: int) -> list[tuple[str, str]]:
    """The agents with their role, as (name, what they do)."""
    names = [f"{first} {last}" for last, first in itertools.product(LAST, FIRST)][
        :: max(1, ALL_AGENTS // max(1, count))
    ]
    shares = [(status, -(-of_all * count // ALL_AGENTS)) for status, of_all in SPREAD]
    statuses = [status for status, share in shares for _ in range(share)]
    people = list(zip(names, statuses, strict=False))[:count]
    users = [
        User(email=f"a{number}@example.test", name=name, active=True, fs_uniquifier=uuid.uuid4().hex)
        for number, (name, _) in enumerate(people)
    ]
    session.add_all(users)
    session.flush()
    if users:
        session.execute(insert(user_role), [{"user_id": user.id, "role_id": role_id} for user in users])
    for user, (name, status) in zip(users, people, strict=True):
        made.agents[name] = user.id
        made.by_status.setdefault(status, []).append(name)
    return people


def _at_work(
    made: Furnished, user_id: int, status: str, since: datetime, now: datetime, dice: random.Random
) -> Iterator[Base]:
    """An agent's state, tab and queues."""
    presence = status if status in ("break", "offline") else "available"
    state: dict[str, Any] = {
        "presence": presence,
        "reason": dice.choice(("lunch", "pause", "meeting")) if presence == "break" else None,
        "not_responding": status == "not_responding",
        "changed_at": since,
        "idle_since": since,
        "next_presence": "break" if status == "talking" and dice.random() < 0.06 else None,
    }
    yield AgentState(user_id=user_id, **state)
    if presence != "offline":
        ready = status != "unreachable"
        problem = None if ready else "microphone_blocked"
        lease = now + timedelta(hours=2)
        yield AgentSession(id=uuid.uuid4(), user_id=user_id, phone_ready=ready, problem=problem, expires_at=lease)
    for queue_id in dice.sample(list(made.queues.values()), dice.randint(1, 3)):
        yield QueueMember(queue_id=queue_id, user_id=user_id)


@dataclass(frozen=True, slots=True)
class _Contact:
    """A call in this state since then; with an agent or without."""

    since: datetime
    state: str
    agent_id: int | None = None


def _contacts(session: Session, made: Furnished, contacts: list[_Contact], dice: random.Random) -> None:
    """Calls with their customers, segments and offers; all of a kind at once, so that a busy floor is made quickly."""
    customers = [Customer(name=dice.choice(CALLERS)) for _ in contacts]
    session.add_all(customers)
    session.flush()
    calls = [_call(made, each, customer, dice) for each, customer in zip(contacts, customers, strict=True)]
    session.add_all(calls)
    session.flush()
    for each, call in zip(contacts, calls, strict=True):
        about: dict[str, Any] = {"interaction_id": call.id, "queue_id": call.queue_id}
        session.add(Segment(state=each.state, agent_id=each.agent_id, started_at=each.since, **about))
        if each.agent_id is not None:
            stands = {"active": "accepted", "held": "accepted", "agent_lost": "accepted", "offered": "pending"}
            state, until = stands.get(each.state, each.state), each.since + timedelta(hours=1)
            session.add(Offer(user_id=each.agent_id, state=state, expires_at=until, **about))
    session.flush()


def _call(made: Furnished, contact: _Contact, customer: Customer, dice: random.Random) -> Interaction:
    return Interaction(
        customer_id=customer.id,
        channel="voice",
        direction="inbound",
        remote_address=f"+1555020{dice.randint(1000, 9999)}",
        our_address="+15550100100",
        state=contact.state,
        queue_id=dice.choice(list(made.queues.values())),
        agent_id=contact.agent_id,
        virtual_start=contact.since - timedelta(seconds=8),
        created_at=contact.since - timedelta(seconds=30),
        answered_at=None if contact.state in ("queued", "offered") else contact.since,
        context={},
    )


def _past(session: Session, made: Furnished, now: datetime, count: int, dice: random.Random) -> None:
    """What the morning brought: most answered, some in time, some who gave up."""
    customer = Customer(name="Earlier caller")
    session.add(customer)
    session.flush()
    rows = []
    for _ in range(count):
        ended = now - timedelta(seconds=dice.randint(10, 1700))
        waited = dice.choice((3, 6, 9, 12, 18, 25, 70))
        gave_up = dice.random() < 0.07
        rows.append(
            {
                "id": uuid.uuid4(),
                "customer_id": customer.id,
                "channel": "voice",
                "direction": "inbound",
                "remote_address": "+15550200000",
                "our_address": "+15550100100",
                "state": "abandoned" if gave_up else "completed",
                "queue_id": dice.choice(list(made.queues.values())),
                "virtual_start": ended - timedelta(seconds=waited),
                "created_at": ended - timedelta(seconds=waited + 20),
                "answered_at": None if gave_up else ended,
                "ended_at": ended,
            }
        )
    if rows:
        session.execute(insert(Interaction), rows)


@contextmanager
def served(app: Flask, patience_s: float = 20) -> Iterator[str]:
    """The web process (pages, JSON, /live) in a thread, on a free port."""
    config = uvicorn.Config(make_asgi(app), host="127.0.0.1", port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + patience_s
    while not server.started:
        assert time.monotonic() < deadline and thread.is_alive(), "the web process did not start"
        time.sleep(0.01)  # polled with a deadline
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(patience_s)
