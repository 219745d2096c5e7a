"""Speech to text for calls and recordings, without an engine ever touching the event loop.

    recogniser = Recogniser()
    session = await recogniser.open(rate_hz=8000, language="en-US", speech_timeout_s=0.8)
    session.feed(pcm16)                                   # never blocks
    async for event in session.events(): ...              # speech_start, partial, final, speech_end, error
    result = await session.finish()

    left, right = await recogniser.transcribe(path, language="en-US")

Calls are heard in one child process, recordings in another of lower priority. When the first dies its streams get an
`error` event and go on in a new one.
"""

import asyncio
import contextlib
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from telephony.speech.child import Child, Message, OneAtATime
from telephony.speech.choice import EngineChoice, settle
from telephony.speech.errors import SpeechError
from telephony.speech.languages import heard_as
from telephony.speech.live_worker import later
from telephony.speech.settings import SpeechSettings
from telephony.speech.stt import Event, Result, StreamOptions, Word

logger = logging.getLogger(__name__)

SENT_TOGETHER_S = 0.1  # one message to the child for five frames of 20 ms: smaller pieces cost Kaldi a tenth more
FINISH_LIMIT_S = 30.0
SILENT_CHILD_S = 20.0  # the child says each second that it lives
CRASHES, WITHIN_S = 3, 60.0
PIECE_LIMIT_S = 600.0  # two minutes of audio at low priority on a busy machine
MOST_WAITING_EVENTS = 1000
RATES_HZ = range(8000, 48001)
LIVE_NICE = 5  # a word shown late is better than a voice heard late
BATCH_NICE = 10


class Recogniser:
    """Hears many calls at once. Use it from any event loop; a session belongs to the loop that opened it."""

    def __init__(
        self, settings: SpeechSettings | None = None, choices: Mapping[str, EngineChoice] | None = None
    ) -> None:
        self._choices = choices if choices is not None else settle(settings or SpeechSettings.from_env())
        self._live = _LiveChild(self._choices)
        self._batch = OneAtATime("telephony.speech.batch_worker", BATCH_NICE)
        self._batch_pool = ThreadPoolExecutor(1, "transcriber")

    @property
    def choices(self) -> Mapping[str, EngineChoice]:
        """Which engine serves which language, and why."""
        return self._choices

    @property
    def live_pid(self) -> int | None:
        """Process id of the child that hears calls; None while there is none."""
        return self._live.pid

    @property
    def batch_pid(self) -> int | None:
        """Process id of the child that transcribes recordings; None while there is none."""
        return self._batch.pid

    def serves(self, language: str) -> bool:
        """Whether speech in this language can be understood."""
        choice = self._choices.get(heard_as(language))
        return choice is not None and choice.serves

    async def open(
        self,
        rate_hz: int = 8000,
        language: str = "en-US",
        hints: Sequence[str] = (),
        speech_timeout_s: float = 0.8,
        grammar: bool = False,
    ) -> "Session":
        """Start to hear one side of a call. With `grammar` (Vosk only) nothing but the hints is heard.

        SpeechError when no engine serves the language, an argument is out of range, or the child keeps crashing.
        """
        self._choice_for(language)
        if rate_hz not in RATES_HZ:
            raise SpeechError(f"Audio of {rate_hz!r} Hz cannot be heard; use {RATES_HZ.start} to {RATES_HZ.stop - 1}.")
        if not 0.2 <= speech_timeout_s <= 10:
            raise SpeechError(f"speech_timeout_s is {speech_timeout_s!r}; it must be 0.2 to 10 seconds.")
        options = StreamOptions(rate_hz, language, tuple(hints), grammar, speech_timeout_s)
        return await asyncio.to_thread(self._live.open, options, asyncio.get_running_loop())

    async def warm(self) -> str | None:
        """Load the engines, so that the first caller need not wait. Gives a sentence when one could not be loaded."""
        return await asyncio.to_thread(self._live.warm)

    async def transcribe(
        self, path_or_pcm: Path | bytes, rate_hz: int = 8000, language: str = "en-US", channels: int = 1
    ) -> list[Result]:
        """Transcribe a recording: one Result per channel, in order, words carrying their channel and times.

        A Path is a WAV file (16-bit PCM or mu-law), whose own header says rate and channels; bytes are PCM,
        interleaved. Jobs wait for each other. SpeechError when no engine serves the language or the audio is broken.
        """
        job = self._batch_pool.submit(self._transcribe, path_or_pcm, rate_hz, language, channels)
        return await asyncio.shield(asyncio.wrap_future(job))

    def transcribe_sync(
        self, path_or_pcm: Path | bytes, rate_hz: int = 8000, language: str = "en-US", channels: int = 1
    ) -> list[Result]:
        """As `transcribe`, for threads; never call it on an event loop."""
        return self._batch_pool.submit(self._transcribe, path_or_pcm, rate_hz, language, channels).result()

    async def close(self) -> None:
        """End both children; open sessions end."""
        await asyncio.to_thread(self.close_sync)

    def close_sync(self) -> None:
        self._live.close()
        self._batch.close()
        self._batch_pool.shutdown(wait=True, cancel_futures=True)

    def _choice_for(self, language: str) -> EngineChoice:
        choice = self._choices.get(heard_as(language))
        if choice is None:
            heard = ", ".join(sorted(lang for lang, c in self._choices.items() if c.serves)) or "none"
            raise SpeechError(f"Speech in {language} is not understood here (understood: {heard}). Set VOSK_MODELS.")
        if not choice.serves:
            raise SpeechError(choice.sentence)
        return choice

    def _transcribe(self, audio: Path | bytes, rate_hz: int, language: str, channels: int) -> list[Result]:
        choice = self._choice_for(language)
        if rate_hz not in RATES_HZ or not 1 <= channels <= 8:
            raise SpeechError(f"{channels} channels at {rate_hz} Hz cannot be transcribed.")
        job: Message = {"engine": choice.engine, "model": str(choice.model), "language": language}
        if isinstance(audio, bytes):
            reply = self._batch.call({**job, "rate_hz": rate_hz, "channels": channels}, PIECE_LIMIT_S, audio)
        else:
            reply = self._batch.call({**job, "path": str(audio.resolve())}, PIECE_LIMIT_S)
        return [_result(data) for data in reply["results"]]


