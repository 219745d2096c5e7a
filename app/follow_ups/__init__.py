"""Follow-ups: every contact that nobody answered has an owner until the person is reached."""

from __future__ import annotations

from flask import Flask


def init(app: Flask) -> None:
    """Register the clock's questions and the page."""
    from app.accounts.entry import AGENT, enter
    from app.follow_ups import close, open  # noqa: F401 - imported for what they register
    from app.follow_ups.views import bp

    enter(app, bp, AGENT)
