"""The event log: one append-only table, written in the transaction of the change it tells.

It is at once the customer's timeline, the audit trail and what browsers are told (`app/live.py` tails it).
Fleeting things (partial transcripts, typing) go by `whisper` and are never stored.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, FetchedValue, Identity, Index, Text, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.event import listens_for
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, SessionTransaction, mapped_column
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import UserDefinedType

from app.db import Base, as_json, sessions

EVENT_CHANNEL = "throughline_event"
WHISPER_CHANNEL = "throughline_whisper"
UNWRITTEN = "events recorded and not yet written"
TOLD = """
    told AS (
        INSERT INTO event (kind, customer_id, interaction_id, actor, topics, data)
        SELECT kind, customer_id, interaction_id, actor, topics, data
        FROM jsonb_to_recordset(CAST(%(recorded)s AS jsonb))
            AS (kind text, customer_id uuid, interaction_id uuid, actor text, topics text[], data jsonb)
    )
    """
"""Part of a statement of the driver's that writes the events of `take_recorded`; it must then give `WAKE`."""
WAKE = f"pg_notify('{EVENT_CHANNEL}', '')"
WRITE = f"WITH {TOLD} SELECT {WAKE}"
WHISPER_LIMIT_BYTES = 7_900  # PostgreSQL refuses payloads of 8,000 bytes and more


class Xid8(UserDefinedType[int]):
    """A full transaction id, which never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        return lambda value: None if value is None else int(value)


class Event(Base):
    """One thing that happened. Rows are added, never changed."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    xid: Mapped[int] = mapped_column(
        Xid8, server_default=text("pg_current_xact_id()"), server_onupdate=FetchedValue(), nullable=False
    )
    """The writing transaction. Ids are given in the order of writing, not of commit; the tail orders by (xid, id)."""
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    kind: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[uuid.UUID | None]
    interaction_id: Mapped[uuid.UUID | None]
    actor: Mapped[str] = mapped_column(Text)
    """Who did it: `user:7`, `caller`, `system`, `carrier`, `flow`."""
    topics: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Whom browsers know it by: `customer:<id>`, `interaction:<id>`, `user:<id>`, `queue:<id>`, `floor`."""
    data: Mapped[dict[str, Any]]

    __table_args__ = (
        Index(None, "xid", "id"),
        Index("ix_event_customer", "customer_id", "id"),
        Index("ix_event_interaction", "interaction_id", "id"),
    )


def record(
    session: Session,
    kind: str,
    /,
    *,
    actor: str,
    customer_id: uuid.UUID | None = None,
    interaction_id: uuid.UUID | None = None,
    users: tuple[int, ...] = (),
    queue_id: int | None = None,
    **data: Any,
) -> None:
    """Write one event in the session's transaction; browsers see it after the commit.

    `users` are agents whose desktops must hear of it. `data` must be JSON and holds no audio and no secrets.
    """
    topics = [f"user:{user}" for user in users]
    if customer_id:
        topics.append(f"customer:{customer_id}")
    if interaction_id:
        topics.append(f"interaction:{interaction_id}")
    if queue_id:
        topics.append(f"queue:{queue_id}")
    if not session.in_transaction():
        session.begin()  # so that a rollback is noticed
    session.info.setdefault(UNWRITTEN, []).append(
        {
            "kind": kind,
            "actor": actor,
            "customer_id": customer_id,
            "interaction_id": interaction_id,
            "topics": [*topics, "floor"],
            "data": data,
        }
    )


def write_recorded(session: Session) -> None:
    """Write the transaction's events so far and have the tails woken at its commit: one statement for all of them."""
    if UNWRITTEN in session.info:
        _write(session, session.connection())


def take_recorded(session: Session) -> str:
    """The events so far, for a statement of the caller's own that writes them (`TOLD`) along with other things."""
    return as_json(session.info.pop(UNWRITTEN, []))


def _write(session: Session, connection: Connection) -> None:
    connection.exec_driver_sql(WRITE, {"recorded": take_recorded(session)})


@listens_for(sessions, "before_commit")
def _write_at_commit(session: Session) -> None:
    write_recorded(session)


@listens_for(sessions, "do_orm_execute")
def _write_before_reading(state: ORMExecuteState) -> None:
    if state.is_select or isinstance(state.statement, TextClause):
        write_recorded(state.session)


@listens_for(sessions, "after_transaction_create")
def _write_before_savepoint(session: Session, transaction: SessionTransaction) -> None:
    """What was recorded outside a savepoint must not be undone with it."""
    if transaction.nested and transaction.parent is not None and UNWRITTEN in session.info:
        _write(session, transaction.parent.connection(None))


@listens_for(sessions, "after_soft_rollback")
def _forget(session: Session, *_: Any) -> None:
    """What was undone is not told."""
    session.info.pop(UNWRITTEN, None)


def whisper(session: Session, topic: str, kind: str, data: dict[str, Any]) -> None:
    """Tell browsers listening to `topic` something that is not worth keeping. Too long a text is cut."""
    payload = json.dumps({"topic": topic, "kind": kind, "data": data})
    if len(payload.encode()) > WHISPER_LIMIT_BYTES and "text" in data:
        payload = json.dumps({"topic": topic, "kind": kind, "data": {**data, "text": str(data["text"])[-1500:]}})
    session.execute(select(func.pg_notify(WHISPER_CHANNEL, payload)))
