"""A caller's way through the flow, one webhook a step."""

from __future__ import annotations

import threading
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import select

from app.customers.models import Customer
from app.interactions.models import Interaction, Message
from recordings.models import Recording
from telephony import recording_news
from telephony.models import FlowSession
from telephony.room import room_of
from tests.telephony.voice.conftest import Caller, House

MESSAGE = {"RecordingUrl": "https://api.twilio.com/Recordings/RE1", "RecordingDuration": "7"}


def test_the_number_decides_the_language_and_the_caller_becomes_a_customer(house: House) -> None:
    caller = house.dial(to="+15005550007")
    assert "Bienvenido." in caller.hears()
    assert caller.verb("Say").attrib["language"] == "es-ES"
    assert house.interaction().language == "es"
    [customer] = house.read(select(Customer))
    assert customer.contact_points[0].value == "+15550100001"


def test_words_do_what_keys_do(house: House, sales: None) -> None:
    caller = house.dial()
    caller.say("sales please")
    assert house.interaction().state == "queued"
    assert house.interaction().context["path"][-1] == "Sales (said “sales please”)"


def test_each_step_is_told_on_the_timeline(house: House, sales: None) -> None:
    house.dial().press("1")
    kinds = [event["kind"] for event in house.events("flow.step")]
    assert kinds == ["node_entered", "node_entered", "key_pressed", "node_entered", "queue_joined"]
    assert [event["flow"] for event in house.events("flow.entered")] == ["main"]


def test_a_repeated_webhook_gets_the_same_document_and_changes_nothing(house: House, sales: None) -> None:
    caller = house.dial()
    first = ET.tostring(caller.document)
    caller.follow("/voice/incoming")
    assert ET.tostring(caller.document) == first
    url = caller.verb("Gather").attrib["action"]
    caller.follow(url, Digits="1")
    second = ET.tostring(caller.document)
    told = len(house.events("flow.step"))
    caller.follow(url, Digits="1")
    assert ET.tostring(caller.document) == second
    assert len(house.events("flow.step")) == told
    assert len(house.read(select(Interaction))) == 1


def test_a_late_answer_to_an_earlier_step_gets_the_step_that_stands(house: House) -> None:
    caller = house.dial()
    early = caller.verb("Gather").attrib["action"]
    caller.press("3")
    standing = ET.tostring(caller.document)
    caller.follow(early, Digits="2")
    assert ET.tostring(caller.document) == standing
    assert house.read(select(Message)) == []


def test_another_calls_id_at_a_step_is_said_goodbye_to(house: House) -> None:
    caller = house.dial()
    stranger = Caller(house, "+15550100009", caller.to)
    stranger.follow(caller.verb("Gather").attrib["action"], Digits="1")
    assert stranger.hears() == "Goodbye."
    assert house.interaction().state == "in_flow"


def test_two_workers_that_get_the_same_call_at_once_open_one_interaction(house: House) -> None:
    caller = Caller(house, "+15550100001", "+15005550006")
    answers: list[bytes] = []

    def arrive() -> None:
        response = house.app.test_client().post
        signed = house.post("/voice/incoming", caller.form)
        assert response is not None
        answers.append(signed.data)

    workers = [threading.Thread(target=arrive) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(answers) == 4
    assert len(set(answers)) == 1
    assert len(house.read(select(Interaction))) == len(house.read(select(FlowSession))) == 1


def test_two_workers_that_get_the_same_key_at_once_take_one_step(house: House, sales: None) -> None:
    caller = house.dial()
    url = caller.verb("Gather").attrib["action"]
    answers: list[bytes] = []
    workers = [
        threading.Thread(target=lambda: answers.append(house.post(url, caller.form | {"Digits": "1"}).data))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(answers)) == 1
    assert [event["to"] for event in house.events("interaction.moved")] == ["in_flow", "queued"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("CallSid", ""), ("CallSid", "CA1"), ("CallSid", "x" * 10_000), ("From", "+1\x00"), ("To", "9" * 300)],
    ids=["no sid", "short sid", "long sid", "control character", "long number"],
)
def test_a_field_that_cannot_be_is_named_and_refused(house: House, field: str, value: str) -> None:
    form = Caller(house, "+15550100001", "+15005550006").form | {field: value}
    answer = house.post("/voice/incoming", form)
    assert answer.status_code == 400
    assert field in answer.text
    assert house.read(select(Interaction)) == []


