"""Conferences: who hears whom, what is told, and what REST can do to participants."""

from __future__ import annotations

import time
import uuid

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.telephony.local_carrier.application import Answer
from tests.telephony.local_carrier.phone import loudness, strength, tone

EVENTS = "start end join leave mute hold modify announcement"


@pytest.fixture
def room() -> str:
    return f"room-{uuid.uuid4()}"


@pytest.fixture
def caller_in(application, phones, line):
    """Put a caller into a room by TwiML; gives the phone and its call."""

    def enter(room: str, attributes: str = "", noun: str = ""):
        application.on(
            "/voice",
            f'<Dial action="/left"{attributes}><Conference statusCallback="/room" statusCallbackEvent="{EVENTS}" '
            f'beep="false"{noun}>{room}</Conference></Dial>',
        )
        caller = phones.number()
        call_sid = caller.dial(line.number)
        caller.wait_for("answered")
        application.wait_for("/room", StatusCallbackEvent="participant-join", CallSid=call_sid)
        return caller, call_sid

    return enter


@pytest.fixture
def agent_in(application, phones, client, line):
    """Ring a client into a room by REST and answer; gives the phone and its call."""

    def enter(room: str, identity: str | None = None, **options):
        identity = identity or f"agent-{uuid.uuid4().hex[:8]}"
        agent = phones.client(identity)
        options = {"beep": "false", **options}
        made = client.conferences(room).participants.create(to=f"client:{identity}", from_=line.number, **options)
        assert made.status == "queued"
        agent.answer()
        application.wait_for("/room", StatusCallbackEvent="participant-join", CallSid=made.call_sid)
        return agent, made.call_sid

    return enter


def _events(application) -> list[str]:
    return [asked.params["StatusCallbackEvent"] for asked in application.requests("/room")]


def test_caller_waits_to_music_until_an_agent_comes_then_both_talk(caller_in, agent_in, room):
    caller, _ = caller_in(room)
    caller.forget_heard()
    caller.say(tone(440, 0.5))
    assert loudness(caller.heard) > 100
    agent, _ = agent_in(room)
    agent.forget_heard()
    caller.say(tone(700, 2.0), wait=False)
    agent.say(tone(1100, 2.0), wait=False)
    agent.wait_to_hear(700)
    caller.wait_to_hear(1100)
    assert strength(agent.heard[-1600:], 1100) < 0.1


def test_events_come_in_order_with_their_parameters(carrier, application, caller_in, agent_in, room, client):
    caller, call_sid = caller_in(room)
    agent, agent_sid = agent_in(room, label="agent 1")
    agent.hang_up()
    caller.hang_up()
    application.wait_for("/room", StatusCallbackEvent="conference-end")
    assert _events(application) == [
        "participant-join", "participant-join", "conference-start", "participant-leave", "participant-leave",
        "conference-end",
    ]  # fmt: skip
    told = [asked.params for asked in application.requests("/room")]
    assert [each["SequenceNumber"] for each in told] == ["1", "2", "3", "4", "5", "6"]
    assert {each["FriendlyName"] for each in told} == {room}
    assert (told[1]["CallSid"], told[1]["ParticipantLabel"], told[1]["Muted"]) == (agent_sid, "agent 1", "false")
    assert told[3]["ReasonParticipantLeft"] == "participant_hung_up"
    assert told[3]["ParticipantCallStatus"] == "completed"
    assert told[5]["ReasonConferenceEnded"] == "last-participant-left"
    assert told[5]["CallSidEndingConference"] == call_sid
    assert all(asked.is_signed_by(carrier.auth_token) for asked in application.requests("/room"))
    ended = client.conferences(told[0]["ConferenceSid"]).fetch()
    assert (ended.status, ended.reason_conference_ended) == ("completed", "last-participant-left")
    action = application.wait_for("/left").params
    assert (action["DialCallStatus"], action["CallStatus"]) == ("answered", "completed")
    assert "DialCallSid" not in action


