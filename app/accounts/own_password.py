"""Everybody signed in changes their own password: /me/password, Flask-Security's view in our look."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response
from flask_babel import gettext
from flask_login import current_user
from flask_security import ChangePasswordForm, password_changed

from app import events
from app.accounts.entry import AGENT, entry
from app.accounts.models import User
from app.accounts.people import LONGEST_PASSWORD
from app.db import request_session
from app.pages import limiter

TRIES = "10 per minute; 60 per hour"
"""Wrong passwords of one signed-in person: an unlocked desk is no place for guessing."""


class OwnPasswordForm(ChangePasswordForm):
    """The old password, and the new one twice."""

    def validate(self, **kwargs: Any) -> bool:
        """Refuse what is too long before it is hashed: hashing takes its time."""
        for field in (self.password, self.new_password, self.new_password_confirm):
            if len(field.data or "") > LONGEST_PASSWORD:
                field.errors = [gettext("A password has at most %(count)s characters.", count=LONGEST_PASSWORD)]
                return False
        return bool(super().validate(**kwargs))


def init(app: Flask) -> None:
    """State who may enter, slow down guessing, and write changes into the log."""
    view: Any = app.view_functions["security.change_password"]
    view = limiter.limit(TRIES, key_func=_person, methods=["POST"], deduct_when=_was_wrong)(view)
    app.view_functions["security.change_password"] = entry(AGENT)(view)
    password_changed.connect(_tell, app)


def _person() -> str:
    return f"own-password:{current_user.get_id()}"


def _was_wrong(response: Response) -> bool:
    return response.status_code != 302


def _tell(app: Flask, user: User, **_: Any) -> None:
    """In the transaction that changes it."""
    events.record(request_session(), "person.password_set", actor=f"user:{user.id}", users=(user.id,), user_id=user.id)