class Session:
    """One side of one call. Feed it from one thread or task at a time."""

    def __init__(
        self, child: "_LiveChild", number: int, options: StreamOptions, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._child, self.number, self.options, self._loop = child, number, options, loop
        self._unsent = bytearray()
        self._fed_bytes = 0
        self.joined_at_s = 0.0  # where in the stream the present child began to hear it
        self._is_fed = True
        self._has_ended = asyncio.Event()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._finals: list[Event] = []

    def feed(self, pcm16: bytes) -> None:
        """Hear more audio: signed 16-bit little-endian mono at the session's rate. Ignored after finish or close."""
        if not self._is_fed:
            return
        self._unsent += pcm16
        if len(self._unsent) >= SENT_TOGETHER_S * self.options.rate_hz * 2:
            self._send_audio()

    async def events(self) -> AsyncIterator[Event]:
        """What is heard, until the session was finished or closed. For one reader."""
        while (event := await self._events.get()) is not None:
            yield event
        self._events.put_nowait(None)  # a second reader ends at once instead of waiting for ever

    async def finish(self) -> Result:
        """The audio is over: wait for the last words and give everything that was heard. The events end after them."""
        if self._is_fed:
            self._is_fed = False
            self._send_audio()
            self._child.finish(self)
        try:
            await asyncio.wait_for(self._has_ended.wait(), FINISH_LIMIT_S)
        except TimeoutError:
            self._take([Event("error", "The recogniser did not finish in time; its last words are missing.")])
        await self.close()
        return self._heard()

    async def close(self) -> None:
        """Stop hearing now; what was not yet recognised is lost. Safe twice."""
        self._is_fed = False
        self._child.forget(self)
        self._end()

    def _send_audio(self) -> None:
        self._fed_bytes += len(self._unsent)
        self._child.feed(self, bytes(self._unsent))
        self._unsent.clear()

    @property
    def fed_s(self) -> float:
        """How much audio has been sent to be heard, in seconds."""
        return self._fed_bytes / 2 / self.options.rate_hz

    @property
    def is_finishing(self) -> bool:
        return not self._is_fed

    def deliver(self, events: list[Event], ended: bool) -> None:
        """Hand over what the child said; called from its reader thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._take, [later(event, self.joined_at_s) for event in events], ended)

    def _take(self, events: list[Event], ended: bool = False) -> None:
        for event in events:
            if event.kind == "final":
                self._finals.append(event)
            if event.kind != "partial" or self._events.qsize() < MOST_WAITING_EVENTS:
                self._events.put_nowait(event)
        if ended:
            self._end()

    def _end(self) -> None:
        if not self._has_ended.is_set():
            self._has_ended.set()
            self._events.put_nowait(None)

    def _heard(self) -> Result:
        choice = self._child.choice_for(self.options.language)
        return Result(
            " ".join(event.text for event in self._finals),
            tuple(word for event in self._finals for word in event.words),
            self.options.language,
            choice.engine,
            choice.model_name,
            round(self.fed_s, 3),
        )


class _LiveChild:
    """The child process that hears calls, started when first needed and again when it dies."""

    def __init__(self, choices: Mapping[str, EngineChoice]) -> None:
        self._choices = choices
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._sessions: dict[int, Session] = {}
        self._numbers = itertools.count(1)
        self._crashes: deque[float] = deque(maxlen=CRASHES)
        self._last_sign = 0.0
        self._is_warm = threading.Event()
        self._warm_error: str | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def choice_for(self, language: str) -> EngineChoice:
        return self._choices[heard_as(language)]

    def open(self, options: StreamOptions, loop: asyncio.AbstractEventLoop) -> Session:
        with self._lock:
            if self._keeps_crashing():
                raise SpeechError("The recogniser keeps crashing; its model may be broken. Fetch it again.")
            session = Session(self, next(self._numbers), options, loop)
            self._sessions[session.number] = session
            self._begin(session)
            return session

    def feed(self, session: Session, pcm16: bytes) -> None:
        child = self._child
        if child is None or not pcm16:
            return
        child.send({"op": "feed", "id": session.number}, pcm16)
        if time.monotonic() - self._last_sign > SILENT_CHILD_S:
            self._last_sign = time.monotonic()
            child.kill()

    def finish(self, session: Session) -> None:
        self._send({"op": "finish", "id": session.number})

    def forget(self, session: Session) -> None:
        if self._sessions.pop(session.number, None):
            self._send({"op": "close", "id": session.number})

    def warm(self) -> str | None:
        with self._lock:
            self._is_warm.clear()
            self._running().send({"op": "warm"})
        self._is_warm.wait(120)
        return self._warm_error

    def close(self) -> None:
        with self._lock:
            sessions, child = list(self._sessions.values()), self._child
            self._sessions.clear()
            self._child = None
        for session in sessions:
            session.deliver([], ended=True)
        if child:
            child.close()

    def _begin(self, session: Session) -> None:
        session.joined_at_s = session.fed_s
        self._running().send({"op": "open", "id": session.number, "options": asdict(session.options)})

    def _running(self) -> Child:
        if self._child is None:
            self._last_sign = time.monotonic()
            child = Child(
                "telephony.speech.live_worker", self._take_message, lambda code: self._died(child, code), LIVE_NICE
            )
            served = {lang: c for lang, c in self._choices.items() if c.serves}
            engines = {lang: {"engine": c.engine, "model": str(c.model)} for lang, c in served.items()}
            child.send({"op": "engines", "engines": engines})
            self._child = child
        return self._child

    def _send(self, message: Message) -> None:
        if child := self._child:
            child.send(message)

    def _take_message(self, message: Message) -> None:
        self._last_sign = time.monotonic()
        if "warm" in message:
            self._warm_error = message.get("error")
            self._is_warm.set()
        session = self._sessions.get(message.get("id", 0))
        if session:
            session.deliver([Event.from_dict(data) for data in message.get("events", ())], message.get("ended", False))

    def _died(self, child: Child, code: int) -> None:
        with self._lock:
            if self._child is not child:  # we closed it ourselves
                return
            logger.error("speech recogniser died with code %s; %d streams affected", code, len(self._sessions))
            self._child = None
            self._crashes.append(time.monotonic())
            self._warm_error = "The recogniser died while it loaded its models."
            self._is_warm.set()
            for session in list(self._sessions.values()):
                self._go_on(session)

    def _go_on(self, session: Session) -> None:
        lost = self._keeps_crashing() or session.is_finishing
        text = (
            "The recogniser failed and could not go on."
            if lost
            else "The recogniser was restarted; some words are lost."
        )
        session.deliver([Event("error", text, t_audio=round(session.fed_s - session.joined_at_s, 3))], ended=lost)
        if not lost:
            self._begin(session)

    def _keeps_crashing(self) -> bool:
        return len(self._crashes) == CRASHES and time.monotonic() - self._crashes[0] < WITHIN_S


def _result(data: Message) -> Result:
    return Result(**{**data, "words": tuple(Word(**word) for word in data["words"])})
