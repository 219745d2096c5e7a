"""The carrier's client: what it asks, what its failures mean, which tokens it makes."""

from __future__ import annotations

from dataclasses import replace

import jwt
import pytest

from app.config import Settings
from telephony.carrier import BaseUrlHttpClient, Carrier, CarrierError
from tests.telephony.voice.edge import Asked, CutOff, Edge


@pytest.fixture
def carrier(settings: Settings, edge: Edge) -> Carrier:
    return Carrier(replace(settings, twilio_api_base=edge.base), timeout_s=0.5)


def ring(carrier: Carrier) -> str:
    return carrier.ring_client(
        "agent_7",
        from_="+15005550006",
        answer_url="http://web.test/a",
        status_url="http://web.test/s",
        ring_s=3,
        fallback_url="http://web.test/f",
        parameters={"interactionId": "x y", "autoAnswer": "1"},
    )


def test_a_ring_asks_for_every_status_and_carries_its_parameters(carrier: Carrier, edge: Edge) -> None:
    sid = ring(carrier)
    [asked] = edge.to("POST", "Calls")
    assert sid == edge.calls[0]["sid"]
    assert asked.form["To"] == "client:agent_7?interactionId=x+y&autoAnswer=1"
    assert asked.form["Timeout"] == "5"
    assert asked.form["StatusCallback"] == "http://web.test/s"


@pytest.mark.parametrize(
    ("status", "code", "retryable", "unsure", "gone"),
    [
        (400, 21211, False, False, False),
        (401, 20003, False, False, False),
        (404, 20404, False, False, True),
        (400, 21220, False, False, True),
        (429, 20429, True, False, False),
        (500, 20500, True, True, False),
        (503, 0, True, True, False),
    ],
)
def test_a_refusal_says_whether_to_ask_again(
    carrier: Carrier, edge: Edge, status: int, code: int, retryable: bool, unsure: bool, gone: bool
) -> None:
    edge.answers.append(lambda _: (status, {"code": code, "message": "no", "status": status}))
    with pytest.raises(CarrierError) as refused:
        ring(carrier)
    error = refused.value
    assert (error.retryable, error.unsure, error.gone) == (retryable, unsure, gone)
    assert "+1500" not in str(error)


def test_a_lost_answer_is_unsure_and_a_closed_door_is_not(carrier: Carrier, edge: Edge, settings: Settings) -> None:
    def cut(asked: Asked) -> None:
        raise CutOff

    edge.answers.append(cut)
    with pytest.raises(CarrierError) as lost:
        ring(carrier)
    assert (lost.value.retryable, lost.value.unsure) == (True, True)
    nobody = Carrier(replace(settings, twilio_api_base="http://127.0.0.1:1"), timeout_s=0.5)
    with pytest.raises(CarrierError) as closed:
        ring(nobody)
    assert (closed.value.retryable, closed.value.unsure) == (True, False)


def test_an_answer_that_is_no_twilio_answer_is_unsure(carrier: Carrier, edge: Edge) -> None:
    edge.answers.append(lambda _: (201, {"hello": "world"}))
    with pytest.raises(CarrierError) as odd:
        carrier.hold("room", "CA1", True, "http://web.test/h")
    assert odd.value.unsure


def test_other_products_go_below_the_base_by_their_name(edge: Edge) -> None:
    client = BaseUrlHttpClient(edge.base + "/twilio", timeout=2)
    client.request("GET", "https://lookups.twilio.com/v2/Accounts/x/PhoneNumbers?Type=a")
    client.request("GET", "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls.json")
    assert [asked.path for asked in edge.asked] == ["PhoneNumbers", "Calls"]


def test_a_softphones_token_is_what_twilio_takes(carrier: Carrier, settings: Settings) -> None:
    token = carrier.access_token("agent_7")
    claims = jwt.decode(token.token, settings.twilio_api_key_secret, algorithms=["HS256"])
    assert claims["sub"] == settings.twilio_account_sid
    assert claims["grants"]["identity"] == "agent_7"
    assert claims["grants"]["voice"]["incoming"] == {"allow": True}
    assert jwt.get_unverified_header(token.token)["cty"] == "twilio-fpa;v=1"
    assert abs(token.expires_at.timestamp() - claims["exp"]) < 5


def test_a_phones_token_allows_one_number_of_this_account(carrier: Carrier, settings: Settings) -> None:
    claims = jwt.decode(carrier.phone_token("+15550100001").token, settings.twilio_api_key_secret, algorithms=["HS256"])
    assert (claims["sub"], claims["number"]) == (settings.twilio_account_sid, "+15550100001")
    assert claims["exp"] > 0