def test_conference_and_participant_have_twilios_keys(carrier, client, caller_in, room):
    _, call_sid = caller_in(room)
    (found,) = client.conferences.list(friendly_name=room, status="init")
    path = f"{carrier.account_path}/Conferences/{found.sid}"
    assert set(carrier.get(f"{path}.json").json()) == {
        "account_sid", "date_created", "date_updated", "api_version", "friendly_name", "region", "sid", "status", "uri",
        "subresource_uris", "reason_conference_ended", "call_sid_ending_conference",
    }  # fmt: skip
    participant = carrier.get(f"{path}/Participants/{call_sid}.json").json()
    assert set(participant) == {
        "account_sid", "call_sid", "label", "call_sid_to_coach", "coaching", "conference_sid", "date_created",
        "date_updated", "end_conference_on_exit", "muted", "hold", "start_conference_on_enter", "status", "queue_time",
        "uri",
    }  # fmt: skip
    assert (participant["status"], participant["muted"], participant["hold"]) == ("connected", False, False)


def test_hold_silences_both_ways_and_plays_music(application, client, caller_in, agent_in, room, sounds):
    caller, call_sid = caller_in(room)
    agent, _ = agent_in(room)
    held = (
        client.conferences(_sid(client, room))
        .participants(call_sid)
        .update(hold=True, hold_url=f"{application.url}/hold")
    )
    assert held.hold is True
    application.wait_for("/hold")
    assert application.requests("/hold")[0].method == "GET"
    application.wait_for("/room", StatusCallbackEvent="participant-hold")
    agent.say(tone(1100, 1.0))
    assert strength(caller.heard[-4000:], 1100) < 0.1
    caller.forget_heard()
    agent.forget_heard()
    caller.say(tone(700, 1.0))
    assert loudness(agent.heard[-4000:]) < 60
    client.conferences(_sid(client, room)).participants(call_sid).update(hold=False)
    application.wait_for("/room", StatusCallbackEvent="participant-unhold")
    caller.say(tone(700, 2.0), wait=False)
    agent.wait_to_hear(700)


def test_hold_plays_the_documents_sound_or_default_music(application, client, caller_in, agent_in, room, sounds):
    application.on("/hold", f'<Play loop="0">{sounds(1300, 1.0)}</Play>')
    caller, call_sid = caller_in(room)
    agent_in(room)
    seat = client.conferences(_sid(client, room)).participants(call_sid)
    seat.update(hold=True, hold_url=f"{application.url}/hold")
    caller.wait_to_hear(1300)
    seat.update(hold=False)
    caller.wait_for_silence()
    seat.update(hold=True)
    _wait_until(lambda: loudness(caller.heard[-4000:]) > 200)


