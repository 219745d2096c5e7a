"""The child process that listens to calls. Run by `recogniser.py`, never by people.

In: {op: "engines", engines: {lang: {engine, model}}} once, then {op: "warm"}, {op: "open", id, options},
{op: "feed", id} with PCM as payload, {op: "finish", id}, {op: "close", id}.
Out: {id, events: [...]}, {id, ended: true} after finish, {alive: true} every second.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from telephony.speech.child import Message, read_message, talk_to_parent
from telephony.speech.errors import SpeechError
from telephony.speech.languages import heard_as
from telephony.speech.segmenting import SegmentingStream
from telephony.speech.stt import Event, Stream, StreamOptions
from telephony.speech.vosk_engine import VoskEngine
from telephony.speech.whisper_engine import WhisperEngine

CORES = os.cpu_count() or 2
BACKLOG_S = 20.0  # a stream further behind than this skips audio: late words are of no use in a live call
STUCK_S = 120.0  # loading a model from a cold disk takes 22 s; nothing takes this long
WARM_RATE_HZ = 8000

Reply = Callable[[Message], None]


class Engines:
    """The engines of this process, each loaded when first needed."""

    def __init__(self, chosen: dict[str, dict[str, str]]) -> None:
        self._chosen = chosen
        self._loaded: dict[str, VoskEngine | WhisperEngine] = {}
        self._locks = {language: threading.Lock() for language in chosen}
        self._decoders = CountingPool(CORES, "decoder")

    def warm(self) -> None:
        for language in self._chosen:
            engine = self._engine(language)
            if isinstance(engine, VoskEngine):
                engine.warm(WARM_RATE_HZ, CORES)
            else:
                engine.warm()

    def open(self, options: StreamOptions, on_ready: Callable[[], None]) -> Stream:
        engine = self._engine(heard_as(options.language))
        if isinstance(engine, VoskEngine):
            return engine.open(options)
        return SegmentingStream(engine, options, self._decoders, on_ready, lambda: self._decoders.under_way < CORES)

    def _engine(self, language: str) -> VoskEngine | WhisperEngine:
        if language not in self._chosen:
            raise SpeechError(f"No recogniser serves {language}.")
        with self._locks[language]:
            if language not in self._loaded:
                chosen = self._chosen[language]
                model = Path(chosen["model"])
                vosk = chosen["engine"] == "vosk"
                self._loaded[language] = VoskEngine(model, language) if vosk else WhisperEngine(model, CORES)
            return self._loaded[language]


class CountingPool(ThreadPoolExecutor):
    """A pool that knows how many of its jobs are not done."""

    under_way = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.under_way += 1
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._count_down)
        return future

    def _count_down(self, _: "Future[Any]") -> None:
        self.under_way -= 1


class Session:
    """One stream: what arrives waits here and is heard by at most one pool thread at a time."""

    def __init__(
        self, number: int, options: StreamOptions, engines: Engines, pool: ThreadPoolExecutor, reply: Reply
    ) -> None:
        self._number, self._options, self._engines, self._pool, self._reply = number, options, engines, pool, reply
        self._lock = threading.Lock()
        self._audio: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._skipped_bytes = 0
        self._finishing = self._closing = self._is_over = False
        self._is_running = self._came_more = False
        self._stream: Stream | None = None
        self._skipped_s = 0.0
        self.busy_since: float | None = None

    def feed(self, pcm16: bytes) -> None:
        with self._lock:
            self._audio.append(pcm16)
            self._waiting_bytes += len(pcm16)
            while self._waiting_bytes > BACKLOG_S * self._options.rate_hz * 2:
                dropped = len(self._audio.popleft())
                self._waiting_bytes -= dropped
                self._skipped_bytes += dropped
        self.wake()

    def finish(self) -> None:
        self._finishing = True
        self.wake()

    def close(self) -> None:
        self._closing = True
        self.wake()

    def wake(self) -> None:
        """Have a pool thread hear what is waiting; the one that is at it now will look again."""
        with self._lock:
            if self._is_running:
                self._came_more = True
                return
            self._is_running = True
        self._pool.submit(self._work)

    def _work(self) -> None:
        with self._lock:
            self._came_more = False
            pcm16 = b"".join(self._audio)
            self._audio.clear()
            self._waiting_bytes = 0
            skipped, self._skipped_bytes = self._skipped_bytes, 0
        self.busy_since = time.monotonic()
        if not self._is_over:
            self._hear(pcm16, skipped, self._finishing, self._closing)
        self.busy_since = None
        with self._lock:
            self._is_running = again = self._came_more
        if again:
            self._pool.submit(self._work)  # at the end of the queue: the other streams come first

    def _hear(self, pcm16: bytes, skipped: int, finishing: bool, closing: bool) -> None:
        try:
            if closing:
                self._end()
                return
            if skipped:
                self._tell([self._note_skipped(skipped)])
            if self._stream is None:
                self._stream = self._engines.open(self._options, self.wake)
            self._tell(self._stream.feed(pcm16))
            if finishing:
                self._tell(self._stream.finish())
                self._end()
        except Exception as error:
            text = (
                str(error) if isinstance(error, SpeechError) else f"Recognition failed: {type(error).__name__}: {error}"
            )
            self._tell([Event("error", text)])
            self._end()

    def _note_skipped(self, skipped: int) -> Event:
        seconds = skipped / 2 / self._options.rate_hz
        self._skipped_s += seconds
        return Event("error", f"The recogniser could not keep up: {seconds:.0f} s of speech were skipped.")

    def _tell(self, events: list[Event]) -> None:
        if events:
            self._reply({"id": self._number, "events": [later(e, self._skipped_s).to_dict() for e in events]})

    def _end(self) -> None:
        self._is_over = True
        stream, self._stream = self._stream, None
        if stream:
            stream.close()
        self._reply({"id": self._number, "ended": True})


def later(event: Event, by_s: float) -> Event:
    """The same event `by_s` later in the call."""
    if not by_s:
        return event
    words = tuple(
        replace(word, start=round(word.start + by_s, 3), end=round(word.end + by_s, 3)) for word in event.words
    )
    return replace(event, words=words, t_audio=round(event.t_audio + by_s, 3))


def main() -> None:
    orders, reply = talk_to_parent()
    first = read_message(orders)
    if first is None:
        return
    engines = Engines(first[0]["engines"])
    pool = ThreadPoolExecutor(CORES * 4, "listener")  # most of them wait: for a decoder, for a model to load
    sessions: dict[int, Session] = {}
    threading.Thread(target=_watch, args=(sessions, reply), daemon=True).start()
    while (order := read_message(orders)) is not None:
        message, payload = order
        match message["op"]:
            case "warm":
                pool.submit(_warm, engines, reply)
            case "open":
                options = StreamOptions(**{**message["options"], "hints": tuple(message["options"]["hints"])})
                sessions[message["id"]] = Session(message["id"], options, engines, pool, reply)
            case "feed" if message["id"] in sessions:
                sessions[message["id"]].feed(payload)
            case "finish" if message["id"] in sessions:
                sessions[message["id"]].finish()
            case "close" if message["id"] in sessions:
                sessions.pop(message["id"]).close()
    os._exit(0)  # the parent is gone: nobody waits for what is being decoded


def _warm(engines: Engines, reply: Reply) -> None:
    try:
        engines.warm()
        reply({"warm": True})
    except Exception as error:
        reply({"warm": True, "error": str(error)})


def _watch(sessions: dict[int, Session], reply: Reply) -> None:
    """Tell the parent that this process lives, and end it when an engine is stuck."""
    while True:
        reply({"alive": True})
        time.sleep(1.0)
        now = time.monotonic()
        if any((since := s.busy_since) is not None and now - since > STUCK_S for s in list(sessions.values())):
            os._exit(3)


if __name__ == "__main__":
    main()
