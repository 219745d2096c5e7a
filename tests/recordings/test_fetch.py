"""Bringing recordings home through everything a carrier and a disk can do (F15 and crash points G1 to G4)."""

from __future__ import annotations

import errno
import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import select, text

from app import crash
from app.config import Settings
from app.db import unit_of_work
from app.events import Event
from recordings import fetch
from recordings.carrier_files import CarrierFiles
from recordings.fetch import delete_provider_copy, fetch_recording, retry_stuck
from recordings.models import Recording
from recordings.store import Store
from tests.recordings.conftest import SID, announce, the_recording
from tests.support.odd_carrier import OddCarrier
from tests.support.sound import mulaw_wav, tone, wav_of


class PowerCut(BaseException):
    """What a kill -9 is to the code that was running."""


class FullDisk(LocalFileSystem):
    """A disk with room for `room` bytes a file."""

    cachable = False
    room = 1000

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        file = super().open(path, mode, **kwargs)
        if "w" in mode:
            write, left = file.write, [self.room]

            def write_until_full(data: bytes) -> int:
                left[0] -= len(data)
                if left[0] < 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return write(data)

            file.write = write_until_full
        return file


def audio_files(settings: Settings) -> list[Path]:
    return [path for path in Path(settings.recordings_url).rglob("*") if path.is_file()]


def events_of(kind: str) -> list[Event]:
    with unit_of_work() as session:
        return list(session.scalars(select(Event).where(Event.kind == kind)))


def waiting_jobs() -> list[tuple[str, bool]]:
    """(name, scheduled for later) of every job that is not done."""
    with unit_of_work() as session:
        rows = session.execute(text("SELECT task_name, scheduled_at > now() FROM procrastinate_jobs ORDER BY id"))
        return [(name, bool(later)) for name, later in rows]


def cut_power_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def point(here: str) -> None:
        if here == name:
            raise PowerCut

    monkeypatch.setattr(crash, "point", point)


def test_a_recording_comes_home_whole(
    announced: int, files: CarrierFiles, store: Store, carrier: OddCarrier, settings: Settings
) -> None:
    sound = carrier.recordings[SID]
    fetch_recording(announced, files, store)
    recording = the_recording()
    assert recording.state == "stored"
    assert recording.sha256 == hashlib.sha256(sound).hexdigest()
    assert (recording.bytes, recording.duration_s, recording.next_try_at) == (len(sound), 2.0, None)
    assert [path.read_bytes() for path in audio_files(settings)] == [sound]
    assert [event.data["recording_id"] for event in events_of("recording.stored")] == [announced]
    assert [name for name, _ in waiting_jobs()][1:] == ["recordings.transcribe", "recordings.delete_provider_copy"]


def test_two_channels_are_asked_for_with_the_key_and_only_from_the_configured_carrier(
    announced: int, files: CarrierFiles, store: Store, carrier: OddCarrier, settings: Settings
) -> None:
    fetch_recording(announced, files, store)
    account = settings.twilio_account_sid
    assert carrier.paths("GET") == [f"/2010-04-01/Accounts/{account}/Recordings/{SID}.wav?RequestedChannels=2"]
    assert carrier.credentials[0].startswith("Basic ")


def test_a_voicemail_comes_home_in_one_channel(
    interaction_id: uuid.UUID, files: CarrierFiles, store: Store, carrier: OddCarrier
) -> None:
    carrier.recordings[SID] = mulaw_wav(bytes(range(256)) * 100)
    fetch_recording(announce(interaction_id, kind="voicemail").id, files, store)
    assert carrier.paths("GET")[0].endswith("RequestedChannels=1")
    assert (the_recording().state, the_recording().duration_s) == ("stored", 3.2)


def test_the_carriers_copy_goes_only_after_our_own_was_read_back(
    announced: int, files: CarrierFiles, store: Store, carrier: OddCarrier
) -> None:
    delete_provider_copy(announced, files, store)  # too early: nothing is stored
    assert carrier.paths("DELETE") == []
    fetch_recording(announced, files, store)
    delete_provider_copy(announced, files, store)
    assert (carrier.recordings, the_recording().state) == ({}, "provider_deleted")
    delete_provider_copy(announced, files, store)
    assert len(carrier.paths("DELETE")) == 1


