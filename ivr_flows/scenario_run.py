"""Plays scenarios, says in words what went otherwise than expected, and counts what was reached."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr_flows.coverage import Coverage, Missed
from ivr_flows.engine import FlowLookup
from ivr_flows.facts import Fact, NodeEntered, QueueJoined, TransferStarted, VoicemailLeft
from ivr_flows.instructions import EnterQueue, RecordVoicemail, TransferToAgent, TransferToNumber
from ivr_flows.scenario import Ending, PlacedScenario, Scenario, Turn
from ivr_flows.schema import Flow
from ivr_flows.simulator import SimulatedCall, SimulatedStep

_WAITS = {
    "key": "waits for a key",
    "speech": "waits for words",
    "key_or_speech": "waits for a key or words",
    "queue": "waits in a queue",
    "message": "records a message",
    "transfer": "calls a number",
    "agent": "calls an agent",
}


@dataclass(frozen=True, slots=True)
class Miss:
    """One thing that went otherwise than the scenario says: on which line of its file, and how."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario, played."""

    placed: PlacedScenario
    flow: str
    call: SimulatedCall = field(repr=False)
    misses: tuple[Miss, ...]
    when: tuple[int, ...] = field(repr=False)  # how many steps were done when each miss was found

    @property
    def name(self) -> str:
        return self.placed.scenario.name

    @property
    def passed(self) -> bool:
        return not self.misses

    @property
    def why(self) -> str:
        """line 12: “Thank you” is not heard; line 14: …"""
        return "; ".join(f"line {miss.line}: {miss.what}" for miss in self.misses)

    @property
    def transcript(self) -> str:
        """The call as one would tell it, with what went wrong where it went wrong."""
        return "\n".join(_transcript(self))

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "passed": self.passed,
            "file": self.placed.file,
            "line": self.placed.line,
            "why": self.why,
            "transcript": self.transcript,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All scenarios of one flow, played, and what none of them reached."""

    results: tuple[Result, ...]
    missed: Missed

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.passed)

    def to_json(self) -> dict[str, Any]:
        return {
            "passed": len(self.results) - len(self.failed),
            "failed": len(self.failed),
            "results": [result.to_json() for result in self.results],
            "coverage": self.missed.to_json(),
        }


def run_scenarios(
    flow: Flow, scenarios: Iterable[PlacedScenario], flows: FlowLookup | None = None, coverage: Coverage | None = None
) -> Report:
    """Play every scenario on this flow. `coverage` collects over several flows; without it this flow counts alone."""
    coverage = coverage or Coverage()
    results = tuple(run_scenario(flow, placed, flows) for placed in scenarios)
    for result in results:
        coverage.take(_told(result.call), result.call.been_in)
    return Report(results, coverage.missed(flow))


def run_scenario(flow: Flow, placed: PlacedScenario, flows: FlowLookup | None = None) -> Result:
    """Play one scenario on this flow, through to its end whatever goes wrong on the way."""
    scenario = placed.scenario
    call = SimulatedCall(flow, scenario.given, flows)
    misses = [Miss(placed.line, what) for what in call.problems]
    when = [1] * len(misses)
    for turn, line in zip(scenario.call, placed.lines, strict=True):
        problems = len(call.problems)
        if turn.is_act:
            call.act(turn)
            found = call.problems[problems:]
        else:
            found = list(_not_met(turn, call.steps[-1]))
        misses += [Miss(line, what) for what in found]
        when += [len(call.steps)] * len(found)
    misses += [Miss(placed.line, what) for what in _not_as_at_the_end(scenario, call)]
    when += [len(call.steps)] * (len(misses) - len(when))
    return Result(placed, flow.name, call, tuple(misses), tuple(when))


def _told(call: SimulatedCall) -> list[Fact]:
    return [fact for step in call.steps for fact in step.told]


def _not_met(turn: Turn, step: SimulatedStep) -> Iterator[str]:
    """What this expectation misses in the step before it."""
    heard = _heard(step)
    if turn.hears is not None and _folded(turn.hears) not in _folded(heard):
        yield f"“{turn.hears}” is not heard" + (
            f"; the caller hears “{heard}”" if heard else "; the caller hears nothing"
        )
    if turn.hears_not is not None and _folded(turn.hears_not) in _folded(heard):
        yield f"“{turn.hears_not}” is heard, but must not be"
    if turn.visits is not None and turn.visits not in step.nodes:
        yield f"the call does not come through {turn.visits}" + (f", but {', '.join(step.nodes)}" if step.nodes else "")
    if turn.records is not None and not any(_folded(turn.records) in _folded(fact) for fact in step.facts):
        yield f"“{turn.records}” is not recorded" + (f", but {'; '.join(step.facts)}" if step.facts else "")
    if turn.texted is not None and not any(_folded(turn.texted) in _folded(text) for text in step.texts):
        yield f"“{turn.texted}” is not texted" + (f", but {'; '.join(step.texts)}" if step.texts else "")


def _not_as_at_the_end(scenario: Scenario, call: SimulatedCall) -> Iterator[str]:
    if scenario.ends is not None:
        yield from _ends_elsewhere(scenario.ends, call)
    for name, expected in scenario.facts.items():
        actual = _recorded(name, call)
        if str(actual) != str(expected):
            yield f"{name} is {actual!r}, not {expected!r}" if actual is not None else f"{name} is not set"


def _recorded(name: str, call: SimulatedCall) -> Any:
    """A variable, or a field of the caller's record: customer.fields.plan"""
    if not name.startswith("customer."):
        return call.state.variables.get(name)
    value: Any = call.state.call.customer
    for part in name.split(".")[1:]:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _ends_elsewhere(ends: Ending, call: SimulatedCall) -> Iterator[str]:
    at = Whereabouts.of(call)
    pairs = (
        ("outcome", ends.outcome, at.outcome),
        ("queue", ends.queue, at.queue),
        ("mailbox", ends.mailbox, at.mailbox),
        ("transfer", ends.transfer, at.transfer),
        ("node", ends.node, at.node),
    )
    for what, expected, actual in pairs:
        if expected is not None and expected != actual:
            yield f"the call must end with {what} {expected}; it {at.describe()}"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a call is, or was when it ended; "" for what does not apply."""

    node: str
    outcome: str
    queue: str
    mailbox: str
    transfer: str
    waits: str

    @classmethod
    def of(cls, call: SimulatedCall) -> Whereabouts:
        queue = mailbox = transfer = ""
        for fact in reversed(_told(call)):
            if isinstance(fact, NodeEntered) and (fact.flow, fact.node) == (call.state.flow, call.state.node):
                break
            match fact:
                case QueueJoined():
                    queue = queue or fact.queue
                case VoicemailLeft():
                    mailbox = mailbox or fact.mailbox
                case TransferStarted():
                    transfer = transfer or fact.to
        match call.awaited:
            case EnterQueue(queue=name):
                queue = name
            case RecordVoicemail(mailbox=name):
                mailbox = name
            case TransferToNumber(number=to) | TransferToAgent(agent=to):
                transfer = to
        return cls(
            call.node,
            call.state.outcome if call.state.ended else "",
            queue,
            mailbox,
            transfer,
            _WAITS.get(call.waiting_for or "", ""),
        )

    def describe(self) -> str:
        """waits in a queue (sales) at front_desk"""
        which = self.queue or self.mailbox or self.transfer
        does = f"ended {self.outcome}" if self.outcome else self.waits
        return does + (f" ({which})" if which else "") + f" at {self.node}"


def _transcript(result: Result) -> Iterator[str]:
    placed, call = result.placed, result.call
    yield f"{result.name}  ({placed.file}:{placed.line})"
    for number, step in enumerate(call.steps, 1):
        yield from _told_step(step, call)
        for miss, found_after in zip(result.misses, result.when, strict=True):
            if found_after == number:
                yield f"  ✗ line {miss.line}: {miss.what}"
    yield f"  = {Whereabouts.of(call).describe()}"


def _told_step(step: SimulatedStep, call: SimulatedCall) -> Iterator[str]:
    does = step.act.describe() if step.act else f"{call.given.caller} calls {call.given.called}"
    yield f"  {step.at:%H:%M:%S}  {does}"
    if step.nodes:
        yield f"            at      {' → '.join(step.nodes)}"
    for one in step.heard:
        yield f"            hears   {one.say or f'[{one.play}]'}" + (f"  ({one.language})" if one.language else "")
    for text in step.texts:
        yield f"            texted  {text}"
    for told in step.facts:
        if not told.startswith("entered "):
            yield f"            note    {told}"


def _heard(step: SimulatedStep) -> str:
    return " ".join(one.say or f"[{one.play}]" for one in step.heard)


def _folded(text: str) -> str:
    """Compared without case, runs of spaces and the form of quotes; accents count."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().replace("’", "'").split())
