"""A call played without a telephone."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr_flows import Flow, FlowError, FlowStore, load_flow
from ivr_flows.simulator import NOON, Simulation, simulate

CHRISTMAS = "2026-12-25T12:00:00-05:00"


@pytest.fixture
def play(demo: FlowStore):
    def call(*acts: dict[str, Any], flow: str = "main", **given: Any) -> Simulation:
        return simulate(demo.get(flow), given, acts, demo.get)

    return call


def heard(simulation: Simulation, step: int = -1) -> str:
    return " ".join(one.say or f"[{one.play}]" for one in simulation.steps[step].heard)


def test_the_call_begins_with_what_the_caller_hears_and_waits_for(play):
    call = play()
    assert "For sales, press 1." in heard(call)
    assert (call.waiting_for, call.node, call.ended) == ("key_or_speech", "main_menu", None)
    assert call.steps[0].nodes == ("office_hours", "welcome", "main_menu")
    assert call.steps[0].edges == (("office_hours", "welcome"), ("welcome", "main_menu"))


def test_a_key_goes_where_its_choice_points(play):
    call = play({"press": "1"})
    assert (call.waiting_for, call.node) == ("queue", "sales")
    assert call.steps[-1].edges == (("main_menu", "sales"),)
    assert "pressed 1" in call.steps[-1].facts


def test_words_are_understood_as_on_the_telephone(play):
    assert play({"say": "billing please", "confidence": 0.8}).node == "billing"
    assert play({"say": "billing please", "confidence": 0.1}).node == "main_menu"


def test_the_caller_who_waits_hears_the_question_again_and_reaches_a_person_in_the_end(play):
    assert "Sorry, I did not get that." in heard(play({"wait_s": 6}))
    assert play({"wait_s": 15}).node == "front_desk"
    assert play({"silence": True}, {"silence": True}, {"silence": True}).node == "front_desk"


def test_waiting_goes_on_where_it_stopped(play):
    assert len(play({"wait_s": 3}, {"wait_s": 3}).steps[-1].heard) > 0
    assert len(play({"wait_s": 3}).steps[-1].heard) == 0


def test_nodes_of_another_flow_carry_its_name(play):
    call = play({"press": "2"})
    assert call.node == "support/account"
    assert call.steps[-1].edges[-2:] == (
        ("support", "support/known_caller"),
        ("support/known_caller", "support/account"),
    )


def test_a_flow_that_is_not_there_is_met_as_in_a_call(demo):
    call = simulate(demo.get("main"), {}, [{"press": "2"}])
    assert call.node == "front_desk"


def test_the_callers_record_and_clock_are_given(play):
    assert play(customer={"account_number": "40712255"}, flow="support").node == "support_queue"
    assert "We are closed today." in heard(play(at=CHRISTMAS))


def test_keys_end_at_the_finish_key(play):
    call = play({"press": "40712255#"}, flow="support")
    assert "I have 4, 0, 7, 1, 2, 2, 5, 5." in heard(call)
    assert play({"press": "40712255#"}, {"press": "1"}, flow="support").steps[-1].variables == {
        "account_number": "40712255"
    }


@pytest.mark.parametrize(
    ("queue", "acts", "ended", "node"),
    [
        ({"wait_s": 40}, [{"wait_s": 39}], None, "sales"),
        ({"wait_s": 40}, [{"wait_s": 40}], "answered", "sales"),
        ({"max_wait_s": 60}, [{"wait_s": 59}], None, "sales"),
        ({"max_wait_s": 60}, [{"wait_s": 60}], None, "sales_message"),
        ({}, [{"press": "*"}], None, "sales_message"),
        ({}, [{"agent_answers": True}], "answered", "sales"),
        ({}, [{"leaves_queue": "overflow"}], None, "sales_message"),
        ({}, [{"leaves_queue": "timeout"}, {"message_s": 12}], "voicemail", "sales_message"),
        ({}, [{"press": "*"}, {"hang_up": True}, {"message_s": 12}], "voicemail", "sales_message"),
        ({}, [{"hang_up": True}], "caller_hung_up", "sales"),
    ],
)
def test_a_queue_goes_as_it_is_given(play, queue, acts, ended, node):
    call = play({"press": "1"}, *acts, queues={"sales": queue})
    assert (call.ended, call.node, call.problems) == (ended, node, ())


def test_texts_that_are_sent_are_shown(play):
    call = play({"press": "2"}, at=CHRISTMAS)
    assert "https://meridian.example/help" in call.steps[-1].texts[0]
    assert call.ended == "contained"


def test_time_passes_with_waiting_only(play):
    call = play({"press": "1"}, {"wait_s": 30}, at="2026-03-03T12:00:00+00:00")
    assert [step.at.isoformat()[11:19] for step in call.steps] == ["12:00:00", "12:00:00", "12:00:30"]


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        ({"press": "12"}, "presses 12: only 1 is taken here, 2 comes too late"),
        ({"message_s": 5}, "leaves a message of 5 s: no message is recorded here; a key or words are awaited"),
        ({"agent_answers": True}, "an agent answers: nobody is called here; a key or words are awaited"),
        ({"transfer": "busy"}, "transfer: busy: nobody is called here; a key or words are awaited"),
    ],
)
def test_an_act_that_means_nothing_here_is_said_so(play, act, problem):
    assert play(act).problems == (problem,)


def test_acts_after_the_end_change_nothing(play):
    call = play({"hang_up": True}, {"press": "1"})
    assert call.ended == "caller_hung_up"
    assert call.problems == ("presses 1: the call is over",)


@pytest.mark.parametrize(
    ("given", "acts"),
    [
        ({"at": "2026-03-03T12:00:00"}, []),
        ({"weather": "fine"}, []),
        ({}, [{}]),
        ({}, [{"press": "1", "say": "sales"}]),
        ({}, [{"press": "A"}]),
        ({}, [{"confidence": 0.4}]),
        ({}, [{"silence": True}] * 501),
        ({"queues": {"sales": {"wait_s": 1e9}}}, []),
    ],
)
def test_what_cannot_be_read_is_refused(play, given, acts):
    with pytest.raises(ValidationError):
        play(*acts, **given)


def test_the_same_acts_give_the_same_call_as_json(play):
    acts = ({"say": "sales"}, {"wait_s": 40}, {"hang_up": True})
    assert play(*acts).to_json() == play(*acts).to_json()
    assert play(*acts).to_json()["steps"][1]["act"] == {"say": "sales"}


def test_test_calls_in_a_flows_own_file_leave_the_flow_as_it_is():
    flow = load_flow("title: T\nstart: d\nfallback: d\nnodes: {d: {kind: queue, queue: sales}}\nscenarios: []\n", "t")
    assert simulate(flow, {}, []).waiting_for == "queue"


ORDERS = """\
title: Orders
start: record
fallback: desk
nodes:
  record: {kind: customer, set: {plan: gold}, next: ask}
  ask:
    kind: http
    url: https://crm.example/orders?of={{ call.caller }}
    into: {state: order.state}
    hold: One moment.
    next: tell
    on_status: [{status: 404, to: none}]
    fallback: broken
  tell: {kind: say, text: "Your order is {{ vars.state }}.", next: desk}
  none: {kind: say, text: You have no order., next: desk}
  broken: {kind: say, text: We cannot look that up., next: desk}
  desk: {kind: queue, queue: sales, max_wait_s: 60, callback: call_me, unanswered: box}
  call_me: {kind: callback, queue: sales, declined: desk}
  box: {kind: voicemail, prompt: Speak., mailbox: sales}
