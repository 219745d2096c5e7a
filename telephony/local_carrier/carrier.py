"""The carrier as a whole: what it holds, and how calls come in, go out and end."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from telephony.local_carrier import twiml
from telephony.local_carrier.callbacks import Courier
from telephony.local_carrier.calls import ENDED, Call, Step
from telephony.local_carrier.conference import Conference
from telephony.local_carrier.dialling import ring
from telephony.local_carrier.errors import AlertLog
from telephony.local_carrier.journal import Journal
from telephony.local_carrier.machines import Detection, listen
from telephony.local_carrier.media import MediaShelf
from telephony.local_carrier.messages import Messages
from telephony.local_carrier.mixer import Mixer
from telephony.local_carrier.numbers import AccountFile, Application, IncomingNumber, Numbers
from telephony.local_carrier.phones import Phone, Phones
from telephony.local_carrier.recordings import Recordings
from telephony.local_carrier.script import Ask, Document, script
from telephony.local_carrier.settings import Settings
from telephony.local_carrier.sids import is_number
from telephony.local_carrier.speech import Speech
from telephony.local_carrier.streams import Streams
from telephony.local_carrier.tones import keys
from telephony.local_carrier.voice import Voice
from telephony.local_carrier.webhooks import Webhooks

log = logging.getLogger(__name__)
T = TypeVar("T")
REMEMBERED_CALLS = 5000
_DRAIN_S = 5.0


class Carrier:
    """One account's network: numbers, phones, calls, conferences, recordings, messages."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
        self.largest_answer = twiml.MAX_BYTES
        settings.data.mkdir(parents=True, exist_ok=True)
        self.account = AccountFile(settings.data)
        self.alerts = AlertLog()
        self.webhooks = Webhooks(settings.auth_token, settings.webhook_limit_s)
        self.mixer = Mixer()
        self.phones = Phones(self)
        self.speech = Speech()
        self.media = MediaShelf()
        self.calls: dict[str, Call] = {}
        self.conferences: dict[str, Conference] = {}
        self.recordings = Recordings(self)
        self.streams = Streams(self)
        self.messages = Messages(self)
        self.journal = Journal(settings.data)
        self.is_closing = False
        self.couriers: weakref.WeakSet[Courier] = weakref.WeakSet()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def numbers(self) -> Numbers:
        """The account's numbers."""
        return self.account.numbers

    # --- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take up what an earlier run left: numbers, recordings, and calls that it could not end."""
        self.account.load()
        await asyncio.to_thread(self.recordings.load)
        self.journal.bury(self)
        self.spawn(self.mixer.run())
        if self.settings.warm_speech:
            self.spawn(self.speech.warm())

    async def close(self) -> None:
        """End every call as failed, deliver the last callbacks, finish recordings; within a few seconds."""
        self.is_closing = True
        for call in list(self.calls.values()):
            call.end("failed")
        self.recordings.finish_all()
        await self._drain()
        await self.phones.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.speech.close()
        await self.webhooks.close()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(_DRAIN_S):
                await self.recordings.settled()
                await self.messages.settled()
                await asyncio.gather(*(courier.done() for courier in list(self.couriers)))
        except TimeoutError:
            log.warning("some callbacks could not be delivered before the end")

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something beside everything else; a fault in it is logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())

    # --- calls --------------------------------------------------------------------------------------------------

    def add_call(self, call: Call) -> Call:
        """Keep a call, forgetting the oldest ended ones."""
        self.calls[call.sid] = call
        self.journal.call_began(call)
        if len(self.calls) > REMEMBERED_CALLS:
            oldest = next((sid for sid, old in self.calls.items() if old.status in ENDED), None)
            if oldest is not None:
                del self.calls[oldest]
        return call

    def call_ended(self, call: Call) -> None:
        """A call told that it is over."""
        self.journal.call_ended(call)

    def dial_from(self, phone: Phone, to: str, params: Mapping[str, str]) -> None:
        """A phone dials. A client reaches its TwiML application, an outside telephone the owner of the number."""
        if phone.registration.is_client:
            self._dial_application(phone, to, params)
            return
        number = self.numbers.by_number(to)
        call = self.new_inbound_call(sender=phone.address, number=number, to=to)
        _hand_to_phone(call, phone)
        if number is not None:
            self.begin_inbound(call, number)
        elif is_number(to) and self.phones.at(to):
            call.follow(script(_connect_outside(to)))
        else:
            call.end("failed")

    def _dial_application(self, phone: Phone, to: str, params: Mapping[str, str]) -> None:
        granted = phone.registration
        application = self.account.applications.get(granted.application_sid)
        custom = {**granted.application_params, **params}
        call = self.add_call(
            Call(
                self,
                direction="inbound",
                sender=phone.address,
                to=to or custom.get("To", ""),
                extra={**custom, "ApplicationSid": granted.application_sid},
            )
        )
        _hand_to_phone(call, phone)
        if application is None:
            self.alerts.add(21218, "The access token names no TwiML application of this account.", call.sid)
            call.end("failed")
            return
        self._begin(call, application)

    def new_inbound_call(self, *, sender: str, number: IncomingNumber | None, to: str = "") -> Call:
        """A call from outside to a number, not yet answered."""
        call = Call(
            self,
            direction="inbound",
            sender=sender,
            to=number.phone_number if number else to,
            phone_number_sid=number.sid if number else "",
        )
        return self.add_call(call)

    def begin_inbound(self, call: Call, number: IncomingNumber) -> None:
        """Let the number's application, or the number's own settings, take the call."""
        self._begin(call, self.account.applications.get(number.voice_application_sid) or number)

    def _begin(self, call: Call, how: Application) -> None:
        call.fallback = how.fallback
        call.callback = how.at_end
        self.journal.call_changed(call)
        if not how.voice_url:
            self.alerts.add(11100, "The number or application has no voice URL.", call.sid)
            call.end("failed")
            return
        call.follow(script(Ask(how.voice_url, how.voice_method)))

    def place_call(
        self,
        call: Call,
        first: Ask | Document,
        *,
        timeout_s: float,
        send_digits: str = "",
        detection: Detection | None = None,
    ) -> None:
        """Ring the call's address; when answered, follow the document. Who picked up is told with its first request,
        or, where the detection has an address of its own, there.
        """
        answered_by = listen(call, detection) if detection is not None else None

        async def follow(call: Call) -> Step | None:
            outcome = await ring(self, call, timeout_s)
            if outcome != "answered":
                call.end(outcome)
                return None
            await send_keys(call, send_digits)
            if answered_by is None or detection is None or detection.tell is not None:
                return script(first)
            found = await answered_by
            return script(replace(first, parameters={**first.parameters, **found}) if isinstance(first, Ask) else first)

        call.follow(follow)

    # --- conferences --------------------------------------------------------------------------------------------

    def conference_named(self, friendly_name: str) -> Conference | None:
        """The running or waiting conference of this name."""
        for conference in reversed(self.conferences.values()):
            if conference.friendly_name == friendly_name and not conference.is_over:
                return conference
        return None

    def conference_for(self, friendly_name: str) -> Conference:
        """The conference of this name, opened if there is none."""
        conference = self.conference_named(friendly_name)
        if conference is None:
            conference = Conference(self, friendly_name)
            self.conferences[conference.sid] = conference
            self._forget_old_conferences()
        return conference

    def _forget_old_conferences(self) -> None:
        if len(self.conferences) > REMEMBERED_CALLS:
            oldest = next((sid for sid, old in self.conferences.items() if old.is_over), None)
            if oldest is not None:
                del self.conferences[oldest]

    def conference_started(self, conference: Conference) -> None:
        """The first two met: recording may begin."""
        self.recordings.conference_started(conference)

    def conference_ended(self, conference: Conference) -> None:
        """The last one left."""
        self.recordings.conference_ended(conference)


async def send_keys(call: Call, digits: str, voice: Voice | None = None) -> None:
    """Let the far end hear keys, by the call's own voice or another that it hears, and tell its phone which."""
    if not digits or call.device is None:
        return
    call.device.show_digits(call, digits)
    await (voice or call.voice).play(keys(digits))


def _hand_to_phone(call: Call, phone: Phone) -> None:
    phone.call = call
    call.attach(phone)
    phone.send({"event": "dialing", "callSid": call.sid})
    phone.send({"event": "ringing", "callSid": call.sid})


def _connect_outside(to: str) -> Document:
    """Two outside telephones: the network connects them as any other would."""
    dial = twiml.Node("Dial", {"answerOnBridge": "true"}, (twiml.Node("Number", {}, (to,)),))
    return Document((dial,))
