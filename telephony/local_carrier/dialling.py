"""Placing a call: find who answers at an address, ring them, and say how it went.

Outcomes follow https://www.twilio.com/docs/voice/api/call-resource: `answered`, or the leg's final status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from telephony.local_carrier.calls import Call
from telephony.local_carrier.sids import is_client, is_number
from telephony.local_carrier.trunk import ring_own_number

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier

MIN_TIMEOUT_S = 5
MAX_TIMEOUT_S = 600
MAX_SEND_DIGITS = 32


def split_client(address: str) -> tuple[str, Mapping[str, str]]:
    """`client:bob?k=v` as the address `client:bob` and the custom parameters; other addresses have none."""
    if not address.startswith("client:"):
        return address, {}
    plain, _, query = address.partition("?")
    return plain, dict(parse_qsl(query, keep_blank_values=True))


def is_callable(address: str) -> bool:
    """Whether an address can be called at all: a number in E.164 or a client."""
    return is_number(address) or is_client(address)


async def ring(carrier: Carrier, call: Call, timeout_s: float) -> str:
    """Ring whoever holds the leg's address. Gives `answered`, `busy`, `no-answer`, `failed` or `canceled`.

    The leg is up on return when answered; otherwise the caller of this function ends it. Cancelling stops the ringing.
    """
    call.announce_start()
    own_number = carrier.numbers.by_number(call.to)
    if own_number is not None:
        return await ring_own_number(carrier, call, own_number, timeout_s)
    offer = carrier.phones.offer(call)
    if isinstance(offer, str):
        return offer
    call.move_to("ringing")
    try:
        async with asyncio.timeout(timeout_s):
            return await offer.outcome
    except TimeoutError:
        return "no-answer"
    finally:
        offer.withdraw()
