"""Taking back any change of a setting, from any page's history."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.admin import changes
from app.admin.pages import careful, done, me
from app.db import unit_of_work

bp = Blueprint("changes", __name__, url_prefix="/admin/changes")

PAGES = {
    "queue.changed": "queues.page",
    "member.changed": "queues.page",
    "skill.changed": "skills.page",
    "agent_skill.changed": "skills.page",
    "hours.changed": "opening_hours.page",
    "break_reason.changed": "breaks.page",
    "callback_rules.changed": "callback_rules.page",
    "no_calls.changed": "no_calls.page",
}


@bp.post("/<int:event_id>/undo")
@careful("queues.page")
def undo(event_id: int) -> ResponseReturnValue:
    """Take one change back. 404 for none, 409 when it was changed again since, or what it needs is gone."""
    with unit_of_work() as session:
        kind, _key = changes.undo(session, event_id, actor=me())
    return done(PAGES[kind])
