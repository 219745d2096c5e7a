"""Recordings: from the carrier's copy to our own, and the transcript's state."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class RecordingState(StrEnum):
    RECORDING = "recording"
    ABSENT = "absent"
    FAILED = "failed"
    ANNOUNCED = "announced"
    STORED = "stored"
    PROVIDER_DELETED = "provider_deleted"


class TranscriptState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    NONE = "none"
    FAILED = "failed"


class Recording(Base):
    """One recording of an interaction: a call (two channels) or what a caller said alone (one)."""

    __tablename__ = "recording"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"))
    kind: Mapped[str] = mapped_column(Text)
    """`call`, `voicemail`, or `answer`: what a caller said to a flow that went on."""
    provider_sid: Mapped[str] = mapped_column(Text, unique=True)
    provider_url: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    """recording < announced < stored < provider_deleted; `absent` (nothing recorded), `failed` (lost, see problem)."""
    channel_map: Mapped[dict[str, Any]]
    """Who is on which channel: {"0": "customer", "1": "agent"}."""
    started_at: Mapped[datetime | None]
    duration_s: Mapped[float | None] = mapped_column(Float)
    path: Mapped[str | None] = mapped_column(Text)
    """Below RECORDINGS_URL."""
    sha256: Mapped[str | None] = mapped_column(Text)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    """How often it could not be brought home."""
    problem: Mapped[str | None] = mapped_column(Text)
    """Why not, in words, while it is still only announced."""
    next_try_at: Mapped[datetime | None]
    """When it is fetched next; NULL when there is nothing to fetch."""
    transcript_state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    """waiting, running, done, none (nothing was said), failed."""
    transcript_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (
        Index(None, "interaction_id"),
        Index("ix_recording_due", "next_try_at", postgresql_where=text("next_try_at IS NOT NULL")),
    )

    @property
    def speakers(self) -> list[str]:
        """Who is on each channel, from the first."""
        return [str(self.channel_map[key]) for key in sorted(self.channel_map, key=int)]
