"""Text and picture messages between the account's numbers and phones, with delivery states and STOP words.

States: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status, incoming webhook:
https://www.twilio.com/docs/messaging/guides/webhook-request, STOP words:
https://help.twilio.com/articles/223134027 (default handling, English keywords).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import datetime
import logging
import re
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from telephony.local_carrier import twiml
from telephony.local_carrier.callbacks import Callback, Courier, now
from telephony.local_carrier.calls import API_VERSION, country
from telephony.local_carrier.segments import count_segments
from telephony.local_carrier.sids import is_messaging_address, is_number, new_sid
from telephony.local_carrier.webhooks import Conversation, FetchError, Reply

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier
    from telephony.local_carrier.numbers import IncomingNumber
    from telephony.local_carrier.phones import Phone

log = logging.getLogger(__name__)
MAX_BODY = 1600
MAX_MEDIA = 10
MAX_MEDIA_BYTES = 5 * 1024 * 1024
MAX_REDIRECTS = 10
REMEMBERED = 10_000
CONTENT_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}")
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
STOP_REPLY = "You have been unsubscribed and will get no more messages from this number. Reply START to get them again."
START_REPLY = "You are subscribed again and will get messages from this number. Reply HELP for help, STOP to end."
HELP_REPLY = "Reply STOP to end messages from this number. Message and data rates may apply."
UNREACHABLE, UNKNOWN_HANDSET = 30003, 30005
ERROR_TEXTS = {
    UNREACHABLE: "Unreachable destination handset",
    UNKNOWN_HANDSET: "Unknown destination handset",
    21610: "Attempt to send to unsubscribed recipient",
}


class MessageError(Exception):
    """A message cannot be taken; `code` is Twilio's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Medium:
    """One picture, sound or file of a message, kept in the data folder under its SID."""

    content_type: str
    sid: str = field(default_factory=lambda: new_sid("ME"))
    created_at: datetime.datetime = field(default_factory=now)


@dataclass
class Message:
    """One message and how far it has come."""

    direction: str
    sender: str
    to: str
    body: str
    sid: str
    status: str
    callback: Callback | None = None
    media: list[Medium] = field(default_factory=list)
    error_code: int | None = None
    created_at: datetime.datetime = field(default_factory=now)
    updated_at: datetime.datetime = field(default_factory=now)
    sent_at: datetime.datetime | None = None

    @property
    def segments(self) -> int:
        """How many pieces it was sent in."""
        return count_segments(self.body)


