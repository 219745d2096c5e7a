"""The note that an agent begins to write while they wrap up a call is a draft as well."""

from alembic import op

revision = "0005a"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_draft_kind"), "draft", type_="check")
    op.create_check_constraint(op.f("ck_draft_kind"), "draft", "kind IN ('text','note','wrap')")


def downgrade() -> None:
    op.execute("DELETE FROM draft WHERE kind = 'wrap'")
    op.drop_constraint(op.f("ck_draft_kind"), "draft", type_="check")
    op.create_check_constraint(op.f("ck_draft_kind"), "draft", "kind IN ('text','note')")
