"""Everything said, pressed, written or noted with one customer, newest first: seven queries, whatever its length."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.customers.hands import hands_of
from app.customers.models import Note
from app.interactions.models import TERMINAL, WRAP_UP_TIMEOUT, Disposition, Interaction, Message, Segment, State
from app.interactions.recordings import recordings_of
from app.routing.models import Queue
from app.words import N_

MOST = 200
TALKING = (State.ACTIVE, State.HELD)
WAITING = (State.QUEUED, State.OFFERED)

Entry = dict[str, Any]


def timeline(session: Session, customer_id: uuid.UUID, before: datetime | None = None, limit: int = 50) -> list[Entry]:
    """The newest `limit` calls, texts and notes older than `before`, newest first; texts in a row are one entry.

    Shapes: docs/contracts.md. Every entry also has `before`: ask with the last one's for what is older.
    """
    limit = max(1, min(limit, MOST))
    rows = [
        *_calls(session, customer_id, before, limit),
        *_texts(session, customer_id, before, limit),
        *_notes(session, customer_id, before, limit),
    ]
    rows.sort(key=lambda entry: entry["at"], reverse=True)
    return [_finished(entry) for entry in _conversations(rows[:limit])]


def _calls(session: Session, customer_id: uuid.UUID, before: datetime | None, limit: int) -> list[Entry]:
    query = (
        select(Interaction, Queue.name, User.name, Disposition.label)
        .join(Queue, Queue.id == Interaction.queue_id, isouter=True)
        .join(User, User.id == Interaction.agent_id, isouter=True)
        .join(Disposition, Disposition.code == Interaction.disposition_code, isouter=True)
        .where(Interaction.customer_id == customer_id, Interaction.channel == "voice", ~_never_dialled())
        .order_by(Interaction.created_at.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Interaction.created_at < before)
    found = session.execute(query).all()
    ids = [interaction.id for interaction, *_ in found]
    seconds, recordings, hands = _seconds(session, ids), recordings_of(session, ids), hands_of(session, ids)
    return [
        {
            **_call(interaction, *seconds.get(interaction.id, (0.0, 0.0))),
            "queue": queue,
            "agent": agent,
            "hands": hands.get(interaction.id, []),
            "recording": recordings[interaction.id][-1] if recordings[interaction.id] else None,
            "disposition": label or _known_code(interaction.disposition_code),
        }
        for interaction, queue, agent, label in found
    ]


def _never_dialled() -> ColumnElement[bool]:
    """A callback's place in the line that ended before anybody was called is no contact."""
    return and_(Interaction.callback_id.is_not(None), Interaction.state == State.CANCELED)


def _call(interaction: Interaction, talk_s: float, wait_s: float) -> Entry:
    return {
        "kind": "call",
        "at": interaction.created_at,
        "interaction_id": str(interaction.id),
        "direction": interaction.direction,
        "number": interaction.remote_address,
        "state": interaction.state,
        "started_at": _iso(interaction.created_at),
        "ended_at": _iso(interaction.ended_at),
        "talk_s": round(talk_s, 1) if interaction.answered_at else 0.0,
        "wait_s": round(wait_s, 1),
        "outcome": _outcome(interaction),
        "path": list(interaction.context.get("path", [])),
        "verified": interaction.context.get("verified"),
        "survey": list(interaction.context.get("survey", [])),
    }


def _outcome(interaction: Interaction) -> str:
    """in_progress, answered, not_answered (ours, nobody picked up), or the state it ended in."""
    if interaction.state not in TERMINAL and interaction.state != State.WRAPPING:
        return "in_progress"
    if interaction.answered_at is not None:
        return "answered"
    if interaction.state in (State.COMPLETED, State.WRAPPING):
        return "not_answered"
    return interaction.state


def _known_code(code: str | None) -> str | None:
    return N_("No outcome given") if code == WRAP_UP_TIMEOUT else code


def _seconds(session: Session, ids: list[uuid.UUID]) -> dict[uuid.UUID, tuple[float, float]]:
    """Talk and wait of each call, from its segments; an open segment counts up to now."""
    length = func.extract("epoch", func.coalesce(Segment.ended_at, func.clock_timestamp()) - Segment.started_at)
    talk = func.coalesce(func.sum(length).filter(Segment.state.in_(TALKING)), 0)
    wait = func.coalesce(func.sum(length).filter(Segment.state.in_(WAITING)), 0)
    query = select(Segment.interaction_id, talk, wait).where(Segment.interaction_id.in_(ids))
    return {id: (float(a), float(b)) for id, a, b in session.execute(query.group_by(Segment.interaction_id))}


def _texts(session: Session, customer_id: uuid.UUID, before: datetime | None, limit: int) -> list[Entry]:
    query = (
        select(Message, User.name)
        .join(User, User.id == Message.sent_by, isouter=True)
        .where(Message.customer_id == customer_id)
        .order_by(Message.created_at.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Message.created_at < before)
    return [_text(message, sender) for message, sender in session.execute(query)]


def _text(message: Message, sender: str | None) -> Entry:
    return {
        "kind": "messages",
        "at": message.created_at,
        "interaction_id": str(message.interaction_id),
        "item": {
            "id": message.id,
            "direction": message.direction,
            "body": message.body,
            "media": message.media,
            "status": message.status,
            "error_text": message.error_text,
            "at": _iso(message.created_at),
            "sent_by": sender,
            "segments": message.segments,
        },
    }


def _notes(session: Session, customer_id: uuid.UUID, before: datetime | None, limit: int) -> list[Entry]:
    query = (
        select(Note, User.name)
        .join(User, User.id == Note.author_id)
        .where(Note.customer_id == customer_id)
        .order_by(Note.created_at.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Note.created_at < before)
    return [_note(note, author) for note, author in session.execute(query)]


def _note(note: Note, author: str) -> Entry:
    return {
        "kind": "note",
        "at": note.created_at,
        "interaction_id": str(note.interaction_id) if note.interaction_id else None,
        "id": note.id,
        "author": author,
        "body": note.body,
    }


def _conversations(rows: Iterable[Entry]) -> Iterable[Entry]:
    """Fold texts that follow one another in one conversation into an entry that reads from top to bottom."""
    for (kind, interaction_id), run in groupby(rows, key=lambda row: (row["kind"], row["interaction_id"])):
        entries = list(run)
        if kind != "messages":
            yield from entries
            continue
        yield {
            "kind": kind,
            "at": entries[0]["at"],
            "interaction_id": interaction_id,
            "before": entries[-1]["at"],
            "items": [entry["item"] for entry in reversed(entries)],
        }


def _finished(entry: Entry) -> Entry:
    return {**entry, "at": _iso(entry["at"]), "before": _iso(entry.get("before", entry["at"]))}


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
