"""A supervisor comes into somebody's call and goes out of it. Their own desktop, open in another tab, is the phone."""

from __future__ import annotations

import uuid
from typing import Literal

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.config import Settings
from app.db import unit_of_work
from app.desktop.hand_over import supervision_json
from app.forms import Form, parse
from app.routing import supervision
from app.routing.in_hand import SupervisionMode

bp = Blueprint("supervising", __name__)


class JoinForm(Form):
    mode: Literal["listen", "coach", "barge", "take_over", "leave"]


@bp.post("/supervisor/calls/<uuid:interaction_id>/join")
def join(interaction_id: uuid.UUID) -> ResponseReturnValue:
    """`{mode: listen | coach | barge | take_over | leave}` in, `{supervising}` out: None when not in a call (any more).

    The first time the supervisor's own phone rings and answers itself; afterwards the mode changes within the call.
    """
    mode = parse(JoinForm).mode
    settings: Settings = current_app.config["SETTINGS"]
    with unit_of_work() as session:
        if mode == "leave":
            supervision.leave(session, interaction_id, current_user.id)
        else:
            wanted = SupervisionMode(mode)
            supervision.join(session, interaction_id, current_user.id, wanted, settings.supervision_told)
        session.flush()
        return {"supervising": supervision_json(session, current_user.id)}
