"""Recordings: from the carrier's copy to our own, and the transcript's state."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Recording(Base):
    """One recording of an interaction: a call (two channels) or a voicemail (one)."""

    __tablename__ = "recording"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"))
    kind: Mapped[str] = mapped_column(Text)
    """`call` or `voicemail`."""
    provider_sid: Mapped[str] = mapped_column(Text, unique=True)
    provider_url: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    """recording < announced < stored < provider_deleted; `absent`, `failed`."""
    channel_map: Mapped[dict[str, Any]]
    """Who is on which channel: {"0": "customer", "1": "agent"}."""
    started_at: Mapped[datetime | None]
    duration_s: Mapped[float | None] = mapped_column(Float)
    path: Mapped[str | None] = mapped_column(Text)
    """Below RECORDINGS_URL."""
    sha256: Mapped[str | None] = mapped_column(Text)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    transcript_state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    """waiting, running, done, none (nothing was said), failed."""
    transcript_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (Index(None, "interaction_id"),)
