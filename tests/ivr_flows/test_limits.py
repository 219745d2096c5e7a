"""Whatever a flow does, a call in it ends or waits, and the caller gets to a person or a message."""

from __future__ import annotations

import pytest

from ivr_flows import load_flow
from ivr_flows.instructions import EnterQueue, RecordVoicemail, SendSms
from tests.ivr_flows.callers import Caller

HEAD = "title: Test\nlimits: {steps: 10}\nstart: a\nfallback: desk\nnodes:\n  desk: {kind: queue, queue: sales}\n"
PING_PONG = (
    HEAD
    + """\
  a: {kind: menu, prompt: Round., choices: [{key: 1, to: b}]}
  b: {kind: say, text: And round., next: a}
"""
)
HOLLOW_FALLBACK = """\
title: Test
limits: {steps: 5}
start: a
fallback: desk
nodes:
  a: {kind: menu, prompt: Round., choices: [{key: 1, to: a}]}
  desk: {kind: queue, queue: sales, unanswered: a}
"""
LONG = "x" * 350


def long_text_flow(nodes: int) -> str:
    chain = "".join(
        f'  a{n}: {{kind: say, text: "{LONG}{{{{ customer.name }}}}", next: a{n + 1}}}\n' for n in range(nodes)
    )
    head = HEAD.replace("steps: 10", "steps: 200").replace("start: a", "start: a0")
    return head + chain + f"  a{nodes}: {{kind: hangup}}\n"


def test_a_call_that_goes_round_is_taken_to_a_person_at_the_step_limit():
    caller = Caller(load_flow(PING_PONG, "test"))
    rounds = 0
    while caller.is_asked:
        caller.presses("1")
        rounds += 1
    assert rounds == 5
    assert caller.waits_for == "sales"
    assert "limit on steps reached" in caller.told


def test_a_call_one_step_below_the_limit_goes_on_as_the_flow_says():
    caller = Caller(load_flow(PING_PONG, "test"))
    for _ in range(4):
        caller.presses("1")
    assert caller.is_asked
    assert caller.state.nodes_entered == 9


def test_a_fallback_that_leads_back_into_the_ring_ends_at_a_message():
    caller = Caller(load_flow(HOLLOW_FALLBACK, "test"))
    for _ in range(200):
        if caller.is_asked:
            caller.presses("1")
        elif isinstance(caller.last, EnterQueue):
            caller.leaves_queue("timeout")
        else:
            break
    assert isinstance(caller.last, RecordVoicemail)
    assert caller.waits_for == "sales"
    assert caller.state.nodes_entered <= 5 + 20
    caller.leaves_message()
    assert caller.is_hung_up
    assert caller.state.outcome == "voicemail"


def test_a_last_message_that_is_not_left_ends_the_call():
    caller = Caller(load_flow(HEAD + "  a: {kind: say, text: Hello., next: desk}\n", "test"))
    caller.leaves_queue("timeout").stays_silent()
    assert caller.is_hung_up
    assert caller.state.outcome == "no_message"


def test_the_last_message_is_asked_for_in_the_callers_language():
    text = HEAD.replace("title: Test", "title: Test\nlanguages: [en, es, fr]")
    flow = load_flow(text + "  a: {kind: say, text: {en: A, es: B, fr: C}, next: desk}\n", "test")
    assert "Deje un mensaje" in Caller(flow, language="es").leaves_queue("timeout").heard
    assert "leave a message" in Caller(flow, language="fr").leaves_queue("timeout").heard


def test_a_step_that_talks_without_end_is_cut_short_for_a_person():
    caller = Caller(load_flow(long_text_flow(100), "test"))
    assert caller.waits_for == "sales"
    assert "limit on text reached" in caller.told
    assert LONG not in caller.heard


def test_a_long_talk_within_the_limit_is_heard():
    caller = Caller(load_flow(long_text_flow(30), "test"))
    assert caller.is_hung_up
    assert caller.heard.count(LONG) == 30


def test_a_text_that_grows_too_long_takes_the_caller_to_a_person():
    flow = HEAD + '  a: {kind: say, text: "{{ customer.name }}", next: desk}\n'
    caller = Caller(load_flow(flow, "test"), customer={"name": "A" * 3001})
    assert caller.waits_for == "sales"
    assert "limit on text reached" in caller.told


def test_a_text_of_the_longest_length_is_said():
    flow = HEAD + '  a: {kind: say, text: "{{ customer.name }}", next: desk}\n'
    assert "A" * 3000 in Caller(load_flow(flow, "test"), customer={"name": "A" * 3000}).heard


def test_a_variable_that_doubles_in_a_ring_stops_growing():
    flow = HEAD.replace("steps: 10", "steps: 1000") + (
        "  a: {kind: menu, prompt: Round., choices: [{key: 1, to: b}]}\n"
        '  b: {kind: set, variables: {word: "x{{ vars.word ~ vars.word }}"}, next: a}\n'
    )
    caller = Caller(load_flow(flow, "test"))
    for _ in range(50):
        caller.presses("1")
    assert caller.waits_for == "sales"
    assert len(caller.state.variables["word"]) <= 3000


def test_a_text_message_is_sent_once_also_when_the_step_is_cut_short():
    flow = long_text_flow(100).replace("start: a0", "start: text")
    caller = Caller(load_flow(flow + "  text: {kind: sms, text: Hello., next: a0}\n", "test"))
    assert [one for one in caller.step.instructions if isinstance(one, SendSms)] == [SendSms("Hello.")]


def test_tries_are_counted_anew_at_every_question():
    flow = HEAD + (
        "  a: {kind: menu, prompt: First., tries: 2, choices: [{key: 1, to: b}]}\n"
        "  b: {kind: menu, prompt: Second., tries: 2, choices: [{key: 1, to: desk}]}\n"
    )
    caller = Caller(load_flow(flow, "test")).stays_silent().presses("1").stays_silent()
    assert caller.state.node == "b"
    assert caller.stays_silent().waits_for == "sales"


@pytest.mark.parametrize("digits", ["1" * 10_000, "12", "\x00", "ABCD", "１", "²"])
def test_keys_that_no_menu_has_are_not_understood_and_no_harm(digits):
    caller = Caller(load_flow(PING_PONG, "test")).presses(digits)
    assert caller.is_asked
    assert caller.state.tries == 1
    assert len(str(caller.state.to_json())) < 3000


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "\x00\ud800\u202e", "'; DROP TABLE event; --", "{{ 7 * 7 }}", "<Hangup/>"]
)
def test_words_that_no_menu_has_are_not_understood_and_no_harm(text):
    flow = PING_PONG.replace("key: 1", "key: 1, words: [round]")
    caller = Caller(load_flow(flow, "test")).says(text)
    assert caller.is_asked
    assert "49" not in caller.heard
    assert all(len(line) < 700 and line.isprintable() for line in caller.told)
    assert "\\u0000" not in str(caller.state.to_json())
