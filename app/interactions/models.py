"""Interactions, their segments and messages. States and their moves: DOMAIN, tables of the ACD."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base


class State(StrEnum):
    """Where an interaction stands."""

    CREATED = "created"
    IN_FLOW = "in_flow"
    QUEUED = "queued"
    OFFERED = "offered"
    ACTIVE = "active"
    HELD = "held"
    AGENT_LOST = "agent_lost"
    PARKED = "parked"
    """With nobody: the customer hears music until an agent takes the call up again."""
    OUTSIDE = "outside"
    """Put through to an outside number: it rings, or they talk, and no agent of ours is there."""
    WRAPPING = "wrapping"
    COMPLETED = "completed"
    ABANDONED = "abandoned"
    ABANDONED_IN_FLOW = "abandoned_in_flow"
    CONTAINED = "contained"
    CALLBACK = "callback"
    """The caller agreed on a callback: somebody owes a call. What was agreed stands in `context["callback"]`."""
    VOICEMAIL = "voicemail"
    CANCELED = "canceled"
    REJECTED = "rejected"
    FAILED = "failed"


TERMINAL = frozenset(
    {
        State.COMPLETED,
        State.ABANDONED,
        State.ABANDONED_IN_FLOW,
        State.CONTAINED,
        State.CALLBACK,
        State.VOICEMAIL,
        State.CANCELED,
        State.REJECTED,
        State.FAILED,
    }
)

UNANSWERED = "state IN ('abandoned','abandoned_in_flow','callback','failed','voicemail')"
"""Ends after which somebody is owed an answer (app/follow_ups)."""

HANDED_ON = frozenset({State.QUEUED, State.OFFERED, State.IN_FLOW, State.PARKED, State.OUTSIDE})
"""Where an agent may send a customer they talk with; from one agent to another it stays `active`."""

MOVES: dict[State, frozenset[State]] = {
    State.CREATED: frozenset({State.IN_FLOW, State.QUEUED, State.ACTIVE, State.REJECTED, State.CANCELED, State.FAILED}),
    State.IN_FLOW: frozenset(
        {
            State.QUEUED,
            State.CONTAINED,
            State.ABANDONED_IN_FLOW,
            State.CALLBACK,
            State.VOICEMAIL,
            State.OFFERED,
            State.FAILED,
        }
    ),
    State.QUEUED: frozenset(
        {
            State.OFFERED,
            State.ABANDONED,
            State.IN_FLOW,
            State.QUEUED,
            State.CALLBACK,
            State.VOICEMAIL,
            State.CANCELED,
            State.FAILED,
        }
    ),
    State.OFFERED: frozenset(
        {State.ACTIVE, State.QUEUED, State.ABANDONED, State.IN_FLOW, State.CANCELED, State.FAILED}
    ),
    State.ACTIVE: frozenset(
        {State.HELD, State.WRAPPING, State.AGENT_LOST, State.COMPLETED, State.FAILED, State.ACTIVE} | HANDED_ON
    ),
    State.HELD: frozenset({State.ACTIVE, State.WRAPPING, State.AGENT_LOST, State.FAILED} | HANDED_ON),
    State.PARKED: frozenset({State.HELD, State.QUEUED, State.OFFERED, State.ABANDONED, State.FAILED}),
    State.OUTSIDE: frozenset({State.QUEUED, State.COMPLETED, State.ABANDONED, State.FAILED}),
    State.AGENT_LOST: frozenset(
        {State.ACTIVE, State.QUEUED, State.OFFERED, State.WRAPPING, State.ABANDONED, State.FAILED}
    ),
    State.WRAPPING: frozenset({State.COMPLETED}),
}


class Interaction(Base):
    """One contact on one channel, from the first ring or message to the end of wrap-up."""

    __tablename__ = "interaction"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customer.id"))
    channel: Mapped[str] = mapped_column(Text)
    """`voice` or `sms`."""
    direction: Mapped[str] = mapped_column(Text)
    """`inbound` or `outbound`."""
    remote_address: Mapped[str] = mapped_column(Text)
    """The customer's number, E.164, or what the carrier sends for a withheld one."""
    our_address: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default=State.CREATED)
    version: Mapped[int] = mapped_column(default=1)
    """Counts the moves: every move is one compare-and-set on (id, state, version)."""
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"))
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    callback_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("callback.id", use_alter=True, ondelete="SET NULL")
    )
    """The callback whose place in the line, and then whose call, this is."""
    language: Mapped[str | None] = mapped_column(Text)
    priority_min: Mapped[int] = mapped_column(default=0)
    virtual_start: Mapped[datetime | None]
    """When the wait began; kept through every re-queueing (A-6)."""
    counted_from: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=False),
        Computed("(virtual_start AT TIME ZONE 'UTC') - make_interval(mins => priority_min)", persisted=True),
    )
    """When the wait would have begun if priority were waiting time, in UTC: the order of a queue."""
    queued_at: Mapped[datetime | None]
    """When it came into the queue where it is now; the overflow steps count from here."""
    wait_until: Mapped[datetime | None]
    """The end of all waiting, set at the first queue; overflow never moves it back (A-14)."""
    visited_queues: Mapped[list[Any]] = mapped_column(default=list, server_default=sql("'[]'"))
    """Ids of the queues it has flowed over from: it goes back to none of them (A-14)."""
    required_skills: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql("'{}'"))
    """{skill: least level}, what its agent should have."""
    preferred_agent_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """Waits for this agent alone during the queue's `sticky_s`."""
    tier: Mapped[str | None] = mapped_column(Text)
    """The customer's worth to a queue's value rules: gold, trial."""
    wake_at: Mapped[datetime | None]
    """The next deadline the clock must look at (A-5): wrap-up end, agent-lost limit, queue limit."""
    hangup_requested_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """The agent who pressed Hang up, written before the carrier is told."""
    disposition_code: Mapped[str | None] = mapped_column(Text)
    context: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))
    """What the flow learnt: variables an agent should see (reason, account number), the IVR path in words."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    segments: Mapped[list[Segment]] = relationship(order_by="Segment.id")

    __table_args__ = (
        Index("ix_interaction_customer", "customer_id", "created_at"),
        Index(
            "ix_interaction_waiting",
            "queue_id",
            "channel",
            "required_skills",
            "counted_from",
            "virtual_start",
            "id",
            postgresql_where=sql("state = 'queued'"),
        ),
        Index("ix_interaction_wake", "wake_at", postgresql_where=sql("wake_at IS NOT NULL")),
        Index("ix_interaction_agent", "agent_id", "state"),
        Index(
            "uq_interaction_callback_open",
            "callback_id",
            unique=True,
            postgresql_where=sql(
                "callback_id IS NOT NULL AND state NOT IN (" + ",".join(f"'{s}'" for s in sorted(TERMINAL)) + ")"
            ),
        ),
        Index("ix_interaction_callback", "callback_id", postgresql_where=sql("callback_id IS NOT NULL")),
        Index("ix_interaction_unanswered", "ended_at", postgresql_where=sql(UNANSWERED)),
        Index("ix_interaction_answered_at", "answered_at", postgresql_where=sql("answered_at IS NOT NULL")),
        Index("ix_interaction_ended_at", "ended_at", postgresql_where=sql("ended_at IS NOT NULL")),
        CheckConstraint("state IN (" + ",".join(f"'{s}'" for s in State) + ")", name="state"),
        CheckConstraint("channel IN ('voice','sms')", name="channel"),
        CheckConstraint("direction IN ('inbound','outbound')", name="direction"),
    )


class Segment(Base):
    """One state of an interaction with its start and end. Segments neither overlap nor leave gaps."""

    __tablename__ = "segment"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(Text)
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"))
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it began: `rona`, `declined`, `agent_lost`, `caller_hung_up`, …"""
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "interaction_id", "id"),
        Index("uq_segment_open", "interaction_id", unique=True, postgresql_where=sql("ended_at IS NULL")),
    )


