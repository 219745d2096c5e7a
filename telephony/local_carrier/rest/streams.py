"""Streams of a call: https://www.twilio.com/docs/voice/api/stream-resource"""

from __future__ import annotations

from aiohttp import web

from telephony.local_carrier import resources
from telephony.local_carrier.errors import RestError
from telephony.local_carrier.rest.common import ROOT, Form, call_of, carrier_of, found, reply
from telephony.local_carrier.streams import StreamError, StreamOrder

MAX_PARAMETERS = 99


def routes() -> list[web.RouteDef]:
    """Where streams are found."""
    return [
        web.post(f"{ROOT}/Calls/{{call}}/Streams.json", create),
        web.post(f"{ROOT}/Calls/{{call}}/Streams/{{stream}}.json", update),
    ]


async def create(request: web.Request) -> web.Response:
    """Copy a call's sound to a server."""
    carrier, call = carrier_of(request), call_of(request)
    form = await Form.read(request)
    if not call.is_up:
        raise RestError(400, 21220, "The call is not in progress; it has no sound.")
    order = StreamOrder(
        url=form.text("Url"),
        name=form.text("Name"),
        track=form.choice("Track", "inbound_track", ("inbound_track", "outbound_track", "both_tracks")),
        callback=form.callback("StatusCallback", (), ()),
        parameters=_parameters(form),
    )
    try:
        stream = carrier.streams.start(call, order)
    except StreamError as problem:
        raise RestError(400, problem.code, problem.message) from problem
    return reply(resources.stream(carrier, stream), 201)


def _parameters(form: Form) -> dict[str, str]:
    """Parameter1.Name and Parameter1.Value up to Parameter99."""
    return {
        form.text(f"Parameter{index}.Name"): form.text(f"Parameter{index}.Value")
        for index in range(1, MAX_PARAMETERS + 1)
        if form.text(f"Parameter{index}.Name")
    }


async def update(request: web.Request) -> web.Response:
    """Status=stopped ends it; by SID or by name."""
    carrier, call = carrier_of(request), call_of(request)
    form = await Form.read(request)
    form.choice("Status", "", ("stopped",))
    stream = found(request, carrier.streams.find(call, request.match_info["stream"]))
    stream.stop()
    return reply(resources.stream(carrier, stream))
