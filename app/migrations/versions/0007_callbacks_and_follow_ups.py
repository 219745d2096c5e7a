"""Callbacks with their tries, and one follow-up for every contact that nobody answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OPEN = "'requested','waiting','due','dialing','answered','connected'"
STATES = (
    OPEN
    + ",'completed','exhausted','expired','superseded','canceled_by_customer','canceled_by_agent','canceled_by_system'"
)
KINDS = "'virtual_hold','scheduled','web','sms','agent','abandon'"
REASONS = "'abandoned','missed','out_of_hours','voicemail','failed','callback'"
OVER = "'abandoned','abandoned_in_flow','callback','canceled','completed','contained','failed','rejected','voicemail'"
UNANSWERED = "state IN ('abandoned','abandoned_in_flow','callback','failed','voicemail')"


def moment(name: str, nullable: bool = True, now: bool = False) -> sa.Column[object]:
    default = sa.text("clock_timestamp()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def json(name: str, empty: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text(empty), nullable=False)


def points_to(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)


def upgrade() -> None:
    op.create_table(
        "callback",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("queue_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("our_address", sa.Text(), nullable=False),
        sa.Column("language", sa.Text()),
        sa.Column("zone", sa.Text()),
        sa.Column("owner_id", sa.BigInteger()),
        moment("own_until"),
        moment("virtual_start", nullable=False),
        sa.Column("priority_min", sa.Integer(), nullable=False),
        sa.Column("local_start", sa.Text()),
        sa.Column("local_zone", sa.Text()),
        moment("window_start", nullable=False),
        moment("window_end", nullable=False),
        moment("due_at", nullable=False),
        moment("expires_at", nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("origin_id", sa.UUID()),
        json("facts", "'{}'"),
        sa.Column("note", sa.Text()),
        sa.Column("link_version", sa.Integer(), nullable=False),
        moment("reminded_for"),
        moment("created_at", nullable=False, now=True),
        moment("ended_at"),
        sa.Column("end_reason", sa.Text()),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_callback_state")),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_callback_kind")),
        sa.CheckConstraint("attempts <= max_attempts", name=op.f("ck_callback_attempts")),
        sa.CheckConstraint(f"(ended_at IS NULL) = (state IN ({OPEN}))", name=op.f("ck_callback_ended")),
        points_to("callback", "customer_id", "customer"),
        points_to("callback", "queue_id", "queue"),
        points_to("callback", "owner_id", "user"),
        points_to("callback", "origin_id", "interaction"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
    )
    op.create_index(op.f("ix_callback_customer_id"), "callback", ["customer_id"])
    where = sa.text(f"state IN ({OPEN})")
    op.create_index("uq_callback_open", "callback", ["number", "queue_id"], unique=True, postgresql_where=where)
    waits = sa.text("state IN ('requested','waiting','due')")
    op.create_index("ix_callback_due", "callback", ["due_at"], postgresql_where=waits)
    op.create_index("ix_callback_window", "callback", ["queue_id", "window_start"])

    op.create_table(
        "callback_attempt",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("callback_id", sa.UUID(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("interaction_id", sa.UUID(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        moment("started_at", nullable=False),
        moment("answered_at"),
        moment("ended_at"),
        sa.Column("outcome", sa.Text()),
        points_to("callback_attempt", "callback_id", "callback", "CASCADE"),
        points_to("callback_attempt", "interaction_id", "interaction"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_attempt")),
        sa.UniqueConstraint("callback_id", "n", name=op.f("uq_callback_attempt_callback_id_n")),
    )
    is_open = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_callback_attempt_open", "callback_attempt", ["callback_id"], unique=True, postgresql_where=is_open
    )
    op.create_index("ix_callback_attempt_interaction", "callback_attempt", ["interaction_id"])

    op.create_table(
        "callback_policy",
        sa.Column("queue_id", sa.BigInteger(), nullable=False),
        json("rules", "'{}'"),
        points_to("callback_policy", "queue_id", "queue", "CASCADE"),
        sa.PrimaryKeyConstraint("queue_id", name=op.f("pk_callback_policy")),
    )

    op.create_table(
        "follow_up",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("interaction_id", sa.UUID()),
        sa.Column("callback_id", sa.UUID()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("queue_id", sa.BigInteger()),
        sa.Column("number", sa.Text(), nullable=False),
        json("path", "'[]'"),
        sa.Column("owner_id", sa.BigInteger()),
        moment("due_at", nullable=False),
        moment("created_at", nullable=False, now=True),
        moment("closed_at"),
        sa.Column("closed_how", sa.Text()),
        sa.Column("closed_by", sa.BigInteger()),
        sa.CheckConstraint(f"reason IN ({REASONS})", name=op.f("ck_follow_up_reason")),
        sa.CheckConstraint("interaction_id IS NOT NULL OR callback_id IS NOT NULL", name=op.f("ck_follow_up_about")),
        points_to("follow_up", "customer_id", "customer"),
        points_to("follow_up", "interaction_id", "interaction"),
        points_to("follow_up", "callback_id", "callback"),
        points_to("follow_up", "queue_id", "queue"),
        points_to("follow_up", "owner_id", "user"),
        points_to("follow_up", "closed_by", "user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up")),
        sa.UniqueConstraint("interaction_id", name=op.f("uq_follow_up_interaction_id")),
        sa.UniqueConstraint("callback_id", name=op.f("uq_follow_up_callback_id")),
    )
    still_open = sa.text("closed_at IS NULL")
    op.create_index("ix_follow_up_open", "follow_up", ["due_at"], postgresql_where=still_open)
    op.create_index("ix_follow_up_customer", "follow_up", ["customer_id"], postgresql_where=still_open)

    op.add_column("interaction", sa.Column("callback_id", sa.UUID()))
    op.create_foreign_key(
        op.f("fk_interaction_callback_id"), "interaction", "callback", ["callback_id"], ["id"], ondelete="SET NULL"
    )
    place = sa.text(f"callback_id IS NOT NULL AND state NOT IN ({OVER})")
    op.create_index("uq_interaction_callback_open", "interaction", ["callback_id"], unique=True, postgresql_where=place)
    of_one = sa.text("callback_id IS NOT NULL")
    op.create_index("ix_interaction_callback", "interaction", ["callback_id"], postgresql_where=of_one)
    op.create_index("ix_interaction_unanswered", "interaction", ["ended_at"], postgresql_where=sa.text(UNANSWERED))
    op.add_column("contact_point", moment("no_calls_at"))


def downgrade() -> None:
    op.drop_column("contact_point", "no_calls_at")
    op.drop_index("ix_interaction_unanswered", "interaction")
    op.drop_index("ix_interaction_callback", "interaction")
    op.drop_index("uq_interaction_callback_open", "interaction")
    op.drop_constraint(op.f("fk_interaction_callback_id"), "interaction", type_="foreignkey")
    op.drop_column("interaction", "callback_id")
    for table in ("follow_up", "callback_policy", "callback_attempt", "callback"):
        op.drop_table(table)
