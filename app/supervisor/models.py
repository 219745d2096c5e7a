"""What the floor remembers: alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

KINDS = ("waiting", "oldest_wait_s", "service_level", "staffed")


class Alert(Base):
    """A queue went past one of its limits; open until it is well again."""

    __tablename__ = "alert"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    """`waiting`, `oldest_wait_s`, `service_level` (percent) or `staffed`: the limit's name in Queue.alerts."""
    limit: Mapped[int]
    value: Mapped[float] = mapped_column(Float)
    """What was seen when it was raised."""
    raised_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    seen_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """The supervisor who said that they look after it."""
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_alert_open", "queue_id", "kind", unique=True, postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("kind IN (" + ",".join(f"'{kind}'" for kind in KINDS) + ")", name="kind"),
    )
