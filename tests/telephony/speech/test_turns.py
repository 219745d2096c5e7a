"""Words of two channels become a conversation."""

from telephony.speech.stt import Result, Word
from telephony.speech.turns import merge, turns_of

AGENT, CALLER = 0, 1


def spoken(channel: int, text: str, start: float, word_s: float = 0.3) -> list[Word]:
    words = text.split()
    return [Word(w, start + i * word_s, start + (i + 1) * word_s, 0.9, channel) for i, w in enumerate(words)]


def told(words: list[Word]) -> list[tuple[int, str]]:
    return [(turn.channel, turn.text) for turn in merge(words)]


def test_speakers_who_take_turns_are_told_apart() -> None:
    words = spoken(AGENT, "how can I help", 0.0) + spoken(CALLER, "my order is late", 1.5)
    words += spoken(AGENT, "let me look", 3.0)
    assert told(words) == [(AGENT, "how can I help"), (CALLER, "my order is late"), (AGENT, "let me look")]


def test_a_long_pause_starts_a_new_turn_of_the_same_speaker_and_a_short_one_does_not() -> None:
    words = spoken(AGENT, "one moment", 0.0) + spoken(AGENT, "please", 1.7) + spoken(AGENT, "here it is", 3.3)
    assert told(words) == [(AGENT, "one moment please"), (AGENT, "here it is")]


def test_talking_over_each_other_keeps_both_sentences_whole() -> None:
    words = spoken(AGENT, "the parcel left our warehouse yesterday evening", 0.0) + spoken(CALLER, "I see", 0.7)
    assert told(words) == [(AGENT, "the parcel left our warehouse yesterday evening"), (CALLER, "I see")]


def test_an_answer_in_a_short_pause_splits_the_turn() -> None:
    words = spoken(AGENT, "your name", 0.0) + spoken(CALLER, "Lee", 0.7) + spoken(AGENT, "thank you", 1.1)
    assert told(words) == [(AGENT, "your name"), (CALLER, "Lee"), (AGENT, "thank you")]


def test_results_of_channels_are_merged_and_silence_has_no_turns() -> None:
    heard = [
        Result("hello", tuple(spoken(channel, "hello", float(channel))), "en", "whisper", "tiny.en", 3.0)
        for channel in (CALLER, AGENT)
    ]
    assert [(t.channel, t.start, t.text) for t in turns_of(heard)] == [(AGENT, 0.0, "hello"), (CALLER, 1.0, "hello")]
    assert turns_of([]) == []
