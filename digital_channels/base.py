"""What every channel's adapter takes and gives. Adapters know their provider, and neither the database nor the web."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class BadMessage(ValueError):
    """A webhook cannot be what the provider sends. The message names the field."""

    def __init__(self, field_name: str, what: str) -> None:
        super().__init__(f"{field_name} {what}")
        self.field = field_name


class SendError(Exception):
    """A message was certainly not sent. `reason` is for the agent; `code` is the provider's, when it gave one.

    `retryable`: the same message may go through later. `once`: nobody knows this code, so one more try and no more.
    """

    def __init__(self, reason: str, *, code: int | None = None, retryable: bool = False, once: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.retryable = retryable
        self.once = once


class OutcomeUnknown(Exception):
    """The provider was asked, and the answer was lost: the message may have been sent. Look it up, never ask again."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where the provider keeps an attachment, and what it says it is."""

    url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message that a customer sent."""

    provider_id: str
    from_: str
    to: str
    body: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message of ours. `status_url` is where the provider tells its fate; our id is in it."""

    from_: str
    to: str
    body: str
    status_url: str


@dataclass(frozen=True, slots=True)
class DeliveryUpdate:
    """What the provider says of a message of ours. `status` in our words, see `Message.status`."""

    provider_id: str
    status: str
    error_code: int | None = None


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message of ours as the provider lists it."""

    update: DeliveryUpdate
    created_at: datetime = field(compare=False)


class Adapter(Protocol):
    """One channel at one provider."""

    kind: str

    def parse_inbound(self, form: Mapping[str, str]) -> InboundMessage:
        """Raises BadMessage."""
        ...

    def parse_status(self, form: Mapping[str, str]) -> DeliveryUpdate:
        """Raises BadMessage."""
        ...

    def send(self, message: OutboundMessage) -> DeliveryUpdate:
        """Hand over one message. Raises SendError (surely not sent) or OutcomeUnknown."""
        ...

    def find(self, message: OutboundMessage, since: datetime) -> list[FoundMessage]:
        """Messages the provider has that may be this one, oldest first. Raises SendError when it cannot be asked."""
        ...

    def ask(self, provider_id: str) -> DeliveryUpdate:
        """What became of a message. Raises SendError when the provider cannot be asked."""
        ...
