"""Sentences for people, in English, that can be said in another language later: what is a fault, what has changed.

A `Said` is the English sentence itself, for terminals and logs; it also keeps its pattern and what fills it. This side
knows no languages: whoever shows a sentence hands in a translation of patterns (`in_words`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic_core import PydanticCustomError

_BLANK = re.compile(r"\{(\w+)(:[^{}]*)?\}")


class Said(str):
    """An English sentence with its pattern and the values in the pattern's blanks; a value may be a Said itself."""

    pattern: str
    values: Mapping[str, Any]


def said(pattern: str, /, **values: Any) -> Said:
    """The sentence of this pattern, with {name} or {name:,} for a value. Other braces mean themselves."""
    made = Said(_filled(pattern, values, str))
    made.pattern, made.values = pattern, values
    return made


def together(parts: Iterable[str], between: str = " ") -> Said:
    """Parts one after the other, each said in the other language by itself."""
    values = {f"part{number}": part for number, part in enumerate(parts)}
    return said(between.join(f"{{{name}}}" for name in values), **values)


def wrong(pattern: str, /, **values: Any) -> PydanticCustomError:
    """A fault for a pydantic validator to raise; the loader gives it its place."""
    sentence = said(pattern, **values)
    return PydanticCustomError("flow", "{said}", {"said": sentence})


def sentence_of(error: Exception) -> str:
    """What an error says, with its pattern where it has one."""
    return error.args[0] if error.args and isinstance(error.args[0], Said) else str(error)


def in_words(sentence: str, translate: Callable[[str], str]) -> str:
    """The sentence with its patterns translated; a text that is no Said stays as it is."""
    if not isinstance(sentence, Said):
        return sentence
    return _filled(translate(sentence.pattern), sentence.values, lambda value: in_words(value, translate))


def _filled(pattern: str, values: Mapping[str, Any], say: Callable[[str], str]) -> str:
    def fill(blank: re.Match[str]) -> str:
        if blank[1] not in values:
            return blank[0]
        value = values[blank[1]]
        return say(value) if isinstance(value, str) else format(value, (blank[2] or ":")[1:])

    return _BLANK.sub(fill, pattern)
