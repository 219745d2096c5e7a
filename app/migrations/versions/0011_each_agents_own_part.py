"""Who hands a call on wraps up their own part, asks a queue and waits, and sees who changed their state."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OPEN = "state IN ('pending','accepted','wrapping')"
TAKEN = "state IN ('accepted','wrapping')"
NOT_A_PART = " AND role <> 'handed_on'"
CONSULT_STATES = "'ringing','talking','joined','outside','handed_over','ended'"
OPEN_CONSULT = "'ringing','talking','joined','outside'"
ONE_TARGET = "(user_id IS NULL) <> (number IS NULL)"


def upgrade() -> None:
    op.add_column("offer", sa.Column("disposition_code", sa.Text(), nullable=True))
    op.add_column("offer", sa.Column("wrapping_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("offer", sa.Column("wrap_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("offer", sa.Column("wrap_asked", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("offer", sa.Column("wrap_extended", sa.Integer(), server_default=sa.text("0"), nullable=False))
    _index_offers(OPEN + NOT_A_PART, TAKEN + NOT_A_PART)
    op.create_index("ix_offer_wrap_until", "offer", ["wrap_until"], postgresql_where=sa.text("state = 'wrapping'"))
    op.add_column("consult", sa.Column("queue_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_consult_queue_id"), "consult", "queue", ["queue_id"], ["id"])
    _constrain_consults(
        CONSULT_STATES + ",'waiting'",
        OPEN_CONSULT + ",'waiting'",
        f"({ONE_TARGET}) OR (queue_id IS NOT NULL AND number IS NULL)",
    )
    op.create_index("ix_consult_waiting", "consult", ["queue_id"], postgresql_where=sa.text("state = 'waiting'"))
    op.add_column("agent_state", sa.Column("set_by", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_agent_state_set_by"), "agent_state", "user", ["set_by"], ["id"])
    op.add_column("queue", sa.Column("park_s", sa.Integer(), server_default=sa.text("600"), nullable=False))


def downgrade() -> None:
    op.drop_column("queue", "park_s")
    op.drop_column("agent_state", "set_by")
    op.drop_index("ix_consult_waiting", "consult")
    op.execute("UPDATE consult SET state = 'ended', user_id = asked_by WHERE user_id IS NULL AND number IS NULL")
    _constrain_consults(CONSULT_STATES, OPEN_CONSULT, ONE_TARGET)
    op.drop_column("consult", "queue_id")
    op.drop_index("ix_offer_wrap_until", "offer")
    op.execute(
        "UPDATE offer SET role = 'primary', state = 'completed', ended_at = coalesce(ended_at, now()) WHERE role = 'handed_on'"
    )
    _index_offers(OPEN, TAKEN)
    for name in ("wrap_extended", "wrap_asked", "wrap_until", "wrapping_at", "disposition_code"):
        op.drop_column("offer", name)


def _index_offers(opened: str, taken: str) -> None:
    for name, columns, where in (
        ("uq_offer_open_per_interaction", ["interaction_id", "role", "lane"], opened),
        ("uq_offer_taken_per_interaction", ["interaction_id", "role"], taken),
    ):
        op.drop_index(name, "offer")
        op.create_index(name, "offer", columns, unique=True, postgresql_where=sa.text(where))


def _constrain_consults(states: str, opened: str, target: str) -> None:
    op.drop_constraint(op.f("ck_consult_state"), "consult", type_="check")
    op.create_check_constraint(op.f("ck_consult_state"), "consult", f"state IN ({states})")
    op.drop_constraint(op.f("ck_consult_one_target"), "consult", type_="check")
    op.create_check_constraint(op.f("ck_consult_one_target"), "consult", target)
    op.drop_index("uq_consult_open", "consult")
    where = sa.text(f"state IN ({opened})")
    op.create_index("uq_consult_open", "consult", ["interaction_id"], unique=True, postgresql_where=where)
