"""A callback on the telephone: asked for in line, dialled when its turn comes, and what its customer presses."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callbacks.expire import look_at_due
from app.callbacks.models import Callback, CallbackAttempt
from app.callbacks.policy import set_policy
from app.callbacks.who_first import customer_is_called
from app.db import unit_of_work
from app.interactions.models import Interaction
from app.routing.models import Queue
from tests import factories
from tests.telephony.voice.conftest import OURS, Caller, House, Softphone, ringing

Arrange = Callable[[Callable[[Session], Any]], Any]
MIRA = "+15550100001"
FLOW = """
title: A line with callbacks
languages: [en]
zone: America/New_York
start: menu
fallback: message
nodes:
  menu:
    kind: menu
    prompt: {en: For sales press 1.}
    choices: [{key: 1, words: {en: [sales]}, to: line}, {key: 2, words: {en: [message]}, to: message},
      {key: 3, words: {en: [appointment]}, to: by_appointment}]
    no_input: message
    no_match: message
  line: {kind: queue, queue: sales, callback: call_me, unanswered: message}
  call_me: {kind: callback, queue: sales, declined: line}
  by_appointment:
    kind: callback
    queue: sales
    times: {zone: UTC, weekly: 24/7, every_min: 60, offer: 2}
    declined: line
    no_input: message
  message: {kind: voicemail, mailbox: sales, prompt: {en: Speak.}}
