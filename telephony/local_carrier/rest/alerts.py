"""Alerts: what went wrong on the way, https://www.twilio.com/docs/usage/monitor-alert - client.monitor.v1.alerts."""

from __future__ import annotations

from aiohttp import web

from telephony.local_carrier import resources
from telephony.local_carrier.rest.common import carrier_of, found, reply


def routes() -> list[web.RouteDef]:
    """Where alerts are found."""
    return [web.get("/monitor/v1/Alerts", list_alerts), web.get("/monitor/v1/Alerts/{alert}", fetch)]


async def list_alerts(request: web.Request) -> web.Response:
    """The last alerts, newest first, on one page."""
    carrier = carrier_of(request)
    wanted = request.query.get("ResourceSid")
    alerts = [item for item in carrier.alerts if wanted in {None, item.resource_sid}]
    url = f"{carrier.public_url}/monitor/v1/Alerts"
    meta = {
        "key": "alerts", "page": 0, "page_size": len(alerts), "url": url, "first_page_url": url,
        "next_page_url": None, "previous_page_url": None,
    }  # fmt: skip
    return reply({"alerts": [resources.alert(carrier, item) for item in alerts], "meta": meta})


async def fetch(request: web.Request) -> web.Response:
    """One alert."""
    carrier = carrier_of(request)
    wanted = request.match_info["alert"]
    return reply(resources.alert(carrier, found(request, next((a for a in carrier.alerts if a.sid == wanted), None))))
