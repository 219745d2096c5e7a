"""Two channels' words as a conversation: who said what, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from telephony.speech.stt import Result, Word

TURN_GAP_S = 1.2
ANSWER_GAP_S = 0.3  # a pause this long is a turn's end when the other side speaks in it


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker said without a break: `channel` says who, times are seconds of the call."""

    channel: int
    start: float
    end: float
    text: str
    words: tuple[Word, ...]


def turns_of(results: Iterable[Result]) -> list[Turn]:
    """The conversation of a recording's channels, as `Recogniser.transcribe` gives them."""
    return merge(word for result in results for word in result.words)


def merge(words: Iterable[Word]) -> list[Turn]:
    """Turns ordered by their start. A new one begins when the other side speaks in a pause, or after a pause of 1.2 s.

    Who talks over the other keeps their own sentence in one piece: the two turns overlap in time.
    """
    by_channel: dict[int, list[Word]] = {}
    for word in sorted(words, key=lambda word: (word.start, word.end)):
        by_channel.setdefault(word.channel, []).append(word)
    turns = [turn for channel in by_channel for turn in _turns_of_channel(channel, by_channel)]
    return sorted(turns, key=lambda turn: (turn.start, turn.channel))


def _turns_of_channel(channel: int, by_channel: dict[int, list[Word]]) -> list[Turn]:
    others = sorted(word.start for other, words in by_channel.items() if other != channel for word in words)
    groups: list[list[Word]] = []
    for word in by_channel[channel]:
        if groups and not _is_break(groups[-1][-1].end, word.start, others):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [_turn(channel, group) for group in groups]


def _is_break(pause_start: float, pause_end: float, others: Sequence[float]) -> bool:
    gap = pause_end - pause_start
    return gap > TURN_GAP_S or (gap >= ANSWER_GAP_S and any(pause_start <= at < pause_end for at in others))


def _turn(channel: int, words: list[Word]) -> Turn:
    text = " ".join(word.text for word in words)
    return Turn(channel, words[0].start, max(word.end for word in words), text, tuple(words))