"""


@pytest.fixture
def flows_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "main.yaml").write_text(FLOW)
    return folder


@pytest.fixture
def sales(house: House, arrange: Arrange) -> int:
    """The queue, which may call at any time of day; its id."""

    def make(session: Session) -> int:
        factories.our_number(session, "+15005550006")
        queue = factories.queue(session, "sales")
        set_policy(session, queue.id, quiet="00:00-24:00", gaps_s=[600])
        return queue.id

    return int(arrange(make))


@dataclass
class Customer:
    """The telephone of somebody who is called back: the call that the carrier was asked to make to their number."""

    house: House
    phone: Softphone
    document: ET.Element = field(default_factory=lambda: ET.Element("Response"))

    @classmethod
    def whose_phone_rings(cls, house: House) -> Customer:
        phone = ringing(house)
        assert phone.asked["To"] == MIRA
        return cls(house, phone)

    def picks_up(self) -> str:
        self.document = self.phone.answer()
        return self.hears()

    def presses(self, key: str) -> str:
        gather = self.document.find(".//Gather")
        assert gather is not None, ET.tostring(self.document, "unicode")
        answer = self.house.post(gather.attrib["action"], self.phone.form | ({"Digits": key} if key else {}))
        self.document = ET.fromstring(answer.text)
        return self.hears()

    def hears(self) -> str:
        return " ".join(say.text or "" for say in self.document.iter("Say"))

    def verb(self, name: str) -> ET.Element | None:
        return self.document.find(f".//{name}")


def asks_in_line(house: House) -> Caller:
    """Mira waits for sales, asks to be called back and hangs up."""
    caller = house.dial(MIRA)
    caller.press("1")
    house.work()
    caller.go_on()
    caller.press("1")
    caller.press("1")
    assert "We will call you back as soon as somebody is free" in caller.hears()
    caller.hang_up()
    return caller


def callback(house: House) -> Callback:
    [found] = house.read(select(Callback))
    return found  # type: ignore[no-any-return]


def tries(house: House) -> list[tuple[int, str, str | None]]:
    found = house.read(select(CallbackAttempt).order_by(CallbackAttempt.n))
    return [(each.n, each.mode, each.outcome) for each in found]


def place(house: House) -> Interaction:
    placed = select(Interaction).where(Interaction.callback_id.is_not(None)).order_by(Interaction.created_at)
    return house.read(placed)[-1]  # type: ignore[no-any-return]


def ana_comes(house: House, sales: int) -> int:
    with unit_of_work() as session:
        user_id = factories.agent(session, "Ana", [session.get_one(Queue, sales)]).id
        from app.routing.dispatch import request_dispatch

        request_dispatch(session)
    house.work()
    return user_id


def agent_takes_it(house: House) -> Softphone:
    """The softphone rings for the callback's place, is answered, and the customer's telephone is dialled."""
    phone = ringing(house)
    assert phone.asked["To"].startswith("client:")
    assert phone.answer().find(".//Conference") is not None
    house.work()
    return phone


def test_a_caller_who_leaves_the_line_is_called_back_in_their_place_and_talks(house: House, sales: int) -> None:
    caller = asks_in_line(house)
    waited_since = house.read(select(Interaction.virtual_start).where(Interaction.direction == "inbound"))[0]
    assert (callback(house).state, callback(house).kind) == ("due", "virtual_hold")
    assert place(house).virtual_start == callback(house).virtual_start == waited_since
    assert house.interaction().state == "callback", "left the line, and is no abandoned call"
    ana_comes(house, sales)
    agent_takes_it(house)
    customer = Customer.whose_phone_rings(house)
    assert "press 1" in customer.picks_up()
    assert callback(house).state == "answered"
    customer.presses("1")
    assert customer.verb("Conference") is not None
    assert callback(house).state == "connected"
    customer.phone.status("completed")
    house.work()
    assert callback(house).state == "completed"
    assert tries(house) == [(1, "agent_first", "connected")]
    assert place(house).state == "wrapping"
    assert caller.number == place(house).remote_address


def test_in_a_short_line_no_callback_is_offered_and_its_key_does_nothing(house: House, sales: int) -> None:
    with unit_of_work() as session:
        set_policy(session, sales, offer_over_waiting=1)
    caller = house.dial(MIRA)
    caller.press("1")
    house.work()
    caller.go_on()
    caller.press("1")
    assert house.interaction().state == "queued", "nobody offered it"
    other = house.dial("+15550100002")
    other.press("1")
    house.work()
    other.go_on()
    assert "To be called back without losing your place, press 1." in other.hears()
    caller.hang_up()
    house.work()
    other.press("1")
    assert "We will call you back at" in other.hears(), "the line is short again, but it was offered"


def test_nobody_picks_up_and_the_agent_is_free_at_once(house: House, sales: int) -> None:
    asks_in_line(house)
    ana_comes(house, sales)
    agent_takes_it(house)
    customer = Customer.whose_phone_rings(house)
    customer.phone.status("no-answer")
    house.work()
    assert tries(house) == [(1, "agent_first", "no_answer")]
    waiting = callback(house)
    assert waiting.state == "waiting"
    assert 590 < (waiting.due_at - house.read(select(CallbackAttempt.ended_at))[0]).total_seconds() < 610
    assert (place(house).state, place(house).disposition_code) == ("completed", "NO_ANSWER")


@pytest.mark.parametrize(
    ("key", "words", "state", "outcome"),
    [
        ("2", "later", "waiting", "snoozed"),
        ("3", "not call you back", "canceled_by_customer", "canceled"),
    ],
)
def test_the_customer_may_want_it_later_or_not_at_all(
    house: House, sales: int, key: str, words: str, state: str, outcome: str
) -> None:
    asks_in_line(house)
    ana_comes(house, sales)
    agent_takes_it(house)
    customer = Customer.whose_phone_rings(house)
    customer.picks_up()
    assert words in customer.presses(key)
    assert customer.verb("Hangup") is not None
    customer.phone.status("completed")
    house.work()
    assert (callback(house).state, tries(house)[0][2]) == (state, outcome)
    assert place(house).state == "completed"


def test_a_voicemail_gets_no_agent_and_counts_as_unsure(house: House, sales: int) -> None:
    asks_in_line(house)
    ana_comes(house, sales)
    agent_takes_it(house)
    customer = Customer.whose_phone_rings(house)
    customer.picks_up()
    assert "press 1" in customer.presses("")
    assert "will try again" in customer.presses("")
    assert customer.verb("Conference") is None
    customer.phone.status("completed")
    house.work()
    assert (callback(house).state, tries(house)[0][2]) == ("waiting", "unsure")


# -- machines


def rings_mira(house: House, sales: int, **rules: Any) -> Customer:
    with unit_of_work() as session:
        set_policy(session, sales, **rules)
    asks_in_line(house)
    ana_comes(house, sales)
    agent_takes_it(house)
    return Customer.whose_phone_rings(house)


def carrier_heard(house: House, customer: Customer, answered_by: str) -> None:
    told = house.post(customer.phone.asked["AsyncAmdStatusCallback"], customer.phone.form | {"AnsweredBy": answered_by})
    assert told.status_code == 204
    house.work()


def moved_to(house: House, customer: Customer) -> list[str]:
    asked = house.edge.to("POST", f"Calls/{customer.phone.call_sid}")
    return [each.form.get("Twiml") or each.form.get("Status", "") for each in asked]


@pytest.mark.parametrize(
    "heard", ["machine_end_beep", "machine_end_silence", "machine_end_other", "machine_start", "fax"]
)
def test_a_machine_gets_a_message_after_its_beep_and_a_try_is_counted(house: House, sales: int, heard: str) -> None:
    customer = rings_mira(house, sales)
    assert customer.phone.asked["MachineDetection"] == "DetectMessageEnd"
    assert customer.phone.asked["AsyncAmd"] == "true", "who picks up hears the question at once"
    customer.picks_up()
    for _ in range(2):
        carrier_heard(house, customer, heard)
    message, *_again = moved_to(house, customer)
    assert "this is Sales. We tried to call you back." in message
    customer.document = ET.fromstring(message)
    assert customer.presses("") == "" and customer.verb("Redirect") is None, "the line ends"
    customer.phone.status("completed")
    house.work()
    assert (callback(house).state, tries(house)) == ("waiting", [(1, "agent_first", "machine")])
    assert (place(house).state, place(house).disposition_code) == ("completed", "NO_ANSWER")


def test_a_machine_that_hangs_up_on_the_message_is_a_try_all_the_same(house: House, sales: int) -> None:
    customer = rings_mira(house, sales, max_attempts=1)
    customer.picks_up()
    carrier_heard(house, customer, "machine_end_beep")
    assert tries(house) == [(1, "agent_first", "machine")] and callback(house).state == "answered"
    customer.phone.status("completed")
    house.work()
    assert (callback(house).state, callback(house).end_reason) == ("exhausted", "machine")


@pytest.mark.parametrize("mode", ["agent_first", "customer_first"])
def test_a_person_who_was_taken_for_a_machine_presses_1_during_the_message_and_talks(
    house: House, sales: int, mode: str
) -> None:
    with unit_of_work() as session:
        set_policy(session, sales, mode=mode)
    asks_in_line(house)
    ana_comes(house, sales)
    if mode == "agent_first":
        agent_takes_it(house)
    customer = Customer.whose_phone_rings(house)
    customer.picks_up()
    carrier_heard(house, customer, "machine_end_silence")
    customer.document = ET.fromstring(moved_to(house, customer)[0])
    assert "press 1 now to be connected" in customer.hears()
    message = customer.document
    for _ in range(2):
        customer.document = message
        customer.presses("1")
        assert customer.verb("Conference" if mode == "agent_first" else "Redirect") is not None
    assert callback(house).state == "connected"
    if mode == "customer_first":
        house.work()
        assert ringing(house).answer().find(".//Conference") is not None
    customer.phone.status("completed")
    house.work()
    assert (callback(house).state, tries(house)) == ("completed", [(1, mode, "connected")])


def test_the_message_does_not_move_who_pressed_1_before_it_came(house: House, sales: int) -> None:
    customer = rings_mira(house, sales)
    customer.picks_up()
    heard = customer.phone.form | {"AnsweredBy": "machine_end_beep"}
    assert house.post(customer.phone.asked["AsyncAmdStatusCallback"], heard).status_code == 204
    customer.presses("1")
    house.work()
    assert moved_to(house, customer) == [], "neither the message nor a hang-up"
    assert callback(house).state == "connected"


def test_a_queues_own_message_is_said_to_a_machine(house: House, sales: int) -> None:
    customer = rings_mira(house, sales, machine_text="Sales called. <Call> us & win.")
    customer.picks_up()
    carrier_heard(house, customer, "machine_end_beep")
    [_how, say] = ET.fromstring(moved_to(house, customer)[0]).iter("Say")
    assert say.text == "Sales called. <Call> us & win."


def test_where_no_message_is_wanted_a_machine_is_hung_up_on(house: House, sales: int) -> None:
    customer = rings_mira(house, sales, machine="hang_up")
    assert customer.phone.asked["MachineDetection"] == "Enable", "nobody waits for the beep"
    customer.picks_up()
    carrier_heard(house, customer, "machine_start")
    assert moved_to(house, customer) == ["completed"]
    assert tries(house) == [(1, "agent_first", "machine")]


@pytest.mark.parametrize("heard", ["unknown", "human", "a word of next year"])
def test_whom_the_carrier_is_not_sure_of_is_asked_like_everybody(house: House, sales: int, heard: str) -> None:
    customer = rings_mira(house, sales)
    customer.picks_up()
    carrier_heard(house, customer, heard)
    assert moved_to(house, customer) == []
    customer.presses("1")
    assert customer.verb("Conference") is not None


def test_who_pressed_1_is_no_machine_whatever_the_carrier_heard(house: House, sales: int) -> None:
    customer = rings_mira(house, sales)
    customer.picks_up()
    customer.presses("1")
    carrier_heard(house, customer, "machine_end_silence")
    assert callback(house).state == "connected"
    assert moved_to(house, customer) == []


def test_a_carrier_that_listens_first_tells_with_the_answer(house: House, sales: int) -> None:
    customer = rings_mira(house, sales)
    heard = customer.phone.form | {"AnsweredBy": "machine_end_beep"}
    assert "We tried to call you back." in house.post(customer.phone.asked["Url"], heard).text
    assert tries(house) == [(1, "agent_first", "machine")]
    assert "We tried to call you back." in customer.picks_up(), "asked again, it hears the same"


def test_without_detection_the_carrier_is_not_asked_to_listen(house: House, sales: int) -> None:
    customer = rings_mira(house, sales, detect_machines=False)
    assert "MachineDetection" not in customer.phone.asked


def test_the_news_of_a_machine_on_another_line_or_with_nothing_in_it_does_no_harm(house: House, sales: int) -> None:
    customer = rings_mira(house, sales)
    customer.picks_up()
    url = customer.phone.asked["AsyncAmdStatusCallback"]
    stranger = {"CallSid": "CA" + "e" * 32, "AnsweredBy": "machine_start"}
    assert house.post(url, stranger).status_code == 204
    assert house.post(url, customer.phone.form).status_code == 400
    assert house.post(url, stranger, signature="made up").status_code == 403
    assert callback(house).state == "answered"


def test_after_the_last_try_nobody_is_promised_another(house: House, sales: int) -> None:
    customer = rings_mira(house, sales, max_attempts=1)
    customer.picks_up()
    customer.presses("")
    assert "will try again" not in customer.presses("")
    assert callback(house).state == "exhausted"


def is_calling(house: House) -> bool:
    with unit_of_work() as session:
        return customer_is_called(session, session.get_one(Interaction, house.offers()[0].interaction_id))


def test_with_agent_first_the_offer_rings_at_once(house: House, sales: int) -> None:
    with unit_of_work() as session:
        set_policy(session, sales, mode="agent_first")
    asks_in_line(house)
    ana_comes(house, sales)
    assert not is_calling(house)


def test_with_customer_first_the_agent_is_kept_free_and_rung_after_the_1(house: House, sales: int) -> None:
    with unit_of_work() as session:
        set_policy(session, sales, mode="customer_first")
    asks_in_line(house)
    ana_comes(house, sales)
    customer = Customer.whose_phone_rings(house)
    [offer] = house.offers()
    assert offer.state == "pending", "Ana is kept free for it"
    assert is_calling(house), "and sees whom we call for her"
    customer.picks_up()
    assert is_calling(house)
    customer.presses("1")
    assert not is_calling(house), "from now on it rings"
    assert [told["offer_id"] for told in house.events("offer.rings")] == [offer.id]
    assert callback(house).state == "connected"
    assert customer.verb("Redirect") is not None, "waits in the line's front"
    house.work()
    phone = ringing(house)
    assert phone.asked["To"].startswith("client:")
    assert phone.answer().find(".//Conference") is not None
    house.work()
    moved = [asked for asked in house.edge.to("POST", f"Calls/{customer.phone.call_sid}") if "Twiml" in asked.form]
    assert "Conference" in moved[-1].form["Twiml"]
    assert place(house).state == "active"


def test_with_customer_first_a_busy_line_gives_the_agent_back(house: House, sales: int) -> None:
    with unit_of_work() as session:
        set_policy(session, sales, mode="customer_first")
    asks_in_line(house)
    ana_comes(house, sales)
    Customer.whose_phone_rings(house).phone.status("busy")
    house.work()
    assert [offer.state for offer in house.offers()] == ["canceled"]
    assert (callback(house).state, tries(house)) == ("waiting", [(1, "customer_first", "busy")])
    assert place(house).state == "canceled"


def test_a_repeated_key_gets_the_same_answer(house: House, sales: int) -> None:
    asks_in_line(house)
    ana_comes(house, sales)
    agent_takes_it(house)
    customer = Customer.whose_phone_rings(house)
    customer.picks_up()
    question = customer.document
    for _ in range(2):
        customer.document = question
        assert "later" in customer.presses("2")
    customer.document = question
    assert "later" in customer.presses("1"), "the try is over: a late 1 connects nobody"
    assert len(tries(house)) == 1


def calls_again(house: House) -> Caller:
    asks_in_line(house)
    return house.dial(MIRA)


def test_who_calls_again_is_told_of_the_callback_and_may_keep_it(house: House, sales: int) -> None:
    caller = calls_again(house)
    assert "You are waiting for our call back as soon as somebody is free." in caller.hears()
    caller.press("1")
    assert "we will call you back" in caller.hears()
    caller.hang_up()
    assert callback(house).state == "due"


def test_who_calls_again_may_wait_in_the_older_place(house: House, sales: int) -> None:
    caller = calls_again(house)
    since = callback(house).virtual_start
    caller.press("2")
    house.work()
    assert callback(house).state == "superseded"
    assert place(house).state == "canceled"
    [mine] = house.read(select(Interaction).where(Interaction.state == "queued"))
    assert (mine.virtual_start, mine.direction) == (since, "inbound")
    caller.go_on()
    assert caller.verb("Play") is not None, "hears the line's loop"


def test_who_calls_again_may_cancel_and_goes_on_to_the_menu(house: House, sales: int) -> None:
    caller = calls_again(house)
    caller.press("3")
    assert "canceled" in caller.hears()
    caller.go_on()
    assert "For sales press 1" in caller.hears()
    assert callback(house).state == "canceled_by_customer"


def test_who_calls_again_and_queues_anyway_stands_where_the_callback_stood(house: House, sales: int) -> None:
    caller = calls_again(house)
    since = callback(house).virtual_start
    caller.go_on()
    caller.press("1")
    [mine] = house.read(select(Interaction).where(Interaction.state == "queued"))
    assert (mine.virtual_start, mine.direction) == (since, "inbound")
    assert callback(house).state == "superseded"


def test_the_head_start_of_the_line_goes_through_the_callback_and_back_unchanged(house: House, sales: int) -> None:
    with unit_of_work() as session:
        queue = session.get_one(Queue, sales)
        queue.value_rules = [{"channel": "voice", "priority_min": 10}, {"entry_point": OURS, "priority_min": 7}]
    caller = calls_again(house)
    assert callback(house).priority_min == place(house).priority_min == 17
    caller.go_on()
    caller.press("1")
    [mine] = house.read(select(Interaction).where(Interaction.state == "queued"))
    assert mine.priority_min == 17
    caller.go_on()
    caller.press("1")
    caller.press("1")
    assert place(house).priority_min == 17


def test_outside_the_calling_hours_nothing_is_dialled_even_when_an_agent_is_there(house: House, sales: int) -> None:
    asks_in_line(house)
    with unit_of_work() as session:
        set_policy(session, sales, hours={"zone": "UTC", "weekly": {"mon-sun": "closed"}})
    ana_comes(house, sales)
    phone = ringing(house)
    phone.answer()
    house.work()
    assert all(asked.form["To"].startswith("client:") for asked in house.edge.to("POST", "Calls"))
    assert tries(house) == []
    assert callback(house).state == "expired", "its day has no hour left"


def test_a_callback_whose_time_has_come_gets_its_place_from_the_clock(house: House, sales: int) -> None:
    asks_in_line(house)
    ana_comes(house, sales)
    agent_takes_it(house)
    Customer.whose_phone_rings(house).phone.status("busy")
    house.work()
    with unit_of_work() as session:
        session.scalars(select(Callback)).one().due_at = session.scalars(select(Callback.created_at)).one()
    with unit_of_work() as session:
        assert look_at_due(session) == 1
    assert callback(house).state == "due"
    house.work()
    assert ringing(house).asked["To"].startswith("client:")


@pytest.mark.parametrize(("room", "offers_times"), [(5, True), (0, False)])
def test_only_times_that_are_not_full_are_offered_on_the_phone(
    house: House, sales: int, room: int, offers_times: bool
) -> None:
    with unit_of_work() as session:
        set_policy(session, sales, per_slot=room)
    caller = house.dial(MIRA)
    caller.press("3")
    caller.press("1")
    assert "as soon as somebody is free" in caller.hears()
    assert ("press 2" in caller.hears()) is offers_times
