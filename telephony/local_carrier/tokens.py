"""Who may register a phone: Twilio access tokens for clients, short-lived signed tokens or Basic for numbers.

Access tokens: https://www.twilio.com/docs/iam/access-tokens. A number's token is ours: a JWT (HS256) with the claims
`sub` (the account), `number` (E.164) and `exp`, signed with the API key's secret, or the auth token when there is none.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from telephony.local_carrier.settings import Settings
from telephony.local_carrier.sids import IDENTITY, is_messaging_address, is_number

ACCESS_TOKEN_TYPE = "twilio-fpa;v=1"  # noqa: S105 - a content type, not a secret
_CLOCK_SKEW_S = 5


class TokenError(Exception):
    """A token is refused; `code` is Twilio's 20101 to 20107."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Registration:
    """What a phone is allowed: the address it answers to, and for a client what its token grants."""

    address: str
    rings: bool = True
    application_sid: str = ""
    application_params: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_client(self) -> bool:
        """Whether it is a browser phone of the account, not an outside telephone."""
        return self.address.startswith("client:")


def is_account_password(settings: Settings, authorization: str | None) -> bool:
    """Whether a Basic header holds the account's token or an API key's secret."""
    kind, _, encoded = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return False
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    expected = settings.auth_token if user == settings.account_sid else settings.api_keys.get(user)
    return expected is not None and hmac.compare_digest(expected.encode(), password.encode())


def number_registration(number: str) -> Registration:
    """An outside telephone, or a messenger's address. Raises TokenError for anything else."""
    if not is_number(number) and not is_messaging_address(number):
        raise TokenError(20107, "The number must be in E.164, for example +15551234567.")
    return Registration(number, rings=is_number(number))


def registration_of(settings: Settings, token: str) -> Registration:
    """What a token allows. Raises TokenError."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as problem:
        raise TokenError(20101, "The token is no JWT.") from problem
    if header.get("cty") == ACCESS_TOKEN_TYPE:
        return _client(settings, token)
    claims = _verified(settings, token, settings.token_secret)
    return number_registration(str(claims.get("number", "")))


def _client(settings: Settings, token: str) -> Registration:
    claims = _verified(settings, token, _secret_of_issuer(settings, token))
    grants = _mapping(claims.get("grants"))
    identity = str(grants.get("identity", ""))
    voice = grants.get("voice")
    if not IDENTITY.fullmatch(identity) or not isinstance(voice, Mapping):
        raise TokenError(20106, "The token needs an identity and a voice grant.")
    outgoing = _mapping(voice.get("outgoing"))
    return Registration(
        address=f"client:{identity}",
        rings=bool(_mapping(voice.get("incoming")).get("allow", False)),
        application_sid=str(outgoing.get("application_sid", "")),
        application_params={str(name): str(value) for name, value in _mapping(outgoing.get("params")).items()},
    )


def _secret_of_issuer(settings: Settings, token: str) -> str:
    issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    secret = settings.api_keys.get(str(issuer))
    if secret is None:
        raise TokenError(20103, "The token's issuer is no API key of this account; start the carrier with --api-key.")
    return secret


def _verified(settings: Settings, token: str, secret: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token, secret, algorithms=["HS256"], leeway=_CLOCK_SKEW_S, options={"require": ["exp", "sub"]}
        )
    except jwt.ExpiredSignatureError as problem:
        raise TokenError(20104, "The token has expired; ask for a new one.") from problem
    except jwt.ImmatureSignatureError as problem:
        raise TokenError(20105, "The token is not valid yet; check the clocks.") from problem
    except jwt.InvalidSignatureError as problem:
        raise TokenError(20107, "The token's signature is wrong.") from problem
    except jwt.InvalidTokenError as problem:
        raise TokenError(20101, "The token cannot be read.") from problem
    if claims["sub"] != settings.account_sid:
        raise TokenError(20103, "The token belongs to another account.")
    return claims


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
