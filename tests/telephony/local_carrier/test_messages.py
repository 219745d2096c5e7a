"""Messages: out to phones, in to the application, delivery states, media, STOP words."""

from __future__ import annotations

import time

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from telephony.local_carrier.segments import count_segments
from tests.telephony.local_carrier.application import Answer
from tests.telephony.local_carrier.conftest import new_number

PICTURE = b"\x89PNG\r\n\x1a\n" + b"picture" * 20
MESSAGE_KEYS = {
    "account_sid", "api_version", "body", "date_created", "date_sent", "date_updated", "direction", "error_code",
    "error_message", "from", "messaging_service_sid", "num_media", "num_segments", "price", "price_unit", "sid",
    "status", "subresource_uris", "to", "uri",
}  # fmt: skip


def _status(client, sid: str, *wanted: str):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = client.messages(sid).fetch()
        if found.status in wanted:
            return found
        time.sleep(0.02)
    raise AssertionError(f"the message never became {wanted}")


def test_message_reaches_the_phone_and_each_state_is_told(carrier, application, phones, client, line):
    phone = phones.number()
    made = client.messages.create(
        to=phone.address, from_=line.number, body="Hello 👋", status_callback=f"{application.url}/status"
    )
    assert (made.status, made.direction, made.sid[:2]) == ("queued", "outbound-api", "SM")
    arrived = phone.wait_for("message")
    assert arrived == {
        "event": "message", "sid": made.sid, "from": line.number, "to": phone.address, "body": "Hello 👋", "media": [],
    }  # fmt: skip
    application.wait_for("/status", 2)
    told = [asked.params for asked in application.requests("/status")]
    assert [each["MessageStatus"] for each in told] == ["sent", "delivered"]
    assert told[1]["SmsStatus"] == "delivered"
    assert (told[1]["From"], told[1]["To"], told[1]["MessageSid"]) == (line.number, phone.address, made.sid)
    assert len(told[1]["RawDlrDoneDate"]) == 10
    assert all(asked.is_signed_by(carrier.auth_token) for asked in application.requests("/status"))
    assert client.messages(made.sid).fetch().status == "delivered"


def test_message_has_twilios_keys_and_numbers_as_texts(carrier, client, phones, line):
    phone = phones.number()
    made = client.messages.create(to=phone.address, from_=line.number, body="x" * 200)
    body = carrier.get(f"{carrier.account_path}/Messages/{made.sid}.json").json()
    assert set(body) == MESSAGE_KEYS
    assert (body["num_segments"], body["num_media"]) == ("2", "0")


def test_number_that_no_phone_holds_is_undelivered(application, client, line):
    made = client.messages.create(
        to=new_number(), from_=line.number, body="anyone?", status_callback=f"{application.url}/status"
    )
    told = application.wait_for("/status", MessageStatus="undelivered").params
    assert told["ErrorCode"] == "30003"
    found = client.messages(made.sid).fetch()
    assert (found.status, found.error_code) == ("undelivered", 30003)
    assert found.error_message


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"to": "", "body": "x"}, 21604),
        ({"from_": "", "body": "x"}, 21603),
        ({"from_": "+15557654321", "body": "x"}, 21606),
        ({"to": "12", "body": "x"}, 21211),
        ({}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"media_url": ["ftp://x/"]}, 21620),
        ({"media_url": ["http://a.example/"] * 11}, 21623),
    ],
)
def test_message_that_cannot_be_sent_is_refused(client, line, options, code):
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(**{"to": "+15551230000", "from_": line.number, **options})
    assert (refused.value.status, refused.value.code) == (400, code)


def test_longest_body_is_taken(client, phones, line):
    phone = phones.number()
    client.messages.create(to=phone.address, from_=line.number, body="x" * 1600)
    assert len(phone.wait_for("message")["body"]) == 1600


