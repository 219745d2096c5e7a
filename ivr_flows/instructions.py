"""What the engine asks the host to do. Plain frozen data: the host turns it into TwiML, jobs and records.

A step's instructions are performed in order. Say, Play and SendSms go straight on to the next one; every other kind
ends the step, and the call comes back to the engine with an event (see `events.py`), except after Hangup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

InputKind = Literal["digits", "speech"]


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a text. `language` is the flow's own tag ("en", "es-MX"); the host chooses the voice."""

    text: str
    language: str
    kind: Literal["say"] = "say"


@dataclass(frozen=True, slots=True)
class Play:
    """Play recorded audio. `url` is absolute (https://…) or a path on the host's own site (/audio/…)."""

    url: str
    kind: Literal["play"] = "play"


Prompt = Say | Play


@dataclass(frozen=True, slots=True)
class Listen:
    """Say the prompts and wait for keys, words or both; the first key or word stops the prompt.

    `timeout_s` is silence after the last prompt. `max_digits` ends the input by itself; `finish_key` ends it early
    ("" for none). `hints` are phrases the recogniser should expect. `sensitive` input must not be logged, shown live
    or kept in a recording.
    """

    prompts: tuple[Prompt, ...]
    inputs: tuple[InputKind, ...]
    language: str
    timeout_s: float = 5.0
    speech_timeout_s: float | None = None  # None: the recogniser decides when the caller has finished
    max_digits: int | None = None
    finish_key: str = ""
    keys: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    sensitive: bool = False
    kind: Literal["listen"] = "listen"


@dataclass(frozen=True, slots=True)
class RecordVoicemail:
    """Say the prompts, beep and record a message for `mailbox` (a queue's name: its people own the message)."""

    prompts: tuple[Prompt, ...]
    mailbox: str
    language: str
    max_length_s: int = 120
    finish_key: str = "#"
    silence_s: int = 5
    kind: Literal["record_voicemail"] = "record_voicemail"


@dataclass(frozen=True, slots=True)
class EnterQueue:
    """Let the caller wait for a person in `queue`; comes back as QueueLeft.

    `priority_min` is the head start in minutes, the entry point's included. `facts` is what the agent should see:
    collected variables, never sensitive ones.
    """

    queue: str
    priority_min: int
    language: str
    facts: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["enter_queue"] = "enter_queue"


@dataclass(frozen=True, slots=True)
class TransferToNumber:
    """Connect the caller to an outside number (E.164); comes back as TransferEnded."""

    number: str
    timeout_s: int
    kind: Literal["transfer_to_number"] = "transfer_to_number"


@dataclass(frozen=True, slots=True)
class TransferToAgent:
    """Connect the caller to one named agent (the user's sign-in name); comes back as TransferEnded."""

    agent: str
    timeout_s: int
    facts: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["transfer_to_agent"] = "transfer_to_agent"


@dataclass(frozen=True, slots=True)
class SendSms:
    """Send a text to the caller's own number.

    Done once, when the step is first committed, never when it is repeated.
    """

    text: str
    kind: Literal["send_sms"] = "send_sms"


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""

    kind: Literal["hangup"] = "hangup"


Instruction = Say | Play | Listen | RecordVoicemail | EnterQueue | TransferToNumber | TransferToAgent | SendSms | Hangup

_ADAPTER: TypeAdapter[tuple[Instruction, ...]] = TypeAdapter(
    tuple[Annotated[Instruction, Field(discriminator="kind")], ...]
)


def instructions_to_json(instructions: Iterable[Instruction]) -> list[dict[str, Any]]:
    """Plain JSON values, one object per instruction, with its `kind`."""
    dumped: list[dict[str, Any]] = _ADAPTER.dump_python(tuple(instructions), mode="json")
    return dumped


def instructions_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[Instruction, ...]:
    """The reverse of `instructions_to_json`; pydantic.ValidationError when the data is something else."""
    return _ADAPTER.validate_python(list(data))