def _wait_until(condition, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _sid(client, room: str) -> str:
    return str(client.conferences.list(friendly_name=room, limit=1)[0].sid)


def test_muted_participant_hears_and_is_not_heard(application, client, caller_in, agent_in, room):
    caller, call_sid = caller_in(room)
    agent, _ = agent_in(room)
    seat = client.conferences(_sid(client, room)).participants(call_sid)
    assert seat.update(muted=True).muted is True
    application.wait_for("/room", StatusCallbackEvent="participant-mute", Muted="true")
    agent.forget_heard()
    caller.say(tone(700, 1.0))
    assert loudness(agent.heard[-4000:]) < 60
    agent.say(tone(1100, 2.0), wait=False)
    caller.wait_to_hear(1100)
    seat.update(muted=False)
    application.wait_for("/room", StatusCallbackEvent="participant-unmute", Muted="false")
    caller.say(tone(700, 2.0), wait=False)
    agent.wait_to_hear(700)


def test_coach_is_heard_by_the_coached_alone_and_hears_all(application, client, caller_in, agent_in, room):
    caller, _ = caller_in(room)
    agent, agent_sid = agent_in(room)
    coach, coach_sid = agent_in(room, coaching=True, call_sid_to_coach=agent_sid)
    seat = client.conferences(_sid(client, room)).participants(coach_sid).fetch()
    assert (seat.coaching, seat.call_sid_to_coach) == (True, agent_sid)
    caller.forget_heard()
    coach.say(tone(1500, 2.0), wait=False)
    agent.wait_to_hear(1500)
    caller.say(tone(700, 1.5))
    assert strength(caller.heard[-8000:], 1500) < 0.1
    coach.forget_heard()
    caller.say(tone(700, 2.0), wait=False)
    coach.wait_to_hear(700)


def test_coach_becomes_a_full_member_by_update(application, client, caller_in, agent_in, room):
    caller, _ = caller_in(room)
    _, agent_sid = agent_in(room)
    coach, coach_sid = agent_in(room, coaching=True, call_sid_to_coach=agent_sid, label="boss")
    client.conferences(_sid(client, room)).participants("boss").update(coaching=False)
    application.wait_for("/room", StatusCallbackEvent="participant-modify", CallSid=coach_sid, Coaching="false")
    coach.say(tone(1500, 2.0), wait=False)
    caller.wait_to_hear(1500)


def test_three_hear_the_two_others_together(caller_in, agent_in, room):
    caller, _ = caller_in(room)
    agent, _ = agent_in(room)
    third, _ = agent_in(room)
    for phone, hertz in ((caller, 500), (agent, 900), (third, 1400)):
        phone.say(tone(hertz, 4.0), wait=False)
    caller.wait_to_hear(900, 1400)
    agent.wait_to_hear(500, 1400)
    third.wait_to_hear(500, 900)
    assert strength(third.heard[-1600:], 1400) < 0.1


def test_kicked_participant_goes_on_with_its_own_script(application, client, caller_in, agent_in, room, sounds):
    application.on("/left", f'<Play loop="0">{sounds(440, 1.0)}</Play>')
    caller, call_sid = caller_in(room)
    agent, agent_sid = agent_in(room)
    conference = client.conferences(_sid(client, room))
    assert conference.participants(call_sid).delete()
    caller.wait_to_hear(440)
    left = application.wait_for("/room", StatusCallbackEvent="participant-leave", CallSid=call_sid).params
    assert left["ReasonParticipantLeft"] == "participant_updated_via_api"
    assert application.wait_for("/left").params["DialCallStatus"] == "answered"
    assert conference.participants(agent_sid).delete()
    assert agent.wait_for("ended")["status"] == "completed"
    end = application.wait_for("/room", StatusCallbackEvent="conference-end").params
    assert end["ReasonConferenceEnded"] == "last-participant-kicked"
    caller.hang_up()


def test_end_on_exit_frees_everybody_to_their_own_script(application, caller_in, agent_in, room, sounds):
    application.on("/left", f'<Play loop="0">{sounds(440, 1.0)}</Play>')
    caller, _ = caller_in(room)
    agent, agent_sid = agent_in(room, end_conference_on_exit=True)
    agent.hang_up()
    caller.wait_to_hear(440)
    end = application.wait_for("/room", StatusCallbackEvent="conference-end").params
    assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert end["CallSidEndingConference"] == agent_sid
    reasons = [
        asked.params["ReasonParticipantLeft"]
        for asked in application.requests("/room", StatusCallbackEvent="participant-leave")
    ]
    assert reasons == ["participant_hung_up", "moderator_ended_conference"]
    caller.hang_up()


def test_agent_who_leaves_does_not_end_the_conference(application, client, caller_in, agent_in, room):
    caller, call_sid = caller_in(room)
    agent, _ = agent_in(room)
    agent.hang_up()
    application.wait_for("/room", StatusCallbackEvent="participant-leave")
    assert client.conferences(_sid(client, room)).fetch().status == "in-progress"
    second, _ = agent_in(room)
    caller.say(tone(700, 2.0), wait=False)
    second.wait_to_hear(700)
    first = next(iter(client.conferences(_sid(client, room)).participants.list()))
    assert first.call_sid == call_sid


def test_conference_ended_by_rest_sends_everybody_on(application, client, caller_in, agent_in, room):
    caller, _ = caller_in(room)
    agent, _ = agent_in(room)
    done = client.conferences(_sid(client, room)).update(status="completed")
    assert (done.status, done.reason_conference_ended) == ("completed", "conference-ended-via-api")
    agent.wait_for("ended")
    caller.wait_for("ended")
    application.wait_for("/room", StatusCallbackEvent="conference-end")
    reasons = {
        asked.params["ReasonParticipantLeft"]
        for asked in application.requests("/room", StatusCallbackEvent="participant-leave")
    }
    assert reasons == {"conference_ended_via_api"}
    assert client.conferences(done.sid).participants.list() == []


def test_announcement_is_heard_by_everybody(application, client, caller_in, agent_in, room, sounds):
    application.on("/say", f"<Play>{sounds(1300, 1.5)}</Play>")
    caller, _ = caller_in(room)
    agent, _ = agent_in(room)
    client.conferences(_sid(client, room)).update(announce_url=f"{application.url}/say")
    caller.wait_to_hear(1300)
    agent.wait_to_hear(1300)
    told = application.wait_for("/room", StatusCallbackEvent="announcement-end").params
    assert told["AnnounceUrl"] == f"{application.url}/say"


def test_announcement_to_one_is_heard_by_that_one(application, client, caller_in, agent_in, room, sounds):
    application.on("/say", f"<Play>{sounds(1300, 1.5)}</Play>")
    caller, call_sid = caller_in(room)
    agent, _ = agent_in(room)
    agent.forget_heard()
    client.conferences(_sid(client, room)).participants(call_sid).update(announce_url=f"{application.url}/say")
    caller.wait_to_hear(1300)
    assert loudness(agent.heard) < 60
    application.wait_for("/room", StatusCallbackEvent="announcement-end", CallSid=call_sid)


def test_failed_announcement_is_told(application, client, caller_in, agent_in, room):
    application.on("/say", Answer(status=500))
    caller_in(room)
    agent_in(room)
    client.conferences(_sid(client, room)).update(announce_url=f"{application.url}/say")
    assert application.wait_for("/room", StatusCallbackEvent="announcement-fail").params["ReasonAnnouncementFailed"]


def test_waiting_caller_hears_the_wait_url_and_goes_on_when_it_fails(application, phones, line, room, sounds):
    application.on("/wait", f"<Play>{sounds(1300, 1.0)}</Play><Redirect/>")
    application.on("/voice", f'<Dial><Conference waitUrl="/wait">{room}</Conference></Dial>')
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_to_hear(1300)
    asked = application.wait_for("/wait", 2)
    assert asked.params["ConferenceSid"].startswith("CF")
    caller.hang_up()


def test_wait_url_that_fails_sends_the_leg_on(application, phones, line, room, sounds):
    application.on("/wait", Answer(status=500))
    application.on(
        "/voice",
        f'<Dial><Conference waitUrl="/wait">{room}</Conference></Dial><Play loop="0">{sounds(440, 1.0)}</Play>',
    )
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_to_hear(440)


def test_empty_wait_url_is_silence(application, phones, line, room):
    application.on("/voice", f'<Dial><Conference waitUrl="">{room}</Conference></Dial>')
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    caller.wait_for_silence()


def test_listeners_alone_do_not_start_the_conference(application, client, caller_in, agent_in, room):
    caller_in(room, noun=' startConferenceOnEnter="false"')
    agent_in(room, start_conference_on_enter=False)
    assert client.conferences(_sid(client, room)).fetch().status == "init"
    agent_in(room)
    application.wait_for("/room", StatusCallbackEvent="conference-start")


def test_beep_is_heard_when_somebody_comes(caller_in, agent_in, room):
    caller, _ = caller_in(room)
    agent_in(room)
    agent_in(room, beep="true")
    caller.wait_to_hear(880, window_s=0.1)


def test_participant_redirected_by_rest_leaves_the_conference(application, client, caller_in, agent_in, room, sounds):
    caller, call_sid = caller_in(room)
    agent_in(room)
    client.calls(call_sid).update(twiml=f'<Response><Play loop="0">{sounds(440, 1.0)}</Play></Response>')
    caller.wait_to_hear(440)
    application.wait_for("/room", StatusCallbackEvent="participant-leave", CallSid=call_sid)
    assert call_sid not in [s.call_sid for s in client.conferences(_sid(client, room)).participants.list()]
    assert application.requests("/left") == []


def test_participant_progress_is_told_and_rings_show_in_the_list(application, phones, client, line, room):
    agent = phones.client("progress")
    made = client.conferences(room).participants.create(
        to="client:progress",
        from_=line.number,
        status_callback=f"{application.url}/leg",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
    )
    agent.wait_for_ring()
    assert client.conferences(room).participants(made.call_sid).fetch().status == "ringing"
    agent.pick_up(made.call_sid)
    agent.hang_up()
    application.wait_for("/leg", 4)
    statuses = [asked.params["CallStatus"] for asked in application.requests("/leg")]
    assert statuses == ["initiated", "ringing", "in-progress", "completed"]


def test_participant_who_never_comes_leaves_no_conference_behind(application, client, line, room):
    made = client.conferences(room).participants.create(to="client:not-there", from_=line.number)
    _wait_until(lambda: client.calls(made.call_sid).fetch().status == "no-answer")
    _wait_until(lambda: client.conferences(made.conference_sid).fetch().status == "completed")


def test_ringing_participant_can_be_taken_back(phones, client, line, room):
    agent = phones.client("taken-back")
    made = client.conferences(room).participants.create(to="client:taken-back", from_=line.number)
    agent.wait_for_ring()
    assert client.conferences(room).participants(made.call_sid).delete()
    agent.wait_for("canceled")
    _wait_until(lambda: client.calls(made.call_sid).fetch().status == "canceled")


def test_participant_may_be_an_outside_number(application, phones, client, line, caller_in, room):
    caller, _ = caller_in(room)
    outside = phones.number()
    client.conferences(room).participants.create(to=outside.address, from_=line.number, beep="false")
    outside.answer()
    caller.say(tone(700, 2.0), wait=False)
    outside.wait_to_hear(700)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"to": "client:x", "coaching": True}, 13240),
        ({"to": ""}, 21201),
        ({"to": "client:x", "timeout": 1}, 20001),
        ({"to": "client:x", "wait_url": "relative"}, 21205),
        ({"to": "client:x", "label": "twice"}, 16025),
        ({"to": "client:x", "beep": "loudly"}, 20001),
    ],
)
def test_participant_that_cannot_be_added_is_refused(client, line, caller_in, room, options, code):
    caller_in(room, noun=' participantLabel="twice"')
    with pytest.raises(TwilioRestException) as refused:
        client.conferences(room).participants.create(from_=line.number, **options)
    assert refused.value.code == code


