"""A carrier that may misbehave, a call that was recorded, and the store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app, db
from app.config import Settings
from app.db import unit_of_work
from recordings.announce import announce_recording
from recordings.carrier_files import CarrierFiles
from recordings.models import Recording
from recordings.store import Store
from tests.support.odd_carrier import OddCarrier
from tests.support.people import a_customer, an_interaction
from tests.support.sound import tone, wav_of

SID = "RE" + "a1" * 16
BOTH = {"0": "customer", "1": "agent"}


@pytest.fixture
def carrier() -> Iterator[OddCarrier]:
    carrier = OddCarrier().start()
    yield carrier
    carrier.stop()


@pytest.fixture
def settings(database_url: str, tmp_path: Path, carrier: OddCarrier) -> Settings:
    return Settings.from_env(
        {
            "VAR_DIR": str(tmp_path / "var"),
            "DATABASE_URL": database_url,
            "SECRET_KEY": "test-secret",
            "RECORDINGS_URL": str(tmp_path / "audio"),
            "PUBLIC_BASE_URL": "http://web.test",
            "TWILIO_API_BASE": carrier.url,
        }
    )


@pytest.fixture
def files(settings: Settings) -> CarrierFiles:
    return CarrierFiles(settings)


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings.recordings_url)


@pytest.fixture
def app(settings: Settings, database: str) -> Iterator[Flask]:
    app = create_app(settings)
    app.testing = True
    yield app
    db.request_session.remove()
    app.config["ENGINE"].dispose()


@pytest.fixture
def interaction_id(database: str) -> uuid.UUID:
    with unit_of_work() as session:
        return an_interaction(session, a_customer(session)).id


@pytest.fixture
def announced(interaction_id: uuid.UUID, carrier: OddCarrier) -> int:
    """A finished recording of two channels that lies at the carrier; its id."""
    carrier.recordings[SID] = wav_of(tone(2.0, 300), tone(1.0, 900))
    return announce(interaction_id).id


def announce(interaction_id: uuid.UUID, status: str = "completed", *, sid: str = SID, kind: str = "call") -> Recording:
    """What the voice room does with a recording status callback."""
    with unit_of_work() as session:
        channels = BOTH if kind == "call" else {"0": "customer"}
        return announce_recording(session, interaction_id, kind, sid, "http://x/" + sid, channels, status, 2.0, None)


def the_recording() -> Recording:
    with unit_of_work() as session:
        return session.scalars(select(Recording)).one()
