"""The signed link of a callback: whoever has it may see the place, move the call or cancel it. It works once."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer

from app.callbacks.models import Callback
from app.config import Settings

SALT = "callback-link"
ASK_SALT = "callback-ask"


@dataclass(slots=True)
class _House:
    """Where links lead and what signs them; known once the application is wired."""

    base: str = "http://127.0.0.1:8000"
    secret: str = ""


house = _House()


def configure(settings: Settings) -> None:
    """Tell the links their address and key."""
    house.base, house.secret = settings.public_base_url, settings.secret_key


@dataclass(frozen=True, slots=True)
class LinkGrant:
    """What a link stands for. `version` is the callback's when the link was made: an older one was used."""

    callback_id: uuid.UUID
    version: int


def token_of(callback: Callback) -> str:
    """The token of the callback's link as it stands."""
    return str(_signer(SALT).dumps([callback.id.hex, callback.link_version]))


def link_to(callback: Callback) -> str:
    """The whole address."""
    return f"{house.base}/c/{token_of(callback)}"


def read_token(token: str) -> LinkGrant | None:
    """What a token stands for; None when we did not make it."""
    try:
        callback_id, version = _signer(SALT).loads(token)
        return LinkGrant(uuid.UUID(callback_id), int(version))
    except (BadSignature, ValueError, TypeError, AttributeError):
        return None


def link_to_ask(follow_up_id: int) -> str:
    """Where somebody whom we did not answer may ask for a callback: the text came to their number."""
    return f"{house.base}/c/ask/{_signer(ASK_SALT).dumps(follow_up_id)}"


def read_ask_token(token: str) -> int | None:
    try:
        found = _signer(ASK_SALT).loads(token)
    except BadSignature:
        return None
    return found if isinstance(found, int) else None


def _signer(salt: str) -> URLSafeSerializer:
    return URLSafeSerializer(house.secret, salt=salt)
