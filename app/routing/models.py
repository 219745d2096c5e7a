"""The ACD's tables: queues, members, presence, sessions and offers. Invariants A-1 to A-15 of DOMAIN."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Queue(Base):
    """People waiting for one kind of help. Limits in seconds."""

    __tablename__ = "queue"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    """What flow files call it: sales, support."""
    name: Mapped[str] = mapped_column(Text)
    ring_s: Mapped[int] = mapped_column(default=20)
    retry_cooldown_s: Mapped[int] = mapped_column(default=30)
    """How long an agent who declined is not asked again for the same interaction."""
    wrap_up_s: Mapped[int] = mapped_column(default=60)
    max_wait_s: Mapped[int] = mapped_column(default=1200)
    default_aht_s: Mapped[int] = mapped_column(default=240)
    service_level_s: Mapped[int] = mapped_column(default=20)
    short_abandon_s: Mapped[int] = mapped_column(default=5)


class QueueMember(Base):
    __tablename__ = "queue_member"

    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)


class Presence(StrEnum):
    """What the agent chose."""

    AVAILABLE = "available"
    BREAK = "break"
    OFFLINE = "offline"


class AgentState(Base):
    """An agent's presence. Routing status (idle, offered, interacting, …) is derived."""

    __tablename__ = "agent_state"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    presence: Mapped[str] = mapped_column(Text, default=Presence.OFFLINE)
    reason: Mapped[str | None] = mapped_column(Text)
    """Why on break: lunch, meeting, training."""
    next_presence: Mapped[str | None] = mapped_column(Text)
    """Chosen while busy: stops new offers now, applied when the work at hand ends."""
    next_reason: Mapped[str | None] = mapped_column(Text)
    not_responding: Mapped[bool] = mapped_column(default=False)
    """An offer rang out; only the agent's own act clears it."""
    idle_since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """Longest idle goes first. A break does not better it."""
    changed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (CheckConstraint("presence IN ('available','break','offline')", name="presence"),)


class AgentSession(Base):
    """A browser tab of an agent, alive until `expires_at` unless it is heard of again (the presence lease)."""

    __tablename__ = "agent_session"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """Made by the tab."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    phone_ready: Mapped[bool] = mapped_column(default=False)
    """This tab owns the phone, the phone is registered and the microphone is allowed."""
    problem: Mapped[str | None] = mapped_column(Text)
    """Why it would not ring: `microphone_blocked`, `not_registered`, `other_tab`, `no_gesture`."""
    expires_at: Mapped[datetime]


class OfferState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    WRAPPING = "wrapping"
    COMPLETED = "completed"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    RESCINDED = "rescinded"
    CANCELED = "canceled"


OPEN_OFFER = (OfferState.PENDING, OfferState.ACCEPTED, OfferState.WRAPPING)


class Offer(Base):
    """One attempt to give an interaction to one agent, with a deadline."""

    __tablename__ = "offer"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"))
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    role: Mapped[str] = mapped_column(Text, default="primary")
    """`primary`, or `consult` and `transfer` for their targets."""
    state: Mapped[str] = mapped_column(Text, default=OfferState.PENDING)
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it ended as it did: `no_answer`, `declined`, `unreachable`, `caller_hung_up`, …"""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime]
    """By the database's clock."""
    ended_at: Mapped[datetime | None]
    """When it left `pending` for good, or its work was completed."""

    __table_args__ = (
        Index(
            "uq_offer_open_per_interaction",
            "interaction_id",
            "role",
            unique=True,
            postgresql_where=text("state IN ('pending','accepted','wrapping')"),
        ),
        Index(
            "uq_offer_open_per_agent",
            "user_id",
            unique=True,
            postgresql_where=text("state IN ('pending','accepted','wrapping')"),
        ),
        Index("ix_offer_pending", "expires_at", postgresql_where=text("state = 'pending'")),
        Index("ix_offer_interaction", "interaction_id", "id"),
        CheckConstraint("state IN (" + ",".join(f"'{s}'" for s in OfferState) + ")", name="state"),
    )
