"""Conferences: https://www.twilio.com/docs/voice/api/conference-resource"""

from __future__ import annotations

from aiohttp import web

from telephony.local_carrier import resources
from telephony.local_carrier.conference import Conference
from telephony.local_carrier.errors import RestError
from telephony.local_carrier.rest.common import ROOT, Form, carrier_of, conference_of, page, reply, within
from telephony.local_carrier.script import Ask

STATUSES = frozenset({"init", "in-progress", "completed"})


def routes() -> list[web.RouteDef]:
    """Where conferences are found."""
    one = f"{ROOT}/Conferences/{{conference}}.json"
    return [
        web.get(f"{ROOT}/Conferences.json", list_conferences),
        web.get(one, fetch),
        web.post(one, update),
    ]


async def list_conferences(request: web.Request) -> web.Response:
    """Conferences, newest first, by FriendlyName, Status, DateCreated and DateUpdated."""
    carrier, query = carrier_of(request), request.query
    if query.get("Status", "init") not in STATUSES:
        raise RestError(400, 20001, f"Status must be one of: {', '.join(sorted(STATUSES))}.")

    def passes(room: Conference) -> bool:
        return (
            query.get("FriendlyName") in {None, "", room.friendly_name}
            and query.get("Status") in {None, "", room.status}
            and within(request, "DateCreated", room.created_at)
            and within(request, "DateUpdated", room.updated_at)
        )

    rooms = [room for room in reversed(carrier.conferences.values()) if passes(room)]
    return page(request, "conferences", rooms, lambda room: resources.conference(carrier, room))


async def fetch(request: web.Request) -> web.Response:
    """One conference."""
    return reply(resources.conference(carrier_of(request), conference_of(request)))


async def update(request: web.Request) -> web.Response:
    """End it (Status=completed) or announce something to everybody (AnnounceUrl)."""
    room = conference_of(request)
    form = await Form.read(request)
    if form.text("Status"):
        form.choice("Status", "", ("completed",))
        room.end_by_api()
    elif form.text("AnnounceUrl"):
        if not room.is_running:
            raise RestError(400, 21241, "The conference is not in progress; nobody would hear the announcement.")
        room.announce(Ask(form.url("AnnounceUrl"), form.method("AnnounceMethod")))
    return reply(resources.conference(carrier_of(request), room))
