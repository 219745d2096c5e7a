"""What the telephone side keeps: numbers, legs, flow sessions and the webhook inbox."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class PhoneNumber(Base):
    """A number of ours and the flow that answers it (the entry point)."""

    __tablename__ = "phone_number"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(Text, unique=True)
    label: Mapped[str] = mapped_column(Text)
    flow: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text, default="en")
    priority_min: Mapped[int] = mapped_column(default=0)
    provider_sid: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text, server_default=text("'file'"))
    """`file`: follows entry_points.yaml; `page`: an admin's word stands, whatever the file says."""
    removed_at: Mapped[datetime | None]
    """Taken away on the page: its calls are told that the number is not in use. Kept, so that it can be undone."""


class Leg(Base):
    """One leg of a call at the carrier. Its end never by itself ends the interaction."""

    __tablename__ = "leg"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"))
    role: Mapped[str] = mapped_column(Text)
    """`caller` (the customer, whoever dialled), `agent`, `third` (an outside number that was asked in) or
    `supervisor`."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    offer_id: Mapped[int | None] = mapped_column(ForeignKey("offer.id"))
    consult_id: Mapped[int | None] = mapped_column(ForeignKey("consult.id"))
    """Of a `third`: whom it rings for."""
    supervision_id: Mapped[int | None] = mapped_column(ForeignKey("supervision.id"))
    call_sid: Mapped[str | None] = mapped_column(Text, unique=True)
    """NULL between the attempt and the carrier's answer."""
    state: Mapped[str] = mapped_column(Text)
    """attempted < dialing < connected < ended; `unknown` after an answer that was lost."""
    end_reason: Mapped[str | None] = mapped_column(Text)
    """completed, busy, no-answer, canceled, failed."""
    sequence: Mapped[int] = mapped_column(default=-1)
    """The highest SequenceNumber of a status callback seen."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    connected_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "interaction_id"),
        UniqueConstraint("offer_id"),
        UniqueConstraint("consult_id"),
        UniqueConstraint("supervision_id"),
        Index("ix_leg_open", "created_at", postgresql_where=text("state <> 'ended'")),
    )


class FlowSession(Base):
    """A caller's place in a flow: the saved state, and the answer to the step at hand for whoever asks again."""

    __tablename__ = "flow_session"

    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"), primary_key=True)
    call_sid: Mapped[str] = mapped_column(Text, unique=True)
    flow: Mapped[str] = mapped_column(Text)
    flow_version: Mapped[str] = mapped_column(Text)
    state: Mapped[dict[str, Any]]
    step: Mapped[int] = mapped_column(default=0)
    """Counts the steps; every action URL carries the step it answers."""
    twiml: Mapped[str] = mapped_column(Text)
    """What was answered for this step: a repeated or late webhook gets it again."""
    wait: Mapped[dict[str, Any] | None]
    """While the caller waits in a queue with a wait flow of its own: its state, and the numbers it was shown."""
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class WebhookReceipt(Base):
    """The inbox: one row per webhook event, so that a repeated one has one effect."""

    __tablename__ = "webhook_receipt"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    dedupe_key: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (UniqueConstraint("source", "dedupe_key"),)