def test_picture_is_fetched_kept_and_shown(carrier, application, phones, client, line):
    application.on("/picture.png", Answer(PICTURE, "image/png"))
    phone = phones.number()
    made = client.messages.create(
        to=phone.address, from_=line.number, body="look", media_url=[f"{application.url}/picture.png"]
    )
    assert made.sid.startswith("MM")
    (shown,) = phone.wait_for("message")["media"]
    assert shown["contentType"] == "image/png"
    got = requests.get(shown["url"], timeout=5)
    assert (got.content, got.headers["Content-Type"]) == (PICTURE, "image/png")
    (listed,) = client.messages(made.sid).media.list()
    assert (listed.content_type, listed.parent_sid) == ("image/png", made.sid)
    assert client.messages(made.sid).media(listed.sid).delete()
    assert requests.get(shown["url"], timeout=5).status_code == 404


def test_picture_that_cannot_be_had_fails_the_message(application, phones, client, line):
    application.on("/picture.png", Answer(status=404))
    phone = phones.number()
    made = client.messages.create(to=phone.address, from_=line.number, media_url=[f"{application.url}/picture.png"])
    assert _status(client, made.sid, "failed").error_code == 11200
    assert not phone.has_seen("message")


def test_messages_are_listed_redacted_and_deleted(client, phones, line):
    phone = phones.number()
    sids = [client.messages.create(to=phone.address, from_=line.number, body=f"n{index}").sid for index in range(3)]
    assert [item.sid for item in client.messages.list(to=phone.address)] == sids[::-1]
    assert [item.sid for item in client.messages.list(from_=line.number, page_size=2)] == sids[::-1]
    _status(client, sids[0], "delivered")
    assert client.messages(sids[0]).update(body="").body == ""
    assert client.messages(sids[0]).delete()
    assert sids[0] not in [item.sid for item in client.messages.list(to=phone.address)]


# --- from a phone ---------------------------------------------------------------------------------------------------


def test_text_from_a_phone_reaches_the_application_and_its_reply_comes_back(carrier, application, phones, client, line):
    application.on("/sms", "<Message>We got <!-- it --> it</Message><Message><Body>twice</Body></Message>")
    phone = phones.number()
    phone.text(line.number, "Where is my order?")
    asked = application.wait_for("/sms")
    told = asked.params
    assert (told["From"], told["To"], told["Body"]) == (phone.address, line.number, "Where is my order?")
    assert told["MessageSid"] == told["SmsSid"] == told["SmsMessageSid"]
    assert (told["NumMedia"], told["NumSegments"], told["SmsStatus"]) == ("0", "1", "received")
    assert asked.is_signed_by(carrier.auth_token)
    assert phone.wait_for("message-status", status="delivered")["sid"] == told["MessageSid"]
    assert phone.wait_for("message")["body"] == "We got  it"
    second = phone.wait_for("message")
    assert second["body"] == "twice"
    assert client.messages(second["sid"]).fetch().direction == "outbound-reply"
    assert client.messages(told["MessageSid"]).fetch().direction == "inbound"


def test_picture_from_a_phone_can_be_fetched_by_the_application(carrier, application, phones, line):
    phone = phones.number()
    phone.text(line.number, "", [("image/png", PICTURE)])
    told = application.wait_for("/sms").params
    assert (told["NumMedia"], told["MediaContentType0"], told["MessageSid"][:2]) == ("1", "image/png", "MM")
    assert requests.get(told["MediaUrl0"], timeout=5).content == PICTURE


def test_plain_text_answer_is_sent_back(application, phones, line):
    application.on("/sms", Answer(b"Thanks!", "text/plain"))
    phone = phones.number()
    phone.text(line.number, "hi")
    assert phone.wait_for("message")["body"] == "Thanks!"


def test_redirect_and_fallback_work_for_messages_too(application, phones, client, line):
    application.on("/sms", "<Redirect>/other</Redirect><Message>never</Message>")
    application.on("/other", Answer(status=500))
    client.incoming_phone_numbers(line.sid).update(sms_fallback_url=f"{application.url}/rescue")
    application.on("/rescue", "<Message>rescued</Message>")
    phone = phones.number()
    phone.text(line.number, "hi")
    assert phone.wait_for("message")["body"] == "rescued"
    assert application.requests("/rescue")[0].params["ErrorCode"] == "11200"


