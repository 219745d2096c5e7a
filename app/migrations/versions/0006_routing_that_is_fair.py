"""Queues have methods, skills, overflow and hours; agents a capacity; offers say why; presence is logged."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OPEN = "state IN ('pending','accepted','wrapping')"
JSON = postgresql.JSONB(astext_type=sa.Text())
METHODS = "'longest_idle','round_robin','least_occupied','fewest_today','skills','bullseye','linear','random'"
MODES = "'optional','discretionary','timed','timed_no_exit','on_request'"


def upgrade() -> None:
    _queues()
    _agents()
    _interactions()
    _offers()


def _queues() -> None:
    for column in (
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("method", sa.Text(), server_default="longest_idle", nullable=False),
        sa.Column("skill_rule", sa.Text(), server_default="all", nullable=False),
        sa.Column("rings", JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("weight", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("value_rules", JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("ring_group_n", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("sticky_s", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sticky_days", sa.Integer(), server_default=sa.text("7"), nullable=False),
        sa.Column("rest_s", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("voice_reserve_s", sa.Integer(), server_default=sa.text("20"), nullable=False),
        sa.Column("max_length", sa.Integer(), server_default=sa.text("200"), nullable=False),
        sa.Column("overflow", JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("hours", JSON, nullable=True),
        sa.Column("at_close", sa.Text(), server_default="drain", nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("wrap_up_mode", sa.Text(), server_default="timed", nullable=False),
        sa.Column("service_level_target", sa.Integer(), server_default=sa.text("80"), nullable=False),
    ):
        op.add_column("queue", column)
    for name, condition in (
        ("method", f"method IN ({METHODS})"),
        ("skill_rule", "skill_rule IN ('all','best','disregard')"),
        ("at_close", "at_close IN ('drain','close_now')"),
        ("wrap_up_mode", f"wrap_up_mode IN ({MODES})"),
        ("ring_group_n", "ring_group_n BETWEEN 1 AND 50"),
    ):
        op.create_check_constraint(op.f(f"ck_queue_{name}"), "queue", condition)
    op.create_table(
        "opening_hours",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_opening_hours")),
    )


def _agents() -> None:
    op.add_column("queue_member", sa.Column("level", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("queue_member", sa.Column("delay_s", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_index("ix_queue_member_user", "queue_member", ["user_id"])
    op.add_column("user", sa.Column("capacity", JSON, nullable=True))
    op.add_column("agent_state", sa.Column("rest_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "skill",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skill")),
        sa.UniqueConstraint("key", name=op.f("uq_skill_key")),
    )
    op.create_table(
        "agent_skill",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("skill_id", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_agent_skill_level")),
        sa.ForeignKeyConstraint(["skill_id"], ["skill.id"], name=op.f("fk_agent_skill_skill_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_agent_skill_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "skill_id", name=op.f("pk_agent_skill")),
    )
    op.create_table(
        "break_reason",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("productive", sa.Boolean(), nullable=False),
        sa.Column("shrinkage_class", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_break_reason")),
    )
    op.create_table(
        "presence_spell",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("presence", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_presence_spell_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_spell")),
    )
    op.create_index("ix_presence_spell_user", "presence_spell", ["user_id", "started_at"])
    op.create_index(
        "uq_presence_spell_open",
        "presence_spell",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.execute(
        "INSERT INTO presence_spell (user_id, presence, reason, started_at) "
        "SELECT user_id, presence, reason, changed_at FROM agent_state"
    )


def _interactions() -> None:
    for column in (
        sa.Column(
            "counted_from",
            sa.DateTime(timezone=False),
            sa.Computed("(virtual_start AT TIME ZONE 'UTC') - make_interval(mins => priority_min)", persisted=True),
            nullable=True,
        ),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wait_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("visited_queues", JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("required_skills", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("preferred_agent_id", sa.BigInteger(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=True),
    ):
        op.add_column("interaction", column)
    op.create_foreign_key(
        op.f("fk_interaction_preferred_agent_id"), "interaction", "user", ["preferred_agent_id"], ["id"]
    )
    op.execute(
        "UPDATE interaction SET queued_at = virtual_start, wait_until = wake_at WHERE state IN ('queued', 'offered')"
    )
    op.drop_index("ix_interaction_queued", table_name="interaction")
    op.create_index(
        "ix_interaction_waiting",
        "interaction",
        ["queue_id", "channel", "required_skills", "counted_from", "virtual_start", "id"],
        postgresql_where=sa.text("state = 'queued'"),
    )


def _offers() -> None:
    op.add_column("offer", sa.Column("channel", sa.Text(), server_default="voice", nullable=False))
    op.add_column("offer", sa.Column("lane", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("offer", sa.Column("decision", JSON, nullable=True))
    op.drop_index("uq_offer_open_per_agent", table_name="offer")
    op.drop_index("uq_offer_open_per_interaction", table_name="offer")
    for name, columns, which in (
        ("uq_offer_open_per_interaction", ["interaction_id", "role", "lane"], OPEN),
        ("uq_offer_taken_per_interaction", ["interaction_id", "role"], "state IN ('accepted','wrapping')"),
        ("uq_offer_open_call_per_agent", ["user_id"], f"channel = 'voice' AND {OPEN}"),
        ("uq_offer_open_per_agent_and_interaction", ["user_id", "interaction_id"], OPEN),
    ):
        op.create_index(name, "offer", columns, unique=True, postgresql_where=sa.text(which))
    op.create_index("ix_offer_queue", "offer", ["queue_id", "id"])


def downgrade() -> None:
    for name in (
        "ix_offer_queue",
        "uq_offer_open_per_agent_and_interaction",
        "uq_offer_open_call_per_agent",
        "uq_offer_taken_per_interaction",
        "uq_offer_open_per_interaction",
    ):
        op.drop_index(name, table_name="offer")
    op.create_index(
        "uq_offer_open_per_interaction",
        "offer",
        ["interaction_id", "role"],
        unique=True,
        postgresql_where=sa.text(OPEN),
    )
    op.create_index("uq_offer_open_per_agent", "offer", ["user_id"], unique=True, postgresql_where=sa.text(OPEN))
    for name in ("decision", "lane", "channel"):
        op.drop_column("offer", name)
    op.drop_index("ix_interaction_waiting", table_name="interaction")
    for name in (
        "counted_from",
        "queued_at",
        "wait_until",
        "visited_queues",
        "required_skills",
        "preferred_agent_id",
        "tier",
    ):
        op.drop_column("interaction", name)
    op.create_index(
        "ix_interaction_queued",
        "interaction",
        ["queue_id", "virtual_start"],
        postgresql_where=sa.text("state = 'queued'"),
    )
    for table in ("presence_spell", "break_reason", "agent_skill", "skill", "opening_hours"):
        op.drop_table(table)
    op.drop_column("agent_state", "rest_until")
    op.drop_column("user", "capacity")
    op.drop_index("ix_queue_member_user", table_name="queue_member")
    for name in ("delay_s", "level"):
        op.drop_column("queue_member", name)
    for name in (
        "active", "method", "skill_rule", "rings", "weight", "value_rules", "ring_group_n", "sticky_s", "sticky_days",
        "rest_s", "voice_reserve_s", "max_length", "overflow", "hours", "at_close", "zone", "wrap_up_mode",
        "service_level_target",
    ):  # fmt: skip
        op.drop_column("queue", name)
