"""Our numbers at the carrier, and prompts in our own voice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from twilio.twiml.voice_response import VoiceResponse

from app.db import unit_of_work
from app.numbers import NumberRefused, Numbers
from telephony import numbers, prompts
from telephony.models import PhoneNumber
from telephony.prompts import HomeVoice
from telephony.room import Room, room_of
from tests.telephony.voice.conftest import House

Arrange = Callable[[Callable[[Session], Any]], Any]


@pytest.fixture
def room(house: House) -> Room:
    return room_of(house.app)


@pytest.fixture
def ours(house: House) -> Numbers:
    found: Numbers = house.app.extensions["our_numbers"]
    return found


def test_the_flow_folders_numbers_are_seeded_once(house: House, room: Room, arrange: Arrange) -> None:
    arrange(lambda session: numbers.seed(session, room))
    arrange(lambda session: numbers.seed(session, room))
    rows = house.read(select(PhoneNumber).order_by(PhoneNumber.number))
    assert [(row.number, row.label, row.flow, row.language) for row in rows] == [
        ("+15005550006", "Main line", "main", ""),
        ("+15005550007", "+15005550007", "main", "es"),
    ]


def test_the_embedded_carrier_is_told_of_our_numbers(house: House, room: Room, ours: Numbers, arrange: Arrange) -> None:
    arrange(lambda session: numbers.seed(session, room))
    house.work()
    [first, _] = house.edge.to("POST", "IncomingPhoneNumbers")
    assert first.form["PhoneNumber"] == "+15005550006"
    assert first.form["VoiceUrl"] == "http://web.test/voice/incoming"
    assert first.form["VoiceFallbackUrl"] == "http://web.test/voice/fallback"
    assert first.form["StatusCallback"] == "http://web.test/voice/status"
    with unit_of_work() as session:
        assert [each.is_at_carrier for each in ours.all(session)] == [True, True]


def test_at_twilio_nothing_is_changed_and_what_is_right_is_noted(house: House, room: Room, arrange: Arrange) -> None:
    arrange(lambda session: numbers.seed(session, room))
    known = {"sid": "PN1", "phone_number": "+15005550006"} | numbers.webhooks(room)
    listing = {"incoming_phone_numbers": [known], "page": 0, "page_size": 50, "next_page_uri": None}
    house.edge.answers.append(lambda asked: (200, listing) if asked.path == "IncomingPhoneNumbers" else None)
    numbers.sync_numbers(replace(room, settings=replace(room.settings, carrier="twilio")))
    rows = house.read(select(PhoneNumber).order_by(PhoneNumber.number))
    assert [row.provider_sid for row in rows] == ["PN1", None]
    assert house.edge.to("POST", "IncomingPhoneNumbers") == []


def test_a_number_may_be_pointed_to_another_flow_and_language(
    house: House, room: Room, ours: Numbers, arrange: Arrange
) -> None:
    arrange(lambda session: numbers.seed(session, room))
    assert ours.flows() == ["main"]
    with unit_of_work() as session:
        edited = ours.edit(session, 1, label=" Front door ", flow="main", language="es")
    assert (edited.label, edited.language) == ("Front door", "es")
    assert "Bienvenido." in house.dial().hears()


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("label", {"label": " "}),
        ("label", {"label": "x" * 61}),
        ("flow", {"flow": "nowhere"}),
        ("language", {"language": "fr"}),
    ],
)
def test_a_wrong_change_is_refused_by_field(
    room: Room, ours: Numbers, arrange: Arrange, field: str, change: dict[str, str]
) -> None:
    arrange(lambda session: numbers.seed(session, room))
    given = {"label": "Main", "flow": "main", "language": "en"} | change
    with unit_of_work() as session, pytest.raises(NumberRefused) as refused:
        ours.edit(session, 1, **given)
    assert refused.value.field == field


def test_an_unknown_number_cannot_be_changed(house: House, ours: Numbers) -> None:
    with unit_of_work() as session, pytest.raises(LookupError):
        ours.edit(session, 99, label="Main", flow="main", language="en")


@pytest.fixture
def voice(house: House, tmp_path: Path) -> HomeVoice:
    def render(text: str, language: str) -> Path:
        path = tmp_path / "spoken.wav"
        path.write_bytes(f"RIFF {language} {text}".encode())
        return path

    made = HomeVoice(tmp_path / "prompts", "secret", "http://web.test", render)
    house.app.extensions[prompts.EXTENSION] = made
    return made


def test_a_prompt_in_our_own_voice_is_played_from_our_own_address(house: House, voice: HomeVoice) -> None:
    response = VoiceResponse()
    voice(response, "Please hold.", "en")
    url = str(response).partition("<Play>")[2].partition("<")[0]
    answer = house.client.get(url.removeprefix("http://web.test"))
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "audio/wav", b"RIFF en Please hold.")
    again = VoiceResponse()
    voice(again, "Please hold.", "en")
    assert str(again) == str(response)


@pytest.mark.parametrize("key", ["0" * 40, "x", "..%2f..%2fetc%2fpasswd"])
def test_a_prompt_that_we_never_said_is_not_found(house: House, voice: HomeVoice, key: str) -> None:
    assert house.client.get(f"/prompts/{key}.wav").status_code == 404


def test_another_secret_gives_other_addresses(voice: HomeVoice, tmp_path: Path) -> None:
    other = HomeVoice(tmp_path / "other", "another secret", "http://web.test", lambda text, language: tmp_path)
    assert other.register("Hello", "en") != voice.register("Hello", "en")
