"""Recordings: what is on which channel, pausing, stopping, fetching, deleting, surviving."""

from __future__ import annotations

import io
import time
import uuid
import wave

import numpy as np
import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from telephony.local_carrier.audio import silence
from tests.telephony.local_carrier.phone import tone

RECORDING_KEYS = {
    "account_sid", "api_version", "call_sid", "conference_sid", "channels", "date_created", "date_updated",
    "start_time", "duration", "sid", "price", "price_unit", "status", "source", "error_code", "encryption_details",
    "media_url", "subresource_uris", "track", "uri",
}  # fmt: skip


@pytest.fixture
def talking(application, phones, line):
    """Two phones that talk: gives caller, callee and the caller's call."""

    def connect():
        callee = phones.number()
        application.on("/voice", f'<Dial action="/after">{callee.address}</Dial>')
        caller = phones.number()
        call_sid = caller.dial(line.number)
        callee.answer()
        caller.say(tone(2000, 0.2))
        return caller, callee, call_sid

    return connect


def _channels(wav: bytes) -> list[np.ndarray]:
    with wave.open(io.BytesIO(wav), "rb") as reader:
        assert (reader.getframerate(), reader.getsampwidth()) == (8000, 2)
        count = reader.getnchannels()
        samples = np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2").reshape(-1, count)
    return [samples[:, index].astype(float) for index in range(count)]


def _share(samples: np.ndarray, hertz: float) -> float:
    """How much of a track's energy is a tone."""
    energy = float(np.sum(samples**2))
    if energy == 0:
        return 0.0
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / 8000)
    # Steps of 0.1 s: a tone that begins somewhere in the recording keeps no phase over all of it.
    return float(
        sum(
            2 * abs(np.sum(samples[at : at + 800] * turns[at : at + 800])) ** 2 / 800
            for at in range(0, len(samples), 800)
        )
        / energy
    )


def _finished(client, sid: str):
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        found = client.recordings(sid).fetch()
        if found.status in {"completed", "absent", "failed"}:
            return found
        time.sleep(0.03)
    raise AssertionError("the recording was never finished")


def _wav(carrier, sid: str, query: str = "") -> bytes:
    answer = carrier.get(f"{carrier.account_path}/Recordings/{sid}.wav{query}")
    assert answer.status_code == 200
    return answer.content


def test_two_channels_hold_what_the_leg_says_and_what_it_hears(carrier, application, client, talking):
    caller, callee, call_sid = talking()
    started = client.calls(call_sid).recordings.create(
        recording_channels="dual",
        recording_status_callback=f"{application.url}/status",
        recording_status_callback_event=["in-progress", "completed"],
    )
    assert (started.status, started.channels, started.source) == ("in-progress", 2, "StartCallRecordingAPI")
    caller.say(tone(700, 1.2), wait=False)
    callee.say(tone(1100, 1.2))
    caller.hang_up()
    application.wait_for("/status", RecordingStatus="in-progress")
    told = application.wait_for("/status", RecordingStatus="completed").params
    assert (told["CallSid"], told["RecordingSid"], told["RecordingChannels"]) == (call_sid, started.sid, "2")
    assert told["RecordingDuration"] in {"1", "2"}
    assert told["RecordingStartTime"].endswith("+0000")
    said, heard = _channels(_wav(carrier, started.sid))
    assert _share(said, 700) > 0.8
    assert _share(said, 1100) < 0.05
    assert _share(heard, 1100) > 0.8
    assert _share(heard, 700) < 0.05


def test_one_channel_holds_both(carrier, client, talking):
    caller, callee, call_sid = talking()
    started = client.calls(call_sid).recordings.create()
    caller.say(tone(700, 1.0), wait=False)
    callee.say(tone(1100, 1.0))
    client.calls(call_sid).recordings("Twilio.CURRENT").update(status="stopped")
    assert _finished(client, started.sid).status == "completed"
    (both,) = _channels(_wav(carrier, started.sid))
    assert _share(both, 700) > 0.3
    assert _share(both, 1100) > 0.3


@pytest.mark.parametrize(("track", "there", "missing"), [("inbound", 700, 1100), ("outbound", 1100, 700)])
def test_one_track_alone_can_be_recorded(carrier, client, talking, track, there, missing):
    caller, callee, call_sid = talking()
    started = client.calls(call_sid).recordings.create(recording_track=track)
    caller.say(tone(700, 0.8), wait=False)
    callee.say(tone(1100, 0.8))
    caller.hang_up()
    _finished(client, started.sid)
    (samples,) = _channels(_wav(carrier, started.sid))
    assert _share(samples, there) > 0.8
    assert _share(samples, missing) < 0.05


