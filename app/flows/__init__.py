"""Flows as admins see them: drafts, the check, publishing, history, trials, and where callers go."""

from __future__ import annotations

from flask import Flask

from app.config import Settings


def init(app: Flask, settings: Settings) -> None:
    """Open the room. The telephone side reads `app.extensions["flow_house"].store`."""
    from app import clock
    from app.accounts.entry import ADMIN, enter
    from app.flows import views
    from app.flows.archive import open_store
    from app.flows.files import FlowFiles
    from app.flows.publish import House

    house = House(open_store(settings), FlowFiles(settings.flows_dir))
    app.extensions["flow_house"] = house
    clock.tick("flows.files", every_s=1)(lambda _session: house.store.refresh())  # also when nobody calls
    enter(app, views.bp, ADMIN)
