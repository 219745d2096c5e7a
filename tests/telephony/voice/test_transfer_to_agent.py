"""A flow may put a caller through to one named agent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy.orm import Session

from app.accounts.models import User
from tests.telephony.voice.conftest import Caller, House, ringing

Arrange = Callable[[Callable[[Session], Any]], Any]


@pytest.fixture
def named(ana: int, arrange: Arrange) -> int:
    """Ana, under the sign-in name that the flow knows."""

    def name(session: Session) -> int:
        session.get_one(User, ana).email = "Ana@example.test"
        return ana

    agent: int = arrange(name)
    return agent


@pytest.fixture
def caller(house: House, named: int) -> Caller:
    made = house.dial()
    made.press("5")
    made.go_on()
    return made


def test_the_caller_hears_it_ring_and_meets_the_agent(house: House, caller: Caller, named: int) -> None:
    assert caller.verb("Play").text == "http://web.test/voice/ringback.wav"
    assert house.client.get("/voice/ringback.wav").data[:4] == b"RIFF"
    house.work()
    phone = ringing(house)
    assert phone.asked["To"].startswith(f"client:agent_{named}?")
    assert phone.answer().findtext("Dial/Conference") == str(house.interaction().id)
    house.work()
    assert "<Conference" in house.edge.to("POST", f"Calls/{caller.call_sid}")[0].form["Twiml"]
    assert (house.interaction().state, house.interaction().agent_id) == ("active", named)


@pytest.mark.parametrize(("ended", "told"), [("no-answer", "no-answer"), ("busy", "busy"), ("failed", "failed")])
def test_an_agent_who_does_not_answer_gives_the_caller_back_to_the_flow(
    house: House, caller: Caller, ended: str, told: str
) -> None:
    house.work()
    ringing(house).status(ended)
    house.work()
    moved = ET.fromstring(house.edge.to("POST", f"Calls/{caller.call_sid}")[-1].form["Twiml"])
    assert moved.find("Record") is not None
    assert house.interaction().state == "in_flow"
    assert f"transfer to ana@example.test: {told}" in [event["text"] for event in house.events("flow.step")]


def test_a_loop_that_asks_before_the_job_goes_on_by_itself(house: House, caller: Caller) -> None:
    house.work()
    ringing(house).status("busy")
    caller.go_on()
    assert "leave a message" in caller.hears()


@pytest.mark.parametrize("why", ["unknown", "on a break"])
def test_an_agent_who_cannot_be_rung_is_not_waited_for(house: House, ana: int, arrange: Arrange, why: str) -> None:
    if why == "on a break":
        from app.routing.presence import set_presence

        def leave(session: Session) -> None:
            session.get_one(User, ana).email = "ana@example.test"
            set_presence(session, ana, "break", "lunch")

        arrange(leave)
    caller = house.dial()
    caller.press("5")
    assert "leave a message" in caller.hears()
    assert house.offers() == []
