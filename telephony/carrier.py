"""The carrier's REST interface, through the unmodified twilio client.

The base URL is a setting, so the same code speaks to Twilio and to the local carrier. Every failure becomes a
CarrierError here and nowhere else. Source: https://www.twilio.com/docs/voice/api
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import jwt
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.rest import Client

from app.config import Settings

TIMEOUT_S = 5.0  # an agent waits for hold and mute; a job tries again
TOKEN_LIFE_S = 3600
CALL_EVENTS = ["initiated", "ringing", "answered", "completed"]
OPEN_STATUSES = frozenset({"queued", "initiated", "ringing", "in-progress"})
CLOCK_SKEW = timedelta(seconds=10)  # the carrier's clock against the database's
GONE_CODES = frozenset({20404, 21220, 21221})  # not found; not in progress any more


class CarrierError(Exception):
    """The carrier did not do what was asked; `reason` says why in words.

    `retryable`: asking again may help. `unsure`: the answer was lost, so it may have been done all the same; look it
    up before asking again. `gone`: the call or participant does not exist any more. `code`: Twilio's error code.
    """

    def __init__(
        self, reason: str, *, retryable: bool, unsure: bool = False, gone: bool = False, code: int | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        self.unsure = unsure
        self.gone = gone
        self.code = code


@contextmanager
def carrier_errors() -> Iterator[None]:
    """Turn whatever the client or the network raises into a CarrierError."""
    try:
        yield
    except TwilioRestException as refusal:
        raise _refused(refusal) from refusal
    except requests.ConnectTimeout as error:
        raise CarrierError("The carrier could not be reached in time.", retryable=True) from error
    except requests.Timeout as error:
        raise CarrierError("The carrier did not answer in time.", retryable=True, unsure=True) from error
    except requests.ConnectionError as error:
        never_sent = "NewConnectionError" in repr(error) or "NameResolution" in repr(error)
        raise CarrierError("The carrier cannot be reached.", retryable=True, unsure=not never_sent) from error
    except requests.RequestException as error:
        raise CarrierError("The carrier's answer was cut off.", retryable=True, unsure=True) from error
    except (TwilioException, ValueError, KeyError, TypeError) as error:
        raise CarrierError("The carrier answered with something unreadable.", retryable=True, unsure=True) from error


def _refused(refusal: TwilioRestException) -> CarrierError:
    status = int(refusal.status)
    gone = status == 404 or refusal.code in GONE_CODES
    busy = status == 429
    broken = status >= 500
    reason = f"The carrier refused with {status}" + (f", code {refusal.code}." if refusal.code else ".")
    return CarrierError(reason, retryable=busy or broken, unsure=broken, gone=gone, code=refusal.code)


class BaseUrlHttpClient(TwilioHttpClient):  # type: ignore[misc]
    """Sends api.twilio.com's requests to another base; its other products' go below it by their name."""

    def __init__(self, base: str, **options: Any) -> None:
        super().__init__(**options)
        self._base = urlsplit(base)

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        asked = urlsplit(url)
        if asked.hostname and asked.hostname.endswith(".twilio.com"):
            product = asked.hostname.split(".")[0]
            below = "" if product == "api" else f"/{product}"
            path = self._base.path.rstrip("/") + below + asked.path
            url = urlunsplit((self._base.scheme, self._base.netloc, path, asked.query, asked.fragment))
        return super().request(method, url, *args, **options)


@dataclass(frozen=True, slots=True)
class MachineDetection:
    """Have the carrier listen whether a machine picked up, and tell `tell_url`; the call goes on meanwhile.

    `to_the_end`: a machine is told when its greeting is over, so that a message is not spoken into it.
    Source: https://www.twilio.com/docs/voice/answering-machine-detection
    """

    tell_url: str
    to_the_end: bool

    def as_asked(self) -> dict[str, Any]:
        """As the client's create() takes it."""
        return {
            "machine_detection": "DetectMessageEnd" if self.to_the_end else "Enable",
            "async_amd": "true",
            "async_amd_status_callback": self.tell_url,
        }


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """A call as the carrier sees it. `status` is Twilio's word: queued, ringing, in-progress, completed, …"""

    sid: str
    status: str
    created_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES


@dataclass(frozen=True, slots=True)
class CarrierRecording:
    """A recording as the carrier lists it. `is_by_verb`: a document's Record made it, so it is a message."""

    sid: str
    status: str
    is_by_verb: bool
    duration_s: float | None
    started_at: datetime | None

    @property
    def is_being_written(self) -> bool:
        return self.status in ("in-progress", "paused", "stopped", "processing")


