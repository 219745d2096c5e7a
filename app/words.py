"""Words that people read, for translation.

A text is found by `pybabel` where it is written and translated where it is shown: `_()` does both at once; a text that
is kept in a table, or raised where no language is known, is marked with `N_()` (or by being the message of a refusal,
see script/translate) and translated by `in_their_language` at the edge.
"""

from __future__ import annotations

from flask_babel import gettext

from ivr_flows.said import in_words


def N_(text: str) -> str:
    """Mark a text for translation and return it as it is."""
    return text


def flow_words(sentence: str) -> str:
    """What the flow engine says of a fault or a change, in the language of whoever asks."""
    return in_words(sentence, in_their_language)


def in_their_language(text: str) -> str:
    """A marked text in the language of whoever asks; one that was never marked stays as it is."""
    return str(gettext(text)) if text else text
