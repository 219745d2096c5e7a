"""What a telephone is shown of what it made the carrier ask: its own calls and texts, and nothing of others."""

from __future__ import annotations

import pytest
import requests

from telephony.local_carrier.trace import KEPT, LONGEST_REPLY, Trace
from tests.telephony.local_carrier.application import Application
from tests.telephony.local_carrier.conftest import Line, Phones, new_number
from tests.telephony.local_carrier.running import RunningCarrier

ANA, BO, OURS = "+15550100001", "+15550100002", "+15550100100"


def asked(trace: Trace, sender: str, sid: str = "CA1") -> None:
    trace.note("POST", "http://app/voice", {"From": sender, "To": OURS, "CallSid": sid}, 200, "<Response/>", 3.2)


def test_each_number_sees_its_own() -> None:
    trace = Trace()
    asked(trace, ANA, "CA1")
    asked(trace, BO, "CA2")
    assert [each.parameters["CallSid"] for each in trace.of(BO)] == ["CA2"]
    assert trace.of("+15550109999") == []


def test_what_was_told_about_its_call_without_its_number_is_there_too() -> None:
    trace = Trace()
    asked(trace, ANA)
    trace.note("POST", "http://app/recording", {"CallSid": "CA1", "RecordingSid": "RE1"}, 204, "", 1)
    trace.note("POST", "http://app/recording", {"CallSid": "CA9", "RecordingSid": "RE9"}, 204, "", 1)
    assert [each.url for each in trace.of(ANA)] == ["http://app/voice", "http://app/recording"]


def test_only_what_is_newer_is_given_again() -> None:
    trace = Trace()
    asked(trace, ANA)
    (first,) = trace.of(ANA)
    assert trace.of(ANA, first.id) == []
    asked(trace, ANA)
    assert len(trace.of(ANA, first.id)) == 1


def test_fetches_of_sounds_are_left_out_and_old_and_long_things_go() -> None:
    trace = Trace()
    trace.note("GET", "http://app/prompt.wav", {}, 200, "", 1)
    for _ in range(KEPT + 5):
        trace.note("POST", "http://app/voice", {"From": ANA, "SpeechResult": "x" * 9_999}, 200, "y" * 99_999, 1)
    kept = trace.of(ANA)
    assert len(kept) == KEPT and kept[-1].id == KEPT + 5
    assert len(kept[0].reply) == LONGEST_REPLY and len(kept[0].parameters["SpeechResult"]) == 1_000


def ask(carrier: RunningCarrier, token: str, after: str = "0") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{carrier.url}/phone/trace", params={"after": after}, headers=headers, timeout=10)


def seen(carrier: RunningCarrier, number: str) -> list[dict[str, object]]:
    reply = ask(carrier, carrier.number_token(number))
    assert reply.status_code == 200, reply.text
    return list(reply.json()["entries"])


def test_a_call_shows_its_request_and_the_answer_to_its_own_telephone(
    carrier: RunningCarrier, application: Application, phones: Phones, line: Line
) -> None:
    application.on("/voice", "<Hangup/>")
    phone = phones.number()
    phone.dial(line.number)
    phone.wait_for("ended")
    (entry, *_) = seen(carrier, phone.address)
    assert (entry["method"], entry["status"]) == ("POST", 200)
    assert entry["params"]["From"] == phone.address and "Hangup" in entry["reply"]
    assert seen(carrier, new_number()) == []


@pytest.mark.parametrize("kind", ["none", "wrong", "a client's"])
def test_nobody_else_is_shown_anything(carrier: RunningCarrier, kind: str) -> None:
    token = {"none": "", "wrong": "a.b.c", "a client's": carrier.client_token("agent_1")}[kind]
    reply = ask(carrier, token)
    assert reply.status_code == (403 if kind == "a client's" else 401)


def test_what_is_no_id_is_refused(carrier: RunningCarrier) -> None:
    assert ask(carrier, carrier.number_token(ANA), after="x").status_code == 400