@dataclass(frozen=True, slots=True)
class Token:
    """A token for a browser: the JWT and when it ends."""

    token: str
    expires_at: datetime


class Carrier:
    """Calls, conferences, recordings and tokens at the carrier. Safe from several threads.

    Every method may raise CarrierError. None may be called inside a database transaction.
    """

    def __init__(self, settings: Settings, *, timeout_s: float = TIMEOUT_S) -> None:
        self._settings = settings
        http = BaseUrlHttpClient(settings.twilio_api_base, timeout=timeout_s)
        self.client = Client(
            settings.twilio_api_key_sid,
            settings.twilio_api_key_secret,
            settings.twilio_account_sid,
            http_client=http,
        )

    def ring_client(
        self,
        identity: str,
        *,
        from_: str,
        answer_url: str,
        status_url: str,
        ring_s: int,
        fallback_url: str,
        parameters: Mapping[str, str],
    ) -> str:
        """Ring a softphone and return the call's sid. `parameters` reach it as custom parameters of the call."""
        to = f"client:{identity}?{urlencode(parameters)}"
        return self._call(to, from_, answer_url, status_url, ring_s, fallback_url)

    def ring_number(
        self,
        number: str,
        *,
        from_: str,
        answer_url: str,
        status_url: str,
        ring_s: int,
        fallback_url: str,
        machines: MachineDetection | None = None,
    ) -> str:
        """Ring an outside number (E.164) from one of ours and return the call's sid."""
        return self._call(number, from_, answer_url, status_url, ring_s, fallback_url, machines)

    def _call(
        self,
        to: str,
        from_: str,
        answer_url: str,
        status_url: str,
        ring_s: int,
        fallback_url: str,
        machines: MachineDetection | None = None,
    ) -> str:
        more = machines.as_asked() if machines is not None else {}
        with carrier_errors():
            call = self.client.calls.create(
                to=to,
                from_=from_,
                url=answer_url,
                fallback_url=fallback_url,
                status_callback=status_url,
                status_callback_event=CALL_EVENTS,
                timeout=max(5, ring_s),
                **more,
            )
            return str(call.sid)

    def move_leg(self, call_sid: str, *, url: str | None = None, twiml: str | None = None) -> None:
        """Make a leg leave whatever it does for the document at `url`, or for `twiml` (4,000 characters at most)."""
        what: dict[str, Any] = {"twiml": twiml} if twiml else {"url": url, "method": "POST"}
        with carrier_errors():
            self.client.calls(call_sid).update(**what)

    def end_leg(self, call_sid: str, *, only_ringing: bool = False) -> None:
        """Hang a leg up; one that is over already is fine. `only_ringing` leaves an answered one alone."""
        with tolerating_gone():
            self.client.calls(call_sid).update(status="canceled" if only_ringing else "completed")

    def find_call(self, to: str, since: datetime) -> CarrierCall | None:
        """The newest call to this address that began at or after `since`: what became of a lost answer."""
        with carrier_errors():
            calls = [_seen(call) for call in self.client.calls.list(to=to, limit=20)]
        recent = [call for call in calls if call.created_at is None or call.created_at >= since - CLOCK_SKEW]
        return max(recent, key=lambda call: call.created_at or since, default=None)

    def find_call_by_sid(self, call_sid: str) -> CarrierCall | None:
        """The call, or None when the carrier does not know it (any more)."""
        try:
            with carrier_errors():
                return _seen(self.client.calls(call_sid).fetch())
        except CarrierError as error:
            if error.gone:
                return None
            raise

    def open_calls(self) -> dict[str, CarrierCall]:
        """Every call that is queued, ringing or in progress, by sid."""
        with carrier_errors():
            found = [call for status in ("queued", "ringing", "in-progress") for call in self._with_status(status)]
        return {call.sid: call for call in found}

    def _with_status(self, status: str) -> list[CarrierCall]:
        return [_seen(call) for call in self.client.calls.list(status=status, page_size=500)]

    def start_recording(self, call_sid: str, status_url: str) -> str:
        """Record a leg in two channels, its own voice left and what it hears right; returns the recording's sid."""
        with carrier_errors():
            made = self.client.calls(call_sid).recordings.create(
                recording_channels="dual",
                recording_track="both",
                trim="do-not-trim",
                recording_status_callback=status_url,
                recording_status_callback_event=["completed", "absent"],
            )
            return str(made.sid)

    def recordings_of(self, call_sid: str) -> list[CarrierRecording]:
        """Every recording of a call, whatever its state."""
        with carrier_errors():
            return [_listed(recording) for recording in self.client.recordings.list(call_sid=call_sid, limit=100)]

    def recording_url(self, recording_sid: str) -> str:
        """Where a recording lies, without extension, as the carrier's own callbacks write it."""
        account = self._settings.twilio_account_sid
        return f"{self._settings.twilio_api_base}/2010-04-01/Accounts/{account}/Recordings/{recording_sid}"

    def hold(self, conference: str, call_sid: str, hold: bool, music_url: str) -> None:
        """Take a participant out of the talk, to what `music_url` plays, or back into it."""
        changes: dict[str, Any] = {"hold": hold}
        if hold:
            changes |= {"hold_url": music_url, "hold_method": "POST"}
        self._participant(conference, call_sid, **changes)

    def mute(self, conference: str, call_sid: str, muted: bool) -> None:
        self._participant(conference, call_sid, muted=muted)

    def supervise(self, conference: str, call_sid: str, *, muted: bool, coached: str | None) -> None:
        """Let a participant be heard by nobody (`muted`), by the call `coached` alone, or by all."""
        changes: dict[str, Any] = {"muted": muted, "coaching": coached is not None}
        if coached is not None:
            changes["call_sid_to_coach"] = coached
        self._participant(conference, call_sid, **changes)

    def announce(self, conference: str, call_sid: str, document_url: str) -> None:
        """Play a document (Say, Play) to one participant; the others do not hear it."""
        self._participant(conference, call_sid, announce_url=document_url, announce_method="POST")

    def _participant(self, conference: str, call_sid: str, **changes: Any) -> None:
        """Update one participant of the conference with this name."""
        with carrier_errors():
            rooms = self.client.conferences.list(friendly_name=conference, status="in-progress", limit=1)
            if not rooms:
                raise CarrierError("The conversation is over.", retryable=False, gone=True)
            self.client.conferences(rooms[0].sid).participants(call_sid).update(**changes)

    def is_together(self, conference: str, call_sid: str) -> bool:
        """Whether this leg is in the running conference of this name now."""
        with carrier_errors():
            rooms = self.client.conferences.list(friendly_name=conference, status="in-progress", limit=1)
            if not rooms:
                return False
            people = self.client.conferences(rooms[0].sid).participants.list(limit=50)
            return any(person.call_sid == call_sid for person in people)

    def access_token(self, identity: str, *, life_s: int = TOKEN_LIFE_S) -> Token:
        """A softphone's token: lets it be rung as `client:<identity>` and dial out through the TwiML App."""
        token = AccessToken(
            self._settings.twilio_account_sid,
            self._settings.twilio_api_key_sid,
            self._settings.twilio_api_key_secret,
            identity=identity,
            ttl=life_s,
        )
        app_sid = self._settings.twilio_app_sid or None
        token.add_grant(VoiceGrant(incoming_allow=True, outgoing_application_sid=app_sid))
        return Token(str(token.to_jwt()), datetime.now(UTC) + timedelta(seconds=life_s))

    def phone_token(self, number: str, *, life_s: int = TOKEN_LIFE_S) -> Token:
        """The caller's phone page's token for the local carrier (CARRIER 12): it may be this number, and no other."""
        claims = {"sub": self._settings.twilio_account_sid, "number": number, "exp": int(time.time()) + life_s}
        token = jwt.encode(claims, self._settings.twilio_api_key_secret, algorithm="HS256")
        return Token(token, datetime.now(UTC) + timedelta(seconds=life_s))


@contextmanager
def tolerating_gone() -> Iterator[None]:
    """Calls that are over already need no ending: swallow only that."""
    try:
        with carrier_errors():
            yield
    except CarrierError as error:
        if not error.gone:
            raise


def _listed(recording: Any) -> CarrierRecording:
    duration_s = float(recording.duration) if recording.duration not in (None, "", "-1") else None
    by_verb = str(recording.source) == "RecordVerb"
    return CarrierRecording(str(recording.sid), str(recording.status), by_verb, duration_s, recording.start_time)


def _seen(call: Any) -> CarrierCall:
    return CarrierCall(str(call.sid), str(call.status), call.date_created)
