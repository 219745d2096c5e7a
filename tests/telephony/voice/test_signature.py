"""Only what the carrier signed is read; anything else is refused before a row is written."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from app.config import Settings
from app.interactions.models import Interaction
from telephony.models import WebhookReceipt
from telephony.signature import is_signed_handshake
from telephony.webhooks import bp
from tests.telephony.voice.conftest import House

CALL = {"CallSid": "CA" + "1" * 32, "From": "+15550100001", "To": "+15005550006", "CallStatus": "ringing"}
ID = "11111111-2222-3333-4444-555555555555"
WEBHOOKS = [
    "/voice/incoming",
    "/voice/draft/token",
    f"/voice/step/{ID}/1",
    f"/voice/look-up/{ID}/1",
    f"/voice/wait/{ID}",
    f"/voice/after/{ID}",
    f"/voice/callback/{ID}/1",
    f"/voice/machine/{ID}",
    f"/voice/returning/{ID}",
    f"/voice/hold/{ID}",
    "/voice/ringback",
    f"/voice/tones/{ID}?digits=1",
    "/voice/agent/1",
    "/voice/agent/1/status",
    "/voice/leg/1",
    "/voice/leg/1/status",
    "/voice/status",
    f"/voice/conference/{ID}",
    f"/voice/recording/{ID}",
    "/voice/fallback",
    "/voice/fallback/message",
]


def test_the_list_of_this_file_names_every_webhook(house: House) -> None:
    rules = [rule for rule in house.app.url_map.iter_rules() if rule.endpoint.startswith(f"{bp.name}.")]
    assert len(rules) == len(WEBHOOKS)


@pytest.mark.parametrize("path", WEBHOOKS)
@pytest.mark.parametrize("signature", ["", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="], ids=["missing", "wrong"])
def test_unsigned_webhook_is_refused_and_nothing_is_stored(house: House, path: str, signature: str) -> None:
    assert house.post(path, CALL, signature=signature).status_code == 403
    assert house.read(select(Interaction)) == house.read(select(WebhookReceipt)) == []


def test_the_carrier_gets_the_headers_of_the_house_and_no_cookie(house: House) -> None:
    answer = house.post("/voice/ringback", CALL)
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not {"Set-Cookie", "Vary"} & set(answer.headers.keys())


def test_a_changed_parameter_breaks_the_signature(house: House) -> None:
    signed = RequestValidator(house.settings.twilio_auth_token).compute_signature(
        "http://web.test/voice/incoming", CALL
    )
    assert house.post("/voice/incoming", CALL | {"From": "+15550100002"}, signature=signed).status_code == 403


def test_the_query_is_part_of_what_is_signed(house: House) -> None:
    path = f"/voice/tones/{ID}?digits=12"
    assert house.post(path, CALL).status_code == 200
    signed = RequestValidator(house.settings.twilio_auth_token).compute_signature("http://web.test" + path, CALL)
    assert house.post(path.replace("12", "13"), CALL, signature=signed).status_code == 403


def test_the_previous_token_counts_while_a_rotation_is_under_way(house: House) -> None:
    rotating = replace(house.settings, twilio_auth_token_previous="the-old-token")
    house.app.config["SETTINGS"] = rotating
    assert house.post("/voice/ringback", CALL, token="the-old-token").status_code == 200
    house.app.config["SETTINGS"] = house.settings
    assert house.post("/voice/ringback", CALL, token="the-old-token").status_code == 403


def test_a_json_body_without_its_hash_is_refused_and_with_it_taken(house: House) -> None:
    body = '{"CallSid": "CA1"}'
    validator = RequestValidator(house.settings.twilio_auth_token)
    bare = "http://web.test/voice/ringback"
    hashed = bare + "?bodySHA256=" + hashlib.sha256(body.encode()).hexdigest()
    for url, status in ((bare, 403), (hashed, 200)):
        headers = {"X-Twilio-Signature": validator.compute_signature(url, {})}
        answer = house.client.post(
            url.removeprefix("http://web.test"), data=body, headers=headers, content_type="application/json"
        )
        assert answer.status_code == status


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_streams_handshake_is_signed_over_its_socket_address(settings: Settings, scheme: str) -> None:
    ours = replace(settings, public_base_url=f"{scheme}://calls.example.com")
    signed = RequestValidator(ours.twilio_auth_token).compute_signature(
        f"{scheme.replace('http', 'ws')}://calls.example.com/media/abc", {}
    )
    assert is_signed_handshake(ours, "/media/abc", signed)
    assert not is_signed_handshake(ours, "/media/abd", signed)
    assert not is_signed_handshake(ours, "/media/abc", None)
