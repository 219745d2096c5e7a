"""Gather: collect keys or speech while prompts play.

https://www.twilio.com/docs/voice/twiml/gather
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from telephony.local_carrier.audio import mulaw_to_pcm16
from telephony.local_carrier.callbacks import Callback
from telephony.local_carrier.media import MediaError
from telephony.local_carrier.script import Ask, GoTo, Outcome, Stage
from telephony.local_carrier.speech import Listening, SpeechUnavailable, SpokenWord
from telephony.local_carrier.tones import KEYS
from telephony.local_carrier.twiml import Node
from telephony.local_carrier.verbs import pause, play, say
from telephony.local_carrier.verbs.attributes import Attributes
from telephony.local_carrier.webhooks import FetchError

INPUT = "dtmf"
FINISH_ON_KEY = "#"
TIMEOUT_S = 5
AUTO_TIMEOUT_S = 5
AUTO_SPEECH_TIMEOUT_S = 0.8
LANGUAGE = "en-US"
MAX_SPEECH_S = 60.0
MAX_HINTS = 500
MAX_HINT = 100
MAX_TIMEOUT_S = 600
ENDLESS_DIGITS = 1000
# After the caller fell silent the last words are still being worked out; this long they are waited for.
_LAST_WORDS_S = 5.0
_MOST_BACKLOG = 1500
_PROMPTS = {"Say": say.perform, "Play": play.perform, "Pause": pause.perform}


@dataclass(frozen=True)
class Settings:
    """A Gather as it was written."""

    action: str
    method: str
    takes_keys: bool
    takes_speech: bool
    finish_on_key: str
    num_digits: int
    timeout_s: float
    speech_timeout_s: float
    language: str
    hints: tuple[str, ...]
    partial_callback: str
    partial_method: str
    reports_nothing: bool
    barge_in: bool


@dataclass
class Result:
    """What was collected."""

    digits: str = ""
    finished_on: str = ""
    speech: str = ""
    confidence: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the caller gave nothing."""
        return not self.digits and not self.speech

    def parameters(self) -> dict[str, str]:
        """What the action is told."""
        told = {"msg": "Gather End"}
        if self.digits or self.finished_on or not self.speech:
            told["Digits"] = self.digits
            told["FinishedOnKey"] = self.finished_on
        if self.speech:
            told["SpeechResult"] = self.speech
            if self.confidence is not None:
                told["Confidence"] = f"{self.confidence:.8f}".rstrip("0").rstrip(".") or "0"
        return told


async def perform(verb: Node, stage: Stage) -> Outcome:
    """Collect, then go to the action; with nothing collected go on with the next verb, unless told otherwise."""
    settings = read(verb, stage)
    result = await _Collecting(verb, stage, settings).run()
    if result.is_empty and not settings.reports_nothing:
        return None
    if not settings.action:
        stage.alert(13310, "<Gather> needs an absolute action here: this document has no address of its own.")
        return None
    return GoTo(Ask(settings.action, settings.method, result.parameters()))


def read(verb: Node, stage: Stage) -> Settings:
    """The verb's attributes with Twilio's defaults."""
    attributes = Attributes(verb, stage, 13310)
    inputs = attributes.words("input", INPUT, ("dtmf", "speech")) or frozenset({INPUT})
    timeout_s = _seconds(attributes, "timeout", TIMEOUT_S, AUTO_TIMEOUT_S)
    hints = tuple(hint.strip()[:MAX_HINT] for hint in attributes.text("hints").split(",") if hint.strip())
    finish = attributes.text("finishOnKey", FINISH_ON_KEY)
    return Settings(
        action=stage.address(attributes.text("action")),
        method=attributes.method(),
        takes_keys="dtmf" in inputs,
        takes_speech="speech" in inputs,
        finish_on_key=finish if finish in KEYS or not finish else FINISH_ON_KEY,
        num_digits=attributes.number("numDigits", ENDLESS_DIGITS, 1, ENDLESS_DIGITS),
        timeout_s=timeout_s,
        speech_timeout_s=_seconds(attributes, "speechTimeout", timeout_s, AUTO_SPEECH_TIMEOUT_S),
        language=attributes.text("language") or LANGUAGE,
        hints=hints[:MAX_HINTS],
        partial_callback=stage.address(attributes.text("partialResultCallback"))
        if attributes.has("partialResultCallback")
        else "",
        partial_method=attributes.method("partialResultCallbackMethod"),
        reports_nothing=attributes.flag("actionOnEmptyResult", False),
        barge_in=attributes.flag("bargeIn", True),
    )


def _seconds(attributes: Attributes, name: str, default: float, auto: float) -> float:
    if not attributes.has(name):
        return default
    if attributes.text(name) == "auto":
        return auto
    return float(attributes.number(name, int(default), 0, MAX_TIMEOUT_S))