class Messages:
    """Every message of the account since the start."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._folder = carrier.settings.data / "media"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._messages: dict[str, Message] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Message]:
        return reversed(list(self._messages.values()))

    def get(self, sid: str) -> Message | None:
        """A message by SID."""
        return self._messages.get(sid)

    def delete(self, message: Message) -> None:
        """Forget a message and its media."""
        self._messages.pop(message.sid, None)
        for medium in message.media:
            (self._folder / medium.sid).unlink(missing_ok=True)

    def delete_medium(self, message: Message, medium: Medium) -> None:
        """Throw one file of a message away."""
        message.media.remove(medium)
        (self._folder / medium.sid).unlink(missing_ok=True)

    def media_bytes(self, medium: Medium) -> bytes:
        """The file itself. OSError when it is gone."""
        return (self._folder / medium.sid).read_bytes()

    def media_url(self, message: Message, medium: Medium) -> str:
        """Where anybody who knows the address gets the file, as at Twilio."""
        account = self._carrier.settings.account_sid
        return (
            f"{self._carrier.public_url}/2010-04-01/Accounts/{account}/Messages/{message.sid}/Media/{medium.sid}"
        )  # fmt: skip

    # --- from the application -----------------------------------------------------------------------------------

    def create(
        self,
        *,
        sender: str,
        to: str,
        body: str,
        media_urls: list[str],
        callback: Callback | None,
        direction: str = "outbound-api",
    ) -> Message:
        """Take a message to be sent. Raises MessageError with Twilio's code when it must be refused."""
        self._check(sender, to, body, media_urls)
        message = Message(
            direction, sender, to, body, new_sid("MM" if media_urls else "SM"), "queued", callback=callback
        )
        self._keep(message)
        self._run(self._send(message, media_urls))
        return message

    def _check(self, sender: str, to: str, body: str, media_urls: list[str]) -> None:
        if not is_number(to) and not is_messaging_address(to):
            raise MessageError(21211, "The 'To' number is not a valid phone number.")
        if self._carrier.numbers.by_number(_plain(sender)) is None and not sender.startswith("messenger:"):
            raise MessageError(21606, "The 'From' number is not a number of this account that sends messages.")
        if (to, sender) in self._carrier.account.opted_out:
            raise MessageError(21610, ERROR_TEXTS[21610])
        if not body and not media_urls:
            raise MessageError(21602, "Message body is required.")
        if len(body) > MAX_BODY:
            raise MessageError(21617, f"The concatenated message body exceeds the {MAX_BODY} character limit.")
        if len(media_urls) > MAX_MEDIA:
            raise MessageError(21623, f"A message has at most {MAX_MEDIA} media.")

    async def _send(self, message: Message, media_urls: list[str]) -> None:
        courier = Courier(self._carrier, message.sid)
        try:
            message.media = [await self._fetch(url) for url in media_urls]
        except FetchError as problem:
            self._carrier.alerts.add(problem.code, problem.message, message.sid, problem.url)
            self._move(message, "failed", courier, problem.code)
            return
        if message.status == "canceled":
            return
        message.sent_at = now()
        self._move(message, "sent", courier)
        if self._deliver(message):
            self._move(message, "delivered", courier)
        else:
            known = self._carrier.numbers.by_number(message.to) is not None
            self._move(message, "undelivered", courier, UNKNOWN_HANDSET if known else UNREACHABLE)

    async def _fetch(self, url: str) -> Medium:
        conversation = self._carrier.webhooks.conversation()
        try:
            reply = await conversation.ask(url, "GET", max_bytes=MAX_MEDIA_BYTES)
        finally:
            await conversation.close()
        return await asyncio.to_thread(self._store, reply.content_type, reply.body)

    def _store(self, content_type: str, content: bytes) -> Medium:
        medium = Medium(content_type)
        (self._folder / medium.sid).write_bytes(content)
        return medium

    def _move(self, message: Message, status: str, courier: Courier, error_code: int | None = None) -> None:
        message.status = status
        message.error_code = error_code
        message.updated_at = now()
        if message.callback is None:
            return
        parameters = {
            "AccountSid": self._carrier.settings.account_sid,
            "From": message.sender,
            "To": message.to,
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "MessageStatus": status,
            "SmsStatus": status,
            "ApiVersion": API_VERSION,
        }
        if error_code is not None:
            parameters["ErrorCode"] = str(error_code)
        if status in {"delivered", "undelivered"} and is_number(message.to):
            parameters["RawDlrDoneDate"] = now().strftime("%y%m%d%H%M")
        courier.send(message.callback, parameters)

    def _deliver(self, message: Message) -> bool:
        """Show it on every phone at the address; False when there is none."""
        phones = self._carrier.phones.at(message.to)
        for phone in phones:
            phone.send({
                "event": "message", "sid": message.sid, "from": message.sender, "to": message.to, "body": message.body,
                "media": [
                    {"contentType": medium.content_type, "url": self.media_url(message, medium)}
                    for medium in message.media
                ],
            })  # fmt: skip
        return bool(phones)

    # --- from a phone -------------------------------------------------------------------------------------------

    async def receive(self, phone: Phone, to: str, body: object, media: object) -> None:
        """A phone sends a message. What cannot be read is refused with a PhoneError."""
        from telephony.local_carrier.phones import MALFORMED, PhoneError  # phones need this module

        text = "" if body is None else body
        if not isinstance(text, str) or len(text) > MAX_BODY:
            raise PhoneError(21617, f"'body' must be text of at most {MAX_BODY} characters.")
        try:
            files = await asyncio.to_thread(_decoded, media)
        except ValueError as problem:
            raise PhoneError(MALFORMED, str(problem)) from problem
        if not text and not files:
            raise PhoneError(21602, "A message needs a body or media.")
        if phone.registration.is_client:
            raise PhoneError(MALFORMED, "A client has calls, and no messages.")
        message = Message("inbound", phone.address, to, text, new_sid("MM" if files else "SM"), "received")
        message.media = [await asyncio.to_thread(self._store, *file) for file in files]
        self._keep(message)
        self._run(self._take_in(phone, message))

    async def _take_in(self, phone: Phone, message: Message) -> None:
        _show_status(phone, message, "sent")
        number = self._carrier.numbers.by_number(_plain(message.to))
        if number is None:
            delivered = self._deliver(message)
            _show_status(phone, message, "delivered" if delivered else "undelivered")
            return
        _show_status(phone, message, "delivered")
        self._heed_keyword(phone, message)
        await self._ask_application(message, number)

    def _heed_keyword(self, phone: Phone, message: Message) -> None:
        """STOP, START and HELP, as Twilio handles them by default; the application hears of them all the same."""
        word = message.body.strip().upper()
        pair = (message.sender, message.to)
        opted_out = self._carrier.account.opted_out
        reply = ""
        if word in STOP_WORDS:
            reply = "" if pair in opted_out else STOP_REPLY
            opted_out.add(pair)
        elif word in START_WORDS and pair in opted_out:
            opted_out.discard(pair)
            reply = START_REPLY
        elif word in HELP_WORDS:
            reply = HELP_REPLY
        if word in STOP_WORDS | START_WORDS:
            self._carrier.account.save()
        if reply and is_number(message.sender):
            phone.send({
                "event": "message", "sid": new_sid("SM"), "from": message.to, "to": message.sender, "body": reply,
                "media": [],
            })  # fmt: skip

    async def _ask_application(self, message: Message, number: IncomingNumber) -> None:
        how = self._carrier.account.applications.get(number.sms_application_sid) or number
        if not how.sms_url:
            return
        parameters = self._parameters(message)
        conversation = self._carrier.webhooks.conversation()
        try:
            try:
                await self._follow(conversation, message, how.sms_url, how.sms_method, parameters)
            except (FetchError, twiml.TwimlError) as problem:
                error_url = getattr(problem, "url", how.sms_url)
                self._carrier.alerts.add(problem.code, problem.message, message.sid, error_url)
                if how.sms_fallback_url:
                    told = {**parameters, "ErrorCode": str(problem.code), "ErrorUrl": error_url}
                    await self._follow(conversation, message, how.sms_fallback_url, how.sms_fallback_method, told)
        except (FetchError, twiml.TwimlError) as problem:
            self._carrier.alerts.add(problem.code, problem.message, message.sid)
        finally:
            await conversation.close()

    async def _follow(
        self, conversation: Conversation, message: Message, url: str, method: str, parameters: Mapping[str, str]
    ) -> None:
        """Perform messaging TwiML, Message and Redirect, document by document."""
        for _ in range(MAX_REDIRECTS):
            reply = await conversation.ask(url, method, parameters, max_bytes=twiml.MAX_BYTES)
            redirect = None
            for verb in _verbs_of(reply):
                if verb.name == "Message":
                    self._reply(message, verb, reply.url)
                elif verb.name == "Redirect":
                    redirect = verb
                    break
                else:
                    self._carrier.alerts.add(12200, f"<{verb.name[:40]}> is no messaging verb.", message.sid, url)
            if redirect is None:
                return
            url = urljoin(reply.url, redirect.text)
            method = redirect.attributes.get("method", "POST")
        raise FetchError(11215, f"More than {MAX_REDIRECTS} redirects.", url)

    def _reply(self, message: Message, verb: twiml.Node, base: str) -> None:
        body = next((child.text for child in verb.children if child.name == "Body"), verb.text)
        media = [urljoin(base, child.text) for child in verb.children if child.name == "Media"]
        told = verb.attributes.get("statusCallback") or verb.attributes.get("action")
        try:
            self.create(
                sender=verb.attributes.get("from", message.to),
                to=verb.attributes.get("to", message.sender),
                body=body,
                media_urls=media,
                callback=Callback(urljoin(base, told), verb.attributes.get("method", "POST")) if told else None,
                direction="outbound-reply",
            )
        except MessageError as problem:
            self._carrier.alerts.add(problem.code, problem.message, message.sid, base)

    def _parameters(self, message: Message) -> dict[str, str]:
        parameters = {
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsMessageSid": message.sid,
            "AccountSid": self._carrier.settings.account_sid,
            "From": message.sender,
            "To": message.to,
            "Body": message.body,
            "NumMedia": str(len(message.media)),
            "NumSegments": str(message.segments),
            "SmsStatus": "received",
            "ApiVersion": API_VERSION,
        }
        for role, address in (("From", message.sender), ("To", message.to)):
            parameters.update({f"{role}City": "", f"{role}State": "", f"{role}Zip": ""})
            parameters[f"{role}Country"] = country(_plain(address))
        if message.sender.startswith("whatsapp:"):
            parameters["WaId"] = _plain(message.sender).removeprefix("+")
            parameters["ProfileName"] = ""
        for index, medium in enumerate(message.media):
            parameters[f"MediaUrl{index}"] = self.media_url(message, medium)
            parameters[f"MediaContentType{index}"] = medium.content_type
        return parameters

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._carrier.spawn(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def settled(self) -> None:
        """Wait until every message under way has arrived or failed."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _keep(self, message: Message) -> None:
        self._messages[message.sid] = message
        if len(self._messages) > REMEMBERED:
            self.delete(next(iter(self._messages.values())))


def _plain(address: str) -> str:
    """The number in an address with or without a messenger's prefix."""
    return address.removeprefix("whatsapp:")


def _show_status(phone: Phone, message: Message, status: str) -> None:
    code = UNREACHABLE if status == "undelivered" else None
    phone.send({"event": "message-status", "sid": message.sid, "status": status, "errorCode": code})


def _verbs_of(reply: Reply) -> tuple[twiml.Node, ...]:
    """TwiML, or plain text that is sent back as it is; nothing at all is no reply."""
    if not reply.body.strip():
        return ()
    if reply.content_type == "text/plain":
        return (twiml.Node("Message", {}, (reply.body.decode("utf-8", "replace"),)),)
    return twiml.parse(reply.body)


def _decoded(media: object) -> list[tuple[str, bytes]]:
    """The files of a phone's message. ValueError with what is wrong."""
    if media is None:
        return []
    if not isinstance(media, list) or len(media) > MAX_MEDIA:
        raise ValueError(f"'media' must be a list of at most {MAX_MEDIA} files.")
    return [_decoded_file(item) for item in media]


def _decoded_file(item: object) -> tuple[str, bytes]:
    content_type = item.get("contentType") if isinstance(item, dict) else None
    data = item.get("data") if isinstance(item, dict) else None
    if not isinstance(content_type, str) or not CONTENT_TYPE.fullmatch(content_type) or not isinstance(data, str):
        raise ValueError("Each file has a 'contentType' and base64 'data'.")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("'data' must be base64.") from None
    if len(content) > MAX_MEDIA_BYTES:
        raise ValueError(f"A file is at most {MAX_MEDIA_BYTES // (1024 * 1024)} MB.")
    return content_type, content
