"""What the recordings room keeps of an interaction, as pages list it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Column, Float, MetaData, Table, Text, select
from sqlalchemy.orm import Session

_recording = Table(
    "recording",
    MetaData(),
    Column("id"),
    Column("interaction_id"),
    Column("kind", Text),
    Column("state", Text),
    Column("duration_s", Float),
    Column("transcript_state", Text),
)
"""Their model belongs to the recordings room, which this room does not import."""


def recordings_of(session: Session, interaction_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """Each interaction's recordings that exist, oldest first: `{id, kind, state, duration_s, transcript_state}`."""
    query = select(_recording).where(_recording.c.interaction_id.in_(interaction_ids), _recording.c.state != "absent")
    found: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in session.execute(query.order_by(_recording.c.id)).mappings():
        found[row["interaction_id"]].append({name: row[name] for name in row if name != "interaction_id"})
    return found
