"""The REST API through the official client: accounts, numbers, applications, calls, paging, errors."""

from __future__ import annotations

import datetime
import itertools

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.telephony.local_carrier.conftest import new_number
from tests.telephony.local_carrier.running import BaseUrlHttpClient

CALL_KEYS = {
    "sid", "date_created", "date_updated", "parent_call_sid", "account_sid", "to", "to_formatted", "from",
    "from_formatted", "phone_number_sid", "status", "start_time", "end_time", "duration", "price", "price_unit",
    "direction", "answered_by", "api_version", "forwarded_from", "group_sid", "caller_name", "queue_time", "trunk_sid",
    "uri", "subresource_uris", "annotation",
}  # fmt: skip


def _refusal(action, *args, **options) -> TwilioRestException:
    with pytest.raises(TwilioRestException) as refused:
        action(*args, **options)
    return refused.value


# --- credentials and errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("credentials", [None, ("AC" + "0" * 32, "x"), ("SK" + "0" * 32, "x"), ("", "")])
def test_wrong_credentials_are_401_in_twilios_shape(carrier, credentials):
    answer = requests.get(f"{carrier.url}{carrier.account_path}/Calls.json", auth=credentials, timeout=5)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }


def test_api_key_opens_the_account_as_the_token_does(carrier):
    client = Client(
        carrier.api_key_sid, carrier.api_key_secret, carrier.account_sid, http_client=BaseUrlHttpClient(carrier.url)
    )
    assert client.api.accounts(carrier.account_sid).fetch().status == "active"


def test_what_is_not_there_is_404(client):
    refusal = _refusal(client.calls("CA" + "0" * 32).fetch)
    assert (refusal.status, refusal.code) == (404, 20404)
    assert "was not found" in refusal.msg


def test_other_accounts_are_not_found(carrier):
    assert carrier.get(f"/2010-04-01/Accounts/AC{'0' * 32}/Calls.json").json()["code"] == 20404


def test_wrong_method_is_405(carrier):
    answer = requests.delete(
        f"{carrier.url}{carrier.account_path}/Calls.json", auth=(carrier.account_sid, carrier.auth_token), timeout=5
    )
    assert (answer.status_code, answer.json()["code"]) == (405, 20004)


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe\x00" * 100, b"=&=&==&%zz", b"To=" + b"9" * 5000, b"{}", b"a" * 200_000],
    ids=["binary", "odd pairs", "huge field", "json", "huge name"],
)
def test_hostile_forms_are_refused_with_a_code(carrier, body):
    answer = carrier.post(
        f"{carrier.account_path}/Calls.json",
        data=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code in {400, 413}
    assert answer.json()["code"]


def test_body_beyond_the_limit_is_413(carrier):
    answer = carrier.post(f"{carrier.account_path}/Calls.json", data={"Twiml": "a" * 400_000})
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_json_body_is_refused(carrier):
    answer = carrier.post(f"{carrier.account_path}/Calls.json", json={"To": "+15551230000"})
    assert answer.status_code == 415


def test_health_needs_no_credentials_and_tells_of_the_mixer(carrier):
    told = requests.get(f"{carrier.url}/healthz", timeout=5).json()
    assert told["status"] == "ok"
    assert told["mixer"]["ticks"] >= 0


# --- accounts -------------------------------------------------------------------------------------------------------


def test_account_can_be_fetched_listed_and_renamed(carrier, client):
    account = client.api.accounts(carrier.account_sid).update(friendly_name="Ours")
    assert (account.sid, account.friendly_name, account.status) == (carrier.account_sid, "Ours", "active")
    assert [each.sid for each in client.api.accounts.list()] == [carrier.account_sid]
    assert account.auth_token is None


# --- numbers --------------------------------------------------------------------------------------------------------


def test_number_is_created_fetched_changed_listed_and_deleted(client):
    number = new_number()
    made = client.incoming_phone_numbers.create(phone_number=number, voice_url="http://127.0.0.1:1/voice")
    assert made.sid.startswith("PN")
    assert made.capabilities["voice"] is True
    assert made.voice_method == "POST"
    changed = client.incoming_phone_numbers(made.sid).update(
        friendly_name="Sales", sms_url="http://127.0.0.1:1/sms", sms_method="GET", voice_url=""
    )
    assert (changed.friendly_name, changed.sms_method, changed.voice_url) == ("Sales", "GET", "")
    assert client.incoming_phone_numbers(made.sid).fetch().sms_url == "http://127.0.0.1:1/sms"
    assert [each.sid for each in client.incoming_phone_numbers.list(phone_number=number)] == [made.sid]
    assert client.incoming_phone_numbers(made.sid).delete()
    assert client.incoming_phone_numbers.list(phone_number=number) == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"phone_number": "12"}, 21421),
        ({"phone_number": "not a number"}, 21421),
        ({}, 21451),
        ({"phone_number": "+15550123456", "voice_url": "ftp://x"}, 21502),
        ({"phone_number": "+15550123456", "voice_method": "PUT"}, 20001),
    ],
)
def test_number_that_cannot_be_had_is_refused(client, options, code):
    assert _refusal(client.incoming_phone_numbers.create, **options).code == code


