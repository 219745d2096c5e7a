"""A flow of 1,000 nodes: its check, 1,000 test calls, and one step of the engine, on one core.

Beside each stands the least that such work costs here: reading the same YAML, and pydantic validating the same state.
Goals: check under 1 s, 1,000 test calls under 10 s, a step under 1 ms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from random import Random

from _common import machine, percentile, show
from pydantic import TypeAdapter

from ivr_flows import CallEvent, Flow, Known, State, load_flow
from ivr_flows.engine import resume
from ivr_flows.events import CallerHungUp, DigitsEntered, InputTimedOut, QueueLeft, RecordingLeft
from ivr_flows.instructions import EnterQueue, Listen
from ivr_flows.loader import check
from ivr_flows.scenario import scenarios_in
from ivr_flows.scenario_run import run_scenarios
from ivr_flows.simulator import Act, Given, SimulatedCall
from ivr_flows.yaml_reader import read_yaml

NODES = 1000
CALLS = 1000
ROUNDS = 5
_TEXTS = count(1)
KNOWN = Known(queues=frozenset({"sales"}), flows=frozenset({"large"}))
HEAD = """\
title: A large company
languages: [en, es]
zone: America/New_York
start: welcome
fallback: desk
nodes:
  welcome: {kind: say, text: {en: Welcome to Meridian., es: Bienvenido a Meridian.}, next: n0}
  desk: {kind: queue, queue: sales, unanswered: box}
  box: {kind: voicemail, prompt: {en: Please leave a message., es: Deje un mensaje.}, mailbox: sales}
"""


def large_flow(nodes: int) -> str:
    """A tree of menus, with what flows do between them; every way ends at a person or a message."""
    return HEAD + "".join(f"  n{at}: {_node(at, nodes - 3)}\n" for at in range(nodes - 3))


def _node(at: int, size: int) -> str:
    below = [f"n{child}" if child < size else "desk" for child in range(at * 3 + 1, at * 3 + 4)]
    one, two, three = below
    match at % 5:
        case 0 | 1:
            return (
                f"{{kind: menu, prompt: {_text(at)}, no_match: box, choices: [{{key: 1, to: {one}, "
                f"words: {{en: [sales {at}], es: [ventas {at}]}}}}, {{key: 2, to: {two}}}, {{key: 3, to: {three}}}]}}"
            )
        case 2:
            return (
                f"{{kind: collect, prompt: {_text(at)}, into: number, max_length: 4, retry_prompt: {_text(at)}, "
                f"next: {one}, no_input: {two}, no_match: {three}}}"
            )
        case 3:
            return (
                f"{{kind: branch, when: [{{if: \"vars.number and vars.number[0] == '1'\", to: {one}}}, "
                f'{{if: "now.hour < 12", to: {two}}}], otherwise: {three}}}'
            )
        case _:
            return (
                f"{{kind: hours, zone: America/New_York, weekly: {{mon-fri: 08:00-20:00, sat: 09:00-13:00}}, "
                f"holidays: US, open: {one}, closed: {two}, holiday: {three}}}"
            )


def _text(at: int) -> str:
    return f'{{en: "For option {at}, press 1 {{{{ vars.number }}}}.", es: "Para la opción {at}, oprima 1."}}'


def calls_of(flow: Flow, calls: int) -> str:
    """Test calls that wander through the flow, as a file: each expects what it found."""
    random = Random(7)  # noqa: S311  the same walks every time
    return "scenarios:\n" + "".join(_call(flow, number, random) for number in range(calls))


def _call(flow: Flow, number: int, random: Random) -> str:
    at = f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}T{random.randint(0, 23):02}:15:00+00:00"
    call = SimulatedCall(flow, Given.model_validate({"at": at}))
    lines = [f"- name: Call {number}", f"  given: {{at: {at}, customer: {{name: Ana Ruiz}}}}", "  call:"]
    lines.append("  - hears: Welcome to Meridian.")
    while isinstance(call.awaited, Listen):
        long_ones = ["press: 14#", "press: 123#"] if (call.awaited.max_digits or 1) > 1 else ["press: 2", "press: 3"]
        act = random.choice(["press: 1", *long_ones, "silence: true", "say: sales"])
        key, value = act.split(": ")
        call.act(Act.model_validate({key: True if value == "true" else value}))
        lines.append(f"  - {act}")
    assert not call.problems, call.problems
    lines.append(f"  - visits: {call.node}")
    lines.append(f"  ends: {{node: {call.node}}}")
    return "\n".join(lines) + "\n"


def moments(flow: Flow) -> Iterator[tuple[State, CallEvent]]:
    """Where calls stand and what happens then, for a few thousand steps of every sort."""
    random = Random(11)  # noqa: S311  the same walks every time
    for _ in range(400):
        call = SimulatedCall(flow, Given())
        while not call.state.ended:
            event = _event(call, random)
            yield call.state, event
            call.happens(event)


def _event(call: SimulatedCall, random: Random) -> CallEvent:
    match call.awaited:
        case Listen():
            return random.choice([DigitsEntered("1"), DigitsEntered("2"), DigitsEntered("14"), InputTimedOut()])
        case EnterQueue():
            return random.choice([QueueLeft("timeout"), QueueLeft("answered")])
        case _:
            return random.choice([RecordingLeft("r", 5.0), CallerHungUp()])


def best_of(work: Callable[[str], object], text: str) -> float:
    """Seconds of this process's own processor time for a text that was never seen before, the best of a few rounds."""
    took = []
    for _ in range(ROUNDS):
        fresh = f"{text}# {next(_TEXTS)}\n"
        began = time.process_time()
        work(fresh)
        took.append(time.process_time() - began)
    return min(took)


