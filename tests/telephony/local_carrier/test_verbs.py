"""Each verb as Twilio documents it, heard and pressed on real phones."""

from __future__ import annotations

import time

import pytest

from tests.telephony.local_carrier.application import Answer
from tests.telephony.local_carrier.phone import loudness, strength, tone, wav_of


def _call(phones, line):
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    return caller


# --- Play, Pause, Redirect, Hangup ----------------------------------------------------------------------------------


def test_play_loops_as_often_as_asked(application, phones, line, sounds):
    application.on("/voice", f'<Play loop="3">{sounds(440, 0.4)}</Play>')
    caller = _call(phones, line)
    caller.wait_for("ended")
    sounding = [at for at in range(0, len(caller.heard), 160) if loudness(caller.heard[at : at + 160]) > 100]
    assert 55 <= len(sounding) <= 61


def test_play_digits_sounds_keys_and_tells_the_phone(application, phones, line):
    application.on("/voice", '<Play digits="1w5"/>')
    caller = _call(phones, line)
    assert caller.wait_for("dtmf")["digits"] == "1w5"
    caller.wait_for("ended")
    heard = caller.heard
    assert max(strength(heard[at : at + 800], 697) for at in range(0, 2400, 160)) > 0.3
    assert max(strength(heard[at : at + 800], 1336) for at in range(4000, len(heard) - 800, 160)) > 0.3


def test_sound_that_cannot_be_had_is_skipped(application, phones, line, sounds):
    application.on("/voice", f"<Play>/missing.wav</Play><Play>{sounds(900, 0.5)}</Play>")
    caller = _call(phones, line)
    caller.wait_to_hear(900)


def test_sound_is_asked_for_again_only_with_its_etag(application, phones, line, sounds):
    def cached(asked):
        if asked.headers.get("if-none-match") == '"one"':
            return Answer(b"", status=304)
        return Answer(wav_of(tone(440, 0.4)), "audio/wav", headers=(("ETag", '"one"'),))

    application.on("/sound.wav", cached)
    application.on("/voice", "<Play>/sound.wav</Play><Play>/sound.wav</Play>")
    caller = _call(phones, line)
    caller.wait_for("ended")
    first, second = application.requests("/sound.wav")
    assert (first.method, first.params) == ("GET", {})
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"] == '"one"'


def test_pause_first_lets_it_ring_then_answers(application, phones, line):
    application.on("/voice", '<Pause length="1"/><Hangup/>')
    caller = phones.number()
    started = time.monotonic()
    caller.dial(line.number)
    caller.wait_for("answered")
    assert time.monotonic() - started > 0.9


def test_redirect_goes_on_with_the_other_document_relative_to_this(application, phones, line, sounds):
    application.on("/voice", '<Redirect method="GET">next/step</Redirect><Play>/never.wav</Play>')
    application.on("/next/step", f"<Play>{sounds(440, 0.5)}</Play>")
    caller = _call(phones, line)
    caller.wait_to_hear(440)
    caller.wait_for("ended")
    assert application.requests("/next/step")[0].method == "GET"
    assert application.requests("/never.wav") == []


def test_empty_document_answers_and_hangs_up(application, phones, line):
    application.on("/voice", "<Response/>")
    caller = _call(phones, line)
    assert caller.wait_for("ended")["status"] == "completed"


# --- Gather ---------------------------------------------------------------------------------------------------------


def test_gather_ends_at_num_digits_without_waiting(application, phones, line):
    application.on("/voice", '<Gather numDigits="4" action="/done" timeout="60"/>')
    caller = _call(phones, line)
    caller.press("1234")
    asked = application.wait_for("/done")
    assert asked.params["Digits"] == "1234"


def test_finish_key_is_not_part_of_the_digits_and_is_told(application, phones, line):
    application.on("/voice", '<Gather finishOnKey="*" action="/done" timeout="60"/>')
    caller = _call(phones, line)
    caller.press("12#*")
    asked = application.wait_for("/done")
    assert asked.params["Digits"] == "12#"
    assert asked.params["FinishedOnKey"] == "*"


def test_no_finish_key_collects_until_the_timeout(application, phones, line):
    application.on("/voice", '<Gather finishOnKey="" action="/done" timeout="1"/>')
    caller = _call(phones, line)
    caller.press("1#")
    assert application.wait_for("/done").params["Digits"] == "1#"


