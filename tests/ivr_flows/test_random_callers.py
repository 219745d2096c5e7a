"""Random callers on the demo flows and on random flows of every kind: every call ends or waits, a person or a message
in reach, within the limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ivr_flows import CallEvent, Flow, FlowStore, Instruction, State, engine
from ivr_flows.coverage import Coverage
from ivr_flows.engine import LAST_RESORT, STEPS_AFTER_RESCUE
from ivr_flows.events import (
    CallerHungUp,
    Continued,
    DigitsEntered,
    InputTimedOut,
    LookupAnswered,
    QueueLeft,
    RecordingLeft,
    SpeechHeard,
    Started,
    TransferEnded,
)
from ivr_flows.instructions import (
    ONCE,
    EnterQueue,
    Hangup,
    Listen,
    LookUp,
    Pause,
    Record,
    RecordVoicemail,
    TransferToAgent,
    TransferToNumber,
)
from ivr_flows.nodes import KINDS
from ivr_flows.simulator import Act, simulate
from tests.ivr_flows.callers import Caller
from tests.ivr_flows.random_flows import fields_of, flows, lookup_for, nodes

DEMO = FlowStore(Path(__file__).parents[2] / "ivr_flows" / "flows", check_every_s=3600)
WAITS = tuple(engine._AWAITED)
PERSON_OR_MESSAGE = (RecordVoicemail, EnterQueue, TransferToNumber, TransferToAgent)
GOODBYE = ("hung_up", "contained", "callback")  # where the flow's author ends the call
WORDS = [
    "sales",
    "support",
    "billing",
    "Spanish",
    "ventas",
    "factura",
    "operator",
    "persona",
    "yes",
    "no",
    "sí",
    "one",
    "dos",
]

EVENTS: dict[type, st.SearchStrategy[CallEvent]] = {
    DigitsEntered: st.builds(
        DigitsEntered,
        st.sampled_from(["0", "1", "2", "3", "9", "*", "", "12345678", "123"]) | st.text("0123456789*#", max_size=12),
    ),
    SpeechHeard: st.builds(SpeechHeard, st.sampled_from(WORDS) | st.text(max_size=20), st.none() | st.floats(0, 1)),
    InputTimedOut: st.just(InputTimedOut()),
    RecordingLeft: st.builds(RecordingLeft, st.just("rec"), st.floats(0, 300)),
    TransferEnded: st.builds(TransferEnded, st.sampled_from(["completed", "busy", "no-answer", "failed", "canceled"])),
    QueueLeft: st.builds(
        QueueLeft, st.sampled_from(["answered", "timeout", "no_agents", "callback", "callback_asked", "voicemail"])
    ),
    LookupAnswered: st.builds(
        LookupAnswered,
        st.sampled_from([None, 200, 204, 404, 500]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inside: (
                st.lists(inside, max_size=2) | st.dictionaries(st.sampled_from(["a", "order", "state"]), inside)
            ),
            max_leaves=4,
        ),
        st.sampled_from([None, "timeout", "unreachable", "refused"]),
    ),
    Continued: st.just(Continued()),
    Started: st.just(Started()),
    CallerHungUp: st.just(CallerHungUp()),
}
"""Whatever a carrier or the host may tell, at any moment."""
event = st.one_of(*EVENTS.values())

ANSWERS: dict[type, Callable[[Any, Random], CallEvent]] = {
    Listen: lambda listen, random: random.choice(
        [
            DigitsEntered(random.choice([*listen.keys, "1", "2", "0", "123", "5551234567", "1234"])),
            SpeechHeard(random.choice(WORDS), random.random()),
            InputTimedOut(),
        ]
    ),
    RecordVoicemail: lambda _, random: random.choice([RecordingLeft("rec", 7.0), InputTimedOut()]),
    Record: lambda _, random: random.choice([RecordingLeft("rec", 7.0), InputTimedOut()]),
    Pause: lambda _, random: Continued(),
    EnterQueue: lambda _, random: QueueLeft(random.choice(["timeout", "timeout", "callback_asked", "answered"])),
    TransferToNumber: lambda _, random: TransferEnded(random.choice(["busy", "no-answer", "completed"])),
    TransferToAgent: lambda _, random: TransferEnded(random.choice(["busy", "no-answer", "completed"])),
    LookUp: lambda _, random: LookupAnswered(
        random.choice([200, 404, 500, None]), {"order": {"state": "sent"}, "a": 1}
    ),
}
"""What somebody may do who goes on with the call, by what the call waits for."""

calls = st.fixed_dictionaries(
    {
        "now": st.integers(0, 3 * 366 * 24 * 60).map(
            lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        ),
        "language": st.sampled_from([None, "en", "es", "xx"]),
        "number": st.sampled_from(["+15551234567", "anonymous", ""]),
        "customer": st.sampled_from(
            [
                {},
                {"account_number": "40712255", "is_known": True, "last_interaction_at": "2026-01-01T00:00:00+00:00"},
                {"account_number": 7, "name": "x" * 4000, "fields": {"plan": "gold"}},
            ]
        ),
    }
)
seeds = st.integers(0, 2**32).map(Random)


def holds(caller: Caller) -> None:
    """What must be true after every step of every call."""
    state, instructions = caller.state, caller.step.instructions
    assert state.nodes_entered <= most_steps(caller)
    assert state.ended or isinstance(instructions[-1], WAITS)
    assert [one for one in instructions[:-1] if isinstance(one, (*WAITS, Hangup))] == []
    assert State.from_json(state.to_json()) == state
    assert not any(isinstance(one, ONCE) for one in state.instructions)
    assert state.ended or not isinstance(caller.last, Listen) or may_reach_a_person(caller)


def most_steps(caller: Caller) -> int:
    """The limit of the flow that allows the most, of those the call has been in, and what comes after a rescue."""
    assert caller.flows is not None or len(caller.state.versions) == 1
    flows = [caller.flows(*each) for each in caller.state.versions.items()] if caller.flows else [caller.flow]
    return max(flow.limits.steps for flow in flows) + 2 * STEPS_AFTER_RESCUE


def may_reach_a_person(caller: Caller) -> bool:
    """Whether some way leads from the question at hand to a person or a message."""
    if caller.state.node == LAST_RESORT:
        return True
    flow = caller.flows(caller.state.flow, caller.state.version) if caller.flows else caller.flow
    waiting, seen = [caller.state.node], set()
    while waiting:
        id_ = waiting.pop()
        if id_ in seen:
            continue
        seen.add(id_)
        if flow.nodes[id_].reaches_person:
            return True
        waiting += [way.to or flow.fallback for way in flow.nodes[id_].ways()]
    return False


def reaches_a_person(caller: Caller) -> bool:
    """Whether a caller who only stays silent gets to a person or a message from here."""
    for _ in range(60):
        if isinstance(caller.last, PERSON_OR_MESSAGE):
            return True
        if caller.state.ended:
            return False
        caller.stays_silent()
    return False


def goes_on(caller: Caller, random: Random) -> None:
    assert caller.last is not None
    caller.does(ANSWERS[type(caller.last)](caller.last, random))


def test_random_callers_know_every_event():
    assert set(EVENTS) == set(get_args(CallEvent))


def test_random_callers_answer_whatever_a_call_waits_for():
    assert set(ANSWERS) == set(WAITS) <= set(get_args(Instruction))


class EverythingSeen(Exception):
    """No more examples are needed."""


@pytest.mark.parametrize("kind", KINDS)
def test_random_flows_have_every_kind_with_every_field(kind: str):
    wanted, seen = set(fields_of(kind)), set()

    @settings(max_examples=400, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(node=nodes((kind,)))
    def made(node: dict[str, Any]) -> None:
        seen.update(node)
        if wanted <= seen:
            raise EverythingSeen

    with suppress(EverythingSeen):
        made()
    assert wanted - seen == set()


@settings(max_examples=80, deadline=None)
@given(call=calls, name=st.sampled_from(DEMO.names()), events=st.lists(event, max_size=25))
def test_every_call_on_the_demo_flows_ends_or_waits_with_a_person_in_reach(
    call: dict[str, Any], name: str, events: list[CallEvent]
):
    caller = Caller.of(DEMO, name, **call)
    holds(caller)
    for one in events:
        caller.does(one)
        holds(caller)
    assert caller.state.ended or reaches_a_person(caller)


@settings(max_examples=80, deadline=None)
@given(flow=flows(), call=calls, events=st.lists(event, max_size=15), random=seeds)
def test_every_call_on_a_random_flow_ends_or_waits(
    flow: Flow, call: dict[str, Any], events: list[CallEvent], random: Random
):
    caller = Caller(flow, lookup_for(flow), **call)
    holds(caller)
    for one in events:  # whatever comes, and between what fits
        caller.does(one)
        holds(caller)
        if not caller.state.ended:
            goes_on(caller, random)
            holds(caller)


@settings(max_examples=80, deadline=None)
@given(flow=flows(), call=calls, random=seeds)
def test_a_caller_who_never_hangs_up_is_offered_a_person_or_a_message_and_not_kept_for_ever(
    flow: Flow, call: dict[str, Any], random: Random
):
    caller, offered = Caller(flow, lookup_for(flow), **call), False
    for _ in range(1000):
        offered = offered or isinstance(caller.last, PERSON_OR_MESSAGE)
        if caller.state.ended:
            break
        goes_on(caller, random)
    assert caller.state.ended
    assert offered or caller.state.outcome in GOODBYE


@pytest.mark.parametrize("kind", KINDS)
def test_a_flow_of_one_kind_alone_never_keeps_a_caller(kind: str):
    @settings(max_examples=6, deadline=None)
    @given(flow=flows((kind,)), random=seeds)
    def called(flow: Flow, random: Random) -> None:
        caller = Caller(flow, lookup_for(flow))
        for _ in range(1000):
            holds(caller)
            if caller.state.ended:
                return
            goes_on(caller, random)
        raise AssertionError("the call goes on for ever")

    called()


ACTS: list[dict[str, Any]] = [
    {"press": "1"},
    {"press": "2"},
    {"press": "0"},
    {"press": "*"},
    {"press": "1234#"},
    {"say": "sales"},
    {"say": "operator", "confidence": 0.9},
    {"silence": True},
    {"wait_s": 7},
    {"wait_s": 5000},
    {"message_s": 6},
    {"agent_answers": True},
    {"leaves_queue": "overflow"},
    {"transfer": "busy"},
    {"transfer": "answered"},
    {"hang_up": True},
]
QUEUES = st.fixed_dictionaries(
    {}, optional={"wait_s": st.sampled_from([0, 20]), "open": st.booleans(), "agents": st.integers(0, 1)}
)


def test_random_acts_are_every_act():
    assert {name for act in ACTS for name in act} == set(Act.model_fields)


@settings(max_examples=80, deadline=None)
@given(flow=flows(), acts=st.lists(st.sampled_from(ACTS), max_size=12), queue=QUEUES)
def test_a_simulated_call_on_a_random_flow_ends_or_waits(flow: Flow, acts: list[dict[str, Any]], queue: dict[str, Any]):
    world = {"queues": {"sales": queue}, "lookups": {"https://crm.example/orders": {"json": {"a": 1}}}}
    call = simulate(flow, world, acts, lookup_for(flow))
    assert (call.waiting_for is None) == (call.ended is not None)
    assert len(call.steps) == len(acts) + 1
    assert json.loads(json.dumps(call.to_json())) == call.to_json()
    coverage = Coverage()
    coverage.take([fact for step in call.steps for fact in step.told], [flow])
    reached = {node for step in call.steps for node in step.nodes} & flow.nodes.keys()
    assert set(coverage.missed(flow).nodes) == flow.nodes.keys() - reached
