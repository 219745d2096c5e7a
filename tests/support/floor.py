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
from app.db import database_now
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
"""How many agents do what: 200."""
AT_WORK = {"talking": "active", "held": "held", "wrapping": "wrapping", "agent_lost": "agent_lost"}


@dataclass
class Furnished:
    """Ids by name."""

    queues: dict[str, int] = field(default_factory=dict)
    agents: dict[str, int] = field(default_factory=dict)
    by_status: dict[str, list[str]] = field(default_factory=dict)


def furnish(session: Session, *, agents: int = 200, waiting: int = 14, past: int = 400) -> Furnished:
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
    names = itertools.product(LAST, FIRST)
    statuses = itertools.cycle([status for status, count in SPREAD for _ in range(count)])
    for (last, first), status in itertools.islice(zip(names, statuses, strict=False), agents):
        _agent(session, made, f"{first} {last}", status, role.id, now, dice)
    for _ in range(waiting):
        _contact(session, made, now - timedelta(seconds=dice.randint(2, 240)), "queued", dice)
    _past(session, made, now, past, dice)
    return made


def _agent(
    session: Session, made: Furnished, name: str, status: str, role_id: int, now: datetime, dice: random.Random
) -> None:
    user = User(email=f"a{len(made.agents)}@example.test", name=name, active=True, fs_uniquifier=uuid.uuid4().hex)
    session.add(user)
    session.flush()
    session.execute(insert(user_role).values(user_id=user.id, role_id=role_id))
    presence = status if status in ("break", "offline") else "available"
    since = now - timedelta(seconds=dice.randint(3, 1500))
    state: dict[str, Any] = {
        "presence": presence,
        "reason": dice.choice(("lunch", "pause", "meeting")) if presence == "break" else None,
        "not_responding": status == "not_responding",
        "changed_at": since,
        "idle_since": since,
        "next_presence": "break" if status == "talking" and dice.random() < 0.06 else None,
    }
    session.add(AgentState(user_id=user.id, **state))
    if presence != "offline":
        ready = status != "unreachable"
        problem = None if ready else "microphone_blocked"
        lease = now + timedelta(hours=2)
        session.add(
            AgentSession(id=uuid.uuid4(), user_id=user.id, phone_ready=ready, problem=problem, expires_at=lease)
        )
    for queue_id in dice.sample(list(made.queues.values()), dice.randint(1, 3)):
        session.add(QueueMember(queue_id=queue_id, user_id=user.id))
    session.flush()
    if status in AT_WORK:
        _contact(session, made, since, AT_WORK[status], dice, user.id)
    if status == "ringing":
        _contact(session, made, now - timedelta(seconds=dice.randint(3, 9)), "offered", dice, user.id)
    made.agents[name] = user.id
    made.by_status.setdefault(status, []).append(name)


def _contact(
    session: Session, made: Furnished, since: datetime, state: str, dice: random.Random, agent_id: int | None = None
) -> None:
    customer = Customer(name=dice.choice(CALLERS))
    session.add(customer)
    session.flush()
    queue_id = dice.choice(list(made.queues.values()))
    contact = Interaction(
        customer_id=customer.id,
        channel="voice",
        direction="inbound",
        remote_address=f"+1555020{dice.randint(1000, 9999)}",
        our_address="+15550100100",
        state=state,
        queue_id=queue_id,
        agent_id=agent_id,
        virtual_start=since - timedelta(seconds=8),
        created_at=since - timedelta(seconds=30),
        answered_at=None if state in ("queued", "offered") else since,
        context={},
    )
    session.add(contact)
    session.flush()
    session.add(Segment(interaction_id=contact.id, state=state, queue_id=queue_id, agent_id=agent_id, started_at=since))
    if agent_id is not None:
        offer = {"active": "accepted", "held": "accepted", "agent_lost": "accepted", "offered": "pending"}
        session.add(
            Offer(
                interaction_id=contact.id,
                queue_id=queue_id,
                user_id=agent_id,
                state=offer.get(state, state),
                expires_at=since + timedelta(hours=1),
            )
        )
    session.flush()


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