def test_silence_goes_on_with_the_next_verb(application, phones, line, sounds):
    application.on("/voice", f'<Gather action="/done" timeout="1"/><Play>{sounds(440, 0.5)}</Play>')
    caller = _call(phones, line)
    caller.wait_to_hear(440)
    assert application.requests("/done") == []


def test_silence_reaches_the_action_when_asked_for(application, phones, line):
    application.on("/voice", '<Gather action="/done" timeout="1" actionOnEmptyResult="true"/><Hangup/>')
    _call(phones, line)
    assert application.wait_for("/done").params["Digits"] == ""


def test_timeout_runs_only_after_the_prompt(application, phones, line, sounds):
    application.on(
        "/voice", f'<Gather action="/done" timeout="1" numDigits="1"><Play>{sounds(440, 1.6)}</Play></Gather>'
    )
    caller = _call(phones, line)
    started = time.monotonic()
    caller.wait_for("ended")
    assert 2.3 < time.monotonic() - started < 4.5
    assert application.requests("/done") == []


def test_gather_without_action_asks_its_own_document(application, phones, line):
    application.on("/voice", lambda asked: "<Hangup/>" if "Digits" in asked.params else '<Gather numDigits="1"/>')
    caller = _call(phones, line)
    caller.press("3")
    caller.wait_for("ended")
    assert application.requests("/voice")[1].params["Digits"] == "3"


def test_prompt_falls_silent_at_the_first_key(application, phones, line, sounds):
    application.on(
        "/voice", f'<Gather numDigits="2" action="/done" timeout="3"><Play>{sounds(500, 8.0)}</Play></Gather>'
    )
    caller = _call(phones, line)
    caller.wait_to_hear(500)
    caller.press("1")
    caller.wait_for_silence(2.0)
    caller.press("2")
    assert application.wait_for("/done").params["Digits"] == "12"


def test_caller_who_hangs_up_in_gather_is_only_told_by_the_status_callback(application, phones, line):
    application.on("/voice", '<Gather action="/done" timeout="30"/>')
    caller = _call(phones, line)
    caller.hang_up()
    assert application.wait_for("/ended").params["CallStatus"] == "completed"
    assert application.requests("/done") == []


# --- Record ---------------------------------------------------------------------------------------------------------


def test_record_keeps_what_was_said_and_tells_the_action(carrier, application, phones, line, client):
    application.on("/voice", '<Record action="/recorded" recordingStatusCallback="/status" maxLength="20"/>')
    caller = _call(phones, line)
    caller.wait_to_hear(1000)
    caller.wait_for_silence()
    caller.say(tone(440, 1.0))
    caller.press("#")
    asked = application.wait_for("/recorded")
    assert asked.params["Digits"] == "#"
    assert asked.params["RecordingDuration"] == "1"
    assert asked.params["RecordingUrl"].endswith(asked.params["RecordingSid"])
    told = application.wait_for("/status").params
    assert (told["RecordingStatus"], told["RecordingSource"], told["RecordingChannels"]) == (
        "completed", "RecordVerb", "1",
    )  # fmt: skip
    sound = carrier.get(f"{carrier.account_path}/Recordings/{asked.params['RecordingSid']}.wav")
    assert sound.headers["Content-Type"] == "audio/x-wav"
    assert len(sound.content) > 14_000


def test_record_ends_after_silence(application, phones, line):
    application.on("/voice", '<Record action="/recorded" timeout="1" playBeep="false"/>')
    caller = _call(phones, line)
    caller.say(tone(440, 0.6))
    asked = application.wait_for("/recorded")
    assert asked.params["Digits"] == ""


def test_record_ends_at_its_longest(application, phones, line):
    application.on("/voice", '<Record action="/recorded" maxLength="1" playBeep="false" timeout="0"/>')
    caller = _call(phones, line)
    caller.say(tone(440, 3.0), wait=False)
    assert application.wait_for("/recorded").params["RecordingDuration"] == "1"


def test_hanging_up_ends_the_message_and_the_action_is_told(application, phones, line):
    application.on("/voice", '<Record action="/recorded" playBeep="false"/>')
    caller = _call(phones, line)
    caller.say(tone(440, 0.8))
    caller.hang_up()
    asked = application.wait_for("/recorded")
    assert asked.params["Digits"] == "hangup"
    assert asked.params["CallStatus"] == "completed"


def test_nothing_said_goes_on_with_the_next_verb(application, phones, line, sounds):
    application.on(
        "/voice",
        '<Record action="/recorded" timeout="1" playBeep="false" recordingStatusCallback="/status" '
        f'recordingStatusCallbackEvent="completed absent"/><Play>{sounds(440, 0.5)}</Play>',
    )
    caller = _call(phones, line)
    caller.wait_to_hear(440)
    assert application.requests("/recorded") == []
    assert application.wait_for("/status").params["RecordingStatus"] == "absent"


