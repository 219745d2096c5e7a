"""The phone protocol: who may register, what each event does, and what nonsense gets."""

from __future__ import annotations

import contextlib
import json
import os
import time

import jwt
import pytest
import requests
from websockets.exceptions import ConnectionClosed

from tests.telephony.local_carrier.conftest import new_number
from tests.telephony.local_carrier.phone import ScriptedPhone, tone


def _refused(carrier, **options) -> tuple[int, int | None]:
    """The error code that a phone gets, and the close code."""
    phone = ScriptedPhone(carrier.url, **options)
    assert phone.closed.wait(5)
    return phone.events[0]["code"], phone.close_code


def test_first_frame_tells_the_address(phones):
    number = new_number()
    assert phones.number(number).events[0] == {"event": "registered", "address": number}
    assert phones.client("anna").events[0] == {"event": "registered", "address": "client:anna"}


def test_number_may_come_with_a_signed_token(carrier, phones):
    number = new_number()
    assert phones.with_token(carrier.number_token(number)).address == number


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param({"number": "+15551230000"}, 20003, id="no credentials"),
        pytest.param({"number": "+15551230000", "auth": ("AC" + "a1" * 16, "wrong")}, 20003, id="wrong password"),
        pytest.param({"number": "12", "auth": "own"}, 20107, id="no number"),
        pytest.param({"token": "nonsense"}, 20101, id="no JWT"),
    ],
)
def test_phone_without_a_right_is_told_and_closed(carrier, options, code):
    if options.get("auth") == "own":
        options = {**options, "auth": (carrier.account_sid, carrier.auth_token)}
    assert _refused(carrier, **options) == (code, 1008)


def _number_token(carrier, **claims) -> str:
    usual = {"sub": carrier.account_sid, "number": "+15551230000", "exp": time.time() + 60}
    secret = claims.pop("secret", carrier.api_key_secret)
    return jwt.encode({**usual, **claims}, secret, claims.pop("algorithm", "HS256"))


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        pytest.param({"exp": 1}, 20104, id="expired"),
        pytest.param({"nbf": time.time() + 3600}, 20105, id="not yet"),
        pytest.param({"secret": "x" * 40}, 20107, id="wrong signature"),
        pytest.param({"sub": "AC" + "0" * 32}, 20103, id="other account"),
        pytest.param({"number": "client:bob"}, 20107, id="no number"),
    ],
)
def test_number_token_is_checked(carrier, claims, code):
    assert _refused(carrier, token=_number_token(carrier, **claims))[0] == code


def test_unsigned_token_is_refused(carrier):
    token = jwt.encode({"sub": carrier.account_sid, "number": "+15551230000", "exp": time.time() + 60}, "", "none")
    assert _refused(carrier, token=token)[0] == 20101


def test_access_token_is_checked(carrier):
    assert _refused(carrier, token=carrier.client_token("bob", ttl=-100))[0] == 20104
    claims = jwt.decode(carrier.client_token("bob"), options={"verify_signature": False})
    header = {"cty": "twilio-fpa;v=1"}

    def signed(secret: str = carrier.api_key_secret, **changes) -> str:
        return jwt.encode({**claims, **changes}, secret, "HS256", header)

    assert _refused(carrier, token=signed(secret="y" * 40))[0] == 20107
    assert _refused(carrier, token=signed(iss="SK" + "0" * 32))[0] == 20103
    assert _refused(carrier, token=signed(sub="AC" + "0" * 32))[0] == 20103
    assert _refused(carrier, token=signed(grants={"identity": "bob"}))[0] == 20106
    assert _refused(carrier, token=signed(grants={"voice": {}}))[0] == 20106


def test_client_that_may_not_receive_is_not_rung(carrier, phones, client, line):
    claims = jwt.decode(carrier.client_token("quiet"), options={"verify_signature": False})
    claims["grants"]["voice"]["incoming"] = {"allow": False}
    phones.with_token(jwt.encode(claims, carrier.api_key_secret, "HS256", {"cty": "twilio-fpa;v=1"}))
    call = client.calls.create(to="client:quiet", from_=line.number, twiml="<Response/>")
    deadline = time.monotonic() + 3
    while client.calls(call.sid).fetch().status != "no-answer":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_registered_phones_are_listed_to_the_account_alone(carrier, phones):
    phone = phones.number()
    listed = carrier.get("/phones").json()["phones"]
    assert {"address": phone.address, "free": True, "call_sid": None} in listed
    assert requests.get(f"{carrier.url}/phones", timeout=5).status_code == 401


def test_dialling_phone_hears_of_each_step(application, phones, line):
    application.on("/voice", '<Gather timeout="30"/>')
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_for("answered")
    assert [event["event"] for event in caller.events] == ["registered", "dialing", "ringing", "answered"]
    assert {event["callSid"] for event in caller.events[1:]} == {call_sid}
    caller.hang_up()
    assert caller.events[-1] == {"event": "ended", "callSid": call_sid, "status": "completed"}


