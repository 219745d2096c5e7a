"""Which of its ways a call took out of a node, by what the engine told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ivr_flows.facts import (
    BranchTaken,
    CallbackDeclined,
    Fact,
    FlowReturned,
    HoursChecked,
    KeyPressed,
    LimitReached,
    NotUnderstood,
    PersonAsked,
    QueueGone,
    SplitTaken,
    TimedOut,
    VerificationLocked,
    VerificationPassed,
    WordsUnderstood,
)
from ivr_flows.nodes import Node
from ivr_flows.nodes.base import Way
from ivr_flows.nodes.menu import MenuNode
from ivr_flows.schema import Flow

_WAY_OF: dict[type, str] = {
    TimedOut: "no_input",
    NotUnderstood: "no_match",
    PersonAsked: "person",
    CallbackDeclined: "declined",
    VerificationPassed: "next",
    VerificationLocked: "failed",
}
"""What is told when a way is taken, by the field of the way."""


def way_taken(flow: Flow, from_: str, to: str, since: Sequence[Fact]) -> Way | None:
    """The way from one node to the next; `since` was told after the call came to the first, in order.

    None when it was the engine's own way (a limit was reached), or when nothing tells several ways apart.
    """
    node = flow.nodes.get(from_)
    if node is None or any(isinstance(fact, LimitReached) for fact in since):
        return None
    leading = [way for way in node.ways() if (way.to or flow.fallback) == to]
    told = [way for way in leading if is_told(node, way, since)] if len(leading) > 1 else leading
    return told[0] if told else None


def field_name(field: tuple[str | int, ...]) -> str:
    """A field's path as people write it: choices[0].to."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in field).removeprefix(".")


def is_told(node: Node, way: Way, since: Sequence[Fact]) -> bool:
    """Whether the last thing told of this node says that it was this way, where several lead to the same node."""
    last = next((fact for fact in reversed(since) if getattr(fact, "node", "") == node.id), None)
    if type(last) in _WAY_OF:
        return way.field == (_WAY_OF[type(last)],)
    match last:
        case KeyPressed() | WordsUnderstood():
            return isinstance(node, MenuNode) and way.field in _chosen(node, last)
        case BranchTaken(condition=condition):
            return way.label == (f"if {condition}" if condition else "otherwise")
        case SplitTaken(way=share):
            return way.label == share
        case FlowReturned(result=result):
            return way.field in (("results", result), ("next",))
        case QueueGone(reason=reason):
            return (reason == "callback_asked") == (way.field == ("callback",))
        case HoursChecked(is_open=is_open):
            return is_open == (way.field == ("open",))
        case _:
            return False


def _chosen(menu: MenuNode, fact: KeyPressed | WordsUnderstood) -> Iterator[tuple[str | int, ...]]:
    for index, choice in enumerate(menu.choices):
        phrases = [phrase for group in choice.words.by_language.values() for phrase in group] if choice.words else []
        said = {choice.key, *phrases}  # "press two" names the key
        if (fact.key if isinstance(fact, KeyPressed) else fact.phrase) in said:
            yield "choices", index, "to"
