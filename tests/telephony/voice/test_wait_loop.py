"""What a waiting caller is told, and the ways out of the queue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.models import Queue
from app.routing.wait import spoken_range
from ivr_flows.instructions import Announcements
from telephony import jobs
from telephony.room import room_of
from telephony.wait_loop import GAP_S, Place, Telling, Told, announce
from tests.telephony.voice.conftest import House

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("place", "told", "expected"),
    [
        (Place(1, 1, 1), Told(began=NOW), []),
        (Place(1, 1, 1), Told(began=NOW - 20), ["leave_message"]),
        (Place(3, 2, 4), Told(began=NOW), ["position", "wait_range", "leave_message"]),
        (Place(3, 1, 1), Told(began=NOW), ["position", "wait_short", "leave_message"]),
        (Place(6, None, None), Told(began=NOW), ["position_far", "leave_message"]),
        (Place(3, 2, 4), Told(NOW - 89, 3, 4, NOW - 100, True), []),
        (Place(3, 2, 4), Told(NOW - 90, 3, 4, NOW - 100, True), ["position", "wait_range"]),
        (Place(2, 2, 4), Told(NOW - 14, 3, 4, NOW - 100, True), []),
        (Place(2, 2, 4), Told(NOW - 15, 3, 4, NOW - 100, True), ["position", "wait_range"]),
        (Place(4, 5, 9), Told(NOW - 90, 3, 4, NOW - 100, True), []),
        (Place(2, 5, 9), Told(NOW - 90, 3, 4, NOW - 100, True), ["position"]),
    ],
    ids=[
        "the first caller hears music only",
        "after a while even the first is offered a message",
        "position and range",
        "a short wait is never under two minutes",
        "far back without an estimate",
        "not again within 90 s",
        "again after 90 s",
        "moved up, but told a moment ago",
        "moved up",
        "a worse place is not told",
        "a longer wait is not told",
    ],
)
def test_announcements_keep_their_rhythm(place: Place, told: Told, expected: list[str]) -> None:
    assert [name for name, _ in announce(place, told, NOW).phrases] == expected


@pytest.mark.parametrize(
    ("told", "telling", "expected"),
    [
        (Told(began=NOW), Telling(Announcements(position=False)), ["wait_range", "leave_message"]),
        (Told(began=NOW), Telling(Announcements(wait=False)), ["position", "leave_message"]),
        (Told(began=NOW), Telling(Announcements(message=False)), ["position", "wait_range"]),
        (Told(began=NOW), Telling(callback_key="1"), ["position", "wait_range", "callback", "leave_message"]),
        (Told(NOW - 59, 3, 4, NOW - 100, True), Telling(Announcements(every_s=60)), []),
        (Told(NOW - 60, 3, 4, NOW - 100, True), Telling(Announcements(every_s=60)), ["position", "wait_range"]),
    ],
    ids=["no place", "no wait", "no message", "a callback", "not yet again", "again"],
)
def test_a_queue_says_what_is_told(told: Told, telling: Telling, expected: list[str]) -> None:
    assert [name for name, _ in announce(Place(3, 2, 4), told, NOW, telling).phrases] == expected


def test_a_callback_is_offered_once_and_also_later_when_the_line_has_grown() -> None:
    alone, told = Place(1, 1, 1), Told(began=NOW - 30)
    told = announce(alone, told, NOW, Telling(callback_key="")).told
    assert (told.offered, told.callback) == (True, False)
    grown = announce(alone, told, NOW + 5, Telling(callback_key="2"))
    assert grown.phrases == (("callback", {"key": 2}),)
    assert announce(alone, grown.told, NOW + 10, Telling(callback_key="2")).phrases == ()
    assert announce(alone, grown.told, NOW + 10, Telling(callback_key="")).told.callback, "what was offered is kept"


def test_a_queue_allows_less_than_the_flow_wants() -> None:
    queue = Queue(key="q", name="Q", tell_position=False, tell_wait=True, tell_every_s=120, tell_position_to=9)
    telling = Telling.of(None, queue)
    assert (telling.announcements.position, telling.announcements.wait) == (False, True)
    assert (telling.announcements.every_s, telling.position_to) == (120, 9)
    assert [name for name, _ in announce(Place(3, 2, 4), Told(began=NOW, offered=True), NOW, telling).phrases] == [
        "wait_range"
    ]


@pytest.mark.parametrize(("position", "told"), [(5, "position"), (6, "position_far")])
def test_behind_the_last_place_that_is_told_no_number_is(position: int, told: str) -> None:
    first, *_ = announce(Place(position, None, None), Told(began=NOW), NOW).phrases
    assert first == (told, {"position": 5} if told == "position" else {"limit": 5})


@given(st.lists(st.tuples(st.integers(1, 12), st.floats(0, 3600), st.integers(1, 200)), min_size=1, max_size=30))
def test_no_caller_is_ever_told_a_later_place_or_a_longer_wait_nor_too_often(
    rounds: list[tuple[int, float, int]],
) -> None:
    told, now, last_at = Told(began=NOW), NOW, 0
    last_position, last_low, last_high = 10**6, 10**6, 10**6
    for position, estimate, later_s in rounds:
        now += later_s
        heard = announce(Place(position, *spoken_range(estimate)), told, now)
        said = dict(heard.phrases)
        moved_up = position < last_position
        if {"position", "position_far", "wait_short", "wait_range"} & set(said):
            assert position > 1, "the first caller is told nothing"
            assert now - last_at >= (GAP_S if moved_up else 90)
            last_at = now
        if "position" in said:
            assert said["position"]["position"] <= last_position
        if {"position", "position_far"} & set(said):
            last_position = min(last_position, position)
        for name in ("wait_short", "wait_range"):
            if name in said:
                assert said[name]["high"] <= last_high, "a longer wait than was said before"
                assert said[name]["high"] * 60 >= estimate, "rounded up"
                assert name == "wait_short" or said[name]["low"] < said[name]["high"], "a range"
                assert said[name].get("low", 1) <= last_low, "a longer wait than was said before"
                last_low, last_high = said[name].get("low", 1), said[name]["high"]
        told = heard.told


def test_what_was_told_travels_in_the_address_and_nonsense_counts_as_nothing() -> None:
    told = Told(NOW, 3, 4, NOW - 5, True, True, 2)
    assert Told.from_query(told.to_query(), NOW) == told
    assert Told.from_query({"at": "-1", "position": "9" * 40, "high": "x", "began": "²"}, NOW) == Told(began=NOW)


def test_the_loop_plays_music_and_comes_back_to_itself(house: House, sales: None) -> None:
    caller = house.dial()
    caller.press("1")
    caller.go_on()
    assert caller.verb("Gather/Play").text == "http://web.test/voice/music.wav"
    caller.go_on()
    assert house.interaction().state == "queued"
    assert house.client.get("/voice/music.wav").data[:4] == b"RIFF"


def test_the_second_in_line_is_told_the_place(house: House, sales: None) -> None:
    for number in ("+15550100001", "+15550100002"):
        caller = house.dial(from_=number)
        caller.press("1")
        caller.go_on()
    assert "You are number 2 in line." in caller.hears()


def test_star_leaves_the_line_for_a_message(house: House, sales: None) -> None:
    caller = house.dial()
    caller.press("1")
    caller.go_on()
    caller.press("*")
    assert "leave a message" in caller.hears()
    assert house.interaction().state == "in_flow"
    assert house.events("flow.step")[-2]["text"] == "left the queue sales: voicemail"


def test_another_key_stays_in_line(house: House, sales: None) -> None:
    caller = house.dial()
    caller.press("1")
    caller.go_on()
    caller.press("5")
    assert caller.verb("Gather/Play") is not None
    assert house.interaction().state == "queued"


def test_the_queues_limit_takes_the_caller_to_a_message(house: House, sales: None) -> None:
    caller = house.dial()
    caller.press("1")
    caller.go_on()
    room, call = room_of(house.app), str(house.interaction().id)
    jobs.leave_queue(room, call, "max_wait")
    moved = house.edge.to("POST", f"Calls/{caller.call_sid}")
    assert "<Record" in moved[0].form["Twiml"]
    jobs.leave_queue(room, call, "max_wait")
    assert moved[0].form["Twiml"] == house.edge.to("POST", f"Calls/{caller.call_sid}")[1].form["Twiml"]
    caller.go_on()
    assert caller.verb("Record") is not None


def test_giving_up_in_line_is_abandoned_and_counted_once(house: House, sales: None) -> None:
    caller = house.dial()
    caller.press("1")
    caller.hang_up()
    caller.hang_up()
    assert house.interaction().state == "abandoned"
    assert [event["to"] for event in house.events("interaction.moved")] == ["in_flow", "queued", "abandoned"]


def test_an_unknown_queue_in_the_flow_leads_to_a_message_and_what_was_to_be_said_is_said(house: House) -> None:
    caller = house.dial()
    caller.press("1")
    assert "One moment." in caller.hears()
    assert caller.verb("Record") is not None
