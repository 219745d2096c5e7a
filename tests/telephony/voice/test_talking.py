"""The conversation: bridge, recording, hold, the agent's reload, hanging up on either side."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.customers.identify import identify
from app.db import unit_of_work
from app.desktop.call_control import CallControl, CallRefused
from app.desktop.dial_out import dial_out as desktop_dial_out
from app.interactions.models import Interaction
from app.interactions.move import lock_interaction
from app.routing.release import agent_back, give_up_agent, request_hang_up
from recordings.models import Recording
from telephony import jobs
from telephony.models import Leg
from telephony.room import Room, room_of
from tests.telephony.voice.conftest import Caller, House, Softphone, ringing

Arrange = Callable[[Callable[[Session], Any]], Any]


@pytest.fixture
def room(house: House) -> Room:
    return room_of(house.app)


@pytest.fixture
def caller(house: House, ana: int) -> Caller:
    """A customer in a conversation with Ana."""
    made = house.dial()
    made.press("1")
    house.work()
    ringing(house).answer()
    house.work()
    house.edge.rooms.append(str(house.interaction().id))
    return made


@pytest.fixture
def phone(house: House, caller: Caller) -> Softphone:
    """Ana's softphone in that conversation."""
    return ringing(house)


def participant(house: House, sid: str) -> list[dict[str, str]]:
    return [asked.form for asked in house.edge.to("POST", f"Participants/{sid}")]


def test_the_recording_is_known_from_its_start_and_asked_for_once(house: House, caller: Caller, room: Room) -> None:
    [recording] = house.read(select(Recording))
    assert (recording.state, recording.channel_map) == ("recording", {"0": "customer", "1": "agent"})
    jobs.bridge(room, str(house.interaction().id))
    assert len(house.edge.to("POST", "Recordings")) == 1


def test_a_recording_that_is_ready_is_to_be_fetched(house: House, caller: Caller) -> None:
    [recording] = house.read(select(Recording))
    form = {
        "CallSid": caller.call_sid,
        "RecordingSid": recording.provider_sid,
        "RecordingUrl": recording.provider_url,
        "RecordingStatus": "completed",
        "RecordingDuration": "42",
    }
    callback = house.edge.to("POST", "Recordings")[0].form["RecordingStatusCallback"]
    assert house.post(callback, form).status_code == 204
    assert house.post(callback, form | {"RecordingStatus": "in-progress"}).status_code == 204
    assert [each.state for each in house.read(select(Recording))] == ["announced"]


def test_a_caller_who_left_before_the_bridge_ends_the_call(house: House, ana: int, room: Room) -> None:
    made = house.dial()
    made.press("1")
    house.work()
    ringing(house).answer()
    gone = {"code": 21220, "message": "Call is not in-progress. Cannot redirect.", "status": 400}
    house.edge.answers.append(lambda asked: (400, gone) if "Twiml" in asked.form else None)
    jobs.bridge(room, str(house.interaction().id))
    assert house.interaction().state == "wrapping"
    assert house.edge.to("POST", "Recordings") == []


def test_a_waiting_leg_that_the_bridge_missed_walks_into_the_room_by_itself(house: House, ana: int) -> None:
    made = house.dial()
    made.press("1")
    house.work()
    ringing(house).answer()
    made.go_on()
    assert made.verb("Pause") is not None
    made.go_on()
    assert made.verb("Conference").text == str(house.interaction().id)


def test_hold_and_mute_are_the_participants(house: House, caller: Caller, phone: Softphone, ana: int) -> None:
    control: CallControl = house.app.extensions["call_control"]
    call = house.interaction().id
    control.hold(call, held=True)
    control.hold(call, held=False)
    control.mute(call, ana, muted=True)
    control.send_digits(call, "12#")
    held, resumed, announced = participant(house, caller.call_sid)
    assert (held["Hold"], held["HoldUrl"]) == ("true", f"http://web.test/voice/hold/{call}")
    assert resumed["Hold"] == "false"
    assert participant(house, phone.call_sid) == [{"Muted": "true"}]
    tones = house.post(announced["AnnounceUrl"], caller.form)
    assert ET.fromstring(tones.text).find("Play").attrib == {"digits": "12#"}
    music = ET.fromstring(house.post(held["HoldUrl"], caller.form).text)
    assert music.findtext("Play") == "http://web.test/voice/music.wav"


