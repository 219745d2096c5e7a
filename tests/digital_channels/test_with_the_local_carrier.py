"""Texts both ways with the real local carrier and a telephone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app.customers.models import ContactPoint
from app.db import unit_of_work
from app.interactions.messages import MessageRefused, send_message
from app.interactions.models import Message
from tests.digital_channels.conftest import let_time_pass, the_message, write
from tests.support.home_and_carrier import Home, at_home, until
from tests.support.people import CALLER, OURS
from tests.telephony.local_carrier.running import RunningCarrier


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCarrier]:
    running = RunningCarrier(tmp_path_factory.mktemp("carrier")).start()
    yield running
    running.stop()


@pytest.fixture
def home(running: RunningCarrier, customer_id: uuid.UUID, database: str, tmp_path: Path) -> Iterator[Home]:
    for home in at_home(running, database, tmp_path):
        home.own_number()
        yield home


def texts() -> list[Message]:
    with unit_of_work() as session:
        return list(session.scalars(select(Message).order_by(Message.id)))


def opted_out() -> bool:
    with unit_of_work() as session:
        return session.scalars(select(ContactPoint.sms_opted_out_at)).one() is not None


def test_a_conversation_by_text_stays_on_one_record(home: Home, customer_id: uuid.UUID) -> None:
    phone = home.phone(CALLER)
    phone.text(OURS, "Is my table ready?")
    until(texts, "the text arrived")
    write(customer_id, "Yes, come in.")
    home.work_off()
    received = phone.wait_for("message")
    assert (received["from"], received["body"]) == (OURS, "Yes, come in.")
    until(lambda: texts()[-1].status == "delivered", "it is delivered")
    first, second = texts()
    assert (first.direction, second.direction) == ("inbound", "outbound")
    assert first.customer_id == second.customer_id == customer_id
    assert first.interaction_id == second.interaction_id


@pytest.mark.parametrize(
    ("body", "segments"),
    [("Long. " * 200, 8), ("Año €5 [ok] " * 20, 2), ("😀 你好，您的桌子准备好了。" * 10, 3)],
    ids=["long", "extended", "emoji"],
)
def test_long_and_emoji_texts_arrive_whole_both_ways(
    home: Home, customer_id: uuid.UUID, body: str, segments: int
) -> None:
    phone = home.phone(CALLER)
    phone.text(OURS, body)
    until(texts, "the text arrived")
    assert texts()[0].body == body
    write(customer_id, body.strip())
    home.work_off()
    assert phone.wait_for("message")["body"] == body.strip()
    listed = home.carrier.client().messages.list(to=CALLER, limit=1)[0]
    assert int(listed.num_segments) == texts()[1].segments == segments


def test_a_phone_that_is_away_shows_as_not_delivered_in_words(home: Home, customer_id: uuid.UUID) -> None:
    message_id = write(customer_id)
    home.work_off()
    until(lambda: the_message(message_id).status in ("undelivered", "failed"), "it failed")
    assert the_message(message_id).error_text


def test_stop_ends_texts_and_start_brings_them_back(home: Home, customer_id: uuid.UUID) -> None:
    phone = home.phone(CALLER)
    phone.text(OURS, "STOP")
    until(opted_out, "STOP is kept")
    with pytest.raises(MessageRefused), unit_of_work() as session:
        send_message(session, None, customer_id, "Still there?", "c1")
    phone.text(OURS, "Start")
    until(lambda: not opted_out(), "START is kept")
    write(customer_id, "Welcome back.")
    home.work_off()
    phone.wait_for("message", body="Welcome back.")


def test_an_opt_out_that_the_carrier_alone_knows_is_learnt_from_its_refusal(home: Home, customer_id: uuid.UUID) -> None:
    phone = home.phone(CALLER)
    phone.text(OURS, "STOP")
    until(opted_out, "STOP is kept")
    with unit_of_work() as session:
        session.scalars(select(ContactPoint)).one().sms_opted_out_at = None
    message_id = write(customer_id)
    home.work_off()
    assert (the_message(message_id).status, the_message(message_id).error_code) == ("failed", 21610)
    assert opted_out()
    phone.text(OURS, "START")
    until(lambda: not opted_out(), "START is kept")


def test_a_picture_by_text_comes_home(home: Home, customer_id: uuid.UUID) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    home.phone(CALLER).text(OURS, "Look", media=[("image/png", picture)])
    until(texts, "the text arrived")
    home.work_off()
    entry = texts()[0].media[0]
    assert (entry["content_type"], entry["bytes"]) == ("image/png", len(picture))
    assert home.app.extensions["recordings"].open(entry["path"]).read() == picture


def test_a_lost_answer_is_found_in_the_carriers_own_list(
    home: Home, customer_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = home.phone(CALLER)
    adapter = home.app.extensions["sms"]
    send = adapter.send

    def die_after_sending(message: object) -> None:
        send(message)
        raise KeyboardInterrupt

    message_id = write(customer_id)
    with monkeypatch.context() as power:
        power.setattr(adapter, "send", die_after_sending)
        with pytest.raises(KeyboardInterrupt):
            from app import jobs

            jobs.handlers["sms.send"].handler(message_id=message_id)
    phone.wait_for("message")
    let_time_pass(20)
    home.work_off()
    until(lambda: the_message(message_id).status == "delivered", "it is found")
    assert sum(event["event"] == "message" for event in phone.events) == 1


def test_texts_sent_while_the_application_was_down_are_adopted(home: Home, customer_id: uuid.UUID) -> None:
    numbers = home.carrier.client().incoming_phone_numbers
    number = numbers.list(phone_number=OURS)[0]
    number.update(sms_url="http://127.0.0.1:9/down", sms_fallback_url="http://127.0.0.1:9/down")
    phone = home.phone(CALLER)
    phone.text(OURS, "Anybody there?")
    until(lambda: home.carrier.client().messages.list(to=OURS, limit=1), "the carrier has the text")
    from app import jobs

    jobs.handlers["sms.adopt_missed"].handler()
    assert "Anybody there?" in [message.body for message in texts()]
