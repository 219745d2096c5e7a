"""How the application is asked: signatures, redirects, cookies, limits, fallback URLs."""

from __future__ import annotations

import hashlib
import time

import pytest

from telephony.local_carrier.webhooks import Limits, overridden, sign
from tests.telephony.local_carrier.application import Answer

TOKEN = "12345"
FORM = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
REPEATED = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
BODY = '{"property": "value", "boolean": true}'
BODY_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
PAGE = "https://mycompany.com/myapp.php?foo=1&bar=2"


@pytest.mark.parametrize(
    ("url", "form", "signature"),
    [
        pytest.param(PAGE, FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", id="https"),
        pytest.param(
            "https://mycompany.com:443/myapp.php?foo=1&bar=2",
            FORM,
            "kvajT1Ptam85bY51eRf/AJRuM3w=",
            id="https with port",
        ),
        pytest.param(
            "http://mycompany.com:80/myapp.php?foo=1&bar=2", FORM, "0ZXoZLH/DfblKGATFgpif+LLRf4=", id="http with port"
        ),
        pytest.param(
            "http://mycompany.com:1234/myapp.php?foo=1&bar=2", FORM, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=", id="other port"
        ),
        pytest.param(PAGE, REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU=", id="repeated names"),
        pytest.param(f"{PAGE}&bodySHA256={BODY_HASH}", [], "a9nBmqA0ju/hNViExpshrM61xv4=", id="JSON body"),
    ],
)
def test_signature_is_the_one_of_the_published_vectors(url, form, signature):
    assert sign(TOKEN, url, form) == signature


def test_hash_of_the_json_vector_is_right():
    assert hashlib.sha256(BODY.encode()).hexdigest() == BODY_HASH


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", Limits()),
        ("ct=2000&rt=3000&tt=4000", Limits(connect_s=2.0, read_s=3.0, total_s=4.0)),
        ("tt=99999", Limits()),
        ("rc=3&rp=5xx,ct", Limits(retries=3, retry_on=frozenset({"5xx", "ct"}))),
        ("rc=99", Limits(retries=5)),
        ("rc=x&ct=-1&nonsense", Limits()),
    ],
)
def test_fragment_overrides_the_limits_but_never_the_hard_one(fragment, expected):
    assert overridden(Limits(), fragment) == expected


def test_get_webhook_has_its_parameters_in_the_query_and_the_signature_over_the_whole_url(
    carrier, application, phones, client, line
):
    client.incoming_phone_numbers(line.sid).update(voice_url=f"{application.url}/voice?flow=a%20b", voice_method="GET")
    application.on("/voice", "<Hangup/>")
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("ended")
    asked = application.requests("/voice")[0]
    assert asked.method == "GET"
    assert asked.params["flow"] == "a b"
    assert asked.params["From"] == caller.address
    assert asked.is_signed_by(carrier.auth_token)


def test_redirects_are_followed_as_get_and_signed_anew(carrier, application, phones, line):
    application.on("/voice", Answer(b"", status=302, headers=(("Location", "/second"),)))
    application.on("/second", "<Hangup/>")
    caller = phones.number()
    caller.dial(line.number)
    assert caller.wait_for("ended")["status"] == "completed"
    asked = application.requests("/second")[0]
    assert asked.method == "GET"
    assert asked.params["From"] == caller.address
    assert asked.is_signed_by(carrier.auth_token)


def test_redirect_that_keeps_the_method_keeps_the_form(carrier, application, phones, line):
    application.on("/voice", Answer(b"", status=307, headers=(("Location", "/second"),)))
    application.on("/second", "<Hangup/>")
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("ended")
    asked = application.requests("/second")[0]
    assert asked.method == "POST"
    assert asked.is_signed_by(carrier.auth_token)


def test_endless_redirects_end_with_11215(application, phones, line, client):
    application.on("/voice", Answer(b"", status=302, headers=(("Location", "/voice"),)))
    _with_fallback(application, client, line)
    caller = phones.number()
    caller.dial(line.number)
    assert application.wait_for("/fallback").params["ErrorCode"] == "11215"
    assert len(application.requests("/voice")) == 11


def test_cookies_live_as_long_as_the_call(application, phones, line):
    application.on(
        "/voice", lambda asked: Answer(b"<Response><Redirect>/second</Redirect></Response>",
                                       headers=(("Set-Cookie", "visit=42; Path=/"),))
    )  # fmt: skip
    application.on("/second", "<Hangup/>")
    for _ in range(2):
        caller = phones.number()
        caller.dial(line.number)
        caller.wait_for("ended")
    assert "cookie" not in application.requests("/voice")[1].headers
    assert application.requests("/second")[1].headers["cookie"] == "visit=42"