def test_ended_conference_takes_nobody(client, line, caller_in, room):
    caller, _ = caller_in(room)
    sid = _sid(client, room)
    caller.hang_up()
    _wait_until(lambda: client.conferences(sid).fetch().status == "completed")
    with pytest.raises(TwilioRestException) as refused:
        client.conferences(sid).participants.create(to="client:x", from_=line.number)
    assert refused.value.status == 404


def test_full_conference_takes_nobody_more(client, line, caller_in, agent_in, room):
    caller_in(room)
    agent_in(room)
    with pytest.raises(TwilioRestException) as refused:
        client.conferences(room).participants.create(to="client:x", from_=line.number, max_participants=2)
    assert refused.value.code == 13233


def test_participants_are_filtered(client, caller_in, agent_in, room):
    _, call_sid = caller_in(room)
    _, agent_sid = agent_in(room, muted=True)
    conference = client.conferences(_sid(client, room))
    assert [seat.call_sid for seat in conference.participants.list(muted=True)] == [agent_sid]
    assert [seat.call_sid for seat in conference.participants.list(muted=False)] == [call_sid]


def test_speakers_are_told_when_asked_for(application, phones, client, line, room):
    application.on(
        "/voice",
        f'<Dial><Conference beep="false" statusCallback="/room" statusCallbackEvent="speaker join">{room}'
        "</Conference></Dial>",
    )
    caller = phones.number()
    call_sid = caller.dial(line.number)
    application.wait_for("/room", StatusCallbackEvent="participant-join", CallSid=call_sid)
    agent = phones.client("listener")
    client.conferences(room).participants.create(to="client:listener", from_=line.number, beep="false")
    agent.answer()
    application.wait_for("/room", 2, StatusCallbackEvent="participant-join")
    caller.say(tone(700, 0.5))
    assert application.wait_for("/room", StatusCallbackEvent="participant-speech-start").params["CallSid"] == call_sid
    assert application.wait_for("/room", StatusCallbackEvent="participant-speech-stop").params["CallSid"] == call_sid


def test_coach_of_somebody_who_is_not_there_goes_on_with_the_script(application, phones, line, client, room):
    application.on(
        "/voice",
        f'<Dial action="/refused"><Conference coach="CA{"0" * 32}">{room}</Conference></Dial>',
    )
    caller = phones.number()
    caller.dial(line.number)
    assert application.wait_for("/refused").params["DialCallStatus"] == "failed"
    assert client.conferences.list(friendly_name=room, status="init") == []


def test_whole_conference_ends_when_its_only_caller_vanishes(application, caller_in, agent_in, room):
    caller, _ = caller_in(room, noun=' endConferenceOnExit="true"')
    agent, _ = agent_in(room)
    caller.vanish()
    assert agent.wait_for("ended")["status"] == "completed"
    application.wait_for("/room", StatusCallbackEvent="conference-end")