def test_number_is_had_once(client, line):
    assert _refusal(client.incoming_phone_numbers.create, phone_number=line.number).code == 21422


def test_number_by_area_code(client):
    made = client.incoming_phone_numbers.create(area_code="415")
    assert made.phone_number.startswith("+1415")


# --- applications ---------------------------------------------------------------------------------------------------


def test_application_is_created_fetched_changed_listed_and_deleted(client):
    made = client.applications.create(friendly_name="Desk", voice_url="http://127.0.0.1:1/out")
    assert made.sid.startswith("AP")
    assert client.applications(made.sid).update(voice_method="GET").voice_method == "GET"
    assert client.applications(made.sid).fetch().voice_url == "http://127.0.0.1:1/out"
    assert made.sid in [each.sid for each in client.applications.list(friendly_name="Desk")]
    assert client.applications(made.sid).delete()
    assert _refusal(client.applications(made.sid).fetch).status == 404


def test_call_of_a_client_reaches_its_application_with_its_parameters(carrier, application, phones, client):
    made = client.applications.create(
        voice_url=f"{application.url}/out", status_callback=f"{application.url}/out-ended"
    )  # fmt: skip
    application.on("/out", "<Hangup/>")
    agent = phones.client("alice", made.sid)
    call_sid = agent.dial("+15551239876", interaction="i-7", CallSid="forged")
    agent.wait_for("answered")
    agent.wait_for("ended")
    asked = application.requests("/out")[0].params
    assert (asked["From"], asked["Caller"], asked["To"]) == ("client:alice", "client:alice", "+15551239876")
    assert (asked["ApplicationSid"], asked["interaction"]) == (made.sid, "i-7")
    assert asked["CallSid"] == call_sid
    assert (asked["Direction"], asked["CallStatus"]) == ("inbound", "ringing")
    assert application.wait_for("/out-ended").params["CallStatus"] == "completed"


def test_client_without_an_application_cannot_dial(phones):
    agent = phones.client("lost")
    agent.dial("+15551239876")
    assert agent.wait_for("ended")["status"] == "failed"


NUMBER_KEYS = {
    "account_sid", "address_sid", "address_requirements", "api_version", "beta", "capabilities", "date_created",
    "date_updated", "friendly_name", "identity_sid", "phone_number", "origin", "sid", "sms_application_sid",
    "sms_fallback_method", "sms_fallback_url", "sms_method", "sms_url", "status_callback", "status_callback_method",
    "trunk_sid", "uri", "voice_receive_mode", "voice_application_sid", "voice_caller_id_lookup",
    "voice_fallback_method", "voice_fallback_url", "voice_method", "voice_url", "emergency_status",
    "emergency_address_sid", "emergency_address_status", "bundle_sid", "status",
}  # fmt: skip
APPLICATION_KEYS = {
    "account_sid", "api_version", "date_created", "date_updated", "friendly_name", "message_status_callback", "sid",
    "sms_fallback_method", "sms_fallback_url", "sms_method", "sms_status_callback", "sms_url", "status_callback",
    "status_callback_method", "uri", "voice_caller_id_lookup", "voice_fallback_method", "voice_fallback_url",
    "voice_method", "voice_url", "public_application_connect_enabled",
}  # fmt: skip
ACCOUNT_KEYS = {
    "auth_token", "date_created", "date_updated", "friendly_name", "owner_account_sid", "sid", "status",
    "subresource_uris", "type", "uri",
}  # fmt: skip


def test_numbers_applications_and_the_account_have_twilios_keys(carrier, client, line):
    made = client.applications.create(friendly_name="Keys")
    path = carrier.account_path
    assert set(carrier.get(f"{path}/IncomingPhoneNumbers/{line.sid}.json").json()) == NUMBER_KEYS
    assert set(carrier.get(f"{path}/Applications/{made.sid}.json").json()) == APPLICATION_KEYS
    assert set(carrier.get(f"{path}.json").json()) == ACCOUNT_KEYS