def test_dual_recording_can_be_had_mixed_down_and_as_mp3(carrier, client, talking):
    caller, callee, call_sid = talking()
    started = client.calls(call_sid).recordings.create(recording_channels="dual")
    caller.say(tone(700, 0.8), wait=False)
    callee.say(tone(1100, 0.8))
    caller.hang_up()
    _finished(client, started.sid)
    assert len(_channels(_wav(carrier, started.sid, "?RequestedChannels=2"))) == 2
    (both,) = _channels(_wav(carrier, started.sid, "?RequestedChannels=1"))
    assert _share(both, 700) > 0.3
    assert _share(both, 1100) > 0.3
    mp3 = carrier.get(f"{carrier.account_path}/Recordings/{started.sid}.mp3")
    assert mp3.headers["Content-Type"] == "audio/mpeg"
    assert len(mp3.content) > 1000
    assert carrier.get(f"{carrier.account_path}/Recordings/{started.sid}").content == _wav(carrier, started.sid)


def test_one_channel_cannot_become_two(carrier, client, talking):
    caller, _, call_sid = talking()
    started = client.calls(call_sid).recordings.create()
    caller.say(tone(700, 0.3))
    caller.hang_up()
    _finished(client, started.sid)
    path = f"{carrier.account_path}/Recordings/{started.sid}.wav"
    assert carrier.get(f"{path}?RequestedChannels=2").status_code == 400
    assert carrier.get(f"{path}?RequestedChannels=x").status_code == 400


@pytest.mark.parametrize(("behavior", "least", "most"), [("skip", 1.0, 2.0), ("silence", 2.3, 3.6)])
def test_pause_leaves_out_what_is_said_and_keeps_or_skips_the_time(carrier, client, talking, behavior, least, most):
    caller, _, call_sid = talking()
    started = client.calls(call_sid).recordings.create()
    caller.say(tone(700, 0.5) + silence(0.2))
    current = client.calls(call_sid).recordings("Twilio.CURRENT")
    assert current.update(status="paused", pause_behavior=behavior).status == "paused"
    caller.say(tone(1100, 1.0) + silence(0.3))
    assert client.calls(call_sid).recordings(started.sid).update(status="in-progress").status == "in-progress"
    caller.say(tone(700, 0.5))
    assert client.calls(call_sid).recordings(started.sid).update(status="stopped").status == "stopped"
    _finished(client, started.sid)
    (samples,) = _channels(_wav(carrier, started.sid))
    assert _share(samples, 1100) < 0.08
    assert least < len(samples) / 8000 < most
    caller.hang_up()


def test_recording_has_twilios_keys_and_lists_by_call_and_account(carrier, client, talking):
    caller, _, call_sid = talking()
    started = client.calls(call_sid).recordings.create()
    body = carrier.get(f"{carrier.account_path}/Recordings/{started.sid}.json").json()
    assert set(body) == RECORDING_KEYS
    assert body["duration"] is None
    assert body["media_url"] == f"{carrier.url}{carrier.account_path}/Recordings/{started.sid}"
    caller.hang_up()
    done = _finished(client, started.sid)
    assert isinstance(done.duration, str)
    assert [item.sid for item in client.recordings.list(call_sid=call_sid)] == [started.sid]
    assert [item.sid for item in client.calls(call_sid).recordings.list()] == [started.sid]
    assert client.calls(call_sid).recordings(started.sid).fetch().sid == started.sid


def test_sound_needs_credentials_and_a_finished_recording(carrier, client, talking):
    caller, _, call_sid = talking()
    started = client.calls(call_sid).recordings.create()
    path = f"{carrier.account_path}/Recordings/{started.sid}.wav"
    assert carrier.get(path).status_code == 404
    caller.hang_up()
    _finished(client, started.sid)
    assert requests.get(f"{carrier.url}{path}", timeout=5).status_code == 401


def test_deleted_recording_is_gone_from_list_and_disk(carrier, client, talking):
    caller, _, call_sid = talking()
    started = client.calls(call_sid).recordings.create()
    caller.hang_up()
    _finished(client, started.sid)
    assert client.recordings(started.sid).delete()
    assert carrier.get(f"{carrier.account_path}/Recordings/{started.sid}.wav").status_code == 404
    assert client.recordings.list(call_sid=call_sid) == []
    assert list((carrier.data / "recordings").glob(f"{started.sid}*")) == []


