"""Who picked up: a person, a machine, a fax, or nobody knows."""

from __future__ import annotations

import numpy as np
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from telephony.local_carrier import tones
from telephony.local_carrier.audio import FRAME_BYTES, RATE_HZ, encode, silence
from telephony.local_carrier.machines import Detection, Listener
from tests.telephony.local_carrier.application import Application
from tests.telephony.local_carrier.conftest import Line, Phones, new_number

ENABLE, TO_THE_END = Detection(), Detection(to_the_end=True)


def speech(seconds: float, loudness: int = 3000) -> bytes:
    """What is as broad and uneven as speech: noise that swells three times a second."""
    chance = np.random.default_rng(7)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)
    return encode((chance.normal(0, loudness, len(time)) * swell).astype(np.int32))


def beep(hertz: int = 1000, seconds: float = 0.5) -> bytes:
    return tones.tone((hertz,), seconds)


def judged(detection: Detection, *sounds: bytes) -> tuple[str | None, float]:
    """The verdict, and after how many seconds."""
    listener = Listener(detection)
    heard = b"".join(sounds)
    for start in range(0, len(heard) - FRAME_BYTES + 1, FRAME_BYTES):
        listener.hear(heard[start : start + FRAME_BYTES])
    return listener.verdict, listener.heard_ms / 1000


@pytest.mark.parametrize(
    ("detection", "sounds", "verdict", "between"),
    [
        (ENABLE, [silence(0.4), speech(0.6), silence(3)], "human", (2.1, 2.4)),
        (ENABLE, [speech(0.5), silence(0.8), speech(0.7), silence(3)], "human", (3.1, 3.4)),
        (ENABLE, [silence(0.3), speech(4)], "machine_start", (2.6, 2.9)),
        (ENABLE, [silence(8)], "unknown", (4.9, 5.1)),
        (ENABLE, [speech(1), silence(1), speech(1), silence(1), speech(1)], "machine_start", (2.3, 4.7)),
        (ENABLE, [beep(2100, 3)], "fax", (0.3, 0.6)),
        (TO_THE_END, [speech(3), silence(0.5), beep(), silence(3)], "machine_end_beep", (3.9, 4.2)),
        (TO_THE_END, [speech(1), silence(0.5), beep(1400), silence(3)], "machine_end_beep", (1.9, 2.2)),
        (TO_THE_END, [speech(3), silence(4)], "machine_end_silence", (4.9, 5.2)),
        (TO_THE_END, [speech(40)], "machine_end_other", (29.9, 30.1)),
        (TO_THE_END, [speech(0.5), silence(3)], "human", (1.6, 1.8)),
        (TO_THE_END, [tones.keys("1"), silence(2)], "human", (1.2, 1.5)),
        (Detection(silence_s=2), [silence(3)], "unknown", (1.9, 2.1)),
        (Detection(timeout_s=3, speech_s=6), [speech(5)], "unknown", (2.9, 3.1)),
        (Detection(speech_s=1), [speech(2)], "machine_start", (0.9, 1.2)),
    ],
    ids=[
        "hello",
        "hello, who is there",
        "a greeting",
        "nothing",
        "a slow greeting",
        "a fax",
        "greeting and beep",
        "short greeting and beep",
        "greeting without beep",
        "a greeting without end",
        "hello, to the end",
        "a key",
        "nothing for two seconds",
        "no time left",
        "a short threshold",
    ],
)
def test_who_picked_up_is_told_by_how_they_begin(
    detection: Detection, sounds: list[bytes], verdict: str, between: tuple[float, float]
) -> None:
    said, after_s = judged(detection, *sounds)
    assert said == verdict
    assert between[0] <= after_s <= between[1]


def test_the_noise_of_a_line_is_no_speech() -> None:
    assert judged(ENABLE, speech(8, loudness=100))[0] == "unknown"


def test_a_machine_is_told_beside_the_call_which_goes_on(
    client: Client, application: Application, phones: Phones, line: Line
) -> None:
    machine = phones.number()
    application.on("/asked", "<Pause length='30'/>")
    client.calls.create(
        to=machine.address,
        from_=line.number,
        url=f"{application.url}/asked",
        machine_detection="DetectMessageEnd",
        async_amd="true",
        async_amd_status_callback=f"{application.url}/amd",
    )
    machine.answer()
    assert "AnsweredBy" not in application.wait_for("/asked").params
    machine.say(speech(3) + silence(0.4) + beep() + silence(1))
    told = application.wait_for("/amd").params
    assert told["AnsweredBy"] == "machine_end_beep"
    assert {"CallSid", "AccountSid", "MachineDetectionDuration"} <= told.keys()


def test_who_waits_for_the_answer_gets_it_with_the_first_request(
    client: Client, application: Application, phones: Phones, line: Line
) -> None:
    person = phones.number()
    application.on("/asked", "<Hangup/>")
    client.calls.create(
        to=person.address, from_=line.number, url=f"{application.url}/asked", machine_detection="Enable"
    )
    person.answer()
    person.say(speech(0.6) + silence(2))
    asked = application.wait_for("/asked").params
    assert asked["AnsweredBy"] == "human"
    assert 1000 < int(asked["MachineDetectionDuration"]) < 4000


@pytest.mark.parametrize(
    "wrong",
    [
        {"machine_detection": "Perhaps"},
        {"machine_detection": "Enable", "machine_detection_timeout": 60},
        {"machine_detection": "Enable", "machine_detection_speech_threshold": 999},
        {"machine_detection": "Enable", "async_amd": "true", "async_amd_status_callback": "nowhere"},
    ],
)
def test_what_cannot_be_asked_is_refused(client: Client, line: Line, wrong: dict[str, object]) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client.calls.create(to=new_number(), from_=line.number, twiml="<Response/>", **wrong)
    assert refused.value.status == 400
