"""A phone calls a number of the account: webhooks, answering, and what the caller hears."""

from __future__ import annotations

import pytest

GEOGRAPHY = [
    f"{role}{part}" for role in ("From", "To", "Caller", "Called") for part in ("City", "State", "Zip", "Country")
]
STANDARD = ["CallSid", "AccountSid", "From", "To", "Caller", "Called", "CallStatus", "ApiVersion", "Direction"]
STANDARD += GEOGRAPHY


def test_first_request_carries_twilios_parameters_and_a_right_signature(carrier, application, phones, line):
    application.on("/voice", "<Hangup/>")
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_for("answered")
    assert caller.wait_for("ended")["status"] == "completed"
    asked = application.requests("/voice")[0]
    assert asked.method == "POST"
    assert [name for name in STANDARD if name not in asked.params] == []
    assert asked.params["CallSid"] == call_sid
    assert asked.params["From"] == asked.params["Caller"] == caller.address
    assert asked.params["To"] == asked.params["Called"] == line.number
    assert asked.params["CallStatus"] == "ringing"
    assert asked.params["Direction"] == "inbound"
    assert asked.params["ApiVersion"] == "2010-04-01"
    assert asked.is_signed_by(carrier.auth_token)
    assert not asked.is_signed_by("another token")
    assert asked.headers["i-twilio-idempotency-token"]
    ended = application.wait_for("/ended")
    assert ended.params["CallStatus"] == "completed"
    assert ended.params["CallDuration"].isdigit()
    assert ended.is_signed_by(carrier.auth_token)


def test_caller_hears_what_play_plays_then_is_hung_up(application, phones, line, sounds):
    application.on("/voice", f"<Play>{sounds(440, 1.0)}</Play>")
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_to_hear(440)
    assert caller.wait_for("ended")["status"] == "completed"


@pytest.mark.parametrize(
    ("reason", "status"), [("", "no-answer"), (' reason="rejected"', "no-answer"), (' reason="busy"', "busy")]
)
def test_reject_turns_the_call_away_unanswered(application, phones, line, reason, status):
    application.on("/voice", f"<Reject{reason}/><Play>http://never.invalid/</Play>")
    caller = phones.number()
    caller.dial(line.number)
    assert caller.wait_for("ended")["status"] == status
    assert not caller.has_seen("answered")


def test_number_that_nobody_owns_fails(phones):
    caller = phones.number()
    caller.dial("+15550000000")
    assert caller.wait_for("ended")["status"] == "failed"


def test_gather_sends_pressed_keys_to_the_action_and_its_answer_goes_on(application, phones, line, sounds):
    application.on("/voice", f'<Gather action="/menu" numDigits="1"><Play>{sounds(500, 5.0)}</Play></Gather>')
    application.on("/menu", f"<Play>{sounds(800, 0.6)}</Play>")
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_to_hear(500)
    caller.press("7")
    asked = application.wait_for("/menu")
    assert asked.params["Digits"] == "7"
    assert asked.params["CallStatus"] == "in-progress"
    caller.wait_to_hear(800)
    caller.wait_for("ended")