@dataclass
class _Collecting:
    """One Gather under way: events come from keypad, ear and prompts; a deadline decides when it is over."""

    verb: Node
    stage: Stage
    settings: Settings
    result: Result = field(default_factory=Result)

    def __post_init__(self) -> None:
        self._events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._prompts: asyncio.Task[None] | None = None
        self._ear: Listening | None = None
        self._backlog: list[bytes] = []
        self._deadline_s: float | None = None
        self._is_speaking = False
        self._partials = 0

    async def run(self) -> Result:
        """Collect until something ends it."""
        call = self.stage.call
        if self.settings.takes_keys:
            call.add_digit_listener(self._pressed)
        listening = self.stage.carrier.spawn(self._listen()) if self.settings.takes_speech else None
        self._prompts = self.stage.carrier.spawn(self._play_prompts())
        try:
            await self._collect()
        finally:
            call.remove_digit_listener(self._pressed)
            call.remove_tap(self._heard)
            self._silence_prompts()
            if listening is not None:
                listening.cancel()
            if self._ear is not None:
                self.stage.carrier.spawn(self._ear.close())
        return self.result

    # --- where events come from ---------------------------------------------------------------------------------

    def _pressed(self, digit: str) -> None:
        self._events.put_nowait(("key", digit))

    def _heard(self, said: bytes, _heard: bytes) -> None:
        if self._ear is not None:
            self._ear.feed(mulaw_to_pcm16(said))
        elif len(self._backlog) < _MOST_BACKLOG:
            self._backlog.append(mulaw_to_pcm16(said))

    async def _play_prompts(self) -> None:
        for prompt in self.verb.children:
            performer = _PROMPTS.get(prompt.name)
            if performer is None or (prompt.name == "Play" and "digits" in prompt.attributes):
                self.stage.alert(13312, f"<{prompt.name[:40]}> is not allowed in <Gather>; it was skipped.")
                continue
            try:
                await performer(prompt, self.stage)
            except (FetchError, MediaError, SpeechUnavailable) as problem:
                self.stage.alert(problem.code, problem.message)
        self._events.put_nowait(("prompts over", None))

    async def _listen(self) -> None:
        """Open the ear while prompts already play; what is said until it is open is kept for it."""
        self.stage.call.add_tap(self._heard)
        try:
            ear = await self.stage.carrier.speech.listen(
                self.settings.language, self.settings.hints, self.settings.speech_timeout_s
            )
        except SpeechUnavailable as problem:
            self.stage.call.remove_tap(self._heard)
            self.stage.alert(problem.code, problem.message)
            return
        self._ear = ear
        for frame in self._backlog:
            ear.feed(frame)
        self._backlog.clear()
        async for event in ear.events():
            self._events.put_nowait(("speech", event))

    def _silence_prompts(self) -> None:
        if self._prompts is not None:
            self._prompts.cancel()

    # --- what events do -----------------------------------------------------------------------------------------

    async def _collect(self) -> None:
        while True:
            try:
                async with asyncio.timeout_at(self._deadline_s):
                    kind, value = await self._events.get()
            except TimeoutError:
                break
            if kind == "prompts over" and self._deadline_s is None:
                self._wait(self.settings.timeout_s)
            if kind == "key" and self._take_key(value):
                return
            if kind == "speech" and self._take_speech(value):
                return
        if self._is_speaking:
            await self._take_last_words()

    def _wait(self, seconds: float) -> None:
        self._deadline_s = asyncio.get_running_loop().time() + seconds

    def _take_key(self, digit: str) -> bool:
        """A key; True when it was the last. Speech that came first wins over keys."""
        if self._is_speaking:
            return False
        self._barge_in()
        if digit == self.settings.finish_on_key:
            self.result.finished_on = digit
            return True
        self.result.digits += digit
        self._wait(self.settings.timeout_s)
        return len(self.result.digits) >= self.settings.num_digits

    def _take_speech(self, event: Any) -> bool:
        """Something about the caller's speech; True when it was understood. Keys that came first win over speech."""
        if self.result.digits:
            return False
        if event.kind in {"speech_start", "partial"} and not self._is_speaking:
            self._is_speaking = True
            self._barge_in()
            self._wait(MAX_SPEECH_S)
        if event.kind == "partial" and event.text:
            self._report_partial(event.text)
        if event.kind == "speech_end":
            self._wait(_LAST_WORDS_S)
        if event.kind == "error":
            self.stage.alert(13322, event.text)
        if event.kind == "final":
            self.result.speech = event.text.strip()
            self.result.confidence = confidence_of(event.words)
            self._is_speaking = False
            self._wait(self.settings.timeout_s)
        return bool(self.result.speech)

    def _barge_in(self) -> None:
        if self.settings.barge_in:
            self._silence_prompts()

    async def _take_last_words(self) -> None:
        """The time is up while the caller still speaks: what was understood by then counts."""
        self.stage.call.remove_tap(self._heard)
        if self._ear is None:
            return
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                heard = await self._ear.finish()
        except TimeoutError:
            self.stage.alert(13322, "The speech could not be worked out in time.")
            return
        self.result.speech = heard.text.strip()
        self.result.confidence = confidence_of(heard.words)

    def _report_partial(self, text: str) -> None:
        if not self.settings.partial_callback:
            return
        told: Mapping[str, str] = {
            **self.stage.parameters(),
            "UnstableSpeechResult": text,
            "StableSpeechResult": "",
            "Stability": "0.5",
            "SequenceNumber": str(self._partials),
        }
        self._partials += 1
        self.stage.call.courier.send(Callback(self.settings.partial_callback, self.settings.partial_method), told)


def confidence_of(words: Sequence[SpokenWord]) -> float | None:
    """The mean confidence of words, when the engine gives one."""
    known = [word.conf for word in words if word.conf is not None]
    return sum(known) / len(known) if known else None