@pytest.mark.parametrize("withheld", ["anonymous", "+266696687", "sip:mira@example.com"])
def test_a_withheld_number_still_gets_an_interaction_of_its_own(house: House, withheld: str) -> None:
    house.dial(from_=withheld)
    assert house.interaction().remote_address == "anonymous"
    house.dial(from_=withheld)
    assert len(house.read(select(Customer))) == 2


def test_a_number_that_is_not_ours_is_told_so(house: House) -> None:
    caller = house.dial(to="+15005559999")
    assert "not in use" in caller.hears()
    assert house.read(select(Interaction)) == []


def test_a_text_asked_for_is_sent_once(house: House) -> None:
    caller = house.dial()
    url = caller.verb("Gather").attrib["action"]
    caller.follow(url, Digits="2")
    caller.follow(url, Digits="2")
    [message] = house.read(select(Message))
    assert (message.body, message.remote_address) == ("Our address is 1 Main Street.", "+15550100001")
    caller.hang_up()
    call = next(each for each in house.read(select(Interaction)) if each.channel == "voice")
    assert call.state == "contained"


def test_giving_up_in_the_flow_is_abandoned_there(house: House) -> None:
    caller = house.dial()
    caller.hang_up()
    caller.hang_up()
    assert house.interaction().state == "abandoned_in_flow"
    assert house.events("flow.step")[-1]["kind"] == "flow_ended"
    assert house.legs()[0].end_reason == "completed"


def test_the_night_desk_is_dialled_and_a_busy_one_leads_to_a_message(house: House) -> None:
    caller = house.dial()
    caller.press("4")
    dial = caller.verb("Dial")
    assert caller.verb("Dial/Number").text == "+15005550020"
    assert dial.attrib["callerId"] == "+15005550006"
    caller.follow(dial.attrib["action"], DialCallStatus="busy")
    assert "leave a message" in caller.hears()


def test_a_message_left_waits_as_voicemail_with_its_recording(house: House) -> None:
    caller = house.dial()
    caller.press("3")
    record = caller.verb("Record")
    caller.follow(record.attrib["action"], **MESSAGE)
    assert house.interaction().state == "voicemail"
    callback = record.attrib["recordingStatusCallback"]
    form = caller.form | MESSAGE | {"RecordingSid": "RE" + "a" * 32, "RecordingStatus": "completed"}
    assert house.post(callback, form).status_code == 204
    assert house.post(callback, form).status_code == 204
    [recording] = house.read(select(Recording))
    assert (recording.kind, recording.channel_map, recording.duration_s) == ("voicemail", {"0": "customer"}, 7.0)


@pytest.mark.parametrize("order", ["message first", "hang-up first"])
def test_hanging_up_after_the_message_still_leaves_it(house: House, order: str) -> None:
    caller = house.dial()
    caller.press("3")
    url = caller.verb("Record").attrib["action"]
    if order == "message first":
        caller.follow(url, Digits="hangup", **MESSAGE)
        caller.hang_up()
    else:
        caller.hang_up()
        house.work()
        caller.follow(url, Digits="hangup", **MESSAGE)
    assert house.interaction().state == "voicemail"


def test_hanging_up_at_the_beep_without_a_word_is_giving_up(house: House) -> None:
    caller = house.dial()
    caller.press("3")
    caller.hang_up()
    assert house.interaction().state == "in_flow"
    recording_news.settle(room_of(house.app), house.legs()[0].id)
    assert house.interaction().state == "abandoned_in_flow"