# --- calls ----------------------------------------------------------------------------------------------------------


def test_call_to_a_client_rings_answers_and_follows_its_url(carrier, application, phones, client, line, sounds):
    agent = phones.client("dora")
    application.on("/answered", f"<Play>{sounds(440, 0.8)}</Play>")
    call = client.calls.create(
        to="client:dora?interaction=i-9",
        from_=line.number,
        url=f"{application.url}/answered",
        status_callback=f"{application.url}/progress",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
    )
    assert (call.status, call.direction) == ("queued", "outbound-api")
    ring = agent.wait_for_ring()
    assert ring == {
        "event": "incoming", "callSid": call.sid, "from": line.number, "to": "client:dora",
        "parameters": {"interaction": "i-9"},
    }  # fmt: skip
    assert client.calls(call.sid).fetch().status == "ringing"
    assert application.requests("/answered") == []
    agent.pick_up(call.sid)
    agent.wait_to_hear(440)
    asked = application.wait_for("/answered").params
    assert (asked["CallStatus"], asked["Direction"], asked["To"]) == ("in-progress", "outbound-api", "client:dora")
    agent.wait_for("ended")
    application.wait_for("/progress", 4)
    told = [each.params for each in application.requests("/progress")]
    assert [each["CallStatus"] for each in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert all(each.is_signed_by(carrier.auth_token) for each in application.requests("/progress"))
    assert told[-1]["CallDuration"].isdigit()
    ended = client.calls(call.sid).fetch()
    assert ended.status == "completed"
    assert ended.duration.isdigit()
    assert ended.start_time <= ended.end_time


def test_call_has_twilios_keys(carrier, client, phones, line):
    phones.client("erin")
    call = client.calls.create(to="client:erin", from_=line.number, twiml="<Response/>")
    body = carrier.get(f"{carrier.account_path}/Calls/{call.sid}.json").json()
    assert set(body) == CALL_KEYS
    assert body["uri"] == f"{carrier.account_path}/Calls/{call.sid}.json"
    client.calls(call.sid).update(status="canceled")


def test_call_with_twiml_needs_no_url(phones, client, line, sounds):
    callee = phones.number()
    client.calls.create(
        to=callee.address, from_=line.number, twiml=f"<Response><Play>{sounds(440, 0.6)}</Play></Response>"
    )
    callee.answer()
    callee.wait_to_hear(440)


def test_send_digits_are_pressed_before_the_document(phones, client, line):
    callee = phones.number()
    client.calls.create(to=callee.address, from_=line.number, twiml="<Response/>", send_digits="1w#")
    callee.answer()
    assert callee.wait_for("dtmf")["digits"] == "1w#"


def test_call_with_an_application(application, phones, client, line):
    made = client.applications.create(voice_url=f"{application.url}/app")
    callee = phones.number()
    client.calls.create(to=callee.address, from_=line.number, application_sid=made.sid)
    callee.answer()
    assert application.wait_for("/app").params["To"] == callee.address


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"to": "", "from_": "+15550000001", "url": "http://a.example/"}, 21201),
        ({"to": "12", "from_": "OWN", "url": "http://a.example/"}, 21211),
        ({"to": "client:", "from_": "OWN", "url": "http://a.example/"}, 21211),
        ({"to": "+15551112222", "from_": "", "url": "http://a.example/"}, 21213),
        ({"to": "+15551112222", "from_": "+15559999999", "url": "http://a.example/"}, 21210),
        ({"to": "+15551112222", "from_": "x", "url": "http://a.example/"}, 21212),
        ({"to": "+15551112222", "from_": "OWN"}, 21205),
        ({"to": "+15551112222", "from_": "OWN", "url": "/relative"}, 21205),
        ({"to": "+15551112222", "from_": "OWN", "application_sid": "AP" + "0" * 32}, 21218),
        ({"to": "+15551112222", "from_": "OWN", "twiml": "<Response>"}, 12100),
        ({"to": "+15551112222", "from_": "OWN", "twiml": "<Response/>", "timeout": 9999}, 20001),
        ({"to": "+15551112222", "from_": "OWN", "twiml": "<Response/>", "send_digits": "xyz"}, 20001),
        (
            {"to": "+15551112222", "from_": "OWN", "twiml": "<Response/>", "status_callback": "http://a.example/",
             "status_callback_event": ["sneezed"]}, 21626,
        ),
    ],
)  # fmt: skip
def test_call_that_cannot_be_placed_is_refused(client, line, options, code):
    options = {**options, "from_": line.number if options["from_"] == "OWN" else options["from_"]}
    assert _refusal(client.calls.create, **options).code == code


