"""Queues have limits that supervisors are told of; the day's figures have indexes to be counted by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    op.add_column("queue", sa.Column("alerts", JSON, server_default=sa.text("'{}'"), nullable=False))
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("queue_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("seen_by", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('waiting','oldest_wait_s','service_level','staffed')", name=op.f("ck_alert_kind")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_alert_queue_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["seen_by"], ["user.id"], name=op.f("fk_alert_seen_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index(
        "uq_alert_open", "alert", ["queue_id", "kind"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    for column in ("answered_at", "ended_at"):
        op.create_index(
            f"ix_interaction_{column}",
            "interaction",
            [column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )


def downgrade() -> None:
    for column in ("ended_at", "answered_at"):
        op.drop_index(f"ix_interaction_{column}", table_name="interaction")
    op.drop_table("alert")
    op.drop_column("queue", "alerts")
