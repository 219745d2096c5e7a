"""Spoken English numbers as the digits a caller means: "four two one seven", "forty two", "double five oh"."""

import re

UNITS = {
    "zero": 0,
    "oh": 0,
    "o": 0,
    "nought": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
}
TEENS = {
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
}
TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fourty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
REPEATS = {"double": 2, "triple": 3, "treble": 3}
SOUNDS_LIKE = {"to": 2, "too": 2, "for": 4, "won": 1, "ate": 8, "tree": 3}  # digits only among other digits
TOKEN = re.compile(r"[a-z]+|\d[\d,]*")


def digits_in(text: str) -> str:
    """All digits said in the text, in order; "" when there are none.

    Digits that stand side by side are joined, tens and hundreds are read as numbers: "my code is four twenty one" is
    421, "one hundred and five" is 105, "4-2-1 7" is 4217. Words between are passed over.
    """
    tokens = [_plain(token) for token in TOKEN.findall(text.casefold())]
    said: list[str] = []
    at = 0
    while at < len(tokens):
        digits, used = _repeated(tokens, at) or _number(tokens, at) or ("", 1)
        said.append(digits)
        at += used
    return "".join(said)


def as_number_word(word: str) -> str:
    """A single number word as its digits ("seven" as "7"); any other word unchanged."""
    value = _value(word)
    return str(value) if value is not None and word not in ("o", "oh") else word


def _plain(token: str) -> str:
    return token.replace(",", "")


def _repeated(tokens: list[str], at: int) -> tuple[str, int] | None:
    """double five, triple zero"""
    if tokens[at] in REPEATS and at + 1 < len(tokens):
        digit = _unit(tokens[at + 1])
        if digit is not None:
            return str(digit) * REPEATS[tokens[at]], 2
    return None


def _number(tokens: list[str], at: int) -> tuple[str, int] | None:
    if tokens[at].isdecimal():
        return tokens[at], 1
    if tokens[at] in SOUNDS_LIKE:
        return (str(SOUNDS_LIKE[tokens[at]]), 1) if _among_digits(tokens, at) else None
    if _value(tokens[at]) is None:
        return None
    if tokens[at] in ("oh", "o") and len(tokens) > 1 and not _among_digits(tokens, at):
        return None
    value, used = _below_hundred(tokens, at)
    value, used = _with_scale(tokens, at, value, used, "hundred", 100)
    value, used = _with_scale(tokens, at, value, used, "thousand", 1000)
    return str(value), used


def _below_hundred(tokens: list[str], at: int) -> tuple[int, int]:
    value = _value(tokens[at])
    assert value is not None
    unit = _unit(tokens[at + 1]) if at + 1 < len(tokens) else None
    if tokens[at] in TENS and unit:
        return value + unit, 2
    return value, 1


def _with_scale(tokens: list[str], at: int, value: int, used: int, word: str, scale: int) -> tuple[int, int]:
    """Read "hundred" or "thousand" after a number, and the rest that belongs to it."""
    if not value or value >= scale or at + used >= len(tokens) or tokens[at + used] != word:
        return value, used
    value, used = value * scale, used + 1
    skipped = 1 if at + used < len(tokens) and tokens[at + used] == "and" else 0
    rest_at = at + used + skipped
    if rest_at < len(tokens) and _value(tokens[rest_at]):
        rest, rest_used = _below_hundred(tokens, rest_at)
        if scale == 1000:
            rest, rest_used = _with_scale(tokens, rest_at, rest, rest_used, "hundred", 100)
        return value + rest, used + skipped + rest_used
    return value, used


def _among_digits(tokens: list[str], at: int) -> bool:
    before = at > 0 and _is_digit_like(tokens[at - 1])
    after = at + 1 < len(tokens) and _is_digit_like(tokens[at + 1])
    return (before and (after or at + 1 == len(tokens))) or (at == 0 and after)


def _is_digit_like(token: str) -> bool:
    return token.isdecimal() or _value(token) is not None or token in SOUNDS_LIKE or token in REPEATS


def _value(token: str) -> int | None:
    for table in (UNITS, TEENS, TENS):
        if token in table:
            return table[token]
    return None


def _unit(token: str) -> int | None:
    if token.isdecimal() and len(token) == 1:
        return int(token)
    return UNITS.get(token)
