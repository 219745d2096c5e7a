"""Callbacks: what was promised, and each try to keep it. States and invariants C-1 to C-9: DOMAIN 3."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Kind(StrEnum):
    """How it came about."""

    VIRTUAL_HOLD = "virtual_hold"
    """Left the line on the phone and kept the place."""
    SCHEDULED = "scheduled"
    """A window agreed on the phone."""
    WEB = "web"
    SMS = "sms"
    AGENT = "agent"
    """An agent promised it."""
    ABANDON = "abandon"
    """Gave up waiting; called back without having asked (off by default)."""


class CallbackState(StrEnum):
    REQUESTED = "requested"
    """Asked for on the web; nobody has shown yet that the number is theirs."""
    WAITING = "waiting"
    """For its time."""
    DUE = "due"
    """It has a place in its queue: an interaction that waits like a caller."""
    DIALING = "dialing"
    ANSWERED = "answered"
    """Somebody, or a machine, picked up and has not pressed 1."""
    CONNECTED = "connected"
    COMPLETED = "completed"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    """The person called themselves and took the place."""
    CANCELED_BY_CUSTOMER = "canceled_by_customer"
    CANCELED_BY_AGENT = "canceled_by_agent"
    CANCELED_BY_SYSTEM = "canceled_by_system"


OPEN = (
    CallbackState.REQUESTED,
    CallbackState.WAITING,
    CallbackState.DUE,
    CallbackState.DIALING,
    CallbackState.ANSWERED,
    CallbackState.CONNECTED,
)
TRYING = (CallbackState.DIALING, CallbackState.ANSWERED)
"""A dial is under way and has not come to a talk."""
WAITING_FOR_A_DIAL = (CallbackState.REQUESTED, CallbackState.WAITING, CallbackState.DUE)
OPEN_IN_SQL = ",".join(f"'{state}'" for state in OPEN)


class Callback(Base):
    """A promise to call one number for one queue."""

    __tablename__ = "callback"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default=CallbackState.WAITING)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customer.id"), index=True)
    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id"))
    number: Mapped[str] = mapped_column(Text)
    """E.164."""
    our_address: Mapped[str] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    zone: Mapped[str | None] = mapped_column(Text)
    """The customer's own time zone where they stated it; else the number's prefix says."""
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """The agent who wants to make this call themselves…"""
    own_until: Mapped[datetime | None]
    """…and until when it waits for them."""
    virtual_start: Mapped[datetime]
    """The place: when the wait began, or the beginning of the window."""
    priority_min: Mapped[int] = mapped_column(default=0)
    local_start: Mapped[str | None] = mapped_column(Text)
    """The window's begin as it was agreed, on the wall clock of `local_zone`: 2027-03-28T02:30."""
    local_zone: Mapped[str | None] = mapped_column(Text)
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    """No dial begins outside of these two, in UTC."""
    due_at: Mapped[datetime]
    """When to look at it next."""
    expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    origin_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("interaction.id"))
    """The contact in which it was agreed."""
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))
    """What the agent should see."""
    note: Mapped[str | None] = mapped_column(Text)
    link_version: Mapped[int] = mapped_column(default=1)
    """Counts what was done with the signed link: a link works once."""
    reminded_for: Mapped[datetime | None]
    """The window's begin that the last reminder was about."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        Index(
            "uq_callback_open",
            "number",
            "queue_id",
            unique=True,
            postgresql_where=sql(f"state IN ({OPEN_IN_SQL})"),
        ),
        Index("ix_callback_due", "due_at", postgresql_where=sql("state IN ('requested','waiting','due')")),
        Index("ix_callback_window", "queue_id", "window_start"),
        CheckConstraint("state IN (" + ",".join(f"'{s}'" for s in CallbackState) + ")", name="state"),
        CheckConstraint("kind IN (" + ",".join(f"'{k}'" for k in Kind) + ")", name="kind"),
        CheckConstraint("attempts <= max_attempts", name="attempts"),
        CheckConstraint("(ended_at IS NULL) = (state IN (" + OPEN_IN_SQL + "))", name="ended"),
    )


class Outcome(StrEnum):
    CONNECTED = "connected"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    UNSURE = "unsure"
    """Picked up, and nobody pressed a key: a voicemail, or somebody who did not understand."""
    MACHINE = "machine"
    """The carrier heard an answering machine or a fax. Also noted of a try that goes on, while the message is said."""
    SNOOZED = "snoozed"
    CANCELED = "canceled"
    """By the customer's key, or by a cancel that came while it rang."""
    AGENT_GONE = "agent_gone"


class CallbackAttempt(Base):
    """One dial. Written before the carrier is asked; at most one of a callback is open."""

    __tablename__ = "callback_attempt"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    callback_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("callback.id", ondelete="CASCADE"))
    n: Mapped[int]
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"))
    mode: Mapped[str] = mapped_column(Text)
    """`agent_first` or `customer_first`."""
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("callback_id", "n"),
        Index("uq_callback_attempt_open", "callback_id", unique=True, postgresql_where=sql("ended_at IS NULL")),
        Index("ix_callback_attempt_interaction", "interaction_id"),
    )


class CallbackPolicy(Base):
    """How a queue calls back, where it differs from the house's way (app/callbacks/policy.py)."""

    __tablename__ = "callback_policy"

    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id", ondelete="CASCADE"), primary_key=True)
    rules: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))


class CallbackSetting(Base):
    """What the house knows of callbacks as a whole: `rules`, and `zones`, the edition that times were counted by."""

    __tablename__ = "callback_setting"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[dict[str, Any]]