class Message(Base):
    """One text of a conversation, either way. Stored once per provider id."""

    __tablename__ = "message"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customer.id"))
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"))
    channel: Mapped[str] = mapped_column(Text)
    direction: Mapped[str] = mapped_column(Text)
    our_address: Mapped[str] = mapped_column(Text)
    remote_address: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    media: Mapped[list[Any]] = mapped_column(server_default=sql("'[]'"))
    """Attachments: [{"url": …, "content_type": …}]."""
    segments: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(Text)
    """`received`; or queued < sending < sent < delivered < read, `failed`, `undelivered`, `unknown`."""
    error_code: Mapped[int | None]
    error_text: Mapped[str | None] = mapped_column(Text)
    """In words an agent understands."""
    provider_id: Mapped[str | None] = mapped_column(Text)
    client_id: Mapped[str | None] = mapped_column(Text)
    """The browser's id of a send, so that a resend is the same message."""
    sent_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    attempted_at: Mapped[datetime | None]
    """When the send was begun: written before the carrier is asked."""

    __table_args__ = (
        UniqueConstraint("channel", "provider_id"),
        UniqueConstraint("client_id"),
        Index("ix_message_customer", "customer_id", "created_at"),
        Index("ix_message_words", sql("to_tsvector('simple', body)"), postgresql_using="gin"),
    )


class Disposition(Base):
    """An outcome code for wrap-up."""

    __tablename__ = "disposition"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    label: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)


TRANSFERRED = "TRANSFERRED"
"""The outcome of a call that ended with an outside number: nobody of ours was there to write one."""
WRAP_UP_TIMEOUT = "WRAP_UP_TIMEOUT"


class Utterance(Base):
    """Something said on a call, live or from its recording. Seconds from the recording's or stream's start."""

    __tablename__ = "utterance"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id", ondelete="CASCADE"))
    recording_id: Mapped[int | None] = mapped_column(ForeignKey("recording.id", ondelete="CASCADE"))
    """NULL: heard live. Otherwise from this recording, which then stands instead of the live text."""
    speaker: Mapped[str] = mapped_column(Text)
    """`customer` or `agent`."""
    start_s: Mapped[float] = mapped_column(Float)
    end_s: Mapped[float] = mapped_column(Float)
    text: Mapped[str] = mapped_column(Text)
    words: Mapped[list[Any]] = mapped_column(server_default=sql("'[]'"))
    """[{"text", "start", "end", "conf"}], seconds as above."""
    confidence: Mapped[float | None] = mapped_column(Float)
    engine: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (
        Index(None, "interaction_id", "start_s"),
        Index("ix_utterance_words", sql("to_tsvector('simple', text)"), postgresql_using="gin"),
    )
