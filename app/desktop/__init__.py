"""What agents see: the desktop, the record beside it and, in local mode, the caller's phone."""

from __future__ import annotations

from flask import Flask

from app.config import Settings


def init(app: Flask, settings: Settings) -> None:
    """Open the room. Its extensions (app/desktop/call_control.py) are injected by the factory."""
    from app import forms
    from app.accounts.entry import AGENT, PUBLIC, enter
    from app.desktop import phone, records, views

    forms.init(app)
    enter(app, views.bp, AGENT)
    enter(app, records.bp, AGENT)

    if settings.is_local:
        enter(app, phone.bp, PUBLIC)
