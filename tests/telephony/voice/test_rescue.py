"""When a webhook failed, the carrier asks the fallback address; and what the callbacks never told is found out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import create_engine, select, update

from app import db
from app.db import unit_of_work
from app.interactions.models import Interaction
from recordings.models import Recording
from telephony import jobs, reconcile
from telephony.models import Leg
from telephony.room import Room, room_of
from tests.telephony.voice.conftest import Caller, House, ringing
from tests.telephony.voice.edge import Asked, CutOff

MESSAGE = {
    "RecordingSid": "RE" + "b" * 32,
    "RecordingUrl": "https://api.twilio.com/Recordings/REb",
    "RecordingDuration": "11",
}


@pytest.fixture
def room(house: House) -> Room:
    return room_of(house.app)


def test_the_fallback_of_a_call_we_never_heard_of_begins_it(house: House) -> None:
    caller = Caller(house, "+15550100001", "+15005550006")
    caller.follow("/voice/fallback", ErrorCode="11205", ErrorUrl="http://web.test/voice/incoming")
    assert "Welcome." in caller.hears()
    caller.follow("/voice/incoming")
    assert len(house.read(select(Interaction))) == 1


def test_the_fallback_gives_the_committed_step_again(house: House, sales: None) -> None:
    caller = house.dial()
    caller.press("1")
    standing = ET.tostring(caller.document)
    caller.follow("/voice/fallback", ErrorCode="11200")
    assert ET.tostring(caller.document) == standing
    assert [event["to"] for event in house.events("interaction.moved")] == ["in_flow", "queued"]


def test_a_step_that_keeps_failing_ends_in_an_apology_and_a_message(house: House) -> None:
    caller = house.dial()
    for _ in range(3):
        caller.follow("/voice/fallback")
        assert "Welcome." in caller.hears()
    caller.follow("/voice/fallback")
    assert "something went wrong" in caller.hears()
    caller.follow(caller.verb("Record").attrib["action"], **MESSAGE)
    assert "call you back" in caller.hears()
    assert house.interaction().state == "voicemail"
    assert [each.kind for each in house.read(select(Recording))] == ["voicemail"]


def test_without_a_database_the_caller_can_still_leave_a_message_that_is_kept_later(house: House) -> None:
    working = db.sessions.kw["bind"]
    db.sessions.configure(bind=create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing"))
    try:
        caller = Caller(house, "+15550100001", "+15005550006")
        assert house.post("/voice/incoming", caller.form).status_code == 500
        caller.follow("/voice/fallback", ErrorCode="11200")
    finally:
        db.sessions.configure(bind=working)
    assert "something went wrong" in caller.hears()
    caller.follow(caller.verb("Record").attrib["action"], **MESSAGE)
    caller.hang_up()
    kept = house.interaction()
    assert (kept.state, kept.remote_address) == ("voicemail", "+15550100001")
    assert house.read(select(Recording))[0].interaction_id == kept.id


def test_an_agents_leg_at_the_fallback_is_answered_like_its_own_webhook(house: House, ana: int) -> None:
    caller = house.dial()
    caller.press("1")
    house.work()
    phone = ringing(house)
    document = ET.fromstring(house.post(phone.asked["FallbackUrl"], phone.form).text)
    assert document.findtext("Dial/Conference") == str(house.interaction().id)
    assert house.interaction().state == "active"


def test_a_caller_in_conversation_is_led_back_into_it(house: House, ana: int) -> None:
    caller = house.dial()
    caller.press("1")
    house.work()
    ringing(house).answer()
    caller.follow("/voice/fallback")
    assert caller.verb("Conference").text == str(house.interaction().id)


def test_a_lost_end_of_a_call_is_noticed(house: House, room: Room, sales: None) -> None:
    caller = house.dial()
    caller.press("1")
    age(house)
    assert reconcile.reconcile(room) == 1
    assert (house.interaction().state, house.legs()[0].end_reason) == ("abandoned", "failed")
    assert reconcile.reconcile(room) == 0


def test_a_call_that_goes_on_is_left_alone(house: House, room: Room, sales: None) -> None:
    caller = house.dial()
    caller.press("1")
    house.edge.call(sid=caller.call_sid, status="in-progress")
    age(house)
    assert reconcile.reconcile(room) == 0
    assert house.interaction().state == "queued"


def test_a_young_leg_is_given_time(house: House, room: Room) -> None:
    house.dial()
    assert reconcile.reconcile(room) == 0
    assert house.interaction().state == "in_flow"


def test_a_ring_of_a_lost_answer_is_adopted(house: House, room: Room, ana: int) -> None:
    caller = house.dial()
    caller.press("1")
    cut_off(house, lambda asked: asked.method == "POST" and asked.path == "Calls")
    house.work()
    sid = house.edge.call(
        to=f"client:agent_{ana}", status="in-progress", date_created=format_datetime(datetime.now(UTC))
    )["sid"]
    house.edge.call(sid=caller.call_sid, status="in-progress")
    age(house)
    with unit_of_work() as session:
        session.execute(update(Leg).where(Leg.role == "agent").values(created_at=datetime.now(UTC) - timedelta(20)))
    reconcile.reconcile(room)
    assert (house.legs()[-1].call_sid, house.legs()[-1].state) == (sid, "connected")


def test_an_attempt_the_carrier_never_heard_of_has_failed(house: House, room: Room, ana: int) -> None:
    caller = house.dial()
    caller.press("1")
    cut_off(house, lambda asked: asked.path == "Calls" and asked.method == "POST")
    house.work()
    house.edge.call(sid=caller.call_sid, status="in-progress")
    age(house)
    reconcile.reconcile(room)
    assert (house.legs()[-1].state, house.legs()[-1].end_reason) == ("ended", "failed")
    assert house.offers()[0].reason == "unreachable"


def test_a_call_whose_interaction_ended_long_ago_is_hung_up(house: House, room: Room) -> None:
    caller = house.dial()
    house.edge.call(sid=caller.call_sid, status="in-progress")
    with unit_of_work() as session:
        long_ago = datetime.now(UTC) - timedelta(minutes=5)
        session.execute(update(Interaction).values(state="failed", ended_at=long_ago))
    age(house)
    reconcile.reconcile(room)
    assert house.edge.to("POST", f"Calls/{caller.call_sid}")[0].form["Status"] == "completed"


def test_one_leg_that_cannot_be_settled_never_stops_the_others(house: House, room: Room) -> None:
    first, second = house.dial(from_="+15550100001"), house.dial(from_="+15550100002")
    cut_off(house, lambda asked: asked.path.endswith(first.call_sid))
    age(house)
    assert reconcile.reconcile(room) == 1
    ended = {leg.call_sid: leg.state for leg in house.legs()}
    assert ended == {first.call_sid: "connected", second.call_sid: "ended"}


def test_hanging_up_legs_that_are_gone_already_is_fine(house: House, room: Room, ana: int) -> None:
    caller = house.dial()
    house.edge.answers.append(
        lambda asked: (404, {"code": 20404, "message": "gone", "status": 404}) if "Status" in asked.form else None
    )
    jobs.hang_up(room, str(house.interaction().id))
    assert len(house.edge.to("POST", f"Calls/{caller.call_sid}")) == 1
    jobs.hang_up(room, str(uuid.uuid4()))


def age(house: House) -> None:
    """Let a minute pass for every leg."""
    with unit_of_work() as session:
        session.execute(update(Leg).values(created_at=Leg.created_at - timedelta(minutes=1)))


def cut_off(house: House, which: Callable[[Asked], bool]) -> None:
    def cut(asked: Asked) -> None:
        if which(asked):
            raise CutOff

    house.edge.answers.append(cut)
