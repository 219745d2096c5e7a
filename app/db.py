"""The database: engine, sessions and the unit of work. PostgreSQL only."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import namedtuple_row
from pydantic_core import to_json
from sqlalchemy import DateTime, Engine, MetaData, create_engine, func, select
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session, sessionmaker

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table of the house. Times are aware and in UTC."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as it stands
        datetime: DateTime(timezone=True),
        uuid.UUID: UUID(as_uuid=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


sessions: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
request_session: scoped_session[Session] = scoped_session(sessions)
"""The session of the request at hand, for Flask-Security and read-only pages; removed at the request's end."""


def connect(url: str) -> Engine:
    """Bind this process's sessions to the server at `url` (postgresql+psycopg://…) and return the engine."""
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
        pool_recycle=1800,
        pool_use_lifo=True,  # the connection used last has its statements prepared and its tables' pages at hand
    )
    sessions.configure(bind=engine)
    return engine


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """One transaction: commits at the end of the block, rolls back on any exception."""
    with sessions.begin() as session:
        yield session


def driver(session: Session) -> Cursor[Any]:
    """A cursor of the driver's own in the session's transaction, for the few statements that are run all the time.

    Parameters are `%(name)s`, rows have their columns' names, errors are psycopg's. Flush first what it must see.
    """
    connection: Connection[Any] | None = session.connection().connection.driver_connection
    assert connection is not None
    return connection.cursor(row_factory=namedtuple_row)


def as_json(value: Any) -> str:
    """A value for a `jsonb` parameter of the driver's own statements. Ids, times and the like become their texts."""
    return to_json(value, fallback=str).decode()


def database_now(session: Session) -> datetime:
    """The database's clock at this moment (not the transaction's start). Deadlines are judged by it alone."""
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now
