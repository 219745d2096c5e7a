"""IncomingPhoneNumbers: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource

Here any number in E.164 can be had for the asking: nobody else owns one.
"""

from __future__ import annotations

import secrets
from typing import Any

from aiohttp import web

from telephony.local_carrier import resources
from telephony.local_carrier.errors import RestError
from telephony.local_carrier.numbers import IncomingNumber
from telephony.local_carrier.resources import formatted
from telephony.local_carrier.rest.common import ROOT, Form, carrier_of, deleted, found, page, reply
from telephony.local_carrier.rest.programs import changes
from telephony.local_carrier.sids import is_number


def routes() -> list[web.RouteDef]:
    """Where numbers are found."""
    one = f"{ROOT}/IncomingPhoneNumbers/{{number}}.json"
    return [
        web.get(f"{ROOT}/IncomingPhoneNumbers.json", list_numbers),
        web.post(f"{ROOT}/IncomingPhoneNumbers.json", create),
        web.get(one, fetch),
        web.post(one, update),
        web.delete(one, delete),
    ]


def _wanted(form: Form) -> dict[str, Any]:
    wanted = changes(form)
    for name, attribute in (
        ("VoiceApplicationSid", "voice_application_sid"),
        ("SmsApplicationSid", "sms_application_sid"),
    ):
        if form.has(name):
            wanted[attribute] = form.text(name, longest=34)
    return wanted


def _one(request: web.Request) -> IncomingNumber:
    return found(request, carrier_of(request).account.numbers.get(request.match_info["number"]))


async def list_numbers(request: web.Request) -> web.Response:
    """All, or those that match a number (`*` for any digits, as Twilio) or a name."""
    carrier = carrier_of(request)
    name, pattern = request.query.get("FriendlyName"), request.query.get("PhoneNumber")
    items = [
        item
        for item in carrier.account.numbers
        if name in {None, item.friendly_name} and (pattern is None or _matches(pattern, item.phone_number))
    ]
    return page(request, "incoming_phone_numbers", items, lambda item: resources.number(carrier, item))


def _matches(pattern: str, number: str) -> bool:
    pieces = [piece for piece in pattern.split("*") if piece]
    place = 0
    for piece in pieces:
        place = number.find(piece, place)
        if place < 0:
            return False
        place += len(piece)
    return True


async def create(request: web.Request) -> web.Response:
    """A number of the account's own: the one asked for, or one with the area code asked for."""
    carrier = carrier_of(request)
    form = await Form.read(request)
    number = form.text("PhoneNumber") or _any_number(form.text("AreaCode"))
    if not is_number(number):
        raise RestError(400, 21421, "PhoneNumber is invalid; it must be in E.164, for example +15551234567.")
    if carrier.account.numbers.by_number(number) is not None:
        raise RestError(400, 21422, "PhoneNumber is not available: the account owns it already.")
    wanted = {"friendly_name": formatted(number), **_wanted(form)}
    item = carrier.account.numbers.put(IncomingNumber(phone_number=number, **wanted))
    return reply(resources.number(carrier, item), 201)


def _any_number(area_code: str) -> str:
    if not area_code:
        raise RestError(400, 21451, "Give a PhoneNumber or an AreaCode.")
    return f"+1{area_code}555{secrets.randbelow(10_000):04d}"


async def fetch(request: web.Request) -> web.Response:
    """One number."""
    return reply(resources.number(carrier_of(request), _one(request)))


async def update(request: web.Request) -> web.Response:
    """Change what was sent."""
    carrier = carrier_of(request)
    item = carrier.account.numbers.change(_one(request), **_wanted(await Form.read(request)))
    return reply(resources.number(carrier, item))


async def delete(request: web.Request) -> web.Response:
    """Give it back."""
    carrier_of(request).account.numbers.remove(_one(request).sid)
    return deleted()
