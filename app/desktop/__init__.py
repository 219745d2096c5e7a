"""What agents see: the desktop, the record beside it and, in local mode, the caller's phone."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_login import user_logged_out
from sqlalchemy import select

from app.config import Settings
from app.db import unit_of_work


def init(app: Flask, settings: Settings) -> None:
    """Open the room. Its extensions (app/desktop/call_control.py) are injected by the factory."""
    from app import forms
    from app.accounts import views as me
    from app.accounts.entry import AGENT, PUBLIC, SUPERVISOR, enter
    from app.desktop import phone, records, supervising, views

    forms.init(app)
    enter(app, me.bp, AGENT)
    enter(app, views.bp, AGENT)
    enter(app, records.bp, AGENT)
    enter(app, supervising.bp, SUPERVISOR)
    if settings.is_local:
        enter(app, phone.bp, PUBLIC)
    user_logged_out.connect(_close_tabs, app)


def _close_tabs(app: Flask, user: Any, **_: Any) -> None:
    """Who signs out does not ring any more."""
    from app.routing.models import AgentSession
    from app.routing.presence import close_session

    if user is None or not user.is_authenticated:
        return
    with unit_of_work() as session:
        for tab in session.scalars(select(AgentSession.id).where(AgentSession.user_id == user.id)).all():
            close_session(session, user.id, tab)
