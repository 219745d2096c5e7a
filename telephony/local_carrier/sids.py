"""Twilio's identifiers: two letters and 32 hexadecimal digits."""

from __future__ import annotations

import re
import secrets

E164 = re.compile(r"\+[1-9]\d{6,14}")
IDENTITY = re.compile(r"[^\s?&]{1,256}")
PREFIXED = re.compile(r"(whatsapp:\+[1-9]\d{6,14}|messenger:[\w.-]{1,121})")


def new_sid(prefix: str) -> str:
    """A fresh, unguessable SID, for example `new_sid("CA")`."""
    return prefix + secrets.token_hex(16)


def is_number(address: str) -> bool:
    """Whether the address is a telephone number in E.164 (`+` and 7 to 15 digits)."""
    return E164.fullmatch(address) is not None


def is_client(address: str) -> bool:
    """Whether the address is `client:identity`, without parameters."""
    return address.startswith("client:") and IDENTITY.fullmatch(address[len("client:") :]) is not None


def is_messaging_address(address: str) -> bool:
    """Whether messages, but no calls, go there: `whatsapp:+1…` or `messenger:…`."""
    return PREFIXED.fullmatch(address) is not None
