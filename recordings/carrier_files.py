"""Files that lie at the carrier: recordings and message attachments, fetched from the configured carrier and no other.

Source: https://www.twilio.com/docs/voice/api/recording and https://www.twilio.com/docs/messaging/api/media-resource
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from app.config import Settings
from app.guarded_http import usual_trust
from recordings.problems import RecordingProblem

CONNECT_S, READ_S = 10.0, 30.0
WHOLE_FILE_S = 1800.0
"""A carrier that drips for longer than this is cut off and asked again later."""
MAX_REDIRECTS = 2
CARRIER_STORES = (".twilio.com", ".twiliocdn.com")
"""Where Twilio itself sends us on for a file. We follow there without our credentials, and nowhere else."""

AWAY = "The carrier cannot be reached at the moment; the file stays there and will be fetched again."
BROKE_OFF = "The carrier's file broke off on the way; it will be fetched again."
TOO_SLOW = "The carrier sends the file too slowly; it will be fetched again."
NOT_THERE = "The carrier does not have this file."
KEYS_REFUSED = "The carrier refused our key. Check TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET."


class CarrierFiles:
    """One account's files. `client` is given by tests that need an odd network."""

    def __init__(self, settings: Settings, client: httpx.Client | None = None) -> None:
        self._base = settings.twilio_api_base
        self._account = settings.twilio_account_sid
        self._auth = httpx.BasicAuth(settings.twilio_api_key_sid, settings.twilio_api_key_secret)
        self._client = client or httpx.Client(
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            follow_redirects=False,
            trust_env=False,
            verify=usual_trust(),
        )

    def recording(self, sid: str, channels: int, limit_bytes: int) -> Iterator[bytes]:
        """The recording as WAV, in chunks. Raises RecordingProblem, `gone` when the carrier has none."""
        return self._stream(f"{self._of_account}/Recordings/{sid}.wav?RequestedChannels={channels}", limit_bytes)

    def delete_recording(self, sid: str) -> None:
        """Delete the carrier's copy; fine when it is already gone. Raises RecordingProblem."""
        try:
            answer = self._client.delete(f"{self._of_account}/Recordings/{sid}.json", auth=self._auth)
        except httpx.HTTPError as error:
            raise RecordingProblem(AWAY) from error
        if answer.status_code != 404:
            _check(answer)

    def attachment(self, url: str, limit_bytes: int) -> Iterator[bytes]:
        """An attachment of a message of ours, in chunks. Raises RecordingProblem, `gone` for an address that is not."""
        path = urlsplit(url).path
        at = path.find(f"/2010-04-01/Accounts/{self._account}/Messages/")
        if at < 0 or not self._is_carriers(url) or not re.fullmatch(r"[\w/.-]+", path) or ".." in path:
            raise RecordingProblem("The attachment is not at the carrier, so it was not fetched.", gone=True)
        return self._stream(self._base + path[at:], limit_bytes)

    @property
    def _of_account(self) -> str:
        return f"{self._base}/2010-04-01/Accounts/{self._account}"

    def _is_carriers(self, url: str) -> bool:
        return urlsplit(url).netloc in (urlsplit(self._base).netloc, "api.twilio.com")

    def _stream(self, url: str, limit_bytes: int) -> Iterator[bytes]:
        auth: httpx.BasicAuth | None = self._auth
        for _ in range(MAX_REDIRECTS + 1):
            try:
                with self._client.stream("GET", url, auth=auth) as answer:
                    if not answer.is_redirect:
                        _check(answer)
                        yield from _limited(answer, limit_bytes)
                        return
                    url, auth = _next_place(answer), None
            except httpx.RemoteProtocolError as error:
                raise RecordingProblem(BROKE_OFF) from error
            except httpx.HTTPError as error:
                raise RecordingProblem(AWAY) from error
        raise RecordingProblem("The carrier sends us round in circles for this file; it will be fetched again.")


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    if answer.status_code in (404, 410):
        raise RecordingProblem(NOT_THERE, gone=True)
    if answer.status_code in (401, 403):
        raise RecordingProblem(KEYS_REFUSED)
    raise RecordingProblem(f"The carrier answered {answer.status_code}; the file will be fetched again.")


def _limited(answer: httpx.Response, limit_bytes: int) -> Iterator[bytes]:
    deadline, size = time.monotonic() + WHOLE_FILE_S, 0
    for chunk in answer.iter_bytes():
        size += len(chunk)
        if size > limit_bytes:
            raise RecordingProblem(
                f"The carrier's file is larger than {limit_bytes >> 20} MB and was not kept.", gone=True
            )
        if time.monotonic() > deadline:
            raise RecordingProblem(TOO_SLOW)
        yield chunk


def _next_place(answer: httpx.Response) -> str:
    place = answer.next_request.url if answer.next_request else None
    if place is None or place.scheme != "https" or not place.host.endswith(CARRIER_STORES):
        raise RecordingProblem(
            "The carrier sent us to a place that is not its own, so the file was not fetched.", gone=True
        )
    return str(place)
