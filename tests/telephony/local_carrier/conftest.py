"""Roles: `carrier` (a real process), `application` (its webhooks), `phones` (as many as wanted), `line`, `sounds`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from twilio.rest import Client

from tests.telephony.local_carrier.application import Application
from tests.telephony.local_carrier.phone import ScriptedPhone, tone, wav_of
from tests.telephony.local_carrier.running import RunningCarrier

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCarrier]:
    """One carrier for all tests of a worker: each test has numbers of its own on it."""
    speech = os.environ.get("THROUGHLINE_TEST_SPEECH_CACHE")
    running = RunningCarrier(
        tmp_path_factory.mktemp("carrier"), webhook_limit_s=2.0, environment={"SPEECH_CACHE": speech} if speech else {}
    ).start()
    yield running
    running.stop()


@pytest.fixture
def client(carrier: RunningCarrier) -> Client:
    """The official client."""
    return carrier.client()


@pytest.fixture
def application() -> Iterator[Application]:
    """The application that owns the numbers."""
    app = Application()
    yield app
    app.close()


def new_number() -> str:
    """A number that nobody has used yet in this run."""
    return f"+1555{os.getpid() % 1000:03d}{next(_numbers):04d}"


@dataclass
class Phones:
    """Makes phones and puts them away after the test."""

    carrier: RunningCarrier

    def __post_init__(self) -> None:
        self._all: list[ScriptedPhone] = []

    def number(self, number: str | None = None) -> ScriptedPhone:
        """An outside telephone."""
        auth = (self.carrier.account_sid, self.carrier.auth_token)
        return self._keep(ScriptedPhone(self.carrier.url, number=number or new_number(), auth=auth))

    def client(self, identity: str, application_sid: str | None = None) -> ScriptedPhone:
        """A browser phone."""
        return self._keep(
            ScriptedPhone(self.carrier.url, token=self.carrier.client_token(identity, application_sid))
        )  # fmt: skip

    def with_token(self, token: str) -> ScriptedPhone:
        """A phone with any token."""
        return self._keep(ScriptedPhone(self.carrier.url, token=token))

    def _keep(self, phone: ScriptedPhone) -> ScriptedPhone:
        self._all.append(phone)
        return phone

    def close(self) -> None:
        for phone in self._all:
            phone.close()


@pytest.fixture
def phones(carrier: RunningCarrier) -> Iterator[Phones]:
    """As many phones as a test likes."""
    made = Phones(carrier)
    yield made
    made.close()


@dataclass
class Line:
    """A number of the account whose calls go to `/voice` and whose end is told to `/ended`."""

    number: str
    sid: str


@pytest.fixture
def line(client: Client, application: Application) -> Line:
    """A fresh number of the account."""
    made = client.incoming_phone_numbers.create(
        phone_number=new_number(),
        voice_url=f"{application.url}/voice",
        status_callback=f"{application.url}/ended",
        sms_url=f"{application.url}/sms",
    )
    return Line(str(made.phone_number), str(made.sid))


@pytest.fixture
def sounds(application: Application) -> Callable[[int, float], str]:
    """Serve a tone of so many hertz and seconds; gives its URL."""

    def serve(hertz: int, seconds: float = 1.0) -> str:
        return application.play(f"/{hertz}-{seconds}.wav", wav_of(tone(hertz, seconds)))

    return serve


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder for a carrier of the test's own."""
    return tmp_path / "carrier"
