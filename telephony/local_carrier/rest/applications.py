"""Applications: https://www.twilio.com/docs/usage/api/applications"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from telephony.local_carrier import resources
from telephony.local_carrier.numbers import Application
from telephony.local_carrier.rest.common import ROOT, Form, carrier_of, deleted, found, page, reply
from telephony.local_carrier.rest.programs import changes


def routes() -> list[web.RouteDef]:
    """Where applications are found."""
    one = f"{ROOT}/Applications/{{application}}.json"
    return [
        web.get(f"{ROOT}/Applications.json", list_applications),
        web.post(f"{ROOT}/Applications.json", create),
        web.get(one, fetch),
        web.post(one, update),
        web.delete(one, delete),
    ]


def _wanted(form: Form) -> dict[str, Any]:
    wanted = changes(form)
    for name, attribute in (
        ("SmsStatusCallback", "sms_status_callback"),
        ("MessageStatusCallback", "message_status_callback"),
    ):
        if form.has(name):
            wanted[attribute] = form.url(name, 21502)
    return wanted


def _one(request: web.Request) -> Application:
    return found(request, carrier_of(request).account.applications.get(request.match_info["application"]))


async def list_applications(request: web.Request) -> web.Response:
    """All, or those of a name."""
    carrier = carrier_of(request)
    name = request.query.get("FriendlyName")
    items = [item for item in carrier.account.applications if name in {None, item.friendly_name}]
    return page(request, "applications", items, lambda item: resources.application(carrier, item))


async def create(request: web.Request) -> web.Response:
    """A new application."""
    carrier = carrier_of(request)
    item = carrier.account.applications.put(Application(**_wanted(await Form.read(request))))
    return reply(resources.application(carrier, item), 201)


async def fetch(request: web.Request) -> web.Response:
    """One application."""
    return reply(resources.application(carrier_of(request), _one(request)))


async def update(request: web.Request) -> web.Response:
    """Change what was sent."""
    carrier = carrier_of(request)
    item = carrier.account.applications.change(_one(request), **_wanted(await Form.read(request)))
    return reply(resources.application(carrier, item))


async def delete(request: web.Request) -> web.Response:
    """Forget it."""
    carrier_of(request).account.applications.remove(_one(request).sid)
    return deleted()