@pytest.mark.parametrize(
    ("happens", "status", "sip"),
    [("rejects", "busy", "486"), ("is silent", "no-answer", "487"), ("is not there", "failed", "404")],
)
def test_call_that_nobody_takes_ends_without_asking_its_url(
    application, phones, client, line, happens, status, sip
):  # fmt: skip
    callee = phones.number() if happens != "is not there" else None
    call = client.calls.create(
        to=callee.address if callee else "+15550008888",
        from_=line.number,
        url=f"{application.url}/never",
        timeout=1,
        status_callback=f"{application.url}/end",
    )
    if callee:
        ring = callee.wait_for_ring()
        if happens == "rejects":
            callee.reject(ring["callSid"])
    told = application.wait_for("/end").params
    assert (told["CallStatus"], told["SipResponseCode"], told["CallDuration"]) == (status, sip, "0")
    assert client.calls(call.sid).fetch().status == status
    assert application.requests("/never") == []


def test_ringing_call_can_be_canceled(phones, client, line):
    callee = phones.number()
    call = client.calls.create(to=callee.address, from_=line.number, twiml="<Response/>")
    callee.wait_for_ring()
    assert client.calls(call.sid).update(status="canceled").status == "canceled"
    callee.wait_for("canceled", callSid=call.sid)


def test_call_in_progress_can_be_hung_up(application, phones, client, line):
    application.on("/voice", '<Gather timeout="60"/>')
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_for("answered")
    assert client.calls(call_sid).update(status="completed").status == "completed"
    assert caller.wait_for("ended")["status"] == "completed"
    assert _refusal(client.calls(call_sid).update, status="completed").code == 21220
    assert _refusal(client.calls(call_sid).update, twiml="<Response/>").code == 21220


@pytest.mark.parametrize("how", ["url", "twiml"])
def test_call_in_progress_can_be_sent_elsewhere(application, phones, client, line, sounds, how):
    application.on("/voice", f'<Play loop="0">{sounds(440, 1.0)}</Play>')
    application.on("/elsewhere", f'<Play loop="0">{sounds(900, 1.0)}</Play>')
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_to_hear(440)
    if how == "url":
        client.calls(call_sid).update(url=f"{application.url}/elsewhere", method="GET")
    else:
        client.calls(call_sid).update(twiml=f'<Response><Play loop="0">{sounds(900, 1.0)}</Play></Response>')
    caller.wait_to_hear(900)
    caller.hang_up()


def test_ringing_call_cannot_be_sent_elsewhere(phones, client, line):
    callee = phones.number()
    call = client.calls.create(to=callee.address, from_=line.number, twiml="<Response/>")
    callee.wait_for_ring()
    assert _refusal(client.calls(call.sid).update, twiml="<Response/>").code == 21220
    client.calls(call.sid).update(status="completed")
    callee.wait_for("canceled")


def test_bridged_callee_sent_elsewhere_frees_the_caller(application, phones, client, line, sounds):
    callee = phones.number()
    application.on("/voice", f'<Dial action="/dialled">{callee.address}</Dial>')
    application.on("/dialled", f'<Play loop="0">{sounds(440, 1.0)}</Play>')
    caller = phones.number()
    caller.dial(line.number)
    child_sid = callee.answer()
    client.calls(child_sid).update(twiml=f'<Response><Play loop="0">{sounds(900, 1.0)}</Play></Response>')
    callee.wait_to_hear(900)
    caller.wait_to_hear(440)
    assert application.wait_for("/dialled").params["DialCallStatus"] == "completed"
    callee.hang_up()
    caller.hang_up()


def test_caller_sent_elsewhere_ends_the_bridge(application, phones, client, line, sounds):
    callee = phones.number()
    application.on("/voice", f'<Dial action="/dialled">{callee.address}</Dial>')
    caller = phones.number()
    call_sid = caller.dial(line.number)
    callee.answer()
    client.calls(call_sid).update(twiml=f'<Response><Play loop="0">{sounds(900, 1.0)}</Play></Response>')
    callee.wait_for("ended")
    caller.wait_to_hear(900)
    assert application.requests("/dialled") == []
    caller.hang_up()


