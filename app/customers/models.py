"""The one record: a customer and the points where they can be reached."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base


class Customer(Base):
    """A person or household. Everything said, pressed, written or promised hangs here."""

    __tablename__ = "customer"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    """BCP 47, as last chosen or stated: en, es, zh-TW."""
    fields: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))
    """What the company keeps about a customer in words of its own: {"plan": "fibre", "account": "40718822"}."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    contact_points: Mapped[list[ContactPoint]] = relationship(
        back_populates="customer", order_by="ContactPoint.id", lazy="selectin"
    )


class ContactPoint(Base):
    """An address of a customer. A phone number stands in E.164 and belongs to one customer at a time."""

    __tablename__ = "contact_point"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    sms_opted_out_at: Mapped[datetime | None]
    """When the person texted STOP; NULL again after START."""
    no_calls_at: Mapped[datetime | None]
    """When this number went on the list of those that are not called without having asked for it…"""
    no_calls_reason: Mapped[str | None] = mapped_column(Text)
    """…and why, as whoever put it there wrote."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    customer: Mapped[Customer] = relationship(back_populates="contact_points")

    __table_args__ = (
        UniqueConstraint("kind", "value"),
        CheckConstraint("kind IN ('phone','email')", name="kind"),
        Index("ix_contact_point_no_calls", "no_calls_at", postgresql_where=sql("no_calls_at IS NOT NULL")),
    )


class Note(Base):
    """What an agent wrote down about a customer, maybe during one interaction."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    interaction_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("interaction.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index(None, "customer_id", "created_at"),
        Index("ix_note_words", sql("to_tsvector('simple', body)"), postgresql_using="gin"),
    )


class Draft(Base):
    """What an agent began to write and has not sent or saved: theirs alone, wherever they sign in."""

    __tablename__ = "draft"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    body: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("kind IN ('text','note','wrap')", name="kind"), Index(None, "customer_id"))