def test_a_command_after_the_end_is_refused_in_words(house: House, caller: Caller, ana: int) -> None:
    control: CallControl = house.app.extensions["call_control"]
    house.edge.rooms.clear()
    with pytest.raises(CallRefused, match="over") as refused:
        control.hold(house.interaction().id, held=True)
    assert refused.value.gone
    caller.hang_up()
    with pytest.raises(CallRefused, match="customer is not on the line"):
        control.hold(house.interaction().id, held=True)
    house.edge.answers.append(lambda _: (500, {"code": 20500, "message": "oops", "status": 500}))
    with pytest.raises(CallRefused, match="try again") as failed:
        control.mute(house.interaction().id, ana, muted=True)
    assert not failed.value.gone


def test_the_agents_hang_up_ends_both_legs_and_is_known_as_meant(
    house: House, caller: Caller, phone: Softphone, ana: int
) -> None:
    with unit_of_work() as session:
        assert request_hang_up(session, house.interaction().id, ana)
    house.work()
    for sid in (caller.call_sid, phone.call_sid):
        assert house.edge.to("POST", f"Calls/{sid}")[-1].form["Status"] == "completed"
    phone.status("completed")
    assert house.interaction().state == "wrapping"
    caller.hang_up()
    assert house.interaction().state == "wrapping"


def test_a_reload_tells_the_customer_one_moment_and_rings_the_agent_again(
    house: House, caller: Caller, phone: Softphone
) -> None:
    phone.status("completed")
    assert house.interaction().state == "agent_lost"
    house.work()
    [held] = participant(house, caller.call_sid)
    word = ET.fromstring(house.post(held["HoldUrl"], caller.form).text)
    assert "One moment" in (word.findtext("Say") or "")
    again = ringing(house)
    assert again.call_sid != phone.call_sid
    assert again.asked["To"].endswith("autoAnswer=1")
    assert again.answer().findtext("Dial/Conference") == str(house.interaction().id)
    assert house.interaction().state == "active"
    house.work()
    assert participant(house, caller.call_sid)[-1]["Hold"] == "false"


@pytest.mark.parametrize("first", ["of the room", "of the call"])
def test_a_browser_that_died_is_known_with_the_first_word_about_its_leg(
    house: House, caller: Caller, phone: Softphone, first: str
) -> None:
    """The carrier says that its leg left the conversation, and that its call ended; in either order, once or twice.

    No lease has to run out first: what the customer hears is on its way within a second.
    """
    began = time.monotonic()
    if first == "of the room":
        leaves(house, phone)
    else:
        phone.status("completed")
    assert house.interaction().state == "agent_lost"
    house.work()
    [held] = participant(house, caller.call_sid)
    assert time.monotonic() - began < 1
    assert "One moment" in house.post(held["HoldUrl"], caller.form).text
    leaves(house, phone)
    phone.status("completed")
    house.work()
    assert (house.interaction().state, len(participant(house, caller.call_sid))) == ("agent_lost", 1)


@pytest.mark.parametrize("how", ["unsigned", "another's token", "of another call", "moved elsewhere"])
def test_a_word_that_cannot_be_true_loses_no_agent(house: House, caller: Caller, phone: Softphone, how: str) -> None:
    url, form = left_room(house, phone)
    if how == "unsigned":
        assert house.post(url, form, signature="").status_code == 403
    elif how == "another's token":
        assert house.post(url, form, token="0" * 32).status_code == 403
    elif how == "of another call":
        assert house.post(url, form | {"CallSid": "CA" + "7" * 32}).status_code == 204
    else:
        moved = {"ReasonParticipantLeft": "participant_updated_via_api", "ParticipantCallStatus": "in-progress"}
        assert house.post(url, form | moved).status_code == 204
    assert house.interaction().state == "active"