def test_sound_flows_only_while_a_call_is_up_in_frames_of_20_ms(application, phones, line):
    application.on("/voice", '<Pause length="1"/><Gather timeout="30"/>')
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    started = time.monotonic()
    caller.forget_heard()
    caller.wait_for_silence()
    while time.monotonic() - started < 1.0:
        time.sleep(0.02)
    frames = len(caller.heard) / 160
    assert len(caller.heard) % 160 == 0
    assert abs(frames - (time.monotonic() - started) * 50) < 8
    caller.hang_up()
    caller.forget_heard()
    time.sleep(0.1)
    assert caller.heard == b""


def test_frame_of_another_size_gets_one_error_and_is_dropped(application, phones, line):
    application.on("/voice", '<Gather timeout="30"/>')
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    for size in (1, 159, 161, 320, 100_000):
        caller.send_bytes(b"\xff" * size)
    caller.send({"event": "ping"})
    caller.wait_for("pong")
    assert [event["code"] for event in caller.events if event["event"] == "error"] == [31102]
    assert not caller.closed.is_set()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", 31100),
        ("[]", 31100),
        ("null", 31100),
        ('{"event":"fly"}', 31101),
        ('{"event":5}', 31101),
        ("{}", 31101),
        ('{"event":"dial","to":5}', 31100),
        ('{"event":"dial","to":"+15551230000","params":[]}', 31100),
        ('{"event":"dial","to":"+15551230000","params":{"a":{}}}', 31100),
        ('{"event":"dial","to":"+15551230000","params":{"a":"' + "x" * 900 + '"}}', 31100),
        ('{"event":"answer","callSid":"CA0"}', 31404),
        ('{"event":"reject"}', 31404),
        ('{"event":"hangup","callSid":["x"]}', 31404),
        ('{"event":"dtmf","callSid":"CA0","digits":"1"}', 31404),
        ('{"event":"dtmf","callSid":"CA0","digits":"z"}', 31100),
        ("[" * 5000 + "]" * 5000, 31100),
    ],
)
def test_nonsense_gets_an_error_and_the_phone_stays_connected(phones, frame, code):
    phone = phones.number()
    phone._socket.send(frame)
    assert phone.wait_for("error")["code"] == code
    phone.send({"event": "ping"})
    phone.wait_for("pong")


def test_frame_beyond_all_limits_closes_the_phone(carrier):
    phone = ScriptedPhone(carrier.url, number=new_number(), auth=(carrier.account_sid, carrier.auth_token))
    with contextlib.suppress(ConnectionClosed):  # closed before everything was sent
        phone._socket.send(json.dumps({"event": "message", "body": "x" * (17 * 1024 * 1024)}))
    assert phone.closed.wait(10)
    assert requests.get(f"{carrier.url}/healthz", timeout=5).json()["status"] == "ok"


def test_phone_has_one_call_at_a_time(application, phones, line):
    application.on("/voice", '<Gather timeout="30"/>')
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    caller.send({"event": "dial", "to": line.number})
    assert caller.wait_for("error")["code"] == 31486


def test_phone_that_vanishes_has_hung_up(application, phones, line):
    application.on("/voice", '<Gather timeout="30"/>')
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_for("answered")
    caller.vanish()
    assert application.wait_for("/ended").params["CallSid"] == call_sid


def test_phone_that_vanishes_while_ringing_is_no_answer(phones, client, line):
    callee = phones.number()
    call = client.calls.create(to=callee.address, from_=line.number, twiml="<Response/>")
    callee.wait_for_ring()
    callee.vanish()
    deadline = time.monotonic() + 5
    while client.calls(call.sid).fetch().status != "no-answer":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_caller_who_gives_up_before_the_answer_is_canceled(application, phones, line):
    application.on("/voice", '<Pause length="20"/>')
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("ringing")
    application.wait_for("/voice")
    caller.send({"event": "hangup", "callSid": caller.call_sid})
    assert caller.wait_for("ended")["status"] == "canceled"
    assert application.wait_for("/ended").params["CallStatus"] == "canceled"


def test_two_outside_phones_can_call_each_other(phones):
    one, other = phones.number(), phones.number()
    one.dial(other.address)
    ring = other.wait_for_ring()
    assert ring["from"] == one.address
    assert not one.has_seen("answered")
    other.pick_up(ring["callSid"])
    one.wait_for("answered")
    one.say(tone(700, 1.5), wait=False)
    other.wait_to_hear(700)
    other.hang_up()
    one.wait_for("ended")


def test_random_bytes_never_hurt_the_carrier(carrier, phones):
    phone = phones.number()
    for _ in range(50):
        phone.send_bytes(os.urandom(200))
        phone._socket.send(os.urandom(50).hex())
    phone.send({"event": "ping"})
    phone.wait_for("pong")
    assert requests.get(f"{carrier.url}/healthz", timeout=5).json()["status"] == "ok"
