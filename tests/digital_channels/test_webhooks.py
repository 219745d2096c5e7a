"""The carrier's requests about texts: signed, repeated, out of order, hostile."""

from __future__ import annotations

import itertools
import threading
import uuid

import pytest
from flask import Flask
from sqlalchemy import select

from app import crash
from app.customers.models import ContactPoint, Customer
from app.db import unit_of_work
from app.interactions.models import Interaction, Message
from digital_channels.jobs import SmsHands
from tests.digital_channels.conftest import Post, inbound_form, the_message
from tests.digital_channels.test_sending import jobs_waiting
from tests.support.odd_carrier import OddCarrier
from tests.support.people import CALLER, OURS

MM = "MM" + "2b" * 16


def all_of(model: type) -> list:
    with unit_of_work() as session:
        return list(session.scalars(select(model)))


def status_form(sid: str, status: str, **more: str) -> dict[str, str]:
    return {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status, "From": OURS, **more}


def test_a_text_lands_on_the_record_of_its_sender(signed: Post, customer_id: uuid.UUID) -> None:
    answer = signed("/sms/incoming", inbound_form())
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert answer.text == '<?xml version="1.0" encoding="UTF-8"?><Response/>'
    message = the_message()
    assert (message.customer_id, message.body, message.status) == (customer_id, "Is my table ready?", "received")
    assert [(i.channel, i.direction) for i in all_of(Interaction)] == [("sms", "inbound")]


def test_a_stranger_gets_a_record_of_their_own(signed: Post, customer_id: uuid.UUID) -> None:
    signed("/sms/incoming", inbound_form(From="+15551239999"))
    assert the_message().customer_id != customer_id
    assert len(all_of(Customer)) == 2


@pytest.mark.parametrize("path", ["/sms/incoming", "/sms/fallback", "/sms/status/1"])
@pytest.mark.parametrize("signature", [None, "", "bm90IHNpZ25lZA==", "\u00e9" * 20])
def test_what_is_not_signed_is_refused_and_leaves_nothing(
    app: Flask, database: str, path: str, signature: str | None
) -> None:
    headers = {} if signature is None else {"X-Twilio-Signature": signature}
    answer = app.test_client().post(path, data=inbound_form(), headers=headers)
    assert answer.status_code == 403
    assert all_of(Message) == [] and all_of(Customer) == []


def test_a_signature_for_other_words_is_refused(app: Flask, signed: Post, settings, database: str) -> None:
    from twilio.request_validator import RequestValidator

    signature = RequestValidator(settings.twilio_auth_token).compute_signature(
        "http://web.test/sms/incoming", inbound_form(Body="Pay me 10")
    )
    answer = app.test_client().post(
        "/sms/incoming", data=inbound_form(Body="Pay me 1000"), headers={"X-Twilio-Signature": signature}
    )
    assert (answer.status_code, all_of(Message)) == (403, [])