def left_room(house: House, phone: Softphone) -> tuple[str, dict[str, str]]:
    """What the carrier says when a softphone's line has died: where, and the words of docs.twilio.com."""
    call = house.interaction().id
    form = {
        "StatusCallbackEvent": "participant-leave",
        "FriendlyName": str(call),
        "ConferenceSid": "CF" + "1" * 32,
        "AccountSid": house.settings.twilio_account_sid,
        "CallSid": phone.call_sid,
        "SequenceNumber": "5",
        "Timestamp": "Tue, 31 Aug 2027 20:00:30 +0000",
        "ReasonParticipantLeft": "participant_hung_up",
        "ParticipantCallStatus": "completed",
        "Muted": "false",
        "Hold": "false",
        "EndConferenceOnExit": "false",
    }
    return f"/voice/conference/{call}", form


def leaves(house: House, phone: Softphone) -> None:
    assert house.post(*left_room(house, phone)).status_code == 204


def test_being_back_twice_rings_once(house: House, caller: Caller, phone: Softphone) -> None:
    phone.status("completed")
    with unit_of_work() as session:
        agent_back(session, house.interaction().id)
        agent_back(session, house.interaction().id)
    house.work()
    assert len(house.edge.to("POST", "Calls")) == 2


def test_an_agent_who_stays_away_gives_the_customer_back_to_the_line(
    house: House, caller: Caller, phone: Softphone
) -> None:
    phone.status("completed")
    with unit_of_work() as session:
        interaction = lock_interaction(session, house.interaction().id)
        assert interaction is not None
        give_up_agent(session, interaction)
    jobs.back_to_queue(room_of(house.app), str(house.interaction().id), "agent_lost")
    moved = ET.fromstring(house.edge.to("POST", f"Calls/{caller.call_sid}")[-1].form["Twiml"])
    assert moved.find("Stop/Stream") is not None
    assert "next in line" in (moved.findtext("Say") or "")
    assert moved.findtext("Redirect") == f"http://web.test/voice/wait/{house.interaction().id}"
    late = phone.answer()
    assert late.find("Dial") is None


def test_the_late_end_of_an_older_leg_changes_nothing(house: House, caller: Caller, phone: Softphone) -> None:
    phone.status("completed")
    house.work()
    again = ringing(house)
    again.answer()
    phone.status("completed", 9)
    assert house.interaction().state == "active"


def test_completed_before_answered_ends_right_with_both_times(house: House, ana: int) -> None:
    caller = house.dial()
    caller.press("1")
    house.work()
    phone = ringing(house)
    for status, sequence, at in (
        ("completed", 3, "Tue, 31 Aug 2027 20:00:30 +0000"),
        ("in-progress", 2, "Tue, 31 Aug 2027 20:00:10 +0000"),
        ("ringing", 1, "Tue, 31 Aug 2027 20:00:05 +0000"),
    ):
        form = phone.form | {"CallStatus": status, "SequenceNumber": str(sequence), "Timestamp": at}
        assert house.post(phone.asked["StatusCallback"], form).status_code == 204
    leg = house.legs()[-1]
    assert (leg.state, leg.end_reason, leg.sequence) == ("ended", "completed", 3)
    assert leg.connected_at is not None
    assert leg.ended_at is not None
    assert (leg.ended_at - leg.connected_at).total_seconds() == 20


def test_a_participant_that_left_because_its_call_ended_has_ended(
    house: House, caller: Caller, phone: Softphone
) -> None:
    call = house.interaction().id
    left = {"StatusCallbackEvent": "participant-leave", "FriendlyName": str(call), "ConferenceSid": "CF" + "1" * 32}
    moved = left | {"CallSid": caller.call_sid, "ReasonParticipantLeft": "participant_updated_via_api"}
    assert house.post(f"/voice/conference/{call}", moved).status_code == 204
    assert house.interaction().state == "active"
    hung_up = left | {"CallSid": caller.call_sid, "ParticipantCallStatus": "completed"}
    assert house.post(f"/voice/conference/{call}", hung_up).status_code == 204
    assert house.interaction().state == "wrapping"


