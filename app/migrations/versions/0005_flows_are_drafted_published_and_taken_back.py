"""Flows have drafts, a history, trials and traces of where callers went."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "flow",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("live_version", sa.Text(), nullable=True),
        sa.Column("live_source", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_flow")),
    )
    op.create_table(
        "flow_file",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("state IN ('same','behind','conflict')", name=op.f("ck_flow_file_state")),
        sa.PrimaryKeyConstraint("place", "flow", name=op.f("pk_flow_file")),
    )
    op.create_index(op.f("ix_flow_file_flow"), "flow_file", ["flow"], unique=False)
    op.create_table(
        "flow_trace",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("interaction_id", sa.UUID(), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("came_from", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_trace")),
    )
    op.create_index(
        "ix_flow_trace_flow",
        "flow_trace",
        ["flow", "called_at"],
        unique=False,
        postgresql_include=["version", "what", "node", "came_from", "interaction_id"],
    )
    op.create_index(
        "ix_flow_trace_began",
        "flow_trace",
        ["flow", "called_at"],
        unique=False,
        postgresql_include=["version", "interaction_id"],
        postgresql_where=sa.text("what = 'began'"),
    )
    op.create_index(
        "ix_flow_trace_goal", "flow_trace", ["interaction_id"], unique=False, postgresql_where=sa.text("what = 'goal'")
    )
    op.create_table(
        "flow_canary",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("against", sa.Text(), nullable=False),
        sa.Column("percent", sa.Double(), nullable=False),
        sa.Column("numbers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint("outcome IN ('promoted','stopped','replaced')", name=op.f("ck_flow_canary_outcome")),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name=op.f("ck_flow_canary_percent")),
        sa.ForeignKeyConstraint(["flow"], ["flow.name"], name=op.f("fk_flow_canary_flow")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_flow_canary_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_canary")),
    )
    op.create_index(
        "uq_flow_canary_open", "flow_canary", ["flow"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "flow_draft",
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("base_version", sa.Text(), nullable=True),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('open','published','discarded')", name=op.f("ck_flow_draft_state")),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_flow_draft_author_id")),
        sa.ForeignKeyConstraint(["flow"], ["flow.name"], name=op.f("fk_flow_draft_flow")),
        sa.PrimaryKeyConstraint("flow", name=op.f("pk_flow_draft")),
    )
    op.create_table(
        "flow_lock",
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["flow"], ["flow.name"], name=op.f("fk_flow_lock_flow")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_flow_lock_user_id")),
        sa.PrimaryKeyConstraint("flow", name=op.f("pk_flow_lock")),
    )
    op.create_table(
        "flow_release",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("went_live", sa.Boolean(), nullable=False),
        sa.CheckConstraint("source IN ('page','file','rollback','canary')", name=op.f("ck_flow_release_source")),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_flow_release_author_id")),
        sa.ForeignKeyConstraint(
            ["flow", "version"], ["flow_version.flow", "flow_version.version"], name="fk_flow_release_version"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_release")),
    )
    op.create_index(op.f("ix_flow_release_flow_id"), "flow_release", ["flow", "id"], unique=False)
    op.execute(
        """
        INSERT INTO flow_release (flow, version, at, author, message, source, went_live)
        SELECT flow, version, seen_at, '', '', 'file', true FROM flow_version ORDER BY seen_at
        """
    )
    op.execute(
        """
        INSERT INTO flow (name, live_version, live_source, created_at)
        SELECT DISTINCT ON (flow) flow, version, 'file', min(seen_at) OVER (PARTITION BY flow)
        FROM flow_version ORDER BY flow, seen_at DESC
        """
    )


def downgrade() -> None:
    for table in ("flow_release", "flow_lock", "flow_draft", "flow_canary", "flow_trace", "flow_file", "flow"):
        op.drop_table(table)