def test_a_repeated_text_is_kept_once_and_answered_alike(signed: Post, database: str) -> None:
    answers = [signed(path, inbound_form()) for path in ("/sms/incoming", "/sms/incoming", "/sms/fallback")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert len(all_of(Message)) == 1


def test_the_same_text_on_two_workers_at_once_is_kept_once(app: Flask, signed: Post, database: str) -> None:
    together, answers = threading.Barrier(4), []

    def deliver() -> None:
        together.wait()
        answers.append(signed("/sms/incoming", inbound_form()).status_code)

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 4
    assert (len(all_of(Message)), len(all_of(Interaction)), len(all_of(Customer))) == (1, 1, 1)


def test_a_text_that_could_not_be_kept_comes_back_by_the_fallback(
    signed: Post, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def point(name: str) -> None:
        if name == "W1":
            raise RuntimeError("the lights went out")

    with monkeypatch.context() as outage:
        outage.setattr(crash, "point", point)
        signed("/sms/incoming", inbound_form())
    assert all_of(Message) == []
    assert signed("/sms/fallback", inbound_form(ErrorCode="11200")).status_code == 200
    assert the_message().body == "Is my table ready?"


def test_what_was_texted_during_an_outage_is_taken_in_afterwards(
    hands: SmsHands, carrier: OddCarrier, customer_id: uuid.UUID, signed: Post
) -> None:
    for body in ("one", "two"):
        carrier.text_in(body, to=OURS, from_=CALLER)
    carrier.text_in("of another number", to="+15550199999", from_=CALLER)
    signed("/sms/incoming", inbound_form(MessageSid=carrier.messages[0]["sid"], Body="one"))
    for _ in range(2):
        hands.adopt_missed()
    assert sorted(message.body for message in all_of(Message)) == ["one", "two"]


def test_stop_and_start_are_kept_on_the_number(signed: Post, customer_id: uuid.UUID) -> None:
    def opted_out() -> bool:
        return all_of(ContactPoint)[0].sms_opted_out_at is not None

    signed("/sms/incoming", inbound_form(MessageSid="SM" + "01" * 16, Body="Stop"))
    assert opted_out()
    signed("/sms/incoming", inbound_form(MessageSid="SM" + "02" * 16, Body="please start cooking"))
    assert opted_out(), "a word within a sentence is no consent"
    signed("/sms/incoming", inbound_form(MessageSid="SM" + "03" * 16, Body="START"))
    assert not opted_out()
    assert len(all_of(Message)) == 3, "the words themselves stay on the record"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"MessageSid": "", "SmsSid": ""}, "MessageSid"),
        ({"MessageSid": "SM'; DROP TABLE message--"}, "MessageSid"),
        ({"From": ""}, "From"),
        ({"From": "+1" * 200}, "From"),
        ({"To": "\x07"}, "To"),
        ({"Body": "a" * 10_001}, "Body"),
        ({"NumMedia": "1"}, "MediaUrl0"),
        ({"NumMedia": "1", "MediaUrl0": "file:///etc/passwd"}, "MediaUrl0"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_request_that_cannot_be_right_is_refused_by_field(
    signed: Post, database: str, changes: dict[str, str], field: str
) -> None:
    answer = signed("/sms/incoming", inbound_form(**changes))
    assert (answer.status_code, answer.json["error"]["field"]) == (400, field)
    assert all_of(Message) == []


@pytest.mark.parametrize("body", ["", "a\0b", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "<b>"])
def test_odd_texts_are_kept(signed: Post, database: str, body: str) -> None:
    assert signed("/sms/incoming", inbound_form(Body=body)).status_code == 200
    assert the_message().body == body.replace("\0", "")


def test_a_huge_request_is_refused_before_it_is_read(signed: Post, database: str) -> None:
    assert signed("/sms/incoming", inbound_form(Body="a" * 3_000_000)).status_code in (403, 413)
    assert all_of(Message) == []


def test_delivery_is_shown_as_it_comes(signed: Post, queued: int, hands: SmsHands, carrier: OddCarrier) -> None:
    hands.send(queued)
    sid = carrier.messages[0]["sid"]
    for status in ("queued", "sent", "delivered"):
        assert signed(f"/sms/status/{queued}", status_form(sid, status)).status_code == 204
    assert the_message().status == "delivered"


@pytest.mark.parametrize("order", list(itertools.permutations(["sending", "sent", "delivered", "delivered"]))[::3])
def test_callbacks_in_any_order_and_twice_end_in_delivered(
    signed: Post, queued: int, hands: SmsHands, carrier: OddCarrier, order: tuple[str, ...]
) -> None:
    hands.send(queued)
    for status in order:
        signed(f"/sms/status/{queued}", status_form(carrier.messages[0]["sid"], status))
    assert the_message().status == "delivered"


def test_an_undelivered_text_says_why(signed: Post, queued: int, hands: SmsHands, carrier: OddCarrier) -> None:
    hands.send(queued)
    sid = carrier.messages[0]["sid"]
    signed(f"/sms/status/{queued}", status_form(sid, "undelivered", ErrorCode="30003"))
    signed(f"/sms/status/{queued}", status_form(sid, "sent"))
    assert (the_message().status, the_message().error_code) == ("undelivered", 30003)
    assert the_message().error_text == "The phone is switched off or out of reach."


def test_a_callback_before_the_answer_of_the_send_is_kept(signed: Post, queued: int, carrier: OddCarrier) -> None:
    signed(f"/sms/status/{queued}", status_form("SM" + "5e" * 16, "sent"))
    assert (the_message().status, the_message().provider_id) == ("sent", "SM" + "5e" * 16)
    assert "sms.follow" in jobs_waiting(), "whoever sent it may be dead, and the next callback may be lost"


def test_an_end_is_asked_for_by_one_job_whoever_learns_of_the_text_first(
    signed: Post, queued: int, hands: SmsHands, carrier: OddCarrier
) -> None:
    hands.send(queued)
    signed(f"/sms/status/{queued}", status_form(carrier.messages[0]["sid"], "sent"))
    hands.send(queued)
    assert jobs_waiting().count("sms.follow") == 1


def test_a_callback_of_another_message_changes_nothing(
    signed: Post, queued: int, hands: SmsHands, carrier: OddCarrier
) -> None:
    hands.send(queued)
    answer = signed(f"/sms/status/{queued}", status_form("SM" + "5e" * 16, "delivered"))
    assert (answer.status_code, the_message().status) == (404, "sending")


@pytest.mark.parametrize("path", ["/sms/status/999", "/sms/status/" + "9" * 30])
def test_a_callback_for_a_text_that_is_not_ours_is_told_so(signed: Post, database: str, path: str) -> None:
    assert signed(path, status_form(MM, "delivered")).status_code == 404


@pytest.mark.parametrize("status", ["", "exploded", "d" * 1000])
def test_a_status_nobody_knows_is_refused_by_name(signed: Post, queued: int, status: str) -> None:
    answer = signed(f"/sms/status/{queued}", {"MessageSid": MM, "MessageStatus": status})
    assert (answer.status_code, answer.json["error"]["field"]) == (400, "MessageStatus")
    assert the_message().status == "queued"
