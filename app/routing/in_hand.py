"""Tables of calls in hand: whom an agent asked into a call, and which supervisors are in it."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class ConsultKind(StrEnum):
    """What somebody was asked into a call for."""

    CONSULT = "consult"
    """To talk with the agent first, while the customer hears music."""
    THIRD = "third"
    """To talk with both at once."""
    OUTSIDE = "outside"
    """To have the customer put through without a word: an outside number, the agent is gone already."""


class ConsultState(StrEnum):
    WAITING = "waiting"
    """For somebody of a queue who is free: nobody rings yet."""
    RINGING = "ringing"
    TALKING = "talking"
    """With the agent alone: the customer hears music."""
    JOINED = "joined"
    """All three talk."""
    OUTSIDE = "outside"
    """The customer talks with an outside number; no agent of ours is there any more."""
    HANDED_OVER = "handed_over"
    ENDED = "ended"


OPEN_CONSULT = (
    ConsultState.WAITING,
    ConsultState.RINGING,
    ConsultState.TALKING,
    ConsultState.JOINED,
    ConsultState.OUTSIDE,
)


class Consult(Base):
    """Somebody who is asked into a call: an agent of ours (`user_id`, by an offer of role `consult`), whoever of a
    queue (`queue_id`) is free first, or a number.
    """

    __tablename__ = "consult"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"))
    asked_by: Mapped[int] = mapped_column(ForeignKey("user.id"))
    kind: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    number: Mapped[str | None] = mapped_column(Text)
    """E.164."""
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"))
    """The queue that was asked; `user_id` is then whoever of it rings."""
    offer_id: Mapped[int | None] = mapped_column(ForeignKey("offer.id"))
    state: Mapped[str] = mapped_column(Text, default=ConsultState.RINGING)
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it ended: `no_answer`, `declined`, `backed_out`, `left`, `call_over`, …"""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_consult_open",
            "interaction_id",
            unique=True,
            postgresql_where=text("state IN ('ringing','talking','joined','outside','waiting')"),
        ),
        Index("ix_consult_waiting", "queue_id", postgresql_where=text("state = 'waiting'")),
        Index("ix_consult_user", "user_id", "state"),
        CheckConstraint(
            "((user_id IS NULL) <> (number IS NULL)) OR (queue_id IS NOT NULL AND number IS NULL)", name="one_target"
        ),
        CheckConstraint("state IN (" + ",".join(f"'{s}'" for s in ConsultState) + ")", name="state"),
    )


class SupervisionMode(StrEnum):
    LISTEN = "listen"
    """Hears everybody, is heard by nobody."""
    COACH = "coach"
    """Heard by the agent alone: neither by the customer nor in the recording."""
    BARGE = "barge"
    """Heard by everybody."""
    TAKE_OVER = "take_over"
    """Becomes the call's agent as soon as their phone is in it."""


class Supervision(Base):
    """A supervisor in somebody's call, from the ring of their phone until they are out of it again."""

    __tablename__ = "supervision"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    """Whose call it was when they came."""
    mode: Mapped[str] = mapped_column(Text)
    told: Mapped[bool]
    """Whether the agent sees that somebody is there."""
    joined_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_supervision_open_per_call",
            "interaction_id",
            "user_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("uq_supervision_open_per_person", "user_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("mode IN ('listen','coach','barge','take_over')", name="mode"),
    )
