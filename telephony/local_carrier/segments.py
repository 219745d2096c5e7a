"""How a text is cut for the air: GSM 7-bit or UCS-2, and how many segments (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM_SINGLE, _GSM_PART = 160, 153
_UCS2_SINGLE, _UCS2_PART = 70, 67


def count_segments(text: str) -> int:
    """Segments that a text takes, at least 1. A character is never cut in two, so parts may be filled unevenly."""
    if all(letter in _GSM or letter in _GSM_EXTENDED for letter in text):
        return _parts([2 if letter in _GSM_EXTENDED else 1 for letter in text], _GSM_SINGLE, _GSM_PART)
    return _parts([2 if ord(letter) > 0xFFFF else 1 for letter in text], _UCS2_SINGLE, _UCS2_PART)


def _parts(widths: list[int], single: int, part: int) -> int:
    if sum(widths) <= single:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
