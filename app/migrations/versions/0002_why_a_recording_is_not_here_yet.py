"""Why a recording is not here yet, and when it is fetched next."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recording", sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("recording", sa.Column("problem", sa.Text(), nullable=True))
    op.add_column("recording", sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_recording_due", "recording", ["next_try_at"], postgresql_where=sa.text("next_try_at IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_recording_due", table_name="recording")
    op.drop_column("recording", "next_try_at")
    op.drop_column("recording", "problem")
    op.drop_column("recording", "tries")
