"""Random callers on the demo flows and on random flows: every call ends or waits, a person or a message in reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_flows import Flow, FlowError, FlowStore, State, load_flow
from ivr_flows.engine import STEPS_AFTER_RESCUE
from ivr_flows.events import (
    CallerHungUp,
    CallEvent,
    Continued,
    DigitsEntered,
    InputTimedOut,
    QueueLeft,
    RecordingLeft,
    SpeechHeard,
    Started,
    TransferEnded,
)
from ivr_flows.instructions import (
    EnterQueue,
    Hangup,
    Listen,
    RecordVoicemail,
    SendSms,
    TransferToAgent,
    TransferToNumber,
)
from tests.ivr_flows.callers import Caller

DEMO = FlowStore(Path(__file__).parents[2] / "ivr_flows" / "flows", check_every_s=3600)
WAITS = (Listen, RecordVoicemail, EnterQueue, TransferToNumber, TransferToAgent)
PERSON_OR_MESSAGE = (RecordVoicemail, EnterQueue, TransferToNumber, TransferToAgent)
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

event = st.one_of(
    st.builds(
        DigitsEntered,
        st.sampled_from(["0", "1", "2", "3", "9", "*", "", "12345678", "123"]) | st.text("0123456789*#", max_size=12),
    ),
    st.builds(SpeechHeard, st.sampled_from(WORDS) | st.text(max_size=20), st.none() | st.floats(0, 1)),
    st.just(InputTimedOut()),
    st.builds(RecordingLeft, st.just("rec"), st.floats(0, 300)),
    st.builds(TransferEnded, st.sampled_from(["completed", "busy", "no-answer", "failed", "canceled"])),
    st.builds(QueueLeft, st.sampled_from(["answered", "timeout", "overflow", "no_agents", "callback", "voicemail"])),
    st.just(Continued()),
    st.just(Started()),
    st.just(CallerHungUp()),
)
calls = st.fixed_dictionaries(
    {
        "now": st.integers(0, 3 * 366 * 24 * 60).map(
            lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        ),
        "language": st.sampled_from([None, "en", "es", "xx"]),
        "number": st.sampled_from(["+15551234567", "anonymous", ""]),
        "customer": st.sampled_from([{}, {"account_number": "40712255"}, {"account_number": 7, "name": "x" * 4000}]),
    }
)


def holds(caller: Caller) -> None:
    """What must be true after every step of every call."""
    state, instructions = caller.state, caller.step.instructions
    limit = caller.flow.limits.steps + 2 * STEPS_AFTER_RESCUE
    assert state.nodes_entered <= limit
    assert state.ended or isinstance(instructions[-1], WAITS)
    assert [one for one in instructions[:-1] if isinstance(one, (*WAITS, Hangup))] == []
    assert State.from_json(state.to_json()) == state
    assert not any(isinstance(one, SendSms) for one in state.instructions)


def reaches_a_person(caller: Caller) -> bool:
    """Whether a caller who only stays silent gets to a person or a message from here."""
    for _ in range(60):
        if isinstance(caller.last, PERSON_OR_MESSAGE):
            return True
        if caller.state.ended:
            return False
        caller.stays_silent()
    return False


@settings(max_examples=150, deadline=None)
@given(call=calls, name=st.sampled_from(["main", "support"]), events=st.lists(event, max_size=25))
def test_every_call_on_the_demo_flows_ends_or_waits_with_a_person_in_reach(
    call: dict, name: str, events: list[CallEvent]
):
    caller = Caller.of(DEMO, name, **call)
    holds(caller)
    for one in events:
        caller.does(one)
        holds(caller)
    assert caller.state.ended or reaches_a_person(caller)


IDS = [f"n{index}" for index in range(6)]
target = st.sampled_from([*IDS, "desk", "box", "bye"])
optional = st.none() | target


@st.composite
def nodes(draw: st.DrawFn) -> str:
    to = draw(st.lists(target, min_size=4, max_size=4))
    ways = {"no_input": draw(optional), "no_match": draw(optional)}
    asking = "".join(f", {name}: {way}" for name, way in ways.items() if way) + f", tries: {draw(st.integers(1, 3))}"
    return draw(
        st.sampled_from(
            [
                f"{{kind: say, text: Hello., next: {to[0]}}}",
                f"{{kind: menu, prompt: Press., choices: [{{key: 1, words: [sales], to: {to[0]}}}]{asking}}}",
                f"{{kind: menu, prompt: Press., choices: [{{key: 1, to: {to[0]}}}, {{key: 2, to: {to[1]}}}]{asking}}}",
                f"{{kind: collect, prompt: Number?, into: n, max_length: 3, next: {to[0]}{asking}}}",
                f"{{kind: branch, when: [{{if: vars.n, to: {to[0]}}}], otherwise: {to[1]}}}",
                f"{{kind: set, variables: {{n: 1}}, next: {to[0]}}}",
                f"{{kind: hours, zone: UTC, weekly: {{mon-wed: 08:00-20:00}}, open: {to[0]}, closed: {to[1]}}}",
                f"{{kind: queue, queue: sales, unanswered: {to[0]}}}",
                f"{{kind: voicemail, prompt: Speak., mailbox: sales, next: {to[0]}}}",
                f"{{kind: transfer, number: '+15005550020', fallback: {to[0]}}}",
                f"{{kind: sms, text: Hello., next: {to[0]}}}",
            ]
        )
    )


FLOW = """\
title: Random
limits: {{steps: {steps}}}
start: n0
fallback: {fallback}
nodes:
{nodes}
  desk: {{kind: queue, queue: sales, unanswered: {unanswered}}}
  box: {{kind: voicemail, prompt: Speak., mailbox: sales}}
  bye: {{kind: hangup}}
