"""One port for everything: the REST API, phones at `/phone` and what they caused, `/phones` and `/healthz`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.hdrs import METH_GET

from telephony.local_carrier.calls import API_VERSION
from telephony.local_carrier.carrier import Carrier
from telephony.local_carrier.errors import RestError, not_found
from telephony.local_carrier.rest import all_routes
from telephony.local_carrier.rest.common import CARRIER
from telephony.local_carrier.tokens import TokenError, is_account_password, registration_of

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 256 * 1024
MAX_ID_DIGITS = 15
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build(carrier: Carrier) -> web.Application:
    """The web application of a carrier."""
    app = web.Application(middlewares=[_plain_errors, _authenticated], client_max_size=MAX_BODY_BYTES)
    app[CARRIER] = carrier
    app.add_routes(all_routes())
    app.add_routes(
        [
            web.get("/phone", carrier.phones.serve),
            web.get("/phone/trace", _trace),
            web.get("/phones", _phones),
            web.get("/healthz", _health),
        ]
    )
    return app


@web.middleware
async def _plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure as Twilio's error JSON."""
    try:
        return await handler(request)
    except RestError as refusal:
        return _refused(refusal)
    except web.HTTPNotFound:
        return _refused(not_found(request.path))
    except web.HTTPMethodNotAllowed:
        return _refused(RestError(405, 20004, f"Method {request.method} is not allowed here"))
    except web.HTTPRequestEntityTooLarge:
        return _refused(RestError(413, 20413, f"The request is larger than {MAX_BODY_BYTES // 1024} kB"))
    except (ValueError, LookupError) as problem:
        log.warning("a request could not be read: %s", type(problem).__name__, exc_info=problem)
        return _refused(RestError(400, 20001, "The request could not be read"))
    except web.HTTPException:
        raise
    except Exception:
        log.exception("a request failed in the carrier")
        return _refused(RestError(500, 20500, "An internal error has occurred in the carrier"))


def _refused(refusal: RestError) -> web.Response:
    response = web.json_response(refusal.as_json(), status=refusal.status)
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    return response


@web.middleware
async def _authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Basic for everything but health, phones (they have tokens) and the bytes of media (as at Twilio)."""
    if request.path in {"/healthz", "/phone", "/phone/trace"} or _is_media_file(request):
        return await handler(request)
    carrier = request.app[CARRIER]
    if not is_account_password(carrier.settings, request.headers.get("Authorization")):
        raise RestError(401, 20003, "Authenticate")
    account = request.match_info.get("account")
    if account is not None and account != carrier.settings.account_sid:
        raise not_found(request.path)
    return await handler(request)


def _is_media_file(request: web.Request) -> bool:
    return (
        request.method == METH_GET
        and "/Messages/" in request.path
        and "medium" in request.match_info
        and not request.path.endswith(".json")
        and request.match_info.get("account") == request.app[CARRIER].settings.account_sid
    )


async def _health(request: web.Request) -> web.Response:
    """Whether the carrier lives, and how well its mixer keeps time."""
    carrier = request.app[CARRIER]
    status = "draining" if carrier.is_closing else "ok"
    return web.json_response(
        {"status": status, "api_version": API_VERSION, "mixer": carrier.mixer.statistics()},
        status=503 if carrier.is_closing else 200,
    )


async def _trace(request: web.Request) -> web.Response:
    """`?after=<id>`, a number's token as Bearer: what that telephone's calls and texts made us ask, and the answers."""
    carrier = request.app[CARRIER]
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        registration = registration_of(carrier.settings, token if kind.lower() == "bearer" else "")
    except TokenError as refusal:
        raise RestError(401, refusal.code, refusal.message) from refusal
    if registration.is_client:
        raise RestError(403, 20403, "Only an outside telephone sees what it caused.")
    after = request.query.get("after", "0")
    if not after.isdecimal() or len(after) > MAX_ID_DIGITS:
        raise RestError(400, 20001, "`after` must be the id of an entry.")
    entries = [asked.as_json() for asked in carrier.webhooks.trace.of(registration.address, int(after))]
    return web.json_response({"entries": entries}, headers={"Cache-Control": "no-store"})


async def _phones(request: web.Request) -> web.Response:
    """Who is registered, and whether they are free."""
    phones = [
        {
            "address": phone.address,
            "free": phone.is_free,
            "call_sid": phone.call.sid if phone.call else None,
        }
        for phone in request.app[CARRIER].phones
    ]
    return web.json_response({"phones": phones})
