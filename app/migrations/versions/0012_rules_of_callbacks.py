"""Callbacks have rules of the house; why a number is not to be called stands beside it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "callback_setting",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_callback_setting")),
    )
    op.add_column("contact_point", sa.Column("no_calls_reason", sa.Text()))
    op.create_index(
        "ix_contact_point_no_calls",
        "contact_point",
        ["no_calls_at"],
        postgresql_where=sa.text("no_calls_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_contact_point_no_calls", table_name="contact_point")
    op.drop_column("contact_point", "no_calls_reason")
    op.drop_table("callback_setting")
