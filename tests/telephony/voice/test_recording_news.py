"""Recordings whose callback never came are found in the carrier's list once the call is over."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from recordings.models import Recording
from telephony import recording_news
from telephony.carrier import CarrierError
from telephony.recording_news import StillWritten
from telephony.room import room_of
from tests.telephony.voice.conftest import Caller, House, ringing
from tests.telephony.voice.edge import CutOff

SID = "RE" + "5e" * 16


def listed(caller: Caller, **fields: Any) -> dict[str, Any]:
    """A recording as the carrier lists it."""
    facts = {"sid": SID, "call_sid": caller.call_sid, "status": "completed", "duration": "7", "source": "RecordVerb"}
    return facts | {"start_time": "Sun, 22 Nov 2026 10:00:00 +0000"} | fields


def leaving_a_message(house: House) -> Caller:
    caller = house.dial()
    caller.press("3")
    return caller


def settle(house: House) -> None:
    recording_news.settle(room_of(house.app), house.legs()[0].id)


def test_a_message_whose_callback_was_lost_still_arrives(house: House) -> None:
    caller = leaving_a_message(house)
    caller.hang_up()
    house.edge.recordings = [listed(caller)]
    settle(house)
    [recording] = house.read(select(Recording))
    assert (recording.kind, recording.state, recording.provider_sid) == ("voicemail", "announced", SID)
    assert house.interaction().state == "voicemail"


def test_settling_twice_and_a_late_callback_change_nothing_more(house: House) -> None:
    caller = leaving_a_message(house)
    caller.hang_up()
    house.edge.recordings = [listed(caller)]
    settle(house)
    settle(house)
    late = {"RecordingSid": SID, "RecordingUrl": "https://api.twilio.com/r", "RecordingDuration": "7"}
    interaction = house.interaction()
    assert house.post(f"/voice/recording/{interaction.id}?kind=voicemail", late).status_code == 204
    assert len(house.read(select(Recording))) == 1
    assert house.interaction().state == "voicemail"


def test_a_recording_that_is_still_written_is_asked_for_again(house: House) -> None:
    caller = leaving_a_message(house)
    caller.hang_up()
    house.edge.recordings = [listed(caller, status="processing", duration=None)]
    with pytest.raises(StillWritten):
        settle(house)
    assert house.interaction().state == "in_flow", "whether there is a message is not known yet"


def test_while_the_carrier_does_not_answer_nothing_is_concluded(house: House) -> None:
    leaving_a_message(house).hang_up()
    house.edge.answers.append(lambda asked: (503, {"code": 20503, "message": "busy", "status": 503}))
    with pytest.raises(CarrierError):
        settle(house)
    assert house.interaction().state == "in_flow"


def test_the_recording_of_a_conversation_is_found_too(house: House, ana: int) -> None:
    caller = house.dial()
    caller.press("1")
    house.work()
    ringing(house).answer()
    house.work()
    [recording] = house.read(select(Recording))
    caller.hang_up()
    house.edge.recordings = [listed(caller, sid=recording.provider_sid, source="StartCallRecordingAPI")]
    settle(house)
    [recording] = house.read(select(Recording))
    assert (recording.kind, recording.state) == ("call", "announced")
    assert recording.channel_map == {"0": "customer", "1": "agent"}


def test_one_whose_start_was_never_heard_of_is_found_too(house: House, ana: int) -> None:
    def cut(asked: Any) -> None:
        if asked.path.endswith("/Recordings") and asked.method == "POST":
            raise CutOff

    house.edge.answers.append(cut)
    caller = house.dial()
    caller.press("1")
    house.work()
    ringing(house).answer()
    house.work()
    assert house.read(select(Recording)) == []
    caller.hang_up()
    house.edge.recordings = [listed(caller, source="StartCallRecordingAPI")]
    settle(house)
    [recording] = house.read(select(Recording))
    assert (recording.kind, recording.state) == ("call", "announced")
