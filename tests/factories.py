"""Makers of rows that tests start from, on the real tables. Every one flushes; the test commits when it must."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.models import Role, User
from app.customers.identify import identify
from app.customers.models import Customer
from app.db import database_now
from app.interactions.models import Disposition, Interaction, Segment, State
from app.interactions.move import move
from app.interactions.open import open_interaction
from app.routing.enqueue import enqueue_interaction
from app.routing.models import AgentSession, AgentSkill, AgentState, Queue, QueueMember, Skill
from telephony.models import PhoneNumber

OUR_NUMBER = "+15550100000"
_serial = itertools.count(1)


def queue(session: Session, key: str = "sales", **settings: Any) -> Queue:
    """A queue; `settings` are its limits and ways (ring_s=20, max_wait_s=1200, method="round_robin", …)."""
    made = Queue(key=key, name=key.title(), **settings)
    session.add(made)
    session.flush()
    return made


def user(session: Session, name: str = "Ana", roles: Iterable[str] = ("agent",)) -> User:
    """A person who may sign in, with a password that nothing opens."""
    number = next(_serial)
    made = User(
        email=f"{name.lower()}{number}@example.test",
        name=name,
        active=True,
        password="!",
        fs_uniquifier=uuid.uuid4().hex,
        roles=[_role(session, each) for each in roles],
    )
    session.add(made)
    session.flush()
    return made


def agent(
    session: Session,
    name: str = "Ana",
    queues: Iterable[Queue] = (),
    *,
    presence: str = "available",
    phone_ready: bool = True,
    idle_s: float = 0,
    skills: Mapping[str, int] | None = None,
    level: int = 1,
    delay_s: int = 0,
) -> User:
    """An agent at their desk: member of `queues`, available, with a live phone, idle for `idle_s` seconds."""
    made = user(session, name)
    now = database_now(session)
    session.add(AgentState(user_id=made.id, presence=presence, idle_since=now - timedelta(seconds=idle_s)))
    session.add_all(QueueMember(queue_id=each.id, user_id=made.id, level=level, delay_s=delay_s) for each in queues)
    session.add_all(
        AgentSkill(user_id=made.id, skill_id=skill(session, key).id, level=much) for key, much in (skills or {}).items()
    )
    session.flush()
    tab(session, made, phone_ready=phone_ready)
    return made


def skill(session: Session, key: str) -> Skill:
    """A skill that agents may have."""
    found = session.scalars(select(Skill).where(Skill.key == key)).one_or_none()
    if found is None:
        found = Skill(key=key, name=key.title())
        session.add(found)
        session.flush()
    return found


def tab(session: Session, of: User, *, phone_ready: bool = True, lease_s: float = 45) -> AgentSession:
    """A browser tab of an agent, alive for `lease_s` more seconds."""
    expires_at = database_now(session) + timedelta(seconds=lease_s)
    made = AgentSession(id=uuid.uuid4(), user_id=of.id, phone_ready=phone_ready, expires_at=expires_at)
    session.add(made)
    session.flush()
    return made


def customer(session: Session, number: str | None = None, name: str | None = None) -> Customer:
    """A customer with a phone number of their own."""
    made = identify(session, "phone", number or f"+1555020{next(_serial):04d}")
    made.name = name
    session.flush()
    return made


def call(session: Session, of: Customer | None = None, **fields: str) -> Interaction:
    """An inbound call that has just arrived (`created`)."""
    who = of or customer(session)
    remote = who.contact_points[0].value if who.contact_points else "anonymous"
    return open_interaction(
        session,
        channel="voice",
        direction="inbound",
        customer_id=who.id,
        remote_address=remote,
        our_address=OUR_NUMBER,
        **fields,
    )


def call_in_flow(session: Session, of: Customer | None = None) -> Interaction:
    """An inbound call that hears the menu."""
    made = call(session, of)
    move(session, made, State.IN_FLOW, actor="flow")
    return made


def waiting_call(
    session: Session,
    in_queue: Queue,
    of: Customer | None = None,
    *,
    waited_s: float = 0,
    priority_min: int = 0,
    skills: Any = None,
    channel: str = "voice",
) -> Interaction:
    """An inbound contact in a queue, waiting since `waited_s` seconds."""
    for key in skills or ():
        skill(session, key)
    made = call_in_flow(session, of)
    made.channel = channel
    if waited_s:
        made.virtual_start = database_now(session) - timedelta(seconds=waited_s)
    enqueue_interaction(session, made, in_queue, priority_min=priority_min, skills=skills)
    return made


def wait_longer(session: Session, interaction: Interaction, seconds: float) -> None:
    """Let so many seconds pass for an interaction: its open segment and its deadline lie that much further back."""
    past = timedelta(seconds=seconds)
    session.execute(
        update(Segment)
        .where(Segment.interaction_id == interaction.id, Segment.ended_at.is_(None))
        .values(started_at=Segment.started_at - past)
    )
    session.execute(
        update(Interaction)
        .where(Interaction.id == interaction.id)
        .values(
            wake_at=Interaction.wake_at - past,
            queued_at=Interaction.queued_at - past,
            wait_until=Interaction.wait_until - past,
        )
    )
    session.refresh(interaction)


def our_number(session: Session, number: str = OUR_NUMBER, flow: str = "main") -> PhoneNumber:
    """A number of ours."""
    made = PhoneNumber(number=number, label="Demo line", flow=flow, language="en")
    session.add(made)
    session.flush()
    return made


def disposition(session: Session, code: str = "SALE", label: str = "Sale made", *, active: bool = True) -> Disposition:
    made = Disposition(code=code, label=label, active=active)
    session.add(made)
    session.flush()
    return made


def _role(session: Session, name: str) -> Role:
    found = session.scalars(select(Role).where(Role.name == name)).one_or_none()
    return found or Role(name=name)