"""
SENT = {"json": {"order": {"state": "sent"}}}


def orders(*acts: dict[str, Any], **given: Any) -> Simulation:
    return simulate(load_flow(ORDERS, "orders"), {"lookups": {"ask": SENT}, **given}, acts)


@pytest.mark.parametrize(
    ("lookups", "told"),
    [
        ({"ask": SENT}, "Your order is sent."),
        ({"https://crm.example/orders?of=%2B15550100123": SENT}, "Your order is sent."),
        ({"https://crm.example/orders": SENT}, "Your order is sent."),
        ({"ask": {"status": 404}}, "You have no order."),
        ({"ask": {"status": 500}}, "We cannot look that up."),
        ({"ask": "timeout"}, "One moment. We cannot look that up."),
        ({"ask": "unreachable"}, "We cannot look that up."),
    ],
)
def test_other_systems_answer_as_given(lookups, told):
    call = orders(lookups=lookups)
    assert (heard(call), call.waiting_for, call.problems) == (told, "queue", ())


def test_a_look_up_without_a_given_answer_fails_and_is_said_so():
    call = orders(lookups={})
    assert heard(call) == "We cannot look that up."
    assert call.problems == (
        "ask asks https://crm.example/orders?of=%2B15550100123: no answer is given; add one under given, lookups",
    )


def test_a_look_up_that_takes_too_long_takes_its_time():
    assert orders(lookups={"ask": "timeout"}).steps[0].at.isoformat()[11:19] == "12:00:04"


@pytest.mark.parametrize(
    ("queue", "acts", "ended", "node"),
    [
        ({}, [{"press": "1"}], None, "call_me"),
        ({}, [{"press": "1"}, {"press": "1"}], "callback", "call_me"),
        ({}, [{"wait_s": 60}], None, "box"),
        ({"wait_s": 50}, [{"wait_s": 60}], "answered", "desk"),
        ({"wait_s": 50, "agents": 0}, [{"wait_s": 60}], None, "box"),
        ({"open": False}, [], None, "box"),
    ],
)
def test_a_queue_offers_what_its_node_says(queue, acts, ended, node):
    call = orders(*acts, queues={"sales": queue})
    assert (call.ended, call.node, call.problems) == (ended, node, ())


def test_a_pause_passes_by_itself_and_the_clock_with_it():
    nodes = (
        "  a: {kind: wait, seconds: 90, next: b}\n"
        "  b: {kind: branch, when: [{if: now.minute == 1, to: c}], otherwise: desk}\n"
        "  c: {kind: record, prompt: Speak., next: bye, no_input: desk}\n"
        "  bye: {kind: hangup, say: Bye.}\n  desk: {kind: queue, queue: sales}\n"
    )
    flow = load_flow(f"title: Test\nstart: a\nfallback: desk\nnodes:\n{nodes}", "test")
    played = simulate(flow, {"at": "2026-03-03T12:00:00+00:00"}, [{"message_s": 4}])
    assert played.steps[0].nodes == ("a", "b", "c")
    assert (played.steps[0].at - NOON).total_seconds() == 90
    assert (played.node, played.ended) == ("bye", "hung_up")
    assert "recorded 4 s" in played.steps[1].facts


LATER_KINDS = """\
title: Later kinds
start: calm
fallback: desk
nodes:
  calm: {kind: wait, before: Take a breath., seconds: 20, next: try}
  try: {kind: split, shares: [{percent: 5, name: new, to: tell}, {percent: 95, to: old}]}
  old: {kind: say, text: As ever., next: desk}
  tell: {kind: record, prompt: What happened?, into: what, next: who}
  who: {kind: subflow, flow: who, results: {yes: known}, next: desk}
  known: {kind: say, text: We know you., next: desk}
  desk: {kind: queue, queue: sales}