"""


@st.composite
def flows(draw: st.DrawFn) -> str:
    return FLOW.format(
        steps=draw(st.integers(5, 40)),
        fallback=draw(st.sampled_from(["desk", "box"])),
        nodes="\n".join(f"  {id_}: {draw(nodes())}" for id_ in IDS),
        unanswered=draw(target),
    )


def loaded(text: str) -> Flow | None:
    """The flow, or None for one that the loader refuses (a ring that never asks)."""
    try:
        return load_flow(text, "random")
    except FlowError as error:
        assert all("never asks the caller" in fault.message for fault in error.faults), error
        return None


@settings(max_examples=150, deadline=None)
@given(text=flows(), call=calls, events=st.lists(event, max_size=40))
def test_every_call_on_a_random_flow_ends_or_waits(text: str, call: dict, events: list[CallEvent]):
    flow = loaded(text)
    if flow is None:
        return
    caller = Caller(flow, **call)
    holds(caller)
    for one in events:
        caller.does(one)
        holds(caller)


@settings(max_examples=100, deadline=None)
@given(text=flows(), seed=st.randoms(use_true_random=False))
def test_a_caller_who_never_hangs_up_is_offered_a_person_or_a_message_and_not_kept_for_ever(text: str, seed: Random):
    flow = loaded(text)
    if flow is None:
        return
    caller, offered = Caller(flow), False
    for _ in range(1000):
        offered = offered or isinstance(caller.last, PERSON_OR_MESSAGE)
        if caller.state.ended:
            break
        goes_on(caller, seed)
    assert caller.state.ended
    assert offered or caller.state.outcome == "hung_up"  # where the flow's author says goodbye


def goes_on(caller: Caller, seed: Random) -> None:
    match caller.last:
        case Listen():
            seed.choice([lambda: caller.presses("1"), lambda: caller.presses("2"), caller.stays_silent])()
        case EnterQueue():
            caller.leaves_queue("timeout")
        case RecordVoicemail():
            seed.choice([caller.leaves_message, caller.stays_silent])()
        case _:
            caller.transfer_ends("busy")
