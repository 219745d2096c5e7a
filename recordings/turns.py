"""From words on channels to turns of a conversation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from telephony.speech.stt import Word

TURN_GAP_S = 1.2
"""The same speaker after a longer pause begins a new turn."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker said in one go. Seconds from the recording's start."""

    words: tuple[Word, ...]

    @property
    def channel(self) -> int:
        return self.words[0].channel

    @property
    def start_s(self) -> float:
        return self.words[0].start

    @property
    def end_s(self) -> float:
        return self.words[-1].end

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def confidence(self) -> float:
        return fmean(word.conf for word in self.words)


def turns(words: Iterable[Word]) -> list[Turn]:
    """Words of all channels in the order of speaking, a new turn at each change of speaker or long pause."""
    found: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word.start, word.channel)):
        if found and _goes_on(found[-1][-1], word):
            found[-1].append(word)
        else:
            found.append([word])
    return [Turn(tuple(each)) for each in found]


def _goes_on(last: Word, word: Word) -> bool:
    return last.channel == word.channel and word.start - last.end <= TURN_GAP_S
