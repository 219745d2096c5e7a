"""Leases with a fencing token: one holder at a time, and a holder that slept too long cannot write any more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Text, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base


class StaleLease(Exception):
    """The lease went to somebody else while its old holder slept; nothing was written."""


class Lease(Base):
    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    holder: Mapped[str] = mapped_column(Text)
    token: Mapped[int] = mapped_column(BigInteger)
    """Grows with every change of holder; a write with an older token is refused."""
    expires_at: Mapped[datetime]


ACQUIRE = text(
    """
    INSERT INTO lease AS mine (name, holder, token, expires_at)
    VALUES (:name, :holder, 1, clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (name) DO UPDATE
    SET token = mine.token + CASE WHEN mine.holder = :holder AND mine.expires_at > clock_timestamp() THEN 0 ELSE 1 END,
        holder = :holder,
        expires_at = clock_timestamp() + make_interval(secs => :seconds)
    WHERE mine.holder = :holder OR mine.expires_at <= clock_timestamp()
    RETURNING token
    """
)


def acquire(session: Session, name: str, holder: str, seconds: float) -> int | None:
    """Take or renew the lease for `seconds`; its token, or None while somebody else holds it."""
    row = session.execute(ACQUIRE, {"name": name, "holder": holder, "seconds": seconds}).first()
    return row.token if row else None


FENCE = text(
    """
    SELECT token, set_config('idle_in_transaction_session_timeout', :idle_ms, true)
    FROM lease WHERE name = :name FOR SHARE
    """
)


def fence(session: Session, name: str, token: int, idle_s: float) -> None:
    """Hold the lease's row for this transaction. Raises StaleLease when the token is no longer the newest.

    Whoever falls asleep in the transaction (a machine that is suspended, a process that is stopped) would hold the row
    against every successor: after `idle_s` seconds without a statement the database breaks the transaction off.
    """
    row = session.execute(FENCE, {"name": name, "idle_ms": str(round(idle_s * 1000))}).first()
    current = row.token if row else None
    if current != token:
        raise StaleLease(f"lease {name}: token {token} was overtaken by {current}")


def release(session: Session, name: str, holder: str) -> None:
    """Give the lease back early, so that another may take it at once."""
    session.execute(
        text("UPDATE lease SET expires_at = clock_timestamp() WHERE name = :name AND holder = :holder"),
        {"name": name, "holder": holder},
    )
