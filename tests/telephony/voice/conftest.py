"""A caller's side of the webhooks: signed requests to a real application on a real database."""

from __future__ import annotations

import asyncio
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from twilio.request_validator import RequestValidator

from app import create_app
from app.config import Settings
from app.db import unit_of_work
from app.events import Event
from app.interactions.models import Interaction
from app.routing.models import Offer
from app.worker import work_off
from telephony.models import Leg
from tests import factories
from tests.telephony.voice.edge import Edge, serve

FLOWS = Path(__file__).parent / "flows"
OURS = "+15005550006"


@dataclass
class House:
    """The application, the carrier's edge and the database behind them."""

    app: Flask
    client: FlaskClient
    settings: Settings
    edge: Edge
    database: str

    def post(self, url: str, form: dict[str, str], *, token: str | None = None, signature: str | None = None) -> Any:
        """POST to one of our webhooks as the carrier does, signed with its token."""
        path = url.removeprefix(self.settings.public_base_url)
        full = self.settings.public_base_url + path
        signed = RequestValidator(token or self.settings.twilio_auth_token).compute_signature(full, form)
        headers = {"X-Twilio-Signature": signed if signature is None else signature}
        return self.client.post(path, data=form, headers={k: v for k, v in headers.items() if v})

    def work(self) -> None:
        """Do every job that is due, like a worker."""
        asyncio.run(work_off(self.database))

    def read(self, query: Any) -> list[Any]:
        with unit_of_work() as session:
            return list(session.scalars(query))

    def interaction(self, interaction_id: uuid.UUID | None = None) -> Interaction:
        """The one with this id, or the only one."""
        found = self.read(select(Interaction).order_by(Interaction.created_at))
        return next(each for each in found if interaction_id in (None, each.id))

    def legs(self) -> list[Leg]:
        return self.read(select(Leg).order_by(Leg.id))

    def offers(self) -> list[Offer]:
        return self.read(select(Offer).order_by(Offer.id))

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event.data for event in self.read(select(Event).where(Event.kind == kind).order_by(Event.id))]

    def dial(self, from_: str = "+15550100001", to: str = OURS) -> Caller:
        """A call arrives and hears its first document."""
        caller = Caller(self, from_, to)
        caller.follow(self.settings.public_base_url + "/voice/incoming")
        return caller


@dataclass
class Caller:
    """A telephone whose call runs the documents we answer with."""

    house: House
    number: str
    to: str
    call_sid: str = field(default_factory=lambda: f"CA{uuid.uuid4().hex}")
    document: ET.Element = field(default_factory=lambda: ET.Element("Response"))

    @property
    def form(self) -> dict[str, str]:
        return {
            "CallSid": self.call_sid,
            "AccountSid": self.house.settings.twilio_account_sid,
            "From": self.number,
            "To": self.to,
            "CallStatus": "in-progress",
            "Direction": "inbound",
        }

    def follow(self, url: str, **more: str) -> None:
        answer = self.house.post(url, self.form | more)
        assert answer.status_code == 200, answer.text
        assert answer.content_type.startswith("text/xml")
        self.document = ET.fromstring(answer.text)

    def verb(self, name: str) -> ET.Element:
        found = self.document.find(f".//{name}")
        assert found is not None, ET.tostring(self.document, "unicode")
        return found

    def hears(self) -> str:
        return " ".join(say.text or "" for say in self.document.iter("Say"))

    def press(self, digits: str) -> None:
        self.follow(self.verb("Gather").attrib["action"], Digits=digits)

    def say(self, words: str, confidence: str = "0.9") -> None:
        self.follow(self.verb("Gather").attrib["action"], SpeechResult=words, Confidence=confidence)

    def go_on(self) -> None:
        """Past the last verb: follow the document's redirect."""
        redirect = self.document.find("Redirect")
        assert redirect is not None and redirect.text
        self.follow(redirect.text)

    def hang_up(self, **more: str) -> None:
        ended = {"CallStatus": "completed", "CallDuration": "9", "SequenceNumber": "0"} | more
        assert self.house.post("/voice/status", self.form | ended).status_code == 204


@dataclass
class Softphone:
    """An agent's leg: the call that the carrier was asked to make for an offer."""

    house: House
    asked: dict[str, str]
    call_sid: str
    sequence: int = 0

    @property
    def form(self) -> dict[str, str]:
        return {
            "CallSid": self.call_sid,
            "From": self.asked["From"],
            "To": self.asked["To"].partition("?")[0],
            "CallStatus": "in-progress",
            "Direction": "outbound-api",
        }

    def status(self, status: str, sequence: int | None = None) -> None:
        number = self.sequence if sequence is None else sequence
        self.sequence = number + 1
        form = self.form | {"CallStatus": status, "SequenceNumber": str(number)}
        assert self.house.post(self.asked["StatusCallback"], form).status_code == 204

    def answer(self) -> ET.Element:
        answer = self.house.post(self.asked["Url"], self.form)
        assert answer.status_code == 200, answer.text
        return ET.fromstring(answer.text)


def ringing(house: House) -> Softphone:
    """The softphone that rings now: the newest call the carrier was asked to make."""
    asked = house.edge.to("POST", "Calls")[-1]
    return Softphone(house, asked.form, house.edge.calls[-1]["sid"])


@pytest.fixture
def edge() -> Iterator[Edge]:
    made, stop = serve()
    yield made
    stop()


@pytest.fixture
def flows_dir() -> Path:
    """The flows that answer; a module of tests may have its own."""
    return FLOWS


@pytest.fixture
def house(database: str, settings: Settings, edge: Edge, flows_dir: Path) -> House:
    local = replace(settings, twilio_api_base=edge.base, flows_dir=flows_dir)
    app = create_app(local)
    return House(app, app.test_client(), local, edge, database)


@pytest.fixture
def arrange(house: House) -> Callable[[Callable[[Session], Any]], Any]:
    """Write rows and commit: `arrange(lambda session: factories.queue(session))`."""

    def run(make: Callable[[Session], Any]) -> Any:
        with unit_of_work() as session:
            return make(session)

    return run


@pytest.fixture
def ana(arrange: Callable[[Callable[[Session], Any]], Any]) -> int:
    """An agent of the sales queue whose phone can ring; her id."""

    def make(session: Session) -> int:
        return factories.agent(session, "Ana", [factories.queue(session, "sales")]).id

    return arrange(make)


@pytest.fixture
def sales(arrange: Callable[[Callable[[Session], Any]], Any]) -> None:
    """A sales queue that nobody staffs."""
    arrange(lambda session: factories.queue(session, "sales"))


def url_path(url: str) -> str:
    return urlsplit(url).path
