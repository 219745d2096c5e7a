"""The REST API, one module per resource. Each has a `routes` function that lists its addresses."""

from __future__ import annotations

from aiohttp import web

from telephony.local_carrier.rest import (
    accounts,
    alerts,
    applications,
    calls,
    conferences,
    messages,
    numbers,
    participants,
    recordings,
    streams,
)

MODULES = (accounts, alerts, applications, calls, conferences, messages, numbers, participants, recordings, streams)


def all_routes() -> list[web.RouteDef]:
    """Every address of the API."""
    return [route for module in MODULES for route in module.routes()]
