"""What the engine asks the host to do. Plain frozen data: the host turns it into TwiML, jobs and records.

A step's instructions are performed in order. Say, Play and those of `ONCE` go straight on to the next one; every other
kind ends the step, and the call comes back to the engine with an event (see `events.py`), except after Hangup.
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
class Announcements:
    """What the house's own loop tells a waiting caller, and how many seconds lie between two tellings."""

    position: bool = True
    wait: bool = True
    message: bool = True  # offer to leave a message instead, with the star key
    every_s: int = 90


@dataclass(frozen=True, slots=True)
class Record:
    """Say the prompts and record what the caller says, as part of the call's record; comes back as RecordingLeft."""

    prompts: tuple[Prompt, ...]
    language: str
    max_length_s: int = 60
    finish_key: str = "#"
    silence_s: int = 5
    beep: bool = True
    kind: Literal["record"] = "record"


@dataclass(frozen=True, slots=True)
class Pause:
    """Say nothing for a while; comes back as Continued."""

    seconds: int
    kind: Literal["pause"] = "pause"


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
    skills: tuple[str, ...] = ()
    max_wait_s: int | None = None  # None: as long as the queue allows
    wait_flow: str = ""  # a small flow that plays while the caller waits; "": the house's own loop
    callback_key: str = ""  # pressed in the house's loop: QueueLeft("callback_asked")
    announcements: Announcements = Announcements()
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
class LookUp:
    """Ask a web service and come back with LookupAnswered, while the caller hears `hold` if it takes long.

    `url` is complete, its variables percent-encoded. `secrets` are headers whose values only the host knows, by the
    secret's name. `body` is the text to send, of `content_type`. An answer may be kept for `cache_s` seconds.
    """

    node: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    content_type: str = ""
    timeout_s: float = 4.0
    cache_s: int = 0
    hold: tuple[Prompt, ...] = ()
    language: str = "en"
    kind: Literal["look_up"] = "look_up"


@dataclass(frozen=True, slots=True)
class SendSms:
    """Send a text to the caller's own number, now or when the call is over.

    Done once, when the step is first committed, never when it is repeated.
    """

    text: str
    when: Literal["now", "after_call"] = "now"
    kind: Literal["send_sms"] = "send_sms"


@dataclass(frozen=True, slots=True)
class ChangeCustomer:
    """Write these fields into the caller's record: name, language, and fields of the company's own ("" empties one).

    Done once.
    """

    changes: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["change_customer"] = "change_customer"


@dataclass(frozen=True, slots=True)
class RequestCallback:
    """Write down that this number is to be called back for `queue`. Done once.

    `at` and `until` bound the agreed time (ISO 8601, UTC); both None: as soon as somebody is free. `facts` is what the
    agent should see.
    """

    queue: str
    number: str
    at: str | None
    until: str | None
    priority_min: int
    language: str
    facts: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["request_callback"] = "request_callback"


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""

    kind: Literal["hangup"] = "hangup"


Instruction = (
    Say
    | Play
    | Listen
    | RecordVoicemail
    | Record
    | Pause
    | EnterQueue
    | TransferToNumber
    | TransferToAgent
    | LookUp
    | SendSms
    | ChangeCustomer
    | RequestCallback
    | Hangup
)

ONCE = (SendSms, ChangeCustomer, RequestCallback)
"""What is done when a step is first committed and left out when it is repeated; the caller hears nothing of it."""

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
