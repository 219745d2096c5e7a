"""Which of the expected phrases a caller said: free recognition first, then the nearest hint.

A recogniser held to a list of phrases hears one of them in anything (60 of 60 unrelated sentences, SPEECH section 4).
"""

import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from telephony.speech.digits import as_number_word

# Short words differ by one letter from others that mean something else ("no", "now"): they must match exactly.
EXACT_UP_TO_CHARS = 3
CLOSE_UP_TO_CHARS = 5
CLOSE, FAIR = 0.8, 0.74
MOST_WORDS = 60  # of a long speech only the end is looked at; it holds what the caller settled on


def best_match(text: str, hints: Sequence[str]) -> tuple[str | None, float]:
    """The hint that the text holds, and how well, 0 to 1; (None, score of the nearest) when none is close enough.

    Case, punctuation and number spelling ("one", "1") do not matter. Of equal hints the one with more
    words wins ("billing question" over "billing"), then the one said last ("sales, no, support").
    """
    said = _words(text)[-MOST_WORDS:]
    scored = [(*_score(said, _words(hint)), len(_words(hint)), hint) for hint in hints if _words(hint)]
    close = [(score, count, position, hint) for score, position, count, hint in scored if score >= _needed(hint)]
    if close:
        score, _, _, hint = max(close, key=lambda found: (found[0] >= 0.99, found[1], found[0], found[2]))
        return hint, round(score, 3)
    return None, round(max((score for score, *_ in scored), default=0.0), 3)


def _score(said: list[str], hint: list[str]) -> tuple[float, int]:
    """Best similarity of the hint to any run of about as many words, and where that run ends."""
    wanted = " ".join(hint)
    runs = ((SequenceMatcher(None, run, wanted).ratio(), end) for run, end in _runs(said, len(hint)))
    return max(runs, default=(0.0, 0))


def _runs(said: list[str], length: int) -> Iterator[tuple[str, int]]:
    for size in {max(1, length - 1), length, length + 1}:
        for start in range(len(said) - size + 1):
            yield " ".join(said[start : start + size]), start + size


def _needed(hint: str) -> float:
    length = len("".join(_words(hint)))
    if length <= EXACT_UP_TO_CHARS:
        return 1.0
    return CLOSE if length <= CLOSE_UP_TO_CHARS else FAIR


def _words(text: str) -> list[str]:
    """Words in small letters without punctuation. Scripts without spaces give one word a character."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("'", "")
    spaced = "".join(f" {c} " if _stands_alone(c) else c if c.isalnum() or _is_mark(c) else " " for c in plain)
    return [as_number_word(word) for word in spaced.split()]


def _stands_alone(character: str) -> bool:
    return "\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff"


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")