def test_a_stored_file_that_went_bad_is_fetched_again_and_not_deleted_at_the_carrier(
    announced: int, files: CarrierFiles, store: Store, carrier: OddCarrier, settings: Settings
) -> None:
    fetch_recording(announced, files, store)
    audio_files(settings)[0].write_bytes(b"bits rot")
    delete_provider_copy(announced, files, store)
    assert carrier.paths("DELETE") == []
    assert the_recording().state == "announced"
    fetch_recording(announced, files, store)
    delete_provider_copy(announced, files, store)
    assert the_recording().state == "provider_deleted"
    assert store.checksum(the_recording().path) == the_recording().sha256


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (500, "The carrier answered 500"),
        (429, "The carrier answered 429"),
        (404, "does not have this file"),
        (401, "TWILIO_API_KEY_SID"),
        ("drop", "The carrier's file broke off"),
        ("cut_off", "The carrier's file broke off"),
    ],
)
def test_a_bad_day_of_the_carrier_is_told_and_tried_again(
    announced: int,
    files: CarrierFiles,
    store: Store,
    carrier: OddCarrier,
    settings: Settings,
    trouble: int | str,
    says: str,
) -> None:
    carrier.trouble.append(trouble)
    fetch_recording(announced, files, store)
    recording = the_recording()
    assert recording.state == "announced" and recording.tries == 1
    assert says in recording.problem and says in events_of("recording.failed")[0].data["reason"]
    assert audio_files(settings) == []
    assert waiting_jobs()[-1] == ("recordings.fetch", True)
    fetch_recording(announced, files, store)
    assert (the_recording().state, the_recording().problem) == ("stored", None)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>Please log in</html>", "not a WAV"),
        (b"", "not a WAV"),
        (b"RIFF\x10\0\0\0WAVE", "no sound"),
        (wav_of(tone(1), tone(1))[:-100], "breaks off before its end"),
        (wav_of(tone(1)), "1 channel where 2"),
        (b"RIFF\xff\xff\xff\xffWAVE" + b"junk\xf0\xff\xff\xff" * 10, "no sound"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\x01\0\x02\0", "breaks off in its header"),
        (wav_of(tone(1), tone(1)).replace(b"\x40\x1f\0\0", b"\0\0\0\0", 1), "of a kind"),
    ],
    ids=["html", "empty", "no data", "cut", "mono", "hostile sizes", "short format", "no rate"],
)
def test_something_that_is_no_such_recording_is_not_stored(
    announced: int,
    files: CarrierFiles,
    store: Store,
    carrier: OddCarrier,
    settings: Settings,
    content: bytes,
    says: str,
) -> None:
    carrier.recordings[SID] = content
    fetch_recording(announced, files, store)
    assert the_recording().state == "announced"
    assert says in the_recording().problem
    assert audio_files(settings) == []


def test_a_file_larger_than_the_limit_is_cut_off_and_not_kept(
    announced: int, files: CarrierFiles, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "LIMIT_BYTES", 10_000)
    fetch_recording(announced, files, store)
    assert "larger than" in the_recording().problem
    assert audio_files(settings) == []


def test_a_full_disk_keeps_the_carriers_copy_and_is_survived(
    announced: int, files: CarrierFiles, carrier: OddCarrier, settings: Settings
) -> None:
    full = Store(settings.recordings_url, FullDisk())
    for _ in range(3):
        fetch_recording(announced, files, full)
    recording = the_recording()
    assert (recording.state, recording.tries) == ("announced", 3)
    assert "no room left" in recording.problem
    assert len(events_of("recording.failed")) == 1, "one reason is told once, not at every try"
    assert audio_files(settings) == [] and carrier.paths("DELETE") == []
    fetch_recording(announced, files, Store(settings.recordings_url))
    assert the_recording().state == "stored"


def test_a_carrier_that_is_away_is_asked_again(announced: int, store: Store, settings: Settings) -> None:
    nobody = Settings.from_env(
        {
            "TWILIO_API_BASE": "http://127.0.0.1:1",
            "VAR_DIR": str(settings.var_dir),
            "DATABASE_URL": settings.database_url or "",
        }
    )
    fetch_recording(announced, CarrierFiles(nobody), store)
    assert "cannot be reached" in the_recording().problem


def test_pauses_grow_to_an_hour_and_a_recording_unknown_for_a_day_is_given_up(
    announced: int, files: CarrierFiles, store: Store, carrier: OddCarrier
) -> None:
    carrier.recordings.clear()
    with unit_of_work() as session:
        session.scalars(select(Recording)).one().tries = 30
    fetch_recording(announced, files, store)
    with unit_of_work() as session:
        pause = session.execute(text("SELECT next_try_at - now() FROM recording")).scalar_one()
        assert 3200 < pause.total_seconds() < 4000
        session.execute(text("UPDATE recording SET created_at = now() - interval '25 hours'"))
    fetch_recording(announced, files, store)
    assert (the_recording().state, the_recording().next_try_at) == ("failed", None)


@pytest.mark.parametrize("name", ["G2", "G3"])
def test_a_power_cut_while_storing_leaves_nothing_half_done(
    announced: int,
    files: CarrierFiles,
    store: Store,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    with monkeypatch.context() as power:
        cut_power_at(power, name)
        with pytest.raises(PowerCut):
            fetch_recording(announced, files, store)
    assert the_recording().state == "announced"
    assert not [path for path in audio_files(settings) if path.suffix == ".wav"]
    fetch_recording(announced, files, store)
    assert the_recording().state == "stored"
    assert [path.suffix for path in audio_files(settings)] == [".wav"], "the half file of the first try is gone"


def test_a_power_cut_after_the_carriers_copy_was_deleted_ends_the_same(
    announced: int, files: CarrierFiles, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_recording(announced, files, store)
    with monkeypatch.context() as power:
        cut_power_at(power, "G4")
        with pytest.raises(PowerCut):
            delete_provider_copy(announced, files, store)
    delete_provider_copy(announced, files, store)
    assert the_recording().state == "provider_deleted"


def test_a_lost_job_is_asked_for_again_and_a_waiting_one_is_not_doubled(announced: int) -> None:
    with unit_of_work() as session:
        retry_stuck(session)
    assert len(waiting_jobs()) == 1
    with unit_of_work() as session:
        session.execute(text("DELETE FROM procrastinate_jobs"))
        retry_stuck(session)
    assert waiting_jobs() == [("recordings.fetch", False)]
