"""Is it really the carrier? Every webhook's signature, over the public URL as it was requested.

Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import structlog
from flask import Blueprint, Request, abort, current_app, request
from twilio.request_validator import RequestValidator

from app.config import Settings

log = structlog.get_logger()

HEADER = "X-Twilio-Signature"


def guard(bp: Blueprint) -> None:
    """Refuse with 403, before anything is read or stored, what the carrier did not sign."""
    bp.before_request(refuse_unsigned)


def refuse_unsigned() -> None:
    settings: Settings = current_app.config["SETTINGS"]
    if not is_signed(settings, public_url(settings, request), _signed_parameters(request), request.headers.get(HEADER)):
        log.warning("webhook.refused", rule=request.url_rule.rule if request.url_rule else "-")
        abort(403)


def is_signed(settings: Settings, url: str, parameters: Any, signature: str | None) -> bool:
    """Whether one of the account's tokens (the current, or the previous during a rotation) signed this."""
    if not signature:
        return False
    tokens = [token for token in (settings.twilio_auth_token, settings.twilio_auth_token_previous) if token]
    return any(_matches(token, url, parameters, signature) for token in tokens)


def _matches(token: str, url: str, parameters: Any, signature: str) -> bool:
    """The address as it stands is tried first: the validator tries it with a port and without."""
    validator = RequestValidator(token)
    try:
        if isinstance(parameters, Mapping) and _same(validator.compute_signature(url, parameters), signature):
            return True
        return bool(validator.validate(url, parameters, signature))
    except (TypeError, ValueError, UnicodeError):  # a JSON body without its hash, an address that is none
        return False


def _same(signature: str, other: str) -> bool:
    """Compared in a time that does not tell how much of it is right."""
    return hmac.compare_digest(signature.encode(), other.encode())


def public_url(settings: Settings, request: Request) -> str:
    """The URL as the carrier requested it: our public address, not what a proxy made of the Host header."""
    query = request.query_string.decode("latin-1")
    return settings.public_base_url + request.path + (f"?{query}" if query else "")


def _signed_parameters(request: Request) -> Any:
    """A form's values are part of what is signed; of a JSON body its hash is, in the URL."""
    if request.method != "POST":
        return {}
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data", ""):
        return request.form
    return request.get_data(as_text=True)


def is_signed_handshake(settings: Settings, path: str, signature: str | None) -> bool:
    """Whether the carrier signed a media stream's handshake: the wss:// address of the TwiML, no parameters."""
    address = settings.public_base_url.replace("http", "ws", 1) + path
    spellings = (address, address.replace("ws", "http", 1))
    return any(is_signed(settings, spelling, {}, signature) for spelling in spellings)
