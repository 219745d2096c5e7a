"""A text leaves once: whatever the carrier, the network and the power do (F7, crash points S1 to S5)."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select, text

from app import crash
from app.customers.models import ContactPoint
from app.db import unit_of_work
from app.events import Event
from app.interactions.messages import send_message
from app.interactions.models import Message
from digital_channels import outbox
from digital_channels.jobs import SmsHands, TryAgain
from tests.digital_channels.conftest import Post, bodies_at, let_time_pass, the_message, write
from tests.support.odd_carrier import OddCarrier
from tests.support.people import CALLER, OURS


class PowerCut(BaseException):
    """What a kill -9 is to the code that was running."""


def cut_power_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def point(here: str) -> None:
        if here == name:
            raise PowerCut

    monkeypatch.setattr(crash, "point", point)


def jobs_waiting() -> list[str]:
    with unit_of_work() as session:
        return list(session.scalars(text("SELECT task_name FROM procrastinate_jobs ORDER BY id")))


def forget_jobs() -> None:
    with unit_of_work() as session:
        session.execute(text("DELETE FROM procrastinate_jobs"))


def ask_about_lost_ones() -> None:
    with unit_of_work() as session:
        outbox.ask_about_lost_ones(session)


def statuses_told() -> list[str]:
    with unit_of_work() as session:
        query = select(Event).where(Event.kind == "message.status").order_by(Event.id)
        return [event.data["status"] for event in session.scalars(query)]


def test_a_text_goes_out_with_its_own_status_address(queued: int, hands: SmsHands, carrier: OddCarrier) -> None:
    hands.send(queued)
    method, path, form = carrier.asked[0]
    assert (method, path.endswith("/Messages.json")) == ("POST", True)
    assert form == {
        "To": CALLER,
        "From": OURS,
        "Body": "Your table is ready.",
        "StatusCallback": f"http://web.test/sms/status/{queued}",
    }
    message = the_message()
    assert (message.status, message.provider_id) == ("sending", carrier.messages[0]["sid"])
    assert message.attempted_at is not None


def test_a_repeated_job_sends_nothing_more(queued: int, hands: SmsHands, carrier: OddCarrier) -> None:
    for _ in range(3):
        hands.send(queued)
    assert len(bodies_at(carrier)) == 1


@pytest.mark.parametrize("name", ["S1", "S4"])
def test_a_power_cut_before_the_request_or_after_the_answer_sends_once(
    queued: int, hands: SmsHands, carrier: OddCarrier, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as power:
        cut_power_at(power, name)
        with pytest.raises(PowerCut):
            hands.send(queued)
    hands.send(queued)  # the worker that took the dead one's job
    assert len(bodies_at(carrier)) == 1
    assert the_message().provider_id == carrier.messages[0]["sid"]


@pytest.mark.parametrize("name", ["S2", "S3"])
def test_a_power_cut_after_the_request_is_looked_up_and_never_sent_again(
    queued: int, hands: SmsHands, carrier: OddCarrier, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as power:
        cut_power_at(power, name)
        with pytest.raises(PowerCut):
            hands.send(queued)
    hands.send(queued)
    assert (the_message().status, len(bodies_at(carrier))) == ("sending", 1), "too early to say"
    let_time_pass(20)
    forget_jobs()
    ask_about_lost_ones()
    assert jobs_waiting() == ["sms.look_up"]
    hands.look_up(queued)
    assert the_message().provider_id == carrier.messages[0]["sid"]
    assert len(bodies_at(carrier)) == 1


def test_a_power_cut_between_attempt_and_request_is_looked_up_and_then_sent(
    queued: int, hands: SmsHands, carrier: OddCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as power:
        power.setattr(hands.adapter, "send", lambda message: (_ for _ in ()).throw(PowerCut()))
        with pytest.raises(PowerCut):
            hands.send(queued)
    let_time_pass(20)
    hands.look_up(queued)
    assert (the_message().status, bodies_at(carrier)) == ("unknown", []), "not yet sure, and the agent sees so"
    let_time_pass(45)
    hands.look_up(queued)
    assert the_message().status == "queued"
    hands.send(queued)
    assert bodies_at(carrier) == ["Your table is ready."]


def test_a_lost_answer_shows_unknown_and_the_carriers_list_settles_it(
    queued: int, hands: SmsHands, carrier: OddCarrier
) -> None:
    carrier.trouble.append("answer_lost")
    hands.send(queued)
    assert (the_message().status, the_message().provider_id) == ("unknown", None)
    let_time_pass(20)
    hands.look_up(queued)
    assert the_message().provider_id == carrier.messages[0]["sid"]
    assert statuses_told() == ["sending", "unknown", "sending"]
    assert len(bodies_at(carrier)) == 1


def test_a_lost_answer_is_also_settled_by_the_status_callback(
    queued: int, hands: SmsHands, carrier: OddCarrier, signed: Post
) -> None:
    carrier.trouble.append("answer_lost")
    hands.send(queued)
    sid = carrier.messages[0]["sid"]
    signed(f"/sms/status/{queued}", {"MessageSid": sid, "MessageStatus": "delivered"})
    assert (the_message().status, the_message().provider_id) == ("delivered", sid)
    let_time_pass(120)
    hands.look_up(queued)
    assert len(bodies_at(carrier)) == 1


def test_the_same_text_sent_twice_on_purpose_finds_both_its_copies(
    customer_id: uuid.UUID, hands: SmsHands, carrier: OddCarrier
) -> None:
    first, second = write(customer_id, "OK"), write(customer_id, "OK")
    other = write(customer_id, "Not OK")
    for message_id in (first, second, other):
        carrier.trouble.append("answer_lost")
        hands.send(message_id)
    let_time_pass(20)
    for message_id in (second, first, other):
        hands.look_up(message_id)
    found = [the_message(message_id).provider_id for message_id in (first, second, other)]
    assert None not in found and len(set(found)) == 3
    assert bodies_at(carrier) == ["OK", "OK", "Not OK"]
    assert found[2] == carrier.messages[2]["sid"]


def test_an_old_text_with_the_same_words_is_not_taken_for_this_one(
    queued: int, hands: SmsHands, carrier: OddCarrier
) -> None:
    carrier.clock_ahead_s = -3600
    carrier._take_message({"To": CALLER, "From": OURS, "Body": "Your table is ready."}, "outbound-api", "delivered")
    carrier.clock_ahead_s = 0
    carrier.trouble.append("drop")
    hands.send(queued)
    let_time_pass(20)
    hands.look_up(queued)
    assert (the_message().status, the_message().provider_id) == ("unknown", None)


def test_a_carrier_that_is_away_leaves_the_text_queued_and_in_order(
    queued: int, hands: SmsHands, carrier: OddCarrier
) -> None:
    carrier.trouble.append(429)
    with pytest.raises(TryAgain):
        hands.send(queued)
    assert (the_message().status, the_message().attempted_at) == ("queued", None)
    hands.send(queued)
    assert (the_message().status, len(bodies_at(carrier))) == ("sending", 1)


def test_a_carrier_on_fire_may_have_sent_it(queued: int, hands: SmsHands, carrier: OddCarrier) -> None:
    carrier.trouble.append(503)
    hands.send(queued)
    assert the_message().status == "unknown"
    carrier.always = 500
    let_time_pass(120)
    hands.look_up(queued)
    assert the_message().status == "unknown", "while it cannot be looked up, nothing is sent again"


def test_a_text_that_waited_too_long_fails_in_words(queued: int, hands: SmsHands, carrier: OddCarrier) -> None:
    carrier.always = 429
    let_time_pass(3600)
    hands.send(queued)
    message = the_message()
    assert message.status == "failed"
    assert message.error_text.startswith("The carrier could not be reached, so the text was not sent.")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (21610, "opted out"),
        (21211, "not a valid"),
        (21614, "cannot receive texts"),
        (21408, "not switched on"),
    ],
)
def test_a_refusal_is_final_and_said_in_words(
    queued: int, hands: SmsHands, carrier: OddCarrier, code: int, says: str
) -> None:
    carrier.always = f"say:{code}"
    hands.send(queued)
    message = the_message()
    assert (message.status, message.error_code) == ("failed", code)
    assert says in message.error_text
    assert len(carrier.asked) == 1


def test_an_error_nobody_knows_is_tried_once_more_and_then_shown(
    queued: int, hands: SmsHands, carrier: OddCarrier
) -> None:
    carrier.always = "say:29999"
    with pytest.raises(TryAgain):
        hands.send(queued)
    hands.send(queued)
    message = the_message()
    assert (message.status, message.error_code) == ("failed", 29999)
    assert "29999" in message.error_text
    hands.send(queued)
    assert len(carrier.asked) == 2


def test_who_opted_out_while_a_text_waited_is_not_texted(queued: int, hands: SmsHands, carrier: OddCarrier) -> None:
    with unit_of_work() as session:
        session.scalars(select(ContactPoint)).one().sms_opted_out_at = text("now()")
    hands.send(queued)
    assert carrier.asked == []
    assert (the_message().status, the_message().error_code) == ("failed", 21610)


def test_an_opt_out_that_only_the_carrier_knew_is_kept(queued: int, hands: SmsHands, carrier: OddCarrier) -> None:
    carrier.always = "say:21610"
    hands.send(queued)
    with unit_of_work() as session:
        assert session.scalars(select(ContactPoint)).one().sms_opted_out_at is not None


def test_a_text_whose_job_got_lost_is_sent_all_the_same(queued: int, hands: SmsHands) -> None:
    ask_about_lost_ones()
    assert jobs_waiting() == ["sms.send"], "a waiting job is not doubled"
    forget_jobs()
    ask_about_lost_ones()
    assert jobs_waiting() == ["sms.send"]


def test_a_status_that_no_callback_brought_is_asked_for(queued: int, hands: SmsHands, carrier: OddCarrier) -> None:
    hands.send(queued)
    assert "sms.follow" in jobs_waiting()
    forget_jobs()
    hands.follow(queued, 0)
    assert jobs_waiting() == ["sms.follow"], "it is still on its way: ask again later"
    carrier.messages[0] |= {"status": "undelivered", "error_code": 30003}
    forget_jobs()
    hands.follow(queued, 1)
    assert (the_message().status, the_message().error_text) == (
        "undelivered",
        "The phone is switched off or out of reach.",
    )
    assert jobs_waiting() == []


def test_a_carrier_without_delivery_reports_is_not_asked_for_ever(
    queued: int, hands: SmsHands, carrier: OddCarrier
) -> None:
    hands.send(queued)
    carrier.messages[0]["status"] = "sent"
    for round_ in range(5):
        forget_jobs()
        hands.follow(queued, round_)
    assert (the_message().status, jobs_waiting()) == ("sent", [])


@pytest.mark.parametrize(
    ("body", "segments"),
    [("a" * 161, 2), ("汉" * 71, 2), ("€" * 81, 2), ("a" * 100 + "😀", 2), ("😀" * 35, 1)],
    ids=["long", "chinese", "euro signs", "one emoji", "emoji"],
)
def test_long_and_emoji_texts_arrive_as_written(
    customer_id: uuid.UUID, hands: SmsHands, carrier: OddCarrier, body: str, segments: int
) -> None:
    message_id = write(customer_id, body)
    hands.send(message_id)
    assert bodies_at(carrier) == [body]
    assert the_message().segments == segments


def test_a_message_of_nobody_is_not_sent(hands: SmsHands, carrier: OddCarrier, database: str) -> None:
    hands.send(12345)
    hands.look_up(12345)
    hands.follow(12345, 0)
    assert carrier.asked == []


def test_an_incoming_text_is_never_sent_back(customer_id: uuid.UUID, hands: SmsHands, carrier: OddCarrier) -> None:
    with unit_of_work() as session:
        message = send_message(session, None, customer_id, "Hello", "x1")
        message.direction = "inbound"
    hands.send(message.id)
    with unit_of_work() as session:
        assert session.get_one(Message, message.id).status == "queued"
    assert carrier.asked == []
