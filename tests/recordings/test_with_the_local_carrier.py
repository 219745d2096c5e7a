"""A real call on the local carrier, recorded in two channels, brought home and deleted there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.db import unit_of_work
from recordings.announce import announce_recording
from recordings.wav import Samples, read_shape, sample_blocks
from tests.recordings.conftest import BOTH, the_recording
from tests.support.home_and_carrier import Home, at_home, until
from tests.support.people import CALLER, OURS, a_customer, an_interaction
from tests.telephony.local_carrier.application import Application
from tests.telephony.local_carrier.phone import tone, wav_of
from tests.telephony.local_carrier.running import RunningCarrier

CUSTOMER_HZ, AGENT_HZ = 900, 440


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCarrier]:
    running = RunningCarrier(tmp_path_factory.mktemp("carrier")).start()
    yield running
    running.stop()


@pytest.fixture
def home(running: RunningCarrier, database: str, tmp_path: Path) -> Iterator[Home]:
    yield from at_home(running, database, tmp_path)


@pytest.fixture
def application() -> Iterator[Application]:
    application = Application()
    yield application
    application.close()


def strongest_hz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return float(np.fft.rfftfreq(len(samples), 1 / 8000)[spectrum.argmax()])


def recorded_call(home: Home, application: Application) -> dict[str, str]:
    """Call, say one tone while hearing another, hang up; the recording's status callback."""
    sound = application.play("/hum.wav", wav_of(tone(AGENT_HZ, 5.0)))
    number = home.carrier.client().incoming_phone_numbers.create(
        phone_number="+15550100177", voice_url=application.on("/voice", f"<Play>{sound}</Play>")
    )
    phone = home.phone(CALLER)
    call_sid = phone.dial(number.phone_number)
    phone.wait_to_hear(AGENT_HZ)
    home.carrier.client().calls(call_sid).recordings.create(
        recording_channels="dual",
        recording_status_callback=application.url + "/recorded",
        recording_status_callback_event=["completed", "absent"],
    )
    phone.say(tone(CUSTOMER_HZ, 1.5))
    phone.hang_up()
    number.delete()
    return application.wait_for("/recorded").params


def test_both_sides_of_a_call_come_home_apart_and_the_carriers_copy_goes(
    home: Home, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = recorded_call(home, application)
    assert told["RecordingStatus"] == "completed"
    with unit_of_work() as session:
        interaction = an_interaction(session, a_customer(session), our_address=OURS)
        announce_recording(
            session,
            uuid.UUID(str(interaction.id)),
            "call",
            told["RecordingSid"],
            told["RecordingUrl"],
            BOTH,
            told["RecordingStatus"],
            float(told["RecordingDuration"]),
            None,
        )
    monkeypatch.setattr("recordings.recogniser", lambda: DeafEar())
    home.work_off()
    recording = the_recording()
    assert recording.state == "provider_deleted"
    assert recording.duration_s == pytest.approx(float(told["RecordingDuration"]), abs=1)
    with home.app.extensions["recordings"].open(recording.path) as file:
        samples = np.concatenate(list(sample_blocks(file, read_shape(file))))
    middle = samples[len(samples) // 4 : len(samples) // 2]
    assert strongest_hz(middle[:, 0]) == pytest.approx(CUSTOMER_HZ, abs=10)
    assert strongest_hz(middle[:, 1]) == pytest.approx(AGENT_HZ, abs=10)
    until(lambda: not home.carrier.client().recordings.list(limit=5), "the carrier's copy is gone")


class DeafEar:
    """Tones are no speech: nothing to transcribe."""

    def serves(self, language: str) -> bool:
        return False
