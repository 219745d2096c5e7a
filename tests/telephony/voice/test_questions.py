"""Recording, waiting, subflows, verification and surveys over the telephone, and what the record keeps of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from app.customers.models import Customer
from app.customers.timeline import timeline
from app.db import unit_of_work
from app.interactions.models import Interaction
from recordings.models import Recording
from telephony.models import FlowSession
from tests.telephony.voice.conftest import FLOWS, Caller, House

SAID = {"RecordingUrl": "https://api.twilio.com/Recordings/RE1", "RecordingDuration": "7"}


@pytest.fixture
def flows_dir() -> Path:
    return FLOWS.with_name("flows_that_ask")


@pytest.fixture
def caller(house: House, sales: None) -> Caller:
    """A caller at the first question."""
    return house.dial()


def at_the_pin(house: House, caller: Caller) -> None:
    with unit_of_work() as session:
        session.scalars(select(Customer)).one().name = "4071"
    again = house.dial(caller.number)
    caller.call_sid = again.call_sid
    again.follow(again.verb("Record").attrib["action"], **SAID)
    again.go_on()
    caller.document = again.document


def test_a_flow_records_the_caller_and_goes_on_after_a_pause(house: House, caller: Caller) -> None:
    record = caller.verb("Record")
    assert (record.attrib["maxLength"], record.attrib["playBeep"]) == ("20", "false")
    told = {"RecordingSid": "RE" + "0" * 32, "RecordingUrl": SAID["RecordingUrl"], "RecordingDuration": "7"}
    assert house.post(record.attrib["recordingStatusCallback"], caller.form | told).status_code == 204
    caller.follow(record.attrib["action"], **SAID)
    assert caller.hears() == "Thank you."
    assert caller.verb("Pause").attrib["length"] == "3"
    assert house.interaction().state == "in_flow"
    [recording] = house.read(select(Recording))
    assert recording.kind == "answer"
    caller.go_on()
    assert "recorded 7 s" in [step["text"] for step in house.events("flow.step")]


def test_what_a_caller_answers_and_whether_they_are_verified_stands_on_the_record(house: House, caller: Caller) -> None:
    at_the_pin(house, caller)
    caller.press("1234")
    assert caller.hears() == "Again. Your PIN?"
    caller.press("4071")
    caller.press("4")
    assert caller.hears() == "Thanks. Goodbye."
    with unit_of_work() as session:
        customer = session.scalars(select(Customer)).one()
        call = timeline(session, customer.id)[0]
    assert call["verified"] == "passed"
    assert call["survey"] == [{"survey": "after_call", "question": "rating", "answer": "4"}]
    assert [event["left"] for event in house.events("verification.failed")] == [2]
    assert house.events("survey.answered")[0] == {
        "survey": "after_call",
        "question": "rating",
        "answer": "4",
        "score": 4,
        "by": "key",
        "node": "rating",
    }


def test_a_pin_is_written_nowhere(house: House, caller: Caller) -> None:
    at_the_pin(house, caller)
    caller.press("9182")
    told = str(house.events("flow.step")) + str(house.events("verification.failed"))
    kept = [str(row.state) + row.twiml for row in house.read(select(FlowSession))]
    assert "9182" not in told + "".join(kept) + str([row.context for row in house.read(select(Interaction))])


def test_wrong_attempts_are_remembered_when_the_caller_rings_again(house: House, caller: Caller) -> None:
    at_the_pin(house, caller)
    caller.press("1111")
    caller.press("2222")
    caller.hang_up()
    at_the_pin(house, caller)
    caller.press("3333")
    assert "Please leave a message." in caller.hears()
    at_the_pin(house, caller)
    assert "Please leave a message." in caller.hears()
    assert len(house.events("verification.locked")) == 2


def test_a_right_attempt_forgives_the_wrong_ones(house: House, caller: Caller) -> None:
    at_the_pin(house, caller)
    caller.press("1111")
    caller.press("2222")
    caller.press("4071")
    at_the_pin(house, caller)
    caller.press("3333")
    assert caller.hears() == "Again. Your PIN?"