"""
WHO = """\
title: Who
start: pin
fallback: desk
nodes:
  pin: {kind: verify, prompt: Your PIN?, against: "{{ customer.pin }}", length: 4, next: good, failed: bad}
  good: {kind: return, result: "yes"}
  bad: {kind: return}
  desk: {kind: queue, queue: sales}
"""


def later(*acts: dict[str, Any], share: str = "new", **given: Any) -> Simulation:
    who = load_flow(WHO, "who")
    given |= {"chance": {"try": share}, "customer": {"pin": "4711"}}
    return simulate(load_flow(LATER_KINDS, "later"), given, acts, lambda name, version: who)


def test_a_pause_takes_its_time_and_no_act():
    call = later()
    assert heard(call) == "Take a breath. What happened?"
    assert call.steps[0].at.isoformat()[11:19] == "12:00:20"
    assert call.waiting_for == "message"


@pytest.mark.parametrize(("share", "told"), [("new", "What happened?"), ("95 %", "As ever.")])
def test_a_call_falls_into_the_share_that_is_given(share, told):
    assert heard(later(share=share)).endswith(told)


def test_a_share_that_is_none_is_said_so():
    assert later(share="newer").problems == ("chance: there is no share 'newer' at try",)
    assert simulate(load_flow(WHO, "who"), {"chance": {"pin": "a"}}, []).problems == (
        "chance: there is no share 'a' at pin",
    )


def test_a_subflow_comes_back_with_its_result():
    call = later({"message_s": 4}, {"press": "4711"})
    assert call.steps[-1].nodes == ("who/good", "known", "desk")
    assert heard(call) == "We know you."
    assert call.steps[-1].edges[-1] == ("known", "desk")
    wrong = later({"message_s": 4}, *[{"press": "1234"}] * 3)
    assert (wrong.node, heard(wrong)) == ("desk", "")


LINE = """\
title: Line
start: sales
fallback: sales
nodes:
  sales: {kind: queue, queue: sales, wait_flow: hold, unanswered: box}
  box: {kind: voicemail, prompt: Speak., mailbox: sales}
