"""Setting the house up and seeing how it stands."""

from __future__ import annotations

from flask import Flask

from app.config import Settings


def init(app: Flask, settings: Settings) -> None:
    """Open the room. `app.extensions["speech_report"]` and `["our_numbers"]` are injected by the factory."""
    from app.accounts.entry import ADMIN, enter
    from app.admin import breaks, callback_rules, entry_points, hours, no_calls, queues, skills, undo, views

    enter(app, views.bp, ADMIN)
    for room in (entry_points, queues, skills, hours, breaks, callback_rules, no_calls, undo):
        enter(app, room.bp, ADMIN)
