"""A carrier that may misbehave, a call that was recorded, and the store."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

from app.db import unit_of_work
from recordings.announce import announce_recording
from recordings.models import Recording
from tests.support.house_parts import app, carrier, files, settings, store  # noqa: F401 - fixtures
from tests.support.odd_carrier import OddCarrier
from tests.support.people import a_customer, an_interaction
from tests.support.sound import tone, wav_of

SID = "RE" + "a1" * 16
BOTH = {"0": "customer", "1": "agent"}


@pytest.fixture
def interaction_id(database: str) -> uuid.UUID:
    with unit_of_work() as session:
        return an_interaction(session, a_customer(session)).id


@pytest.fixture
def announced(interaction_id: uuid.UUID, carrier: OddCarrier) -> int:  # noqa: F811
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
