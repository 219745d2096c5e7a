"""From what the engine tells of a step to what can be counted and replayed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ivr_flows.engine import FlowLookup, Step
from ivr_flows.facts import (
    MASK,
    CallerLeft,
    Collected,
    Fact,
    FlowEnded,
    FlowEntered,
    FlowReturned,
    KeyPressed,
    NodeEntered,
    NotUnderstood,
    PersonAsked,
    SurveyAnswered,
    SurveySkipped,
    TimedOut,
    VerificationFailed,
    VerificationPassed,
    WordsUnderstood,
    fact_to_json,
)
from ivr_flows.faults import FlowError
from ivr_flows.instructions import Instruction, Listen, Play, Say
from ivr_flows.state import State
from ivr_flows.ways import field_name, way_taken

COUNTED: dict[type, str] = {
    KeyPressed: "answer",
    WordsUnderstood: "answer",
    PersonAsked: "answer",
    Collected: "answer",
    SurveyAnswered: "answer",
    VerificationPassed: "answer",
    VerificationFailed: "answer",
    NotUnderstood: "no_match",
    TimedOut: "no_input",
    SurveySkipped: "no_input",
    CallerLeft: "hung_up",
}
"""What of a caller's doing is counted, as `Trace.what`."""
KEPT_ELSEWHERE = frozenset({"node", "kind", "flow", "version", "title", "node_kind", "on_path", "text", "reference"})
"""Fields that an event has already, or that are no part of the way (a message's text, a recording's address)."""
MOST_SAID_CHARS = 500
SHORTEST_SECRET = 3


@dataclass(frozen=True, slots=True)
class Position:
    """Where the caller is: in a version of a flow, at a node ("" before its first)."""

    flow: str
    version: str
    node: str = ""

    @classmethod
    def of(cls, state: State) -> Position:
        return cls(state.flow, state.version, state.node)


@dataclass(frozen=True, slots=True)
class Origin:
    """How the call came to a node: from which one of the same flow ("" at its start), and by which way out of it.

    `way` is the field of the file that names it, as in `graph_of`; "" where the engine itself led on, or where nothing
    tells which of several ways it was.
    """

    node: str = ""
    way: str = ""

    def __str__(self) -> str:
        return f"{self.node} {self.way}".strip()


def follow(position: Position, facts: Iterable[Fact], flows: FlowLookup) -> Iterator[tuple[Fact, Position, Origin]]:
    """Every fact with the position after it, and where an entered node was reached from."""
    since: list[Fact] = []
    for fact in facts:
        origin = Origin(position.node)
        match fact:
            case FlowEntered():
                position = Position(fact.flow, fact.version)
            case FlowReturned():
                position = Position(fact.flow, fact.version, fact.node)
            case NodeEntered():
                origin = Origin(position.node, _way(position, fact.node, since, flows))
                position, since = replace(position, node=fact.node), []
                yield fact, position, origin
                continue
        since.append(fact)
        yield fact, position, origin


def _way(position: Position, to: str, since: Sequence[Fact], flows: FlowLookup) -> str:
    if not position.node:
        return ""
    try:
        flow = flows(position.flow, position.version)
    except (FlowError, LookupError):  # a picture lacks a label then; the call must not end for it
        return ""
    way = way_taken(flow, position.node, to, since)
    return field_name(way.field) if way else ""


def rows(fact: Fact, position: Position, origin: Origin) -> Iterator[dict[str, str]]:
    """What a fact adds to the traces: nothing, one row or two."""
    here = {"flow": position.flow, "version": position.version, "came_from": ""}
    match fact:
        case FlowEntered():
            yield here | {"what": "began", "node": ""}
        case NodeEntered():
            yield here | {"what": "entered", "node": fact.node, "came_from": str(origin)}
        case FlowEnded(goal=goal) if goal:
            yield here | {"what": "goal", "node": fact.node}
        case _ if type(fact) in COUNTED:
            yield here | {"what": COUNTED[type(fact)], "node": position.node}


def began(position: Position) -> dict[str, str]:
    """The row of a call's first flow, which the engine does not tell of."""
    return {"flow": position.flow, "version": position.version, "what": "began", "node": "", "came_from": ""}


def about(fact: Fact, origin: Origin) -> dict[str, Any]:
    """A fact's own fields, as its event keeps them for the replay. What is sensitive was masked by the engine."""
    fields = {name: value for name, value in fact_to_json(fact).items() if name not in KEPT_ELSEWHERE}
    came = {"came_from": origin.node, "way": origin.way} if isinstance(fact, NodeEntered) else {}
    return fields | came


def said(step: Step) -> list[list[str]]:
    """What the caller hears after each of the step's facts, secrets masked: texts, and [address] for what is played."""
    heard: list[list[str]] = [[] for _ in step.facts]
    last = len(step.facts)
    for number, instruction in enumerate(step.instructions if heard else ()):
        after = step.given_after[number] if number < len(step.given_after) else last
        heard[max(after, 1) - 1] += _texts(step, instruction)
    return heard


def _texts(step: Step, instruction: Instruction) -> list[str]:
    prompts = _prompts(instruction)
    if _reads_back_a_secret(step):
        return [MASK for _ in prompts]
    texts = [prompt.text if isinstance(prompt, Say) else f"[{prompt.url}]" for prompt in prompts]
    secrets = _secrets(step.state)
    return [MASK if any(secret in text for secret in secrets) else text[:MOST_SAID_CHARS] for text in texts]


def _prompts(instruction: Instruction) -> Sequence[Say | Play]:
    if isinstance(instruction, Say | Play):
        return (instruction,)
    prompts: Sequence[Say | Play] = getattr(instruction, "prompts", ())
    return prompts


def _reads_back_a_secret(step: Step) -> bool:
    """A sensitive answer that the caller is to confirm is spelled out: nothing of it can be told from a text."""
    return bool(step.state.pending) and any(isinstance(one, Listen) and one.sensitive for one in step.instructions)


def _secrets(state: State) -> list[str]:
    values = (str(state.variables.get(name, "")) for name in state.sensitive)
    return [value for value in values if len(value) >= SHORTEST_SECRET]
