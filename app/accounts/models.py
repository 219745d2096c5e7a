"""People who sign in, and their roles. Shapes follow Flask-Security's models."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base

ROLES = {
    "agent": "takes calls and messages",
    "supervisor": "watches and helps the floor; may do all an agent may",
    "admin": "sets the house up; may do all a supervisor may",
}

user_role = Table(
    "user_role",
    Base.metadata,
    Column("user_id", ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
)


class Role(Base, RoleMixin):
    __tablename__ = "role"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    description: Mapped[str | None] = mapped_column(Text)


class User(Base, UserMixin):
    """A person who signs in. An agent's softphone answers to `client:agent_<id>`."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    password: Mapped[str | None] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str | None] = mapped_column(Text)
    capacity: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """How much work at once: {"voice": 1, "chat": 3, "interruptible_by": {"chat": ["voice"]}}; None: the house's."""
    fs_uniquifier: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    roles: Mapped[list[Role]] = relationship(secondary=user_role, lazy="selectin")  # type: ignore[assignment]

    __table_args__ = (
        Index(
            "ix_user_works_beside_calls",
            "id",
            postgresql_where=text("(capacity #> '{interruptible_by,voice}') IS NOT NULL"),
        ),
    )

    @property
    def client_identity(self) -> str:
        """The softphone's address at the carrier, without `client:`. Twilio allows letters, digits and underscore."""
        return f"agent_{self.id}"