def test_credentials_in_the_url_are_sent_only_after_a_401(carrier, application, phones, line, client):
    def guarded(asked):
        if "authorization" in asked.headers:
            return "<Hangup/>"
        return Answer(b"", status=401, headers=(("WWW-Authenticate", "Basic"),))

    application.on("/voice", guarded)
    address = application.url.replace("http://", "http://user:pass@")
    client.incoming_phone_numbers(line.sid).update(voice_url=f"{address}/voice")
    caller = phones.number()
    caller.dial(line.number)
    assert caller.wait_for("ended")["status"] == "completed"
    first, second = application.requests("/voice")
    assert "authorization" not in first.headers
    assert second.headers["authorization"] == "Basic dXNlcjpwYXNz"


def _with_fallback(application, client, line) -> None:
    client.incoming_phone_numbers(line.sid).update(voice_fallback_url=f"{application.url}/fallback")
    application.on("/fallback", "<Hangup/>")


BROKEN = [
    pytest.param(Answer(status=500), "11200", id="server error"),
    pytest.param(Answer(status=404), "11200", id="not found"),
    pytest.param(Answer(b"<Response>"), "12100", id="broken XML"),
    pytest.param(Answer(b""), "11770", id="empty answer"),
    pytest.param(Answer(b"<Other/>"), "12102", id="wrong root"),
    pytest.param(Answer(b"{}", "application/json"), "12300", id="wrong content type"),
    pytest.param(Answer(b"<Response>" + b" " * 70_000 + b"</Response>"), "11750", id="too large"),
    pytest.param(Answer(delay_s=3.0), "11200", id="over the limit of 2 s"),
]


@pytest.mark.parametrize(("answer", "code"), BROKEN)
def test_broken_answer_leads_to_the_fallback_with_code_and_url(application, phones, line, client, answer, code):
    _with_fallback(application, client, line)
    application.on("/voice", answer)
    caller = phones.number()
    caller.dial(line.number)
    asked = application.wait_for("/fallback")
    assert asked.params["ErrorCode"] == code
    assert asked.params["ErrorUrl"] == f"{application.url}/voice"
    assert asked.params["From"] == caller.address
    assert caller.wait_for("ended")["status"] == "completed"


def test_answer_just_within_the_limit_is_taken(application, phones, line):
    application.on("/voice", Answer(b"<Response><Reject reason='busy'/></Response>", delay_s=1.5))
    caller = phones.number()
    caller.dial(line.number)
    assert caller.wait_for("ended")["status"] == "busy"


def test_server_that_is_not_there_is_11205(phones, line, client, application):
    _with_fallback(application, client, line)
    client.incoming_phone_numbers(line.sid).update(voice_url="http://127.0.0.1:9/voice")
    caller = phones.number()
    caller.dial(line.number)
    assert application.wait_for("/fallback").params["ErrorCode"] == "11205"


def test_without_a_fallback_the_caller_is_told_and_hung_up(application, phones, line):
    application.on("/voice", Answer(status=500))
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    assert caller.wait_for("ended", timeout_s=60)["status"] == "completed"


def test_no_request_relies_on_an_earlier_ones_connection_whose_server_may_have_died_since(application, phones, line):
    application.on("/voice", "<Redirect>/second</Redirect>")
    application.on("/second", Answer(b"", status=500))
    application.on("/fallback", "<Hangup/>")
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("ended")
    application.wait_for("/ended")
    assert len(application.asked) >= 3
    assert {asked.nth for asked in application.asked} == {1}


def test_failed_status_callback_is_an_alert_and_harms_nothing(application, phones, line, client):
    application.on("/voice", "<Hangup/>")
    application.on("/ended", Answer(status=500))
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_for("ended")
    application.wait_for("/ended")
    alerts = _alerts_of(client, call_sid, "15003")
    assert alerts[0].request_url == f"{application.url}/ended"


def _alerts_of(client, call_sid: str, code: str):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = [item for item in client.monitor.v1.alerts.list() if item.resource_sid == call_sid]
        if any(item.error_code == code for item in found):
            return [item for item in found if item.error_code == code]
        time.sleep(0.02)
    raise AssertionError(f"no alert {code} for {call_sid}")


def test_unknown_verb_is_skipped_with_an_alert(application, phones, line, client, sounds):
    application.on("/voice", f"<Dance/><say>hi</say><Play>{sounds(600, 0.5)}</Play>")
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_to_hear(600)
    assert caller.wait_for("ended")["status"] == "completed"
    assert len(_alerts_of(client, call_sid, "12200")) == 2


def test_audio_in_place_of_twiml_is_played_then_hung_up(application, phones, line, client, sounds):
    client.incoming_phone_numbers(line.sid).update(voice_url=sounds(700, 0.8))
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_to_hear(700)
    assert caller.wait_for("ended")["status"] == "completed"
