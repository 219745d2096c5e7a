"""SMS through Twilio. Source: https://www.twilio.com/docs/messaging/api/message-resource"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from twilio.rest import Client

from app import crash
from app.interactions.messages import ERRORS, error_text
from digital_channels.base import (
    Attachment,
    BadMessage,
    DeliveryUpdate,
    FoundMessage,
    InboundMessage,
    OutboundMessage,
    OutcomeUnknown,
    SendError,
)
from telephony.carrier import CarrierError, carrier_errors

MAX_BODY_CHARS = 1600  # Twilio refuses longer bodies with error 21617
TOO_LONG = 21617
MAX_INBOUND_CHARS = 10_000  # Twilio sends at most 1,600; more is not from a handset
MAX_ATTACHMENTS = 10
CLOCK_SKEW = timedelta(seconds=30)  # the carrier's clock against the database's, and its whole seconds
LOOK_BACK = 100  # messages of one number are listed newest first; beyond these it is not ours
TRIAL_PREFIX = "Sent from your Twilio trial account - "

SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")

STATUSES = {
    "accepted": "sending",  # waiting at Twilio
    "scheduled": "sending",
    "queued": "sending",
    "sending": "sending",
    "sent": "sent",  # taken by the next carrier
    "partially_delivered": "sent",
    "delivered": "delivered",  # confirmed by the handset's carrier
    "read": "read",
    "undelivered": "undelivered",  # refused after leaving Twilio
    "failed": "failed",  # never left Twilio
    "canceled": "failed",
}

OUR_TROUBLE = frozenset({20003, 30002})
"""Nothing is wrong with the message; it goes when somebody has put our account right."""


class SmsAdapter:
    """Text messages. `client` is Twilio's own, pointed at the configured carrier."""

    kind = "sms"

    def __init__(self, client: Client) -> None:
        self._client = client

    def parse_inbound(self, form: Mapping[str, str]) -> InboundMessage:
        body = form.get("Body", "")
        if len(body) > MAX_INBOUND_CHARS:
            raise BadMessage("Body", f"is longer than {MAX_INBOUND_CHARS} characters")
        return InboundMessage(
            provider_id=_sid(form.get("MessageSid") or form.get("SmsSid")),
            from_=_address(form, "From"),
            to=_address(form, "To"),
            body=body.replace("\0", ""),  # PostgreSQL keeps no NUL
            attachments=tuple(_attachments(form)),
        )

    def parse_status(self, form: Mapping[str, str]) -> DeliveryUpdate:
        status = form.get("MessageStatus") or form.get("SmsStatus") or ""
        if status not in STATUSES:
            raise BadMessage("MessageStatus", f"{status[:40]!r} is not known")
        sid = _sid(form.get("MessageSid") or form.get("SmsSid"))
        return DeliveryUpdate(sid, STATUSES[status], _number(form.get("ErrorCode")) or None)

    def send(self, message: OutboundMessage) -> DeliveryUpdate:
        """Hand over one message and return the provider's id and first status. Raises SendError, OutcomeUnknown."""
        if len(message.body) > MAX_BODY_CHARS:
            raise SendError(ERRORS[TOO_LONG], code=TOO_LONG)
        try:
            with carrier_errors():
                made = self._client.messages.create(
                    to=message.to, from_=message.from_, body=message.body, status_callback=message.status_url
                )
                crash.point("S2")
                return _update(made)
        except CarrierError as error:
            if error.unsure:
                raise OutcomeUnknown(error.reason) from error
            raise _send_error(error) from error

    def find(self, message: OutboundMessage, since: datetime) -> list[FoundMessage]:
        """Messages to the same number with the same text since then, oldest first: one of them may be this one."""
        found = []
        with _asking():
            listed = self._client.messages.stream(to=message.to, from_=message.from_, limit=LOOK_BACK, page_size=50)
            for each in listed:
                created = _utc(each.date_created)
                if created < since - CLOCK_SKEW:
                    break
                if str(each.direction).startswith("outbound") and _same_text(each.body, message.body):
                    found.append(FoundMessage(_update(each), created))
        return found[::-1]

    def ask(self, provider_id: str) -> DeliveryUpdate:
        with _asking():
            return _update(self._client.messages(provider_id).fetch())

    def received_since(self, our_number: str, since: datetime, most: int = 500) -> Iterator[InboundMessage]:
        """What customers texted to our number since then, newest first, as the carrier has it."""
        with _asking():
            for each in self._client.messages.stream(to=our_number, limit=most, page_size=50):
                if _utc(each.date_created) < since:
                    return
                if each.direction == "inbound":
                    yield self._listed_inbound(each)

    def _listed_inbound(self, listed: Any) -> InboundMessage:
        media = self._client.messages(listed.sid).media.list(limit=MAX_ATTACHMENTS) if _number(listed.num_media) else []
        return InboundMessage(
            provider_id=_sid(listed.sid),
            from_=str(listed.from_),
            to=str(listed.to),
            body=str(listed.body or "").replace("\0", ""),
            attachments=tuple(
                Attachment(f"https://api.twilio.com{each.uri.removesuffix('.json')}", each.content_type)
                for each in media
            ),
        )


@contextmanager
def _asking() -> Iterator[None]:
    """Looking something up changes nothing, so every failure is one to try again."""
    try:
        with carrier_errors():
            yield
    except CarrierError as error:
        raise SendError(error.reason, code=error.code, retryable=not error.gone) from error


def _send_error(error: CarrierError) -> SendError:
    """A refusal with Twilio's code: known ones are final, unknown ones worth one more try."""
    if error.retryable or error.code in OUR_TROUBLE:
        return SendError(error.reason, code=error.code, retryable=True)
    known = error.code in ERRORS
    return SendError(error_text(error.code) or error.reason, code=error.code, retryable=not known, once=not known)


def _update(message: Any) -> DeliveryUpdate:
    return DeliveryUpdate(_sid(message.sid), STATUSES.get(str(message.status), "sending"), message.error_code or None)


def _sid(value: object) -> str:
    if not isinstance(value, str) or not SID.fullmatch(value):
        raise BadMessage("MessageSid", "is missing or no such id")
    return value


def _address(form: Mapping[str, str], field: str) -> str:
    value = form.get(field, "").strip()
    if not value or len(value) > 254 or not value.isprintable():
        raise BadMessage(field, "is missing or no address")
    return value


def _attachments(form: Mapping[str, str]) -> Iterator[Attachment]:
    for number in range(min(_number(form.get("NumMedia")), MAX_ATTACHMENTS)):
        url = form.get(f"MediaUrl{number}", "")
        if not url.startswith(("https://", "http://")) or len(url) > 2000:
            raise BadMessage(f"MediaUrl{number}", "is missing or no address")
        yield Attachment(url, form.get(f"MediaContentType{number}", "")[:100])


def _number(text: object) -> int:
    value = str(text or "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 9 else 0


def _same_text(listed: str | None, ours: str) -> bool:
    return (listed or "").strip() in (ours.strip(), TRIAL_PREFIX + ours.strip())


def _utc(at: datetime | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
