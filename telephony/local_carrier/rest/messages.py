"""Messages and their media: https://www.twilio.com/docs/messaging/api/message-resource, …/media-resource"""

from __future__ import annotations

import asyncio

from aiohttp import web

from telephony.local_carrier import resources
from telephony.local_carrier.errors import RestError, not_found
from telephony.local_carrier.messages import Medium, Message, MessageError
from telephony.local_carrier.rest.calls import refuse_when_closing
from telephony.local_carrier.rest.common import ROOT, Form, carrier_of, deleted, found, page, reply, within

_UNFINISHED = frozenset({"accepted", "scheduled", "queued"})


def routes() -> list[web.RouteDef]:
    """Where messages are found."""
    one = f"{ROOT}/Messages/{{message}}.json"
    files = f"{ROOT}/Messages/{{message}}/Media"
    file = f"{files}/{{medium:ME[0-9a-f]{{32}}}}"
    return [
        web.get(f"{ROOT}/Messages.json", list_messages),
        web.post(f"{ROOT}/Messages.json", create),
        web.get(one, fetch),
        web.post(one, update),
        web.delete(one, delete),
        web.get(f"{files}.json", list_media),
        web.get(f"{file}.json", fetch_medium),
        web.delete(f"{file}.json", delete_medium),
        web.get(file, medium_bytes),
    ]


def _one(request: web.Request) -> Message:
    return found(request, carrier_of(request).messages.get(request.match_info["message"]))


def _medium(request: web.Request) -> tuple[Message, Medium]:
    message = _one(request)
    wanted = request.match_info["medium"]
    return message, found(request, next((item for item in message.media if item.sid == wanted), None))


async def create(request: web.Request) -> web.Response:
    """Take a message to be sent. RestError with 21211, 21602, 21603, 21604, 21606, 21610, 21617, 21620."""
    carrier = carrier_of(request)
    form = await Form.read(request)
    refuse_when_closing(carrier)
    if not form.text("To"):
        raise RestError(400, 21604, "A 'To' phone number is required.")
    if not form.text("From"):
        raise RestError(400, 21603, "A 'From' phone number is required; messaging services are not known here.")
    media_urls = form.many("MediaUrl")
    for index in range(len(media_urls)):
        Form({"MediaUrl": [media_urls[index]]}).url("MediaUrl", 21620)
    try:
        message = carrier.messages.create(
            sender=form.text("From"),
            to=form.text("To"),
            body=form.text("Body", longest=100_000),
            media_urls=media_urls,
            callback=form.callback("StatusCallback", (), ()),
        )
    except MessageError as problem:
        raise RestError(400, problem.code, problem.message) from problem
    return reply(resources.message(carrier, message), 201)


async def list_messages(request: web.Request) -> web.Response:
    """Messages, newest first, by To, From and DateSent."""
    carrier, query = carrier_of(request), request.query

    def passes(item: Message) -> bool:
        return (
            query.get("To") in {None, "", item.to}
            and query.get("From") in {None, "", item.sender}
            and within(request, "DateSent", item.sent_at or item.created_at)
        )

    items = [item for item in carrier.messages if passes(item)]
    return page(request, "messages", items, lambda item: resources.message(carrier, item))


async def fetch(request: web.Request) -> web.Response:
    """One message."""
    return reply(resources.message(carrier_of(request), _one(request)))


async def update(request: web.Request) -> web.Response:
    """Body= redacts; Status=canceled takes back what is not sent yet."""
    message = _one(request)
    form = await Form.read(request)
    if form.has("Body"):
        if form.text("Body"):
            raise RestError(400, 20001, "Body can only be emptied, to redact the message.")
        message.body = ""
    if form.text("Status"):
        form.choice("Status", "", ("canceled",))
        if message.status not in _UNFINISHED:
            raise RestError(400, 30409, "The message is no longer waiting; it cannot be cancelled.")
        message.status = "canceled"
    return reply(resources.message(carrier_of(request), message))


async def delete(request: web.Request) -> web.Response:
    """Forget a message. RestError 20009 while it is under way."""
    message = _one(request)
    if message.status in _UNFINISHED:
        raise RestError(409, 20009, "The message is still under way.")
    carrier_of(request).messages.delete(message)
    return deleted()


async def list_media(request: web.Request) -> web.Response:
    """The message's files."""
    carrier, message = carrier_of(request), _one(request)
    return page(request, "media_list", message.media, lambda item: resources.medium(carrier, message, item))


async def fetch_medium(request: web.Request) -> web.Response:
    """One file's description."""
    return reply(resources.medium(carrier_of(request), *_medium(request)))


async def delete_medium(request: web.Request) -> web.Response:
    """Throw one file away."""
    message, medium = _medium(request)
    carrier_of(request).messages.delete_medium(message, medium)
    return deleted()


async def medium_bytes(request: web.Request) -> web.Response:
    """The file itself, for whoever knows the address."""
    _, medium = _medium(request)
    try:
        content = await asyncio.to_thread(carrier_of(request).messages.media_bytes, medium)
    except OSError as problem:
        raise not_found(request.path) from problem
    return web.Response(
        body=content,
        content_type=medium.content_type,
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Access-Control-Allow-Origin": "*",
        },
    )