def test_text_to_a_number_that_nobody_holds_is_undelivered(phones):
    phone = phones.number()
    phone.text(new_number(), "hello?")
    assert phone.wait_for("message-status", status="undelivered")["errorCode"] == 30003


def test_text_between_two_phones_is_delivered(phones):
    one, other = phones.number(), phones.number()
    one.text(other.address, "psst")
    assert other.wait_for("message")["body"] == "psst"


def test_whatsapp_addresses_are_phones_for_messages(application, phones, client, line):
    phone = phones.number(f"whatsapp:{new_number()}")
    phone.text(f"whatsapp:{line.number}", "hola")
    told = application.wait_for("/sms").params
    assert (told["From"], told["To"]) == (phone.address, f"whatsapp:{line.number}")
    assert told["WaId"] == phone.address.removeprefix("whatsapp:+")
    client.messages.create(to=phone.address, from_=f"whatsapp:{line.number}", body="hey")
    assert phone.wait_for("message")["body"] == "hey"
    phone.send({"event": "dial", "to": line.number})
    assert phone.wait_for("error")["code"] == 31401


@pytest.mark.parametrize("word", ["STOP", "stop", " Unsubscribe ", "QUIT", "cancel", "END", "StopAll"])
def test_stop_word_ends_messages_until_start(application, phones, client, line, word):
    phone = phones.number()
    phone.text(line.number, word)
    assert "unsubscribed" in phone.wait_for("message")["body"]
    assert application.wait_for("/sms").params["Body"] == word
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=phone.address, from_=line.number, body="still there?")
    assert refused.value.code == 21610
    phone.text(line.number, "START")
    assert "subscribed again" in phone.wait_for("message")["body"]
    client.messages.create(to=phone.address, from_=line.number, body="welcome back")
    assert phone.wait_for("message")["body"] == "welcome back"


def test_stop_in_a_sentence_is_no_stop_word(application, phones, client, line):
    phone = phones.number()
    phone.text(line.number, "please stop by tomorrow")
    application.wait_for("/sms")
    client.messages.create(to=phone.address, from_=line.number, body="we will")
    assert phone.wait_for("message")["body"] == "we will"


def test_reply_to_stop_is_not_sent(application, phones, line):
    application.on("/sms", lambda asked: "<Message>Sorry!</Message>" if asked.params["Body"] == "STOP" else "")
    phone = phones.number()
    phone.text(line.number, "STOP")
    application.wait_for("/sms")
    phone.text(line.number, "HELP")
    application.wait_for("/sms", 2)
    phone.wait_for("message")
    assert "Reply STOP" in phone.wait_for("message")["body"]
    assert not phone.has_seen("message", body="Sorry!")


def test_help_word_is_answered(phones, line):
    phone = phones.number()
    phone.text(line.number, "help")
    assert "STOP" in phone.wait_for("message")["body"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"body": "x" * 1601}, 21617),
        ({"body": ""}, 21602),
        ({"body": 5}, 21617),
        ({"body": "x", "to": ""}, 31100),
        ({"body": "x", "media": "picture"}, 31100),
        ({"body": "x", "media": [{"contentType": "image/png"}]}, 31100),
        ({"body": "x", "media": [{"contentType": "text/html\r\nX: y", "data": ""}]}, 31100),
        ({"body": "x", "media": [{"contentType": "image/png", "data": "%%%"}]}, 31100),
        ({"body": "x", "media": [{"contentType": "image/png", "data": ""}] * 11}, 31100),
    ],
)
def test_message_that_cannot_be_read_is_refused_and_the_phone_stays(phones, line, event, code):
    phone = phones.number()
    phone.send({"event": "message", "to": line.number, **event})
    assert phone.wait_for("error")["code"] == code
    phone.send({"event": "ping"})
    phone.wait_for("pong")


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("é" * 160, 1),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("你" * 70, 1),
        ("你" * 134, 2),
        ("你" * 135, 3),
        ("👋" * 35, 1),
        ("👋" * 36, 2),
        ("👋" * 66, 2),
        ("👋" * 67, 3),
    ],
)
def test_segments_are_counted_as_the_air_needs_them(text, segments):
    assert count_segments(text) == segments
