"""Adapters between the two kinds of engine: a stream through a batch engine, and a file through a stream engine."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace

from telephony.speech.endpoint import Edge, Endpointer
from telephony.speech.stt import BatchEngine, Caps, Event, Result, StreamEngine, StreamOptions

LEAD_S = 0.3  # the endpointer notices speech late; soft first consonants lie before
LONG_UTTERANCE_S = 10.0  # from here on the next short pause cuts: a long piece would come back late
SHORT_PAUSE_S = 0.25
LONGEST_PIECE_S = 25.0  # a Whisper window is 30 s
EARLY_PAUSE_S = 0.3  # a pause this long is worth a decode ahead of the speech timeout


class SegmentingStream:
    """Turns a batch engine into a stream with finals only, one or more per utterance.

    With a pool the decoding happens there: `feed` stays quick and gives finals when they are ready, in order, and
    `on_ready` (called from a pool thread) says that `feed(b"")` would give something now. When the pool is idle an
    utterance is already decoded in the pause that may end it, so that its text is there when the pause has lasted.
    """

    def __init__(
        self,
        batch: BatchEngine,
        options: StreamOptions,
        pool: Executor | None = None,
        on_ready: Callable[[], None] = lambda: None,
        may_decode_early: Callable[[], bool] = lambda: False,
    ) -> None:
        self._batch, self._options, self._pool = batch, options, pool
        self._on_ready, self._may_decode_early = on_ready, may_decode_early
        self._endpointer = Endpointer(options.rate_hz, options.speech_timeout_s)
        self._kept = bytearray()
        self._kept_from = 0  # byte position in the stream of the first kept byte
        self._piece_from: int | None = None  # byte position where the current piece of speech begins
        self._cut_to = 0  # byte position where the last piece ended; pieces never overlap
        self._early: tuple[float, Future[list[Event]]] | None = None  # decoded ahead, and the last loud moment in it
        self._waiting: deque[Event | Future[list[Event]]] = deque()

    def feed(self, pcm16: bytes) -> list[Event]:
        self._kept += pcm16
        for edge in self._endpointer.feed(pcm16):
            self._take_edge(edge)
        if self._endpointer.in_speech:
            self._consider_pause()
        self._forget_old_audio()
        return self._ready(wait=False)

    def finish(self) -> list[Event]:
        if self._piece_from is not None:
            end = self._endpointer.heard_s
            self._cut(self._end())
            self._waiting.append(Event("speech_end", t_audio=round(end, 3)))
            self._piece_from = None
        return self._ready(wait=True)

    def close(self) -> None:
        for waiting in self._waiting:
            if isinstance(waiting, Future):
                waiting.cancel()
        if self._early:
            self._early[1].cancel()
        self._waiting.clear()
        self._kept.clear()

    def _take_edge(self, edge: Edge) -> None:
        if edge.kind == "start":
            self._piece_from = max(self._kept_from, self._cut_to, self._byte(edge.at - LEAD_S))
            self._waiting.append(Event("speech_start", t_audio=round(edge.at, 3)))
        elif self._piece_from is not None:
            self._cut(self._byte(edge.at + LEAD_S))
            self._waiting.append(Event("speech_end", t_audio=round(edge.at, 3)))
            self._piece_from = None

    def _consider_pause(self) -> None:
        """Cut a long utterance at a short pause, or decode ahead what the pause may have ended."""
        assert self._piece_from is not None
        length_s = (self._end() - self._piece_from) / self._bytes_per_s
        quiet_s = self._endpointer.quiet_s
        if self._early and self._early[0] != self._endpointer.last_loud_s:
            self._early[1].cancel()  # the speaker went on
            self._early = None
        if (length_s > LONG_UTTERANCE_S and quiet_s >= SHORT_PAUSE_S) or length_s > LONGEST_PIECE_S:
            self._cut(self._end())
            self._piece_from = self._end()
        elif quiet_s >= EARLY_PAUSE_S and self._pool and not self._early and self._may_decode_early():
            self._early = (self._endpointer.last_loud_s, self._decode(self._piece_from, self._end()))

    def _cut(self, end: int) -> None:
        """Hand the current piece over to be decoded, unless it is quiet: then the piece before it had the words."""
        assert self._piece_from is not None
        early, self._early = self._early, None
        self._cut_to = end
        if early and early[0] == self._endpointer.last_loud_s:
            self._waiting.append(early[1])
        elif self._byte(self._endpointer.last_loud_s) > self._piece_from:
            self._waiting.append(self._decode(self._piece_from, end))

    def _decode(self, start: int, end: int) -> Future[list[Event]]:
        audio = bytes(self._kept[start - self._kept_from : end - self._kept_from])
        offset = start / self._bytes_per_s
        if self._pool is None:
            done: Future[list[Event]] = Future()
            done.set_result(self._transcribe(audio, offset))
            return done
        future = self._pool.submit(self._transcribe, audio, offset)
        future.add_done_callback(lambda _: self._on_ready())
        return future

    def _transcribe(self, audio: bytes, offset: float) -> list[Event]:
        options = self._options
        try:
            result = shifted(self._batch.transcribe(audio, options.rate_hz, options.language, options.hints), offset)
        except Exception as error:
            return [Event("error", f"An utterance could not be transcribed: {error}", t_audio=round(offset, 3))]
        if not result.text:
            return []
        return [Event("final", result.text, result.words, result.words[-1].end if result.words else round(offset, 3))]

    def _ready(self, wait: bool) -> list[Event]:
        events: list[Event] = []
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, Event):
                events.append(first)
            elif wait or first.done():
                events += first.result()
            else:
                break
            self._waiting.popleft()
        return events

    def _forget_old_audio(self) -> None:
        needed_from = self._end() - self._byte(1.0) if self._piece_from is None else self._piece_from
        surplus = needed_from - self._kept_from
        if surplus > 0:
            del self._kept[:surplus]
            self._kept_from += surplus

    @property
    def _bytes_per_s(self) -> int:
        return self._options.rate_hz * 2

    def _end(self) -> int:
        return (self._kept_from + len(self._kept)) // 2 * 2

    def _byte(self, at_s: float) -> int:
        return max(0, round(at_s * self._options.rate_hz)) * 2


class SegmentingEngine:
    """A StreamEngine over a batch engine."""

    def __init__(self, batch: BatchEngine) -> None:
        self._batch = batch
        self.caps = replace(batch.caps, partials=False, grammar=False)

    def open(self, options: StreamOptions) -> SegmentingStream:
        return SegmentingStream(self._batch, options)


class FileBatch:
    """A BatchEngine over a stream engine: the recording is fed as fast as the engine hears."""

    CHUNK_S = 0.5

    def __init__(self, streams: StreamEngine, engine: str, model: str) -> None:
        self._streams, self._engine, self._model = streams, engine, model

    @property
    def caps(self) -> Caps:
        return replace(self._streams.caps, partials=False, grammar=False)

    def transcribe(self, pcm16: bytes, rate_hz: int, language: str, hints: Sequence[str] = ()) -> Result:
        stream = self._streams.open(StreamOptions(rate_hz, language, tuple(hints)))
        step = int(self.CHUNK_S * rate_hz) * 2
        try:
            events = [e for at in range(0, len(pcm16), step) for e in stream.feed(pcm16[at : at + step])]
            events += stream.finish()
        finally:
            stream.close()
        finals = [event for event in events if event.kind == "final"]
        words = tuple(word for event in finals for word in event.words)
        text = " ".join(event.text for event in finals)
        return Result(text, words, language, self._engine, self._model, len(pcm16) / 2 / rate_hz)


def shifted(result: Result, by_s: float) -> Result:
    """The same result with its words `by_s` later."""
    moved = tuple(
        replace(word, start=round(word.start + by_s, 3), end=round(word.end + by_s, 3)) for word in result.words
    )
    return replace(result, words=moved)