# --- Dial Number and Client -----------------------------------------------------------------------------------------


def test_dial_rings_then_both_hear_each_other(application, phones, line):
    callee = phones.number()
    application.on("/voice", f'<Dial action="/dialled">{callee.address}</Dial>')
    caller = _call(phones, line)
    ring = callee.wait_for_ring()
    assert ring["from"] == caller.address
    caller.wait_to_hear(440, 480)
    callee.pick_up(ring["callSid"])
    caller.say(tone(700, 3.0), wait=False)
    callee.say(tone(1100, 3.0), wait=False)
    callee.wait_to_hear(700)
    caller.wait_to_hear(1100)
    callee.hang_up()
    asked = application.wait_for("/dialled")
    assert asked.params["DialCallStatus"] == "completed"
    assert asked.params["DialBridged"] == "true"
    assert asked.params["DialCallSid"] == ring["callSid"]
    assert int(asked.params["DialCallDuration"]) >= 1
    caller.wait_for("ended")


def test_child_leg_is_a_call_of_its_own_with_progress_told_in_order(application, phones, line, client):
    callee = phones.number()
    application.on(
        "/voice",
        '<Dial><Number statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed">'
        f"{callee.address}</Number></Dial>",
    )
    caller = phones.number()
    parent_sid = caller.dial(line.number)
    child_sid = callee.answer()
    callee.hang_up()
    application.wait_for("/leg", 4)
    told = [asked.params for asked in application.requests("/leg")]
    assert [one["CallStatus"] for one in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert [one["SequenceNumber"] for one in told] == ["0", "1", "2", "3"]
    assert {one["ParentCallSid"] for one in told} == {parent_sid}
    assert told[0]["CallbackSource"] == "call-progress-events"
    assert told[3]["SipResponseCode"] == "200"
    child = client.calls(child_sid).fetch()
    assert (child.parent_call_sid, child.direction) == (parent_sid, "outbound-dial")
    assert [call.sid for call in client.calls.list(parent_call_sid=parent_sid)] == [child_sid]


def test_first_to_answer_wins_and_the_others_stop_ringing(application, phones, line):
    first, second = phones.number(), phones.number()
    application.on("/voice", f"<Dial><Number>{first.address}</Number><Number>{second.address}</Number></Dial>")
    _call(phones, line)
    lost_sid = first.wait_for_ring()["callSid"]
    second.answer()
    assert first.wait_for("canceled")["callSid"] == lost_sid


def test_every_phone_of_an_address_rings_and_one_answer_is_enough(application, phones, line):
    number_phones = [phones.client("everywhere"), phones.client("everywhere")]
    application.on("/voice", "<Dial><Client>everywhere</Client></Dial>")
    caller = _call(phones, line)
    sids = {phone.wait_for_ring()["callSid"] for phone in number_phones}
    assert len(sids) == 1
    number_phones[0].pick_up(sids.pop())
    number_phones[1].wait_for("canceled")
    caller.hang_up()
    number_phones[0].wait_for("ended")
    assert not number_phones[1].has_seen("ended")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("<Client>nobody-there</Client>", "no-answer"),
        ("<Number>+15550009999</Number>", "failed"),
        ("<Number>12</Number>", "failed"),
    ],
)
def test_target_that_is_not_there_is_told_at_once(application, phones, line, target, status):
    application.on("/voice", f'<Dial action="/dialled">{target}</Dial>')
    _call(phones, line)
    asked = application.wait_for("/dialled")
    assert asked.params["DialCallStatus"] == status
    assert asked.params["DialBridged"] == "false"


def test_rejected_call_is_busy(application, phones, line):
    callee = phones.client("decliner")
    application.on("/voice", '<Dial action="/dialled"><Client>decliner</Client></Dial>')
    _call(phones, line)
    callee.reject(callee.wait_for_ring()["callSid"])
    assert application.wait_for("/dialled").params["DialCallStatus"] == "busy"


def test_talking_phone_is_busy_for_a_second_call(application, phones, line):
    callee = phones.number()
    application.on("/voice", f'<Dial action="/dialled">{callee.address}</Dial>')
    _call(phones, line)
    callee.answer()
    _call(phones, line)
    assert application.wait_for("/dialled").params["DialCallStatus"] == "busy"


