"""A call from the first ring to wrap-up, over the webhooks and the carrier's REST."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.telephony.voice.conftest import House, ringing


def test_caller_who_presses_1_reaches_an_agent_and_the_talk_ends_in_wrap_up(house: House, ana: int) -> None:
    caller = house.dial()
    assert "Welcome." in caller.hears()
    caller.press("1")
    assert caller.hears() == "One moment."
    caller.go_on()
    assert caller.verb("Gather").find("Play") is not None
    house.work()
    phone = ringing(house)
    call = house.interaction()
    assert phone.asked["To"] == f"client:agent_{ana}?interactionId={call.id}&offerId=1"
    assert phone.asked["From"] == "+15005550006"
    phone.status("ringing")
    room = phone.answer().find("Dial/Conference")
    assert room is not None and room.text == str(call.id)
    assert room.attrib["endConferenceOnExit"] == "false"
    house.work()
    moved = house.edge.to("POST", f"Calls/{caller.call_sid}")[0].form["Twiml"]
    document = ET.fromstring(moved)
    assert document.find("Dial/Conference").text == str(call.id)
    assert document.find("Start/Stream").attrib["url"].startswith("ws://web.test/media/")
    recorded = house.edge.to("POST", f"Calls/{caller.call_sid}/Recordings")
    assert recorded[0].form["RecordingChannels"] == "dual"
    assert house.interaction().state == "active"
    caller.hang_up()
    house.work()
    assert house.interaction().state == "wrapping"
    assert house.edge.to("POST", f"Calls/{phone.call_sid}")[-1].form["Status"] == "completed"
