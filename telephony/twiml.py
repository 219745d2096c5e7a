"""Instructions to TwiML. The only place where a flow's words become the carrier's. Source: docs/voice/twiml"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from ivr_flows.instructions import (
    ChangeCustomer,
    EnterQueue,
    Hangup,
    Instruction,
    Listen,
    LookUp,
    Pause,
    Play,
    Prompt,
    Record,
    RecordVoicemail,
    RequestCallback,
    Say,
    SendSms,
    TransferToAgent,
    TransferToNumber,
)
from telephony.urls import Urls
from telephony.voices import carrier_voice

MAX_HINTS, MAX_HINT_CHARS = 500, 100
MIN_DIAL_S, MAX_DIAL_S = 5, 600


class Speak(Protocol):
    """How a text is spoken: adds a Say or a Play to a verb that takes them."""

    def __call__(self, parent: Any, text: str, language: str) -> None: ...


def say_with_carrier(parent: Any, text: str, language: str) -> None:
    """Let the carrier's voice speak."""
    chosen = carrier_voice(language)
    parent.say(text, language=chosen.language, voice=chosen.voice)


@dataclass(frozen=True, slots=True)
class Renderer:
    """Turns one step's instructions into the document that the caller's leg runs."""

    urls: Urls
    speak: Speak = say_with_carrier

    def render(
        self, instructions: Iterable[Instruction], *, interaction_id: uuid.UUID, step: int, our_number: str
    ) -> str:
        """The TwiML of a step. Its answers come back to `/voice/step/<interaction>/<step>`.

        An empty step ends the call, as an empty document would.
        """
        answer_url = self.urls.step(interaction_id, step)
        response = VoiceResponse()
        for instruction in instructions:
            match instruction:
                case Say() | Play():
                    self.prompt(response, instruction)
                case Listen():
                    self._listen(response, instruction, answer_url)
                case RecordVoicemail():
                    self._record(response, instruction, answer_url, self.urls.recording(interaction_id, "voicemail"))
                case Record():
                    self._record(response, instruction, answer_url, self.urls.recording(interaction_id, "answer"))
                case Pause():
                    response.pause(length=instruction.seconds)
                    response.redirect(_silent(answer_url))
                case EnterQueue() | TransferToAgent():
                    response.redirect(self.urls.wait(interaction_id))
                case TransferToNumber():
                    self._dial(response, instruction, answer_url, our_number)
                case LookUp():
                    response.redirect(self.urls.look_up(interaction_id, step))
                case SendSms() | ChangeCustomer() | RequestCallback():
                    pass  # done with the step; the caller hears nothing of it
                case Hangup():
                    response.hangup()
        return str(response)

    def round_of_waiting(self, instructions: Iterable[Instruction], here: str) -> str:
        """A round of a queue's own small flow: what it says or asks, and back to `here`; never nothing at all."""
        response = VoiceResponse()
        is_heard = False
        for instruction in instructions:
            match instruction:
                case Say() | Play():
                    self.prompt(response, instruction)
                    is_heard = True
                case Listen():
                    self._listen(response, instruction, here)
                    return str(response)
                case Pause():
                    response.pause(length=instruction.seconds)
                    is_heard = True
                case _:
                    pass
        if not is_heard:
            response.play(self.urls.music())
        response.redirect(_silent(here))
        return str(response)

    def prompt(self, parent: VoiceResponse | Gather, prompt: Prompt) -> None:
        """Add what is said or played to a document or a question."""
        if isinstance(prompt, Say):
            self.speak(parent, prompt.text, prompt.language)
        else:
            parent.play(self.urls.absolute(prompt.url))

    def _listen(self, response: VoiceResponse, listen: Listen, answer_url: str) -> None:
        speech: dict[str, Any] = {}
        if "speech" in listen.inputs:
            timeout = listen.speech_timeout_s
            speech = {
                "language": carrier_voice(listen.language).language,
                "speech_timeout": "auto" if timeout is None else max(1, math.ceil(timeout)),
                "hints": ",".join(spoken_hints(listen.hints)) or None,
            }
        gather = Gather(
            action=answer_url,
            input=" ".join({"digits": "dtmf", "speech": "speech"}[kind] for kind in sorted(listen.inputs)),
            timeout=max(1, math.ceil(listen.timeout_s)),
            num_digits=listen.max_digits,
            finish_on_key=listen.finish_key,
            action_on_empty_result=True,
            **speech,
        )
        for prompt in listen.prompts:
            self.prompt(gather, prompt)
        response.append(gather)
        response.redirect(_silent(answer_url))

    def _record(
        self, response: VoiceResponse, record: RecordVoicemail | Record, answer_url: str, tell_url: str
    ) -> None:
        for prompt in record.prompts:
            self.prompt(response, prompt)
        response.record(
            action=answer_url,
            max_length=record.max_length_s,
            finish_on_key=record.finish_key,
            timeout=record.silence_s,
            play_beep=not isinstance(record, Record) or record.beep,
            trim="do-not-trim",
            recording_status_callback=tell_url,
            recording_status_callback_event="completed absent",
        )
        response.redirect(_silent(answer_url))

    def _dial(self, response: VoiceResponse, transfer: TransferToNumber, answer_url: str, our_number: str) -> None:
        timeout = min(MAX_DIAL_S, max(MIN_DIAL_S, transfer.timeout_s))
        dial = Dial(action=answer_url, timeout=timeout, caller_id=our_number)
        dial.number(transfer.number)
        response.append(dial)
        response.redirect(_silent(answer_url))


def _silent(answer_url: str) -> str:
    """Where a leg goes on that went past its last verb without a result."""
    return f"{answer_url}{'&' if '?' in answer_url else '?'}silent=1"


def spoken_hints(hints: Iterable[str]) -> list[str]:
    """Phrases within the carrier's bounds; a comma would split one in two."""
    return [hint.replace(",", " ")[:MAX_HINT_CHARS] for hint in list(hints)[:MAX_HINTS]]