def test_time_limit_ends_the_call(phones, client, line):
    callee = phones.number()
    client.calls.create(
        to=callee.address,
        from_=line.number,
        twiml="<Response><Gather timeout='60' action='http://a.example/'/></Response>",
        time_limit=1,
    )
    callee.answer()
    assert callee.wait_for("ended", timeout_s=5)["status"] == "completed"


def test_call_to_an_own_number_is_answered_by_its_script(application, phones, client, line, sounds):
    application.on("/voice", f'<Play loop="0">{sounds(440, 1.0)}</Play>')
    other = client.incoming_phone_numbers.create(phone_number=new_number())
    callee = phones.number()
    application.on("/bridge", f"<Dial>{line.number}</Dial>")
    client.calls.create(to=callee.address, from_=other.phone_number, url=f"{application.url}/bridge")
    callee.answer()
    callee.wait_to_hear(440)
    assert application.requests("/voice")[0].params["From"] == other.phone_number
    callee.hang_up()
    assert application.wait_for("/ended").params["CallStatus"] == "completed"


# --- lists ----------------------------------------------------------------------------------------------------------


def _ended_calls(client, line, count: int) -> list[str]:
    return [
        client.calls.create(to=f"client:nobody{index}", from_=line.number, twiml="<Response/>").sid
        for index in range(count)
    ]


def test_calls_are_listed_newest_first_and_page_by_page(client, line):
    sids = _ended_calls(client, line, 7)
    listed = [call.sid for call in client.calls.list(from_=line.number, page_size=3)]
    assert listed == sids[::-1]
    page = client.calls.page(from_=line.number, page_size=3)
    first = [call.sid for call in page]
    _ended_calls(client, line, 2)
    second = [call.sid for call in page.next_page()]
    assert first + second == sids[::-1][:6]


def test_page_has_twilios_envelope(carrier, client, line):
    _ended_calls(client, line, 3)
    body = carrier.get(f"{carrier.account_path}/Calls.json", params={"From": line.number, "PageSize": "2"}).json()
    assert set(body) == {
        "calls", "end", "first_page_uri", "next_page_uri", "page", "page_size", "previous_page_uri", "start", "uri",
    }  # fmt: skip
    assert (body["page"], body["page_size"], body["start"], body["end"]) == (0, 2, 0, 1)
    assert body["next_page_uri"].startswith(f"{carrier.account_path}/Calls.json?")
    assert body["previous_page_uri"] is None
    last = carrier.get(body["next_page_uri"]).json()
    assert len(last["calls"]) == 1
    assert last["next_page_uri"] is None
    assert last["previous_page_uri"]


@pytest.mark.parametrize("query", ["PageSize=0", "PageSize=1001", "PageSize=x", "Page=-1", "StartTime=yesterday"])
def test_unusable_paging_is_refused(carrier, client, line, query):
    _ended_calls(client, line, 1)
    assert carrier.get(f"{carrier.account_path}/Calls.json?{query}").status_code == 400


def test_unusable_page_token_is_21481(carrier):
    assert carrier.get(f"{carrier.account_path}/Calls.json?PageToken=zz").json()["code"] == 21481


def test_calls_are_filtered_by_each_field(client, line):
    target = f"client:only-{line.number[1:]}"
    sid = client.calls.create(to=target, from_=line.number, twiml="<Response/>").sid
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)

    def listed(**filters) -> bool:
        return sid in {call.sid for call in itertools.islice(client.calls.stream(from_=line.number, **filters), 50)}

    assert listed(to=target)
    assert not listed(to="client:other")
    assert listed(status="no-answer")
    assert not listed(status="busy")
    assert listed(start_time_after=now - day)
    assert not listed(start_time_after=now + day)
    assert listed(start_time_before=now + day)
    assert not listed(start_time_before=now - day)
    assert listed(end_time_before=now + day, end_time_after=now - day)


def test_ended_call_can_be_forgotten_and_a_running_one_not(application, client, phones, line):
    sid = _ended_calls(client, line, 1)[0]
    assert client.calls(sid).delete()
    assert _refusal(client.calls(sid).fetch).status == 404
    application.on("/voice", '<Gather timeout="60"/>')
    caller = phones.number()
    running = caller.dial(line.number)
    caller.wait_for("answered")
    assert _refusal(client.calls(running).delete).status == 409
