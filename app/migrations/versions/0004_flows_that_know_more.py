"""What flows may do now: agree on a callback, keep fields of the record, play in the queue; numbers added by hand."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BEFORE = (
    *("created", "in_flow", "queued", "offered", "active", "held", "agent_lost", "wrapping"),
    *("completed", "abandoned", "abandoned_in_flow", "contained", "voicemail", "canceled", "rejected", "failed"),
)
AFTER = (*BEFORE[:12], "callback", *BEFORE[12:])


def upgrade() -> None:
    _states(AFTER)
    no_fields = sa.Column(
        "fields", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
    )
    op.add_column("customer", no_fields)
    op.add_column("flow_session", sa.Column("wait", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("phone_number", sa.Column("source", sa.Text(), server_default=sa.text("'file'"), nullable=False))
    op.add_column("phone_number", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("phone_number", "removed_at")
    op.drop_column("phone_number", "source")
    op.drop_column("flow_session", "wait")
    op.drop_column("customer", "fields")
    op.execute("UPDATE interaction SET state = 'voicemail' WHERE state = 'callback'")  # somebody must still call back
    _states(BEFORE)


def _states(names: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_interaction_state"), "interaction", type_="check")
    listed = ",".join(f"'{name}'" for name in names)
    op.create_check_constraint(op.f("ck_interaction_state"), "interaction", f"state IN ({listed})")