def test_running_recording_that_is_deleted_leaves_nothing(carrier, client, talking):
    caller, _, call_sid = talking()
    started = client.calls(call_sid).recordings.create()
    caller.say(tone(700, 0.8))
    assert client.calls(call_sid).recordings(started.sid).delete()
    caller.hang_up()
    deadline = time.monotonic() + 3
    while list((carrier.data / "recordings").glob(f"{started.sid}*")):
        assert time.monotonic() < deadline
        time.sleep(0.03)


def test_call_that_is_not_up_cannot_be_recorded(client, line, phones):
    callee = phones.number()
    call = client.calls.create(to=callee.address, from_=line.number, twiml="<Response/>")
    with pytest.raises(TwilioRestException) as refused:
        client.calls(call.sid).recordings.create()
    assert refused.value.code == 21220
    client.calls(call.sid).update(status="canceled")


def test_finished_recording_cannot_be_changed(client, talking):
    caller, _, call_sid = talking()
    started = client.calls(call_sid).recordings.create()
    caller.hang_up()
    _finished(client, started.sid)
    with pytest.raises(TwilioRestException) as refused:
        client.calls(call_sid).recordings(started.sid).update(status="paused")
    assert refused.value.status == 400
    with pytest.raises(TwilioRestException) as missing:
        client.calls(call_sid).recordings("Twilio.CURRENT").update(status="stopped")
    assert missing.value.status == 404


def test_record_true_on_create_records_from_answer_and_is_named_at_the_end(application, phones, client, line):
    callee = phones.number()
    call = client.calls.create(
        to=callee.address,
        from_=line.number,
        twiml="<Response><Gather timeout='30' action='http://a.example/'/></Response>",
        record=True,
        status_callback=f"{application.url}/end",
        recording_status_callback=f"{application.url}/status",
    )
    callee.answer()
    callee.say(tone(700, 1.0))
    callee.hang_up()
    end = application.wait_for("/end").params
    told = application.wait_for("/status").params
    assert (told["RecordingSource"], told["CallSid"]) == ("OutboundAPI", call.sid)
    assert end["RecordingSid"] == told["RecordingSid"]
    assert end["RecordingUrl"] == told["RecordingUrl"]


def test_conference_is_recorded_from_its_start_in_one_channel(carrier, application, phones, client, line):
    room = f"room-{uuid.uuid4()}"
    application.on(
        "/voice",
        f'<Dial><Conference beep="false" record="record-from-start" recordingStatusCallback="/status">{room}'
        "</Conference></Dial>",
    )
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    agent = phones.client("recorded")
    client.conferences(room).participants.create(to="client:recorded", from_=line.number, beep="false")
    agent.answer()
    caller.say(tone(700, 1.0), wait=False)
    agent.say(tone(1100, 1.0))
    (found,) = client.conferences.list(friendly_name=room)
    assert client.conferences(found.sid).recordings("Twilio.CURRENT").update(status="paused").status == "paused"
    assert client.conferences(found.sid).recordings("Twilio.CURRENT").update(status="in-progress")
    caller.hang_up()
    agent.hang_up()
    told = application.wait_for("/status").params
    assert (told["ConferenceSid"], told["RecordingSource"], told["RecordingChannels"]) == (found.sid, "Conference", "1")
    assert "CallSid" not in told
    (both,) = _channels(_wav(carrier, told["RecordingSid"]))
    assert _share(both, 700) > 0.3
    assert _share(both, 1100) > 0.3
    assert [item.sid for item in client.conferences(found.sid).recordings.list()] == [told["RecordingSid"]]
    assert [item.sid for item in client.recordings.list(conference_sid=found.sid)] == [told["RecordingSid"]]


def test_leg_in_a_conference_is_recorded_with_the_caller_left_and_the_room_right(
    carrier, application, phones, client, line
):
    room = f"room-{uuid.uuid4()}"
    application.on("/voice", f'<Dial><Conference beep="false">{room}</Conference></Dial>')
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_for("answered")
    agent = phones.client("right-channel")
    client.conferences(room).participants.create(to="client:right-channel", from_=line.number, beep="false")
    agent.answer()
    started = client.calls(call_sid).recordings.create(recording_channels="dual")
    caller.say(tone(700, 1.0), wait=False)
    agent.say(tone(1100, 1.0))
    caller.hang_up()
    _finished(client, started.sid)
    said, heard = _channels(_wav(carrier, started.sid))
    assert _share(said, 700) > 0.8
    assert _share(heard, 1100) > 0.7
