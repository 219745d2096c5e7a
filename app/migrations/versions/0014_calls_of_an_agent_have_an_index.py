"""What an agent took lately is found by an index: their desktop lists every call they had a part in."""

from alembic import op
from sqlalchemy import text

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index over offers that were taken."""
    taken = text("state IN ('accepted','wrapping','completed')")
    op.create_index("ix_offer_taken_by", "offer", ["user_id", "created_at"], postgresql_where=taken)


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_offer_taken_by", "offer")
