"""Fixtures: the application and its store, beside a carrier that may misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app import create_app, db
from app.config import Settings
from recordings.carrier_files import CarrierFiles
from recordings.store import Store
from tests.support.odd_carrier import OddCarrier


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
