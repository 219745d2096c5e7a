"""The dispatch finds free agents by an index; the database itself notes who has a call at hand.

Queues say what their callers are told.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OPEN = "('pending','accepted','wrapping')"
FUNCTIONS = f"""
CREATE FUNCTION note_call_at_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE agent_state SET has_call = TG_OP <> 'DELETE' AND NEW.state IN {OPEN}
    WHERE user_id = CASE TG_OP WHEN 'DELETE' THEN OLD.user_id ELSE NEW.user_id END;
    RETURN NULL;
END $$;
CREATE FUNCTION look_for_call_at_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.has_call := EXISTS (
        SELECT 1 FROM offer WHERE user_id = NEW.user_id AND channel = 'voice' AND state IN {OPEN}
    );
    RETURN NEW;
END $$;
CREATE TRIGGER call_comes AFTER INSERT ON offer FOR EACH ROW
    WHEN (NEW.channel = 'voice' AND NEW.state IN {OPEN}) EXECUTE FUNCTION note_call_at_hand();
CREATE TRIGGER call_goes AFTER UPDATE OF state ON offer FOR EACH ROW
    WHEN (NEW.channel = 'voice' AND (NEW.state IN {OPEN}) <> (OLD.state IN {OPEN}))
    EXECUTE FUNCTION note_call_at_hand();
CREATE TRIGGER call_is_forgotten AFTER DELETE ON offer FOR EACH ROW
    WHEN (OLD.channel = 'voice' AND OLD.state IN {OPEN}) EXECUTE FUNCTION note_call_at_hand();
CREATE TRIGGER agent_comes BEFORE INSERT ON agent_state FOR EACH ROW EXECUTE FUNCTION look_for_call_at_hand();
UPDATE agent_state SET has_call = true
    WHERE user_id IN (SELECT user_id FROM offer WHERE channel = 'voice' AND state IN {OPEN});
"""  # noqa: S608


TOLD: dict[str, sa.types.TypeEngine[Any]] = {
    "tell_position": sa.Boolean(),
    "tell_position_to": sa.Integer(),
    "tell_wait": sa.Boolean(),
    "tell_every_s": sa.Integer(),
}
DEFAULTS = {"tell_position": "true", "tell_position_to": "5", "tell_wait": "true", "tell_every_s": "90"}


def upgrade() -> None:
    for name, kind in TOLD.items():
        op.add_column("queue", sa.Column(name, kind, server_default=sa.text(DEFAULTS[name]), nullable=False))
    op.add_column("agent_state", sa.Column("has_call", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.execute(FUNCTIONS)
    op.create_index(
        "ix_agent_state_free",
        "agent_state",
        ["idle_since"],
        postgresql_where=sa.text(
            "presence = 'available' AND NOT not_responding AND next_presence IS NULL AND NOT has_call"
        ),
    )
    op.create_index(
        "ix_user_works_beside_calls",
        "user",
        ["id"],
        postgresql_where=sa.text("(capacity #> '{interruptible_by,voice}') IS NOT NULL"),
    )
    op.create_index(
        "ix_offer_taken",
        "offer",
        ["queue_id", "created_at"],
        postgresql_where=sa.text("state IN ('accepted','wrapping','completed')"),
    )


def downgrade() -> None:
    op.drop_index("ix_offer_taken", "offer")
    op.drop_index("ix_user_works_beside_calls", "user")
    op.drop_index("ix_agent_state_free", "agent_state")
    op.execute(
        """
        DROP TRIGGER agent_comes ON agent_state;
        DROP TRIGGER call_is_forgotten ON offer;
        DROP TRIGGER call_goes ON offer;
        DROP TRIGGER call_comes ON offer;
        DROP FUNCTION look_for_call_at_hand();
        DROP FUNCTION note_call_at_hand();
        """
    )
    op.drop_column("agent_state", "has_call")
    for name in TOLD:
        op.drop_column("queue", name)