def test_nobody_answers_within_the_timeout(application, phones, line):
    callee = phones.number()
    application.on("/voice", f'<Dial timeout="5" action="/dialled">{callee.address}</Dial>')
    caller = _call(phones, line)
    callee.wait_for_ring()
    started = time.monotonic()
    callee.wait_for("canceled")
    assert 4 < time.monotonic() - started < 8
    assert application.wait_for("/dialled").params["DialCallStatus"] == "no-answer"
    caller.wait_for("ended")


def test_caller_who_hangs_up_ends_the_other_leg_and_the_action_is_told_once(application, phones, line):
    callee = phones.number()
    application.on("/voice", f'<Dial action="/dialled">{callee.address}</Dial>')
    caller = _call(phones, line)
    callee.answer()
    caller.hang_up()
    assert callee.wait_for("ended")["status"] == "completed"
    asked = application.wait_for("/dialled")
    assert (asked.params["CallStatus"], asked.params["DialCallStatus"]) == ("completed", "completed")
    assert len(application.requests("/dialled")) == 1


def test_caller_who_gives_up_stops_the_ringing(application, phones, line):
    callee = phones.number()
    application.on("/voice", f"<Dial>{callee.address}</Dial>")
    caller = _call(phones, line)
    callee.wait_for_ring()
    caller.hang_up()
    callee.wait_for("canceled")


def test_without_action_the_next_verb_follows(application, phones, line, sounds):
    application.on("/voice", f"<Dial><Client>nobody-at-all</Client></Dial><Play>{sounds(440, 0.5)}</Play>")
    caller = _call(phones, line)
    caller.wait_to_hear(440)


def test_answer_on_bridge_keeps_the_caller_ringing(application, phones, line):
    callee = phones.number()
    application.on("/voice", f'<Dial answerOnBridge="true">{callee.address}</Dial>')
    caller = phones.number()
    caller.dial(line.number)
    ring = callee.wait_for_ring()
    assert not caller.has_seen("answered")
    callee.pick_up(ring["callSid"])
    caller.wait_for("answered")


def test_star_ends_only_the_callee_when_asked_for(application, phones, line, sounds):
    callee = phones.number()
    application.on("/voice", f'<Dial hangupOnStar="true">{callee.address}</Dial><Play>{sounds(440, 0.6)}</Play>')
    caller = _call(phones, line)
    callee.answer()
    caller.press("*")
    assert callee.wait_for("ended")["status"] == "completed"
    caller.wait_to_hear(440)


def test_time_limit_parts_the_legs(application, phones, line):
    callee = phones.number()
    application.on("/voice", f'<Dial timeLimit="1" action="/dialled">{callee.address}</Dial>')
    _call(phones, line)
    callee.answer()
    callee.wait_for("ended", timeout_s=4)
    assert application.wait_for("/dialled").params["DialCallStatus"] == "completed"


def test_whisper_is_heard_by_the_callee_alone_before_the_bridge(application, phones, line, sounds):
    callee = phones.number()
    application.on("/voice", f'<Dial><Number url="/whisper">{callee.address}</Number></Dial>')
    application.on("/whisper", f"<Play>{sounds(1500, 0.8)}</Play>")
    caller = phones.number()
    parent_sid = caller.dial(line.number)
    callee.answer()
    callee.wait_to_hear(1500)
    assert application.wait_for("/whisper").params["ParentCallSid"] == parent_sid
    caller.say(tone(700, 3.0), wait=False)
    callee.wait_to_hear(700)
    assert strength(caller.heard[-1600:], 1500) < 0.1


def test_callee_who_refuses_in_the_whisper_is_not_bridged(application, phones, line):
    callee = phones.number()
    application.on(
        "/voice", f'<Dial action="/dialled"><Number url="/whisper">{callee.address}</Number></Dial>'
    )  # fmt: skip
    application.on("/whisper", "<Hangup/>")
    _call(phones, line)
    callee.answer()
    assert application.wait_for("/dialled").params["DialBridged"] == "false"


def test_send_digits_are_pressed_after_the_answer(application, phones, line):
    callee = phones.number()
    application.on("/voice", f'<Dial><Number sendDigits="12w3">{callee.address}</Number></Dial>')
    _call(phones, line)
    callee.answer()
    assert callee.wait_for("dtmf")["digits"] == "12w3"


