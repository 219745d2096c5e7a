"""Stops, crashes, restarts, bad settings: nothing is lost without a word."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from telephony.local_carrier.priority import HELPER, hurry
from telephony.local_carrier.settings import SettingsError, read_settings
from tests.telephony.local_carrier.application import Application
from tests.telephony.local_carrier.conftest import new_number
from tests.telephony.local_carrier.phone import ScriptedPhone, tone
from tests.telephony.local_carrier.running import ACCOUNT_SID, REPOSITORY, RunningCarrier


@pytest.fixture
def own(data: Path) -> Iterator[RunningCarrier]:
    """A carrier of the test's own, which it may stop and start."""
    running = RunningCarrier(data).start()
    yield running
    running.stop()


def _phone(carrier: RunningCarrier, number: str | None = None) -> ScriptedPhone:
    return ScriptedPhone(
        carrier.url, number=number or new_number(), auth=(carrier.account_sid, carrier.auth_token)
    )  # fmt: skip


def _number(carrier: RunningCarrier, application: Application) -> str:
    made = carrier.client().incoming_phone_numbers.create(
        phone_number=new_number(),
        voice_url=f"{application.url}/voice",
        status_callback=f"{application.url}/ended",
        sms_url=f"{application.url}/sms",
    )
    return str(made.phone_number)


def _talk(carrier: RunningCarrier, application: Application) -> tuple[ScriptedPhone, str]:
    number = _number(carrier, application)
    application.on("/voice", '<Gather timeout="60"/>')
    caller = _phone(carrier)
    call_sid = caller.dial(number)
    caller.wait_for("answered")
    return caller, call_sid


def test_polite_stop_ends_calls_as_failed_tells_it_and_finishes_recordings(own, application):
    caller, call_sid = _talk(own, application)
    recording = own.client().calls(call_sid).recordings.create(
        recording_status_callback=f"{application.url}/recorded"
    )  # fmt: skip
    caller.say(tone(700, 0.6))
    assert own.stop() == 0
    assert caller.wait_for("ended")["status"] == "failed"
    assert application.wait_for("/ended").params["CallStatus"] == "failed"
    assert application.wait_for("/recorded").params["RecordingSid"] == recording.sid
    assert caller.closed.wait(5)
    assert caller.close_code == 1001
    own.start()
    sound = own.get(f"{own.account_path}/Recordings/{recording.sid}.wav")
    assert sound.status_code == 200
    assert len(sound.content) > 8000


def test_restart_after_a_crash_tells_that_calls_failed_and_keeps_what_was_recorded(own, application):
    caller, call_sid = _talk(own, application)
    recording = own.client().calls(call_sid).recordings.create()
    caller.say(tone(700, 1.2))
    own.kill()
    assert caller.closed.wait(5)
    assert application.requests("/ended") == []
    own.start()
    told = application.wait_for("/ended").params
    assert (told["CallSid"], told["CallStatus"]) == (call_sid, "failed")
    client = own.client()
    assert client.calls(call_sid).fetch().status == "failed"
    kept = client.recordings(recording.sid).fetch()
    assert (kept.status, kept.call_sid) == ("completed", call_sid)
    assert len(own.get(f"{own.account_path}/Recordings/{recording.sid}.wav").content) > 8000
    own.kill()
    own.start()
    assert len(application.requests("/ended")) == 1


def test_numbers_applications_and_stop_words_survive_a_restart(own, application):
    number = _number(own, application)
    made = own.client().applications.create(friendly_name="Desk", voice_url=f"{application.url}/out")
    phone = _phone(own)
    phone.text(number, "STOP")
    phone.wait_for("message")
    own.kill()
    own.start()
    client = own.client()
    assert [item.phone_number for item in client.incoming_phone_numbers.list()] == [number]
    assert client.applications(made.sid).fetch().friendly_name == "Desk"
    refused = own.post(
        f"{own.account_path}/Messages.json", data={"To": phone.address, "From": number, "Body": "hello"}
    )  # fmt: skip
    assert refused.json()["code"] == 21610


def test_half_written_diary_line_is_no_harm(own, application, data):
    _, call_sid = _talk(own, application)
    own.kill()
    with (data / "calls.journal").open("a") as diary:
        diary.write('{"began": {"sid": "CA1')
    own.start()
    assert application.wait_for("/ended").params["CallSid"] == call_sid


def test_damaged_account_file_stops_the_start_with_a_plain_sentence(own, application, data):
    _number(own, application)
    own.kill()
    (data / "account.json").write_text("{broken")
    with pytest.raises(AssertionError, match="did not start"):
        own.start()
    assert any("account.json is damaged" in line for line in own.log)


