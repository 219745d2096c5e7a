"""The real application's flow pages, without processes beside it, and an admin who has signed in."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.async_api import Browser
from werkzeug.serving import make_server

from app import create_app, db
from app.config import Settings
from app.db import unit_of_work
from app.routing.models import Queue
from tests.support.browser import Person
from tests.support.people import a_person


@dataclass
class FlowDesk:
    """Where the pages are, and the cookie of an admin."""

    app: Flask
    url: str
    cookie: str
    folder: Path

    async def admin_at(self, browser: Browser, path: str) -> Person:
        """An admin in front of a page."""
        person = await Person.sits_down(browser, self.url, reduced_motion="reduce")
        await person.page.context.add_cookies([{"name": "session", "value": self.cookie, "url": self.url}])
        await person.page.goto(path)
        return person


def flow_desk(database_url: str, place: Path, flows: Mapping[str, str]) -> Iterator[FlowDesk]:
    """Serve the application on these flows and a queue Sales until the generator is closed."""
    folder = place / "flows"
    folder.mkdir()
    for name, text in flows.items():
        (folder / f"{name}.yaml").write_text(text)
    with unit_of_work() as session:
        session.add(Queue(key="sales", name="Sales"))
    settings = {
        "VAR_DIR": str(place / "var"),
        "DATABASE_URL": database_url,
        "SECRET_KEY": "test-secret",
        "FLOWS_DIR": str(folder),
        "SPEECH_FETCH": "never",
        "DEMO": "0",
    }
    app = create_app(Settings.from_env(settings))
    admin = a_person("admin", name="Alma")
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    cookie = str(serializer.dumps({"_user_id": admin.fs_uniquifier, "_fresh": True}))
    yield FlowDesk(app, f"http://127.0.0.1:{server.server_port}", cookie, folder)
    server.shutdown()
    server.server_close()
    db.request_session.remove()
