"""Accounts: https://www.twilio.com/docs/iam/api/account - there is one, the carrier's."""

from __future__ import annotations

from aiohttp import web

from telephony.local_carrier import resources
from telephony.local_carrier.rest.common import ROOT, Form, carrier_of, page, reply


def routes() -> list[web.RouteDef]:
    """Where accounts are found."""
    return [
        web.get("/2010-04-01/Accounts.json", list_accounts),
        web.get(f"{ROOT}.json", fetch),
        web.post(f"{ROOT}.json", update),
    ]


class _Only:
    def __init__(self, sid: str) -> None:
        self.sid = sid


async def list_accounts(request: web.Request) -> web.Response:
    """The one account, when it passes the filters."""
    carrier = carrier_of(request)
    name, status = request.query.get("FriendlyName"), request.query.get("Status", "active")
    passes = name in {None, carrier.account.friendly_name} and status == "active"
    only = [_Only(carrier.settings.account_sid)] if passes else []
    return page(request, "accounts", only, lambda _: resources.account(carrier))


async def fetch(request: web.Request) -> web.Response:
    """The account."""
    return reply(resources.account(carrier_of(request)))


async def update(request: web.Request) -> web.Response:
    """Rename it. Closing or suspending it is not for a local carrier."""
    carrier = carrier_of(request)
    form = await Form.read(request)
    carrier.account.friendly_name = form.text("FriendlyName", longest=64) or carrier.account.friendly_name
    return reply(resources.account(carrier))
