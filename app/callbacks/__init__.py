"""Callbacks: a promise to call somebody back, kept in order, at an allowed time, and never twice."""

from __future__ import annotations

from flask import Flask

from app.config import Settings


def init(app: Flask, settings: Settings) -> None:
    """Register the clock's questions and the pages; tell the links where they lead."""
    from app.accounts.entry import SUPERVISOR, enter
    from app.callbacks import expire, links, notices, zones  # noqa: F401 - imported for what they register
    from app.callbacks.views import bp

    links.configure(settings)
    enter(app, bp, SUPERVISOR)