def main() -> None:
    machine()
    text = large_flow(NODES)
    flow = load_flow(text, "large", known=KNOWN)
    assert len(flow.nodes) == NODES
    measure_check(text)
    measure_calls(flow)
    measure_steps(flow)


def measure_check(text: str) -> None:
    read = best_of(lambda fresh: read_yaml(fresh, "large.yaml"), text)
    checked = best_of(lambda fresh: check(fresh, "large", KNOWN), text)
    show(f"reading the YAML of {NODES:,} nodes", read * 1000, "ms")
    show(f"check of {NODES:,} nodes", checked * 1000, "ms", "goal < 1,000")
    show("check beside reading", checked / read, "ratio")


def measure_calls(flow: Flow) -> None:
    text = calls_of(flow, CALLS)
    placed = scenarios_in(text, "large.scenarios.yaml", nodes=flow.nodes)
    report = run_scenarios(flow, placed)
    assert not report.failed, report.failed[0].transcript
    steps = sum(len(result.call.steps) for result in report.results)
    read = best_of(lambda fresh: scenarios_in(fresh, "large.scenarios.yaml", nodes=flow.nodes), text)
    played = best_of(lambda _: run_scenarios(flow, placed), text)
    show(f"reading {CALLS:,} test calls", read, "s")
    show(f"playing {CALLS:,} test calls of {steps / CALLS:.1f} steps", played, "s")
    show(f"{CALLS:,} test calls, read and played", read + played, "s", "goal < 10")


def measure_steps(flow: Flow) -> None:
    """Each step's time is its best of a few rounds, so that a busy neighbour is not counted as the engine."""
    adapter = TypeAdapter(State)
    steps, bares, whole = [], [], []
    for state, event in moments(flow):
        saved = state.to_json()
        bares.append(_quickest(lambda saved=saved: adapter.validate_python(saved)))
        steps.append(_quickest(lambda state=state, event=event: resume(flow, state, event)))
        whole.append(_quickest(lambda s=saved, event=event: resume(flow, State.from_json(s), event).state.to_json()))
    show(f"bare validation of the state, mean of {len(steps):,}", 1000 * sum(bares) / len(bares), "ms")
    show("engine step, mean", 1000 * sum(steps) / len(steps), "ms", "goal < 1")
    show("engine step, p99", 1000 * percentile(steps, 99), "ms", "goal < 1")
    show("engine step beside the bare validation", sum(steps) / sum(bares), "ratio")
    show("engine step, its state read and written, p99", 1000 * percentile(whole, 99), "ms")


def _quickest(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


if __name__ == "__main__":
    main()