"""
HOLD = """\
title: While waiting
start: place
fallback: on
nodes:
  place: {kind: say, text: "You are number {{ queue.position }} after {{ queue.waited_s }} s.", next: ask}
  ask:
    kind: menu
    prompt: "1 to be called, 2 for a message, 3 for our address, 4 to order."
    choices:
      - {key: 1, words: [call me], to: call_me}
      - {key: 2, to: message}
      - {key: 3, to: address}
      - {key: 4, to: order}
    tries: 1
    no_input: on
    person: null
  call_me: {kind: callback, queue: sales, declined: on}
  message: {kind: voicemail, prompt: Not heard here., mailbox: sales}
  address: {kind: say, text: Number One Main Street., next: on}
  order: {kind: http, url: https://crm.example, next: on, fallback: on}
  on: {kind: queue, queue: sales}
"""


def line(*acts: dict[str, Any], **queue: Any) -> Simulation:
    hold = load_flow(HOLD, "hold")

    def find(name: str, version: str | None) -> Flow:
        if name != "hold":
            raise FlowError([])
        return hold

    return simulate(load_flow(LINE, "line"), {"queues": {"sales": {"position": 3, **queue}}}, acts, find)


def test_the_small_flow_of_a_queue_plays_while_the_caller_waits():
    call = line({"wait_s": 30})
    assert heard(call, 0).startswith("You are number 3 after 0 s. 1 to be called")
    assert (call.waiting_for, call.node) == ("queue", "sales")
    assert call.steps[0].nodes == ("sales", "hold/place", "hold/ask")
    again = line({"wait_s": 30}, {"wait_s": 30})
    assert heard(again).startswith("You are number 3 after 60 s.")


@pytest.mark.parametrize(
    ("acts", "ended", "node", "told"),
    [
        ([{"press": "3"}], None, "sales", "Number One Main Street."),
        ([{"press": "4"}], None, "sales", ""),
        ([{"press": "2"}], None, "box", "Speak."),
        ([{"press": "1"}, {"press": "1"}], "callback", "sales", "Thank you. We will call you back"),
        ([{"say": "call me", "confidence": 0.9}], None, "sales", "We will call you back at"),
        ([{"agent_answers": True}], "answered", "sales", ""),
        ([{"wait_s": 1200}], None, "box", "Speak."),
    ],
)
def test_the_small_flow_gives_the_caller_ways_out_of_the_line(acts, ended, node, told):
    call = line(*acts)
    assert (call.ended, call.node, call.problems) == (ended, node, ())
    assert heard(call).startswith(told)
    assert ("sales", "box") in call.steps[-1].edges or node == "sales"


def test_keys_that_the_small_flow_does_not_ask_for_mean_nothing():
    call = line({"press": "3"}, {"press": "1"})
    assert call.problems == ("presses 1: nothing is asked in the line; the caller waits in a queue",)


def test_a_small_flow_that_is_not_there_leaves_the_caller_in_the_line():
    call = simulate(load_flow(LINE, "line"), {}, [{"leaves_queue": "timeout"}])
    assert call.node == "box"
    assert call.problems == ("sales: there is no flow hold to play in the line",)
