"""How many texts a carrier makes (and bills) of one message.

Source: 3GPP TS 23.038 (the alphabet and its extension table), https://www.twilio.com/docs/glossary/what-sms-character-limit
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = frozenset("^{}\\[~]|€\f")
"""Each is an escape and a character: two units that a segment's end never parts."""
GSM_SINGLE, GSM_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67


@dataclass(frozen=True, slots=True)
class Segments:
    """`encoding` is GSM-7 or UCS-2, `units` its characters as they count, `count` the number of texts."""

    encoding: str
    units: int
    count: int


def segments(body: str) -> Segments:
    """Count a body's segments. One character outside the GSM alphabet makes the whole text UCS-2."""
    if all(each in GSM_BASIC or each in GSM_EXTENSION for each in body):
        costs = [2 if each in GSM_EXTENSION else 1 for each in body]
        return _counted("GSM-7", costs, GSM_SINGLE, GSM_PART)
    costs = [2 if ord(each) > 0xFFFF else 1 for each in body]  # beyond the first plane: a surrogate pair
    return _counted("UCS-2", costs, UCS2_SINGLE, UCS2_PART)


def _counted(encoding: str, costs: list[int], single: int, part: int) -> Segments:
    units = sum(costs)
    return Segments(encoding, units, 1 if units <= single else _parts(costs, part))


def _parts(costs: Iterable[int], part: int) -> int:
    """Fill the parts one after the other; a character of two units moves on whole."""
    count, room = 1, part
    for cost in costs:
        if cost > room:
            count, room = count + 1, part
        room -= cost
    return count
