"""Speech to text: what every recogniser takes and gives.

A batch engine hears a whole recording; a stream engine hears a call while it goes on. Audio is always signed 16-bit
little-endian mono PCM, times are seconds from the start of the stream or recording.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

EventKind = Literal["speech_start", "partial", "final", "speech_end", "error"]


@dataclass(frozen=True, slots=True)
class Word:
    """One heard word. `conf` is 0 to 1; those of two engines cannot be compared. `channel` is 0 for left or mono."""

    text: str
    start: float
    end: float
    conf: float
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """A transcript of one channel. `lang` as asked for, `engine` and `model` who heard it, `duration` in seconds."""

    text: str
    words: tuple[Word, ...]
    lang: str
    engine: str
    model: str
    duration: float

    @property
    def confidence(self) -> float | None:
        return mean_confidence(self.words)


@dataclass(frozen=True, slots=True)
class Event:
    """Something heard in a stream, or an `error` whose text is a plain sentence.

    Order: speech_start, then any number of partial (the whole text so far of the coming final) and final, then
    speech_end once the speaker paused for the stream's speech timeout; the finals of an utterance come before its
    speech_end. `t_audio` is the moment in the stream that the event is about.
    """

    kind: EventKind
    text: str = ""
    words: tuple[Word, ...] = ()
    t_audio: float = 0.0

    @property
    def confidence(self) -> float | None:
        """Mean confidence of the words, 0 to 1; None without words."""
        return mean_confidence(self.words)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Event":
        return cls(**{**data, "words": tuple(Word(**word) for word in data["words"])})


@dataclass(frozen=True, slots=True)
class Caps:
    """What an engine can do."""

    langs: tuple[str, ...]
    words: bool = True
    conf: bool = True
    partials: bool = False
    grammar: bool = False


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream is heard. `hints` are phrases the caller may say; with `grammar` nothing else is heard."""

    rate_hz: int = 8000
    language: str = "en"
    hints: tuple[str, ...] = field(default=())
    grammar: bool = False
    speech_timeout_s: float = 0.8


class BatchEngine(Protocol):
    """Hears whole utterances or recordings. Safe from several threads."""

    @property
    def caps(self) -> Caps: ...

    def transcribe(self, pcm16: bytes, rate_hz: int, language: str, hints: Sequence[str] = ()) -> Result: ...


class Stream(Protocol):
    """One side of one call. Used by one thread at a time."""

    def feed(self, pcm16: bytes) -> list[Event]:
        """Hear more audio and give what is known now; no bytes ask only what is known."""
        ...

    def finish(self) -> list[Event]:
        """The audio is over: everything still to be said about it."""
        ...

    def close(self) -> None:
        """Free what the stream holds; safe twice, and without finish."""
        ...


class StreamEngine(Protocol):
    """Opens streams. Safe from several threads."""

    @property
    def caps(self) -> Caps: ...

    def open(self, options: StreamOptions) -> Stream: ...


def mean_confidence(words: Sequence[Word]) -> float | None:
    return sum(word.conf for word in words) / len(words) if words else None
