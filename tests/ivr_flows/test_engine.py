from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ivr_flows import (
    CallContext,
    FlowStore,
    event_from_json,
    event_to_json,
    fact_from_json,
    fact_to_json,
    instructions_from_json,
    instructions_to_json,
    load_flow,
    path_line,
    repeat,
    resume,
    start,
)
from ivr_flows.events import CallerHungUp, DigitsEntered, SpeechHeard, Started, TransferEnded
from ivr_flows.instructions import Listen
from tests.ivr_flows.callers import TUESDAY_NOON, Caller

FLOW = """\
title: Test
start: menu
fallback: desk
nodes:
  menu: {kind: menu, prompt: Press 1., choices: [{key: 1, to: hours}]}
  hours: {kind: hours, zone: UTC, weekly: {tue: 09:00-18:00}, open: desk, closed: shut}
  shut: {kind: hangup}
  desk: {kind: queue, queue: sales}
"""
CONTEXT = CallContext("+15551234567", "+15005550006", TUESDAY_NOON)


def test_asked_twice_with_the_same_state_and_event_it_answers_the_same():
    flow = load_flow(FLOW, "test")
    first = start(flow, CONTEXT)
    assert start(flow, CONTEXT) == first
    assert resume(flow, first.state, DigitsEntered("1")) == resume(flow, first.state, DigitsEntered("1"))


def test_each_step_has_its_number():
    caller = Caller(load_flow(FLOW, "test"))
    assert caller.state.step == 1
    assert caller.presses("9").state.step == 2
    assert caller.presses("1").state.step == 3


def test_a_late_event_repeats_the_step_and_tells_nothing():
    caller = Caller(load_flow(FLOW, "test"))
    before = caller.step
    assert caller.transfer_ends("busy").step == replace(before, facts=())


def test_a_repeated_first_webhook_repeats_the_greeting():
    caller = Caller(load_flow(FLOW, "test"))
    before = caller.step
    assert caller.does(Started()).step == repeat(before.state)
    assert caller.step.instructions == before.instructions


def test_a_call_that_ended_stays_ended():
    caller = Caller(load_flow(FLOW, "test")).hangs_up()
    assert caller.state.ended
    assert caller.told[-2:] == ["hung up", "flow ended: caller hung up"]
    assert caller.presses("1").step.facts == ()
    assert caller.hangs_up().step.facts == ()
    assert caller.step.instructions == ()


def test_a_new_time_is_seen_by_the_nodes_that_follow():
    flow = load_flow(FLOW, "test")
    step = start(flow, CONTEXT)
    evening = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
    assert resume(flow, step.state, DigitsEntered("1")).state.node == "desk"
    assert resume(flow, step.state, DigitsEntered("1"), now=evening).state.node == "shut"


def test_a_state_goes_on_only_in_its_own_version():
    step = start(load_flow(FLOW, "test"), CONTEXT)
    changed = load_flow(FLOW + "# a comment\n", "test")
    with pytest.raises(ValueError, match=r"the call is in flow test at version \w+, not in test at"):
        resume(changed, step.state, DigitsEntered("1"))


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        CallContext("+1", "+2", datetime(2026, 3, 3, 12))  # noqa: DTZ001


PASSING_ON = """\
title: Passing on
start: go
fallback: desk
nodes:
  go: {kind: transfer, flow: other}
  desk: {kind: queue, queue: sales}
"""


def test_a_transfer_pins_the_other_flows_version(tmp_path):
    (tmp_path / "main.yaml").write_text(PASSING_ON)
    (tmp_path / "other.yaml").write_text(FLOW)
    store = FlowStore(tmp_path, check_every_s=0)
    caller = Caller.of(store)
    (tmp_path / "other.yaml").write_text(FLOW.replace("Press 1.", "Press one."))
    assert store.get("other").version != caller.state.version
    assert caller.presses("9").heard == "Press 1."
    assert caller.state.versions == {"main": store.get("main").version, "other": caller.state.version}


def test_two_flows_that_send_the_caller_to_each_other_end_at_a_person(tmp_path):
    (tmp_path / "main.yaml").write_text(PASSING_ON)
    (tmp_path / "other.yaml").write_text(PASSING_ON.replace("flow: other", "flow: main"))
    caller = Caller.of(FlowStore(tmp_path))
    assert caller.waits_for == "sales"
    assert "limit on steps reached" in caller.told


def test_everything_survives_json(demo):
    caller = Caller.of(demo).presses("7").says("soporte").says("español").presses("2").presses("12345678").presses("1")
    assert [fact_from_json(fact_to_json(fact)) for fact in caller.facts] == caller.facts
    assert instructions_from_json(instructions_to_json(caller.step.instructions)) == caller.step.instructions
    for event in (DigitsEntered("1"), SpeechHeard("sales", 0.5), TransferEnded("busy"), CallerHungUp()):
        assert event_from_json(event_to_json(event)) == event


def test_the_path_reads_as_a_person_would_tell_it(demo):
    caller = Caller.of(demo).says("nonsense").stays_silent().says("support").presses("0")
    assert (
        path_line(caller.facts)
        == "Welcome → Main menu → Support (said “support”) → Account number → Support queue (asked for a person)"
    )


def test_the_path_tells_when_a_caller_was_not_understood(demo):
    caller = Caller.of(demo).presses("7").presses("7").presses("7")
    assert path_line(caller.facts) == "Welcome → Main menu → Front desk (not understood)"


def test_a_question_is_sensitive_for_the_host_too():
    flow = FLOW.replace(
        "{kind: menu, prompt: Press 1., choices: [{key: 1, to: hours}]}",
        "{kind: collect, prompt: PIN?, into: pin, sensitive: true, next: desk}",
    )
    caller = Caller(load_flow(flow, "test"))
    assert isinstance(caller.last, Listen) and caller.last.sensitive
