"""What supervisors see and do: the live floor, its alerts, the wallboard, why somebody rang."""

from __future__ import annotations

from flask import Flask

from app.config import Settings


def init(app: Flask, settings: Settings) -> None:
    """Open the room."""
    from app.accounts.entry import SUPERVISOR, enter
    from app.supervisor import alerts, views  # noqa: F401 - alerts for the tick it registers

    enter(app, views.bp, SUPERVISOR)
