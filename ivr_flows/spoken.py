"""From recognised words to a choice, a yes or no, or digits. Plain word matching: what a reviewer of the flow can
foresee.

Words are compared without case, accents and punctuation. A phrase counts when its words stand together anywhere in
what was said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

# Asked for in every question, so that nobody is caught in a machine.
PERSON_WORDS = {
    "en": ("operator", "agent", "representative", "person", "somebody", "someone", "human", "receptionist"),
    "es": ("operador", "operadora", "agente", "representante", "persona", "alguien", "humano", "recepcionista"),
}
YES_WORDS = {
    "en": ("yes", "yeah", "yep", "correct", "right", "that's right"),
    "es": ("sí", "correcto", "correcta", "así es", "exacto"),
}
NO_WORDS = {
    "en": ("no", "nope", "wrong", "incorrect", "not right", "not correct", "that's not right"),
    "es": ("no", "incorrecto", "incorrecta", "no es correcto", "mal"),
}
DIGIT_WORDS = {
    "en": {
        "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "to": "2", "too": "2", "three": "3",
        "four": "4", "for": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
        "star": "*", "pound": "#", "hash": "#",
    },
    "es": {
        "cero": "0", "uno": "1", "una": "1", "un": "1", "dos": "2", "tres": "3", "cuatro": "4", "cinco": "5",
        "seis": "6", "siete": "7", "ocho": "8", "nueve": "9", "asterisco": "*", "almohadilla": "#", "numeral": "#",
    },
}  # fmt: skip
_NUMBER_WORDS = {"en": {"ten": 10}, "es": {"diez": 10}}
_REPEAT_WORDS = {"en": {"double": 2, "triple": 3}, "es": {"doble": 2, "triple": 3}}
# Said around a number and meaning nothing: "press one", "number two please", "oprima el dos"
_AROUND_NUMBERS = {
    "en": {
        "press",
        "number",
        "option",
        "key",
        "please",
        "choose",
        "it",
        "its",
        "is",
        "s",
        "my",
        "account",
        "the",
        "and",
        "um",
        "uh",
    },
    "es": {
        "oprima",
        "marque",
        "numero",
        "opcion",
        "tecla",
        "por",
        "favor",
        "el",
        "la",
        "es",
        "mi",
        "cuenta",
        "de",
        "y",
    },
}

_SAID = "…"  # stands where a phrase was found; no word looks like it
_WORD = re.compile(r"[぀-ヿ㐀-鿿]|[^\W_]+|[*#]", re.UNICODE)


def words_of(text: str) -> tuple[str, ...]:
    """The bare words.

    "¡Sí, facturación!" gives ("si", "facturacion"). Chinese and Japanese go character by character.
    """
    folded = unicodedata.normalize("NFKD", text.casefold().replace("'", "").replace("’", ""))
    bare = "".join(char for char in folded if not "\u0300" <= char <= "\u036f")
    return tuple(_WORD.findall(unicodedata.normalize("NFC", bare)))


def best_choice(heard: str, phrases_by_choice: Mapping[str, Iterable[str]]) -> tuple[str, str] | None:
    """The choice whose phrase was said, and that phrase. A longer phrase hides the shorter ones inside it.

    None when nothing fits, or when two choices were named: guessing would send the caller the wrong way.
    """
    pairs = [(choice, phrase) for choice, phrases in phrases_by_choice.items() for phrase in phrases]
    found: dict[str, str] = {}
    spoken = words_of(heard)
    for choice, phrase in sorted(pairs, key=lambda pair: len(words_of(pair[1])), reverse=True):
        wanted = words_of(phrase)
        if wanted and _stands_in(wanted, spoken):
            found.setdefault(choice, phrase)
            spoken = _without(wanted, spoken)
    return next(iter(found.items())) if len(found) == 1 else None


def key_said(heard: str, language: str) -> str | None:
    """The one key somebody named: "press two please" gives "2"; None for anything more or less."""
    digits = digits_said(heard, language)
    return digits if digits is not None and len(digits) == 1 else None


def digits_said(heard: str, language: str) -> str | None:
    """Digits spoken one by one or written by the recogniser: "four oh double seven" and "40-77" give "4077".

    None when anything else was said; "" never.
    """
    words = DIGIT_WORDS.get(_base(language), {})
    repeats = _REPEAT_WORDS.get(_base(language), {})
    around = _AROUND_NUMBERS.get(_base(language), set())
    digits, times = "", 1
    for word in words_of(heard):
        if word.isascii() and word.isdigit():
            digits += word * times
            times = 1
        elif word in repeats:
            times = repeats[word]
        elif word in words:
            digits += words[word] * times
            times = 1
        elif word not in around:
            return None
    return digits or None


def number_said(heard: str, language: str) -> int | None:
    """A number on a scale up to ten: "I'd say a ten", "eight", "8"; None when there is none, or more than one."""
    numbers = _NUMBER_WORDS.get(_base(language), {})
    named = [numbers[word] for word in words_of(heard) if word in numbers]
    if len(named) == 1:
        return named[0]
    digits = digits_said(heard, language)
    return int(digits) if digits is not None and digits.isdigit() and len(digits) <= 2 else None


def yes_or_no(heard: str, language: str) -> bool | None:
    """True for a yes, False for a no, None when neither or both. "Not right" is a no, although "right" stands in it."""
    base = _base(language)
    answer = best_choice(heard, {"yes": YES_WORDS.get(base, ()), "no": NO_WORDS.get(base, ())})
    return None if answer is None else answer[0] == "yes"


def asks_for_person(heard: str, language: str) -> bool:
    return best_choice(heard, {"person": PERSON_WORDS.get(_base(language), ())}) is not None


def _base(language: str) -> str:
    return language.split("-")[0]


def _stands_in(wanted: tuple[str, ...], spoken: tuple[str, ...]) -> bool:
    size = len(wanted)
    return any(spoken[at : at + size] == wanted for at in range(len(spoken) - size + 1))


def _without(wanted: tuple[str, ...], spoken: tuple[str, ...]) -> tuple[str, ...]:
    size = len(wanted)
    at = next(at for at in range(len(spoken) - size + 1) if spoken[at : at + size] == wanted)
    return (*spoken[:at], _SAID, *spoken[at + size :])
