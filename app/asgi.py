"""The web process: one ASGI application on one port and one origin.

Flask serves pages, JSON and webhooks; beside it, native: /live (events), /media (Media Streams) and, in local mode,
/phone/socket, a pass-through to the local carrier's phones.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import structlog
import uvicorn
from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi import build_environ
from flask import Flask
from flask_login import current_user
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp

from app import create_app
from app.accounts.entry import SUPERVISOR, has_role
from app.config import EXPOSED_DEMO, Settings
from app.db import unit_of_work
from app.live import Hub, live
from app.routing.presence import phone_failed
from app.worker import plain_url

log = structlog.get_logger()

WSGI_THREADS = 20
DRAIN_S = 10


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who sits behind a request's cookie."""

    id: int
    is_supervisor: bool


def make_asgi(flask_app: Flask) -> Starlette:
    """Put Flask and the native endpoints on one origin."""
    settings: Settings = flask_app.config["SETTINGS"]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.hub = Hub(plain_url(flask_app.config["DATABASE_URL"]))
        tail = asyncio.create_task(app.state.hub.run())
        warming = asyncio.create_task(recogniser().warm()) if settings.warm_speech else None
        yield
        app.state.hub.stop()
        tail.cancel()
        if warming:
            warming.cancel()

    from telephony.media import media_socket, recogniser

    routes: list[BaseRoute] = [Route("/live", live), WebSocketRoute("/media/{token}", media_socket)]
    if settings.is_local:
        from telephony.phone_socket import phone_socket

        routes.append(WebSocketRoute("/phone/socket", phone_socket))
    routes.append(Mount("/", cast(ASGIApp, WSGIMiddleware(cast(Any, flask_app), workers=WSGI_THREADS))))
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.settings = settings
    app.state.flask = flask_app
    if settings.is_local:
        app.state.phone_lines = Counter()
        app.state.phone_gone = lambda user_id: run_in_threadpool(_phone_gone, user_id)
    app.state.sign_in = lambda request: run_in_threadpool(_signed_in, flask_app, request)
    return app


def _phone_gone(user_id: int) -> None:
    """The last line of an agent's softphone ended: nobody is offered to it, and the floor sees it at once."""
    with unit_of_work() as session:
        phone_failed(session, user_id)


def _signed_in(flask_app: Flask, request: Request) -> SignedIn | None:
    """Ask Flask who the session cookie belongs to, so that there is one sign-in."""
    environ: Any = build_environ(cast(Any, request.scope), cast(Any, None))
    with flask_app.request_context(environ):
        if not current_user.is_authenticated:
            return None
        return SignedIn(current_user.id, has_role(current_user, SUPERVISOR))


def serve(flask_app: Flask) -> None:
    """Serve an application until SIGTERM; then answer what was asked, and end."""
    settings: Settings = flask_app.config["SETTINGS"]
    asgi = make_asgi(flask_app)
    config = uvicorn.Config(
        asgi,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=DRAIN_S,
        ws_max_size=256 * 1024,
        ws_per_message_deflate=False,  # audio does not shrink, and waiting for it to would delay it
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    handle = server.handle_exit

    def leave(sig: int, frame: object) -> None:
        asgi.state.hub.stop()  # readers of events would hold the shutdown up
        handle(sig, frame)  # type: ignore[arg-type]

    server.handle_exit = leave  # type: ignore[method-assign]
    _keep_what_is_loaded()
    server.run()


def _keep_what_is_loaded() -> None:
    """Garbage is searched for among what comes from now on: a search through everything would hold up voices."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def main() -> None:
    flask_app = create_app()
    if flask_app.config["SETTINGS"].is_demo_exposed:
        log.warning("demo.exposed", meaning=EXPOSED_DEMO)
    serve(flask_app)


if __name__ == "__main__":
    main()
