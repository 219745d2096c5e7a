"""What people see who are not signed in: the page behind a callback's link, and the form that asks for one."""

from __future__ import annotations

from flask import Flask


def init(app: Flask) -> None:
    from app.accounts.entry import PUBLIC, enter
    from app.portal.callbacks import bp

    enter(app, bp, PUBLIC)
