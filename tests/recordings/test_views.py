"""Listening to recordings in the browser."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import unit_of_work
from app.events import Event
from recordings.carrier_files import CarrierFiles
from recordings.fetch import fetch_recording
from recordings.store import Store
from tests.recordings.conftest import SID, announce, the_recording
from tests.support.odd_carrier import OddCarrier
from tests.support.people import a_person, signed_in
from tests.support.sound import quiet, tone, wav_of


@pytest.fixture
def stored(announced: int, files: CarrierFiles, store: Store) -> int:
    fetch_recording(announced, files, store)
    return announced


def played() -> list[str]:
    with unit_of_work() as session:
        return list(session.scalars(select(Event.actor).where(Event.kind == "recording.played")))


def test_an_agent_hears_the_recording_and_the_log_says_so(app: Flask, stored: int, carrier: OddCarrier) -> None:
    agent = a_person("agent")
    answer = signed_in(app, agent).get(f"/recordings/{stored}.wav")
    assert (answer.status_code, answer.mimetype) == (200, "audio/wav")
    assert answer.data == carrier.recordings[SID]
    assert answer.headers["Cache-Control"] == "private, no-store"
    name = answer.headers["Content-Disposition"]
    assert name.startswith('inline; filename="call-20') and name.endswith(f'-{stored}.wav"')
    assert played() == [f"user:{agent.id}"]


def test_a_player_gets_the_piece_it_asks_for(app: Flask, stored: int, carrier: OddCarrier) -> None:
    sound = carrier.recordings[SID]
    browser = signed_in(app, a_person("supervisor"))
    piece = browser.get(f"/recordings/{stored}.wav", headers={"Range": "bytes=100-199"})
    assert (piece.status_code, piece.data) == (206, sound[100:200])
    assert piece.headers["Content-Range"] == f"bytes 100-199/{len(sound)}"
    last = browser.get(f"/recordings/{stored}.wav", headers={"Range": "bytes=-10"})
    assert (last.status_code, last.data) == (206, sound[-10:])
    assert played() == [], "only the beginning counts as playing"
    whole = browser.get(f"/recordings/{stored}.wav", headers={"Range": "bytes=0-"})
    assert (whole.status_code, whole.data) == (206, sound)
    assert len(played()) == 1


def test_a_range_beyond_the_end_is_refused(app: Flask, stored: int) -> None:
    browser = signed_in(app, a_person("agent"))
    assert browser.get(f"/recordings/{stored}.wav", headers={"Range": "bytes=99999999-"}).status_code == 416


def test_strangers_and_people_without_a_role_hear_nothing(app: Flask, stored: int) -> None:
    for path in (f"/recordings/{stored}.wav", f"/recordings/{stored}/peaks.json"):
        assert app.test_client().get(path).status_code in (302, 401)
        assert signed_in(app, a_person()).get(path).status_code == 403
    assert played() == []


def test_what_is_not_here_is_said_plainly(app: Flask, announced: int) -> None:
    browser = signed_in(app, a_person("agent"))
    waiting = browser.get(f"/recordings/{announced}.wav")
    assert waiting.status_code == 409
    assert waiting.json == {
        "error": {"code": "not_here_yet", "message": "The recording is still at the carrier and will be here soon."}
    }
    for unknown in ("999", "9" * 30):
        assert browser.get(f"/recordings/{unknown}.wav").status_code == 404
        assert browser.get(f"/recordings/{unknown}/peaks.json").status_code == 404


def test_a_recording_without_sound_says_so(app: Flask, interaction_id: uuid.UUID) -> None:
    recording = announce(interaction_id, "absent")
    answer = signed_in(app, a_person("agent")).get(f"/recordings/{recording.id}.wav")
    assert (answer.status_code, answer.json["error"]["message"]) == (404, "Nothing was recorded.")


def test_a_file_that_vanished_is_an_administrators_matter(app: Flask, stored: int, store: Store) -> None:
    store.delete(the_recording().path)
    answer = signed_in(app, a_person("agent")).get(f"/recordings/{stored}.wav")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "storage_unavailable")


def test_the_outline_shows_who_spoke_when(app: Flask, interaction_id: uuid.UUID, files, store, carrier) -> None:
    customer = tone(3, level=0.5) + quiet(3)
    agent = quiet(3) + tone(3, level=0.25)
    carrier.recordings[SID] = wav_of(customer, agent)
    recording = announce(interaction_id)
    fetch_recording(recording.id, files, store)
    outline = signed_in(app, a_person("agent")).get(f"/recordings/{recording.id}/peaks.json").json
    assert outline["duration_s"] == 6.0
    first, second = outline["channels"]
    assert (first["speaker"], second["speaker"]) == ("customer", "agent")
    half = len(first["peaks"]) // 2
    assert 100 <= len(first["peaks"]) <= 600
    assert first["peaks"][: half - 1] == pytest.approx([0.5] * (half - 1), abs=0.01)
    assert max(first["peaks"][half + 1 :]) == 0
    assert max(second["peaks"][: half - 1]) == 0
    assert second["peaks"][half + 1 :] == pytest.approx([0.25] * (half - 1), abs=0.01)
