"""Calls are handed on, parked and supervised."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BEFORE = (
    "'created','in_flow','queued','offered','active','held','agent_lost','wrapping','completed','abandoned',"
    "'abandoned_in_flow','contained','callback','voicemail','canceled','rejected','failed'"
)


def upgrade() -> None:
    op.drop_constraint(op.f("ck_interaction_state"), "interaction", type_="check")
    op.create_check_constraint(op.f("ck_interaction_state"), "interaction", f"state IN ({BEFORE},'parked','outside')")
    op.create_table(
        "consult",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("interaction_id", sa.UUID(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("offer_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(user_id IS NULL) <> (number IS NULL)", name=op.f("ck_consult_one_target")),
        sa.CheckConstraint(
            "state IN ('ringing','talking','joined','outside','handed_over','ended')", name=op.f("ck_consult_state")
        ),
        sa.ForeignKeyConstraint(["interaction_id"], ["interaction.id"], name=op.f("fk_consult_interaction_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"], name=op.f("fk_consult_asked_by")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_consult_user_id")),
        sa.ForeignKeyConstraint(["offer_id"], ["offer.id"], name=op.f("fk_consult_offer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consult")),
    )
    op.create_index(
        "uq_consult_open",
        "consult",
        ["interaction_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('ringing','talking','joined','outside')"),
    )
    op.create_index("ix_consult_user", "consult", ["user_id", "state"])
    op.create_table(
        "supervision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("interaction_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('listen','coach','barge','take_over')", name=op.f("ck_supervision_mode")),
        sa.ForeignKeyConstraint(["interaction_id"], ["interaction.id"], name=op.f("fk_supervision_interaction_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_supervision_user_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["user.id"], name=op.f("fk_supervision_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision")),
    )
    for name, columns in (
        ("uq_supervision_open_per_call", ["interaction_id", "user_id"]),
        ("uq_supervision_open_per_person", ["user_id"]),
    ):
        op.create_index(name, "supervision", columns, unique=True, postgresql_where=sa.text("ended_at IS NULL"))
    op.add_column("leg", sa.Column("consult_id", sa.BigInteger(), nullable=True))
    op.add_column("leg", sa.Column("supervision_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_leg_consult_id"), "leg", "consult", ["consult_id"], ["id"])
    op.create_foreign_key(op.f("fk_leg_supervision_id"), "leg", "supervision", ["supervision_id"], ["id"])
    op.create_unique_constraint(op.f("uq_leg_consult_id"), "leg", ["consult_id"])
    op.create_unique_constraint(op.f("uq_leg_supervision_id"), "leg", ["supervision_id"])


def downgrade() -> None:
    for name in ("supervision_id", "consult_id"):
        op.drop_column("leg", name)
    op.drop_table("supervision")
    op.drop_table("consult")
    op.execute("UPDATE interaction SET state = 'failed' WHERE state IN ('parked','outside')")
    op.drop_constraint(op.f("ck_interaction_state"), "interaction", type_="check")
    op.create_check_constraint(op.f("ck_interaction_state"), "interaction", f"state IN ({BEFORE})")