def test_client_parameters_arrive_at_the_phone(application, phones, line):
    callee = phones.client("carol")
    application.on(
        "/voice",
        '<Dial><Client><Identity>carol</Identity><Parameter name="interaction" value="i-1"/></Client></Dial>',
    )
    _call(phones, line)
    assert callee.wait_for_ring()["parameters"] == {"interaction": "i-1"}


def test_keys_of_one_side_are_heard_by_the_other(application, phones, line):
    callee = phones.number()
    application.on("/voice", f"<Dial>{callee.address}</Dial>")
    caller = _call(phones, line)
    callee.answer()
    caller.press("555")
    callee.wait_to_hear(770, 1336, window_s=0.1)


@pytest.mark.parametrize(("wish", "channels"), [("record-from-answer", "1"), ("record-from-answer-dual", "2")])
def test_dial_records_the_conversation(application, phones, line, wish, channels):
    callee = phones.number()
    application.on(
        "/voice",
        f'<Dial record="{wish}" recordingStatusCallback="/status" action="/dialled">{callee.address}</Dial>',
    )
    caller = _call(phones, line)
    callee.answer()
    caller.say(tone(440, 0.6))
    callee.hang_up()
    told = application.wait_for("/status").params
    assert (told["RecordingSource"], told["RecordingChannels"]) == ("DialVerb", channels)
    assert application.wait_for("/dialled").params["RecordingSid"] == told["RecordingSid"]


# --- what cannot be done --------------------------------------------------------------------------------------------


def test_client_that_calls_a_number_needs_a_caller_id(application, phones, client):
    made = client.applications.create(voice_url=f"{application.url}/out")
    callee = phones.number()
    application.on("/out", f'<Dial action="/dialled">{callee.address}</Dial>')
    agent = phones.client("without-id", made.sid)
    agent.dial(callee.address)
    assert application.wait_for("/dialled").params["DialCallStatus"] == "failed"
    application.on("/out", f'<Dial callerId="+15557770000" action="/dialled">{callee.address}</Dial>')
    agent.wait_for("ended")
    agent.dial(callee.address)
    assert callee.wait_for_ring()["from"] == "+15557770000"


@pytest.mark.parametrize(
    "nothing",
    ["<Dial/>", "<Dial><Sip>sip:a@b</Sip></Dial>", "<Dial><Conference/></Dial>", "<Dial><Queue>q</Queue></Dial>"],
)
def test_dial_that_leads_nowhere_goes_on(application, phones, line, sounds, nothing):
    application.on("/voice", f"{nothing}<Play>{sounds(440, 0.5)}</Play>")
    caller = _call(phones, line)
    caller.wait_to_hear(440)


def test_attribute_that_cannot_be_used_falls_back_to_the_default(application, phones, line, sounds):
    application.on(
        "/voice",
        f'<Pause length="soon"/><Play loop="-5">{sounds(440, 0.5)}</Play>'
        '<Gather numDigits="two" input="smell" method="PUT" finishOnKey="12" timeout="5" action="/done"/>',
    )
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    caller.wait_to_hear(440)
    caller.wait_for_silence()
    caller.press("1#")
    asked = application.wait_for("/done")
    assert (asked.method, asked.params["Digits"]) == ("POST", "1")


def test_gather_accepts_only_prompts_inside(application, phones, line, sounds):
    application.on(
        "/voice",
        f'<Gather timeout="1" action="/done"><Dial>+15550000000</Dial><Play>{sounds(440, 0.5)}</Play></Gather>',
    )
    caller = _call(phones, line)
    caller.wait_to_hear(440)
    caller.wait_for("ended")


def test_documents_that_lead_to_each_other_can_be_left_by_hanging_up(application, phones, line):
    application.on("/voice", "<Redirect>/other</Redirect>")
    application.on("/other", "<Redirect>/voice</Redirect>")
    caller = _call(phones, line)
    application.wait_for("/other", 3)
    caller.hang_up()
    assert application.wait_for("/ended").params["CallStatus"] == "completed"


def test_leg_that_lost_the_race_is_told_as_canceled(application, phones, line):
    first, second = phones.number(), phones.number()
    application.on(
        "/voice",
        f'<Dial action="/dialled"><Number statusCallback="/first">{first.address}</Number>'
        f'<Number statusCallback="/second">{second.address}</Number></Dial>',
    )
    caller = _call(phones, line)
    first.wait_for_ring()
    won_sid = second.answer()
    assert application.wait_for("/first").params["CallStatus"] == "canceled"
    caller.hang_up()
    assert application.wait_for("/second").params["CallStatus"] == "completed"
    assert application.wait_for("/dialled").params["DialCallSid"] == won_sid
