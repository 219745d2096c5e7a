"""Attachments: fetched from the carrier and nowhere else, shown only when that is safe."""

from __future__ import annotations

import pytest
from flask import Flask

from app.config import Settings
from digital_channels.jobs import SmsHands
from recordings.problems import RecordingProblem
from tests.digital_channels.conftest import Post, inbound_form, the_message
from tests.support.odd_carrier import OddCarrier
from tests.support.people import a_person, signed_in

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100
MEDIA = "ME" + "3c" * 16


def receive(signed: Post, url: str, content_type: str = "image/png") -> int:
    signed(
        "/sms/incoming",
        inbound_form(NumMedia="1", MediaUrl0=url, MediaContentType0=content_type, MessageSid="MM" + "3c" * 16),
    )
    return the_message().id


def at_carrier(settings: Settings) -> str:
    account = settings.twilio_account_sid
    return f"{settings.twilio_api_base}/2010-04-01/Accounts/{account}/Messages/MM{'3c' * 16}/Media/{MEDIA}"


def test_a_picture_comes_home_and_an_agent_sees_it(
    app: Flask, signed: Post, hands: SmsHands, carrier: OddCarrier, settings: Settings, database: str
) -> None:
    carrier.attachments[MEDIA] = ("image/png", PNG)
    message_id = receive(signed, at_carrier(settings))
    browser = signed_in(app, a_person("agent"))
    assert browser.get(f"/messages/{message_id}/media/0").status_code == 409
    hands.fetch_media(message_id)
    hands.fetch_media(message_id)
    assert len(carrier.paths("GET")) == 1
    answer = browser.get(f"/messages/{message_id}/media/0")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/png", PNG)
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert browser.get(f"/messages/{message_id}/media/1").status_code == 404
    assert browser.get(f"/messages/{'9' * 25}/media/0").status_code == 404
    assert app.test_client().get(f"/messages/{message_id}/media/0").status_code in (302, 401)


def test_a_page_sent_as_an_attachment_is_saved_and_never_shown(
    app: Flask, signed: Post, hands: SmsHands, carrier: OddCarrier, settings: Settings, database: str
) -> None:
    carrier.attachments[MEDIA] = ("text/html", b"<script>alert(1)</script>")
    message_id = receive(signed, at_carrier(settings), "text/html")
    hands.fetch_media(message_id)
    answer = signed_in(app, a_person("agent")).get(f"/messages/{message_id}/media/0")
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:22/2010-04-01/Accounts/{account}/Messages/MM1/Media/ME1",
        "{base}/2010-04-01/Accounts/{account}/Messages/../../../Calls.json",
        "{base}/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages/MM1/Media/ME1",
        "{base}@evil.example/2010-04-01/Accounts/{account}/Messages/MM1/Media/ME1",
    ],
)
def test_an_address_that_is_not_the_carriers_is_never_asked(
    signed: Post, hands: SmsHands, carrier: OddCarrier, settings: Settings, database: str, url: str
) -> None:
    message_id = receive(signed, url.format(base=settings.twilio_api_base, account=settings.twilio_account_sid))
    hands.fetch_media(message_id)
    assert carrier.asked == []
    assert "not at the carrier" in the_message().media[0]["problem"]


def test_a_carrier_that_is_away_keeps_the_attachment_for_the_next_try(
    signed: Post, hands: SmsHands, carrier: OddCarrier, settings: Settings, database: str
) -> None:
    carrier.attachments[MEDIA] = ("image/png", PNG)
    message_id = receive(signed, at_carrier(settings))
    carrier.trouble.append(503)
    with pytest.raises(RecordingProblem):
        hands.fetch_media(message_id)
    hands.fetch_media(message_id)
    assert the_message().media[0]["bytes"] == len(PNG)
