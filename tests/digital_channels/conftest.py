"""A customer who texts, the hands that send, and the carrier's signed requests."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from app.config import Settings
from app.db import unit_of_work
from app.interactions.messages import send_message
from app.interactions.models import Message
from digital_channels.jobs import SmsHands
from digital_channels.sms import SmsAdapter
from recordings.carrier_files import CarrierFiles
from recordings.store import Store
from telephony.carrier import Carrier
from telephony.models import PhoneNumber
from tests.support.house_parts import app, carrier, files, settings, store  # noqa: F401 - fixtures
from tests.support.odd_carrier import OddCarrier
from tests.support.people import CALLER, OURS, a_customer

Post = Callable[..., TestResponse]


@pytest.fixture
def adapter(settings: Settings) -> SmsAdapter:  # noqa: F811
    return SmsAdapter(Carrier(settings).client)


@pytest.fixture
def hands(adapter: SmsAdapter, files: CarrierFiles, store: Store, settings: Settings) -> SmsHands:  # noqa: F811
    return SmsHands(adapter, files, store, settings.public_base_url)


@pytest.fixture
def customer_id(database: str) -> uuid.UUID:
    with unit_of_work() as session:
        session.add(PhoneNumber(number=OURS, label="Main", flow="main"))
        return a_customer(session).id


@pytest.fixture
def queued(customer_id: uuid.UUID) -> int:
    """A text that an agent wrote and nobody sent yet; its id."""
    return write(customer_id)


@pytest.fixture
def signed(app: Flask, settings: Settings) -> Post:  # noqa: F811
    """Post a form as the carrier does, signed."""
    client: FlaskClient = app.test_client()

    def post(path: str, form: dict[str, str]) -> TestResponse:
        url = settings.public_base_url + path
        signature = RequestValidator(settings.twilio_auth_token).compute_signature(url, form)
        return client.post(path, data=form, headers={"X-Twilio-Signature": signature})

    return post


def write(customer_id: uuid.UUID, body: str = "Your table is ready.") -> int:
    with unit_of_work() as session:
        return send_message(session, None, customer_id, body, uuid.uuid4().hex).id


def the_message(message_id: int | None = None) -> Message:
    with unit_of_work() as session:
        query = select(Message).where(Message.id == message_id) if message_id else select(Message)
        return session.scalars(query).one()


def bodies_at(carrier: OddCarrier) -> list[str]:  # noqa: F811
    """What the carrier was given to send."""
    return [message["body"] for message in carrier.messages if message["direction"] == "outbound-api"]


def let_time_pass(seconds: int) -> None:
    """Everything about our texts happened this much earlier."""
    with unit_of_work() as session:
        session.execute(
            text(
                "UPDATE message SET attempted_at = attempted_at - make_interval(secs => :s),"
                " created_at = created_at - make_interval(secs => :s)"
            ),
            {"s": seconds},
        )


def inbound_form(**changes: str) -> dict[str, str]:
    """A text as the carrier's webhook brings it."""
    return {
        "MessageSid": "SM" + "1a" * 16,
        "SmsSid": "SM" + "1a" * 16,
        "AccountSid": "AC" + "0" * 32,
        "From": CALLER,
        "To": OURS,
        "Body": "Is my table ready?",
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
        **changes,
    }