def test_callbacks_about_nothing_we_know_change_nothing(house: House) -> None:
    unknown = {"CallSid": "CA" + "7" * 32, "CallStatus": "completed", "From": "x", "To": "y"}
    for path in ("/voice/status", "/voice/agent/99/status", "/voice/leg/99/status"):
        assert house.post(path, unknown).status_code == 204
    for path in ("/voice/agent/99", "/voice/leg/99"):
        assert ET.fromstring(house.post(path, unknown).text).find("Hangup") is not None
    nowhere = uuid.uuid4()
    event = unknown | {"StatusCallbackEvent": "participant-leave", "ParticipantCallStatus": "completed"}
    assert house.post(f"/voice/conference/{nowhere}", event).status_code == 204
    recording = {"RecordingSid": "RE" + "7" * 32, "RecordingUrl": "https://api.twilio.com/r", "RecordingDuration": "1"}
    assert house.post(f"/voice/recording/{nowhere}", recording).status_code == 204
    assert house.read(select(Leg)) == house.read(select(Recording)) == []


def test_dialling_out_rings_the_agent_then_the_customer(house: House, ana: int, arrange: Arrange) -> None:
    call = dial_out(house, ana, arrange)
    house.work()
    phone = ringing(house)
    assert phone.asked["To"] == f"client:agent_{ana}?interactionId={call}&offerId=1&autoAnswer=1"
    own = phone.answer().find("Dial/Conference")
    assert own is not None
    assert own.attrib["waitUrl"] == "http://web.test/voice/ringback"
    house.work()
    customer = ringing(house)
    assert (customer.asked["To"], customer.asked["From"]) == ("+15550100001", "+15005550006")
    customer.status("ringing")
    theirs = customer.answer()
    assert theirs.findtext("Dial/Conference") == str(call)
    assert house.interaction(call).answered_at is not None
    house.work()
    assert len(house.edge.to("POST", f"Calls/{customer.call_sid}/Recordings")) == 1
    customer.status("completed")
    house.work()
    assert house.interaction(call).state == "wrapping"


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed"])
def test_a_customer_who_cannot_be_reached_leaves_the_agent_to_wrap_up(
    house: House, ana: int, arrange: Arrange, status: str
) -> None:
    call = dial_out(house, ana, arrange)
    house.work()
    phone = ringing(house)
    phone.answer()
    house.work()
    ringing(house).status(status)
    house.work()
    assert house.interaction(call).state == "wrapping"
    assert house.edge.to("POST", f"Calls/{phone.call_sid}")[-1].form["Status"] == "completed"


def test_an_own_phone_that_does_not_answer_ends_the_outbound_call(house: House, ana: int, arrange: Arrange) -> None:
    call = dial_out(house, ana, arrange)
    house.work()
    ringing(house).status("failed")
    assert house.interaction(call).state == "wrapping"
    house.work()
    assert len(house.edge.to("POST", "Calls")) == 1


def dial_out(house: House, agent_id: int, arrange: Arrange) -> uuid.UUID:
    """What the desktop's Call button does."""

    def make(session: Session) -> uuid.UUID:
        customer = identify(session, "phone", "+15550100001")
        user = session.get_one(User, agent_id)
        return desktop_dial_out(session, user, customer.id, "+15550100001", ["+15005550006"]).id

    made: uuid.UUID = arrange(make)
    return made


def test_a_held_call_whose_agent_is_lost_goes_on_too(house: House, caller: Caller, phone: Softphone) -> None:
    with unit_of_work() as session:
        session.execute(update(Interaction).values(state="held"))
    phone.status("completed")
    assert house.interaction().state == "agent_lost"
