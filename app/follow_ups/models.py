"""Every unanswered contact has an owner: one follow-up each, until the person is reached."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Reason(StrEnum):
    """Why somebody is owed an answer."""

    ABANDONED = "abandoned"
    """Gave up waiting."""
    MISSED = "missed"
    """Gave up after an agent's phone had rung out."""
    OUT_OF_HOURS = "out_of_hours"
    VOICEMAIL = "voicemail"
    FAILED = "failed"
    """Our side broke off."""
    CALLBACK = "callback"
    """A callback ended without a talk."""


class FollowUp(Base):
    """Somebody must get back to this person."""

    __tablename__ = "follow_up"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customer.id"))
    interaction_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("interaction.id"))
    """The contact that nobody answered."""
    callback_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("callback.id"))
    """The callback that came to nothing."""
    reason: Mapped[str] = mapped_column(Text)
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"))
    number: Mapped[str] = mapped_column(Text)
    path: Mapped[list[Any]] = mapped_column(server_default=sql("'[]'"))
    """The way through the menus, in words."""
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """Who looks after it; NULL only where a queue has no people."""
    due_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    closed_at: Mapped[datetime | None]
    closed_how: Mapped[str | None] = mapped_column(Text)
    """`reached:voice`, `reached:sms`, or `done` by a person."""
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    __table_args__ = (
        UniqueConstraint("interaction_id"),
        UniqueConstraint("callback_id"),
        Index("ix_follow_up_open", "due_at", postgresql_where=sql("closed_at IS NULL")),
        Index("ix_follow_up_customer", "customer_id", postgresql_where=sql("closed_at IS NULL")),
        CheckConstraint("reason IN (" + ",".join(f"'{r}'" for r in Reason) + ")", name="reason"),
        CheckConstraint("interaction_id IS NOT NULL OR callback_id IS NOT NULL", name="about"),
    )
