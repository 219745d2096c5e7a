"""Flows as the house knows them: what is live, what was, what is being written, and where callers went."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

SOURCES = ("page", "file", "rollback", "canary")


class KnownFlow(Base):
    """A flow by its name, and which version answers calls. Its row is held while anything about the flow changes."""

    __tablename__ = "flow"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    live_version: Mapped[str | None] = mapped_column(Text)
    """NULL while it was never published."""
    live_source: Mapped[str | None] = mapped_column(Text)
    """Where the live version came from, as in Release."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class FlowVersion(Base):
    """The text of every version that a call, a file or the history may refer to."""

    __tablename__ = "flow_version"

    flow: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[str] = mapped_column(Text, primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Release(Base):
    """One line of a flow's history: a version went live, went on trial, or was set aside in favour of another."""

    __tablename__ = "flow_release"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    flow: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """NULL for a file's version."""
    author: Mapped[str] = mapped_column(Text)
    """The name as it was then: a person of the house, or whoever git names; "" when nobody is named."""
    message: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    went_live: Mapped[bool]

    __table_args__ = (
        Index(None, "flow", "id"),
        ForeignKeyConstraint(
            ["flow", "version"], ["flow_version.flow", "flow_version.version"], name="fk_flow_release_version"
        ),
        CheckConstraint("source IN (" + ",".join(f"'{source}'" for source in SOURCES) + ")", name="source"),
    )


class Draft(Base):
    """What somebody is writing. One for each flow; `rev` counts its saves, so that nobody saves over another."""

    __tablename__ = "flow_draft"

    flow: Mapped[str] = mapped_column(ForeignKey("flow.name"), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    rev: Mapped[int]
    """Never goes back, also not when the draft is published or thrown away."""
    base_version: Mapped[str | None] = mapped_column(Text)
    """The live version that it started from; NULL for a flow that is new."""
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    saved_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    state: Mapped[str] = mapped_column(Text, default="open")
    """`open`, `published`, or `discarded`: the text is kept until the next draft begins, so that it can be had back."""

    __table_args__ = (CheckConstraint("state IN ('open','published','discarded')", name="state"),)


class EditLock(Base):
    """Who is writing. It ends by itself when its holder is silent for some minutes; anybody may take it over."""

    __tablename__ = "flow_lock"

    flow: Mapped[str] = mapped_column(ForeignKey("flow.name"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Canary(Base):
    """A version on trial: a share of the calls, and the callers named, get it instead of the live one."""

    __tablename__ = "flow_canary"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    flow: Mapped[str] = mapped_column(ForeignKey("flow.name"))
    version: Mapped[str] = mapped_column(Text)
    against: Mapped[str] = mapped_column(Text)
    """The version that was live when it began."""
    percent: Mapped[float]
    numbers: Mapped[list[Any]]
    """Callers (E.164) who always get it."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(Text)
    """`promoted`, `stopped`, or `replaced` (another version went live or on trial)."""

    __table_args__ = (
        Index("uq_flow_canary_open", "flow", unique=True, postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("outcome IN ('promoted','stopped','replaced')", name="outcome"),
        CheckConstraint("percent BETWEEN 0 AND 100", name="percent"),
    )


class FlowFile(Base):
    """What a flow's file held when it was last looked at. Every machine may have files of its own: `place` is one."""

    __tablename__ = "flow_file"

    place: Mapped[str] = mapped_column(Text, primary_key=True)
    flow: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    """Beside what was live then: `same`, `behind` (an older one, left as it was), or in `conflict` until somebody
    chooses."""
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (
        Index(None, "flow"),
        CheckConstraint("state IN ('same','behind','conflict')", name="state"),
    )


class Trace(Base):
    """One step of a caller's way, for counting; the words of it are in the event log.

    `called_at` is when the call arrived: all rows of a call are in a period, or none is.
    """

    __tablename__ = "flow_trace"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID]
    called_at: Mapped[datetime]
    flow: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    """`began` (the call came into this flow), `entered` a node, `answer`, `no_input`, `no_match`, `hung_up`, `goal`."""
    node: Mapped[str] = mapped_column(Text)
    came_from: Mapped[str] = mapped_column(Text)
    """Of `entered`: the node before, "" at the flow's start; after a space the way out of it, where one is known
    (`main_menu choices[0].to`)."""

    __table_args__ = (
        Index(
            "ix_flow_trace_flow",
            "flow",
            "called_at",
            postgresql_include=["version", "what", "node", "came_from", "interaction_id"],
        ),
        Index(
            "ix_flow_trace_began",
            "flow",
            "called_at",
            postgresql_include=["version", "interaction_id"],
            postgresql_where=text("what = 'began'"),
        ),
        Index("ix_flow_trace_goal", "interaction_id", postgresql_where=text("what = 'goal'")),
    )