def test_disk_that_cannot_be_written_fails_the_recording_and_not_the_call(own, application, data):
    caller, call_sid = _talk(own, application)
    folder = data / "recordings"
    folder.rename(data / "elsewhere")
    folder.write_text("a file where the folder should be")
    recording = own.client().calls(call_sid).recordings.create(
        recording_status_callback=f"{application.url}/recorded"
    )  # fmt: skip
    caller.say(tone(700, 0.8))
    own.client().calls(call_sid).recordings(recording.sid).update(status="stopped")
    told = application.wait_for("/recorded").params
    assert (told["RecordingStatus"], told["ErrorCode"]) == ("failed", "12400")
    assert not caller.has_seen("ended")
    caller.hang_up()


def test_draining_carrier_takes_no_new_calls(own, application):
    caller, _ = _talk(own, application)
    application.on("/ended", lambda asked: time.sleep(1.0) or "")
    own.process.terminate()
    caller.wait_for("ended")
    try:
        health = requests.get(f"{own.url}/healthz", timeout=2)
        assert (health.status_code, health.json()["status"]) == (503, "draining")
    except requests.ConnectionError:
        pass  # it has already gone
    assert own.process.wait(15) == 0


def test_no_number_or_token_is_written_to_the_log(own, application):
    caller, _ = _talk(own, application)
    caller.hang_up()
    caller.text("+15550001111", "a secret text")
    caller.wait_for("message-status", status="undelivered")
    own.stop()
    log = "\n".join(own.log)
    assert "call ended" in log
    for private in (caller.address, own.auth_token, own.api_key_secret, "a secret text", "+15550001111"):
        assert private not in log


def test_programs_started_by_a_thread_in_a_hurry_run_at_ordinary_priority():
    tell = "import os; print(os.sched_getscheduler(0) if hasattr(os, 'sched_getscheduler') else 0)"

    def start() -> str:
        hurry(HELPER)
        return subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(start).result().strip() == "0"


# --- settings -------------------------------------------------------------------------------------------------------

GOOD = {
    "CARRIER_ACCOUNT_SID": ACCOUNT_SID,
    "CARRIER_AUTH_TOKEN": "secret",
    "CARRIER_DATA": "/tmp/x",
    "CARRIER_API_KEY": "SK" + "b2" * 16 + ":secret:with:colons",
    "CARRIER_PORT": "0",
}


def test_settings_come_from_the_environment_and_the_command_line_wins():
    settings = read_settings(["--port", "8123", "--public-url", "https://carrier.example/"], GOOD)
    assert (settings.account_sid, settings.port, settings.public_url) == (ACCOUNT_SID, 8123, "https://carrier.example")
    assert settings.api_keys == {"SK" + "b2" * 16: "secret:with:colons"}
    assert settings.token_secret == "secret:with:colons"
    assert read_settings([], {**GOOD, "CARRIER_API_KEY": ""}).token_secret == "secret"


def test_secrets_are_not_shown_when_settings_are_printed():
    assert "secret" not in repr(read_settings([], GOOD))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CARRIER_ACCOUNT_SID", "", "--account-sid is missing"),
        ("CARRIER_ACCOUNT_SID", "AC12", "32 hexadecimal"),
        ("CARRIER_AUTH_TOKEN", "", "--auth-token is missing"),
        ("CARRIER_DATA", "", "--data is missing"),
        ("CARRIER_PORT", "99999", "--port must be"),
        ("CARRIER_PORT", "abc", "--port must be"),
        ("CARRIER_PUBLIC_URL", "carrier.example", "--public-url must be"),
        ("CARRIER_API_KEY", "SK12:x", "--api-key must be"),
        ("CARRIER_API_KEY", "SK" + "b2" * 16, "--api-key must be"),
        ("CARRIER_WEBHOOK_LIMIT_S", "0", "--webhook-limit-s must be"),
        ("CARRIER_WEBHOOK_LIMIT_S", "soon", "--webhook-limit-s must be"),
    ],
)
def test_bad_setting_is_named_with_what_to_write(name, value, says):
    with pytest.raises(SettingsError, match=says):
        read_settings([], {**GOOD, name: value})


def test_bad_setting_stops_the_program_with_code_2():
    ended = subprocess.run(
        [sys.executable, "-m", "telephony.local_carrier", "--port", "x"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 2
    assert "--account-sid is missing" in ended.stderr


def test_port_that_is_taken_stops_the_program_with_a_plain_sentence(own, tmp_path):
    other = RunningCarrier(tmp_path / "other", port=own.port)
    with pytest.raises(AssertionError, match="did not start"):
        other.start()
    assert any("cannot start" in line for line in other.log)


def test_ready_line_names_the_real_port(own):
    assert own.port > 0
    assert json.loads(requests.get(f"{own.url}/healthz", timeout=5).text)["status"] == "ok"
