"""A table of cases must show all of its kind: entering, every way out, silence and wrong input, what is heard, what is
told. The tables stand in nodes/<kind>_cases.py and are run by nodes/test_every_kind.py; a kind cannot skip any of it.
"""

from __future__ import annotations

import itertools
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel

from ivr_flows.facts import Fact, FlowEnded, FlowEntered, NodeEntered
from ivr_flows.nodes import KINDS, Node
from ivr_flows.texts import PromptText, Target
from tests.ivr_flows.callers import Caller
from tests.ivr_flows.nodes.case import Case
from tests.ivr_flows.nodes.test_every_kind import cases_of

Field = tuple[str, ...]


@cache
def calls_of(kind: str) -> tuple[tuple[Case, Caller], ...]:
    return tuple((case, case.call()) for case in cases_of(kind))


def fields_of(model: type[BaseModel], wanted: type, at: Field = ()) -> Iterator[Field]:
    """The fields of a kind that hold a value of this type, in its parts too: ("choices", "to")."""
    for name, info in model.model_fields.items():
        for piece in types_in(info.annotation):
            if piece is wanted:
                yield (*at, name)
            elif isinstance(piece, type) and issubclass(piece, BaseModel):
                yield from fields_of(piece, wanted, (*at, name))


def types_in(annotation: Any) -> Iterator[Any]:
    inside = typing.get_args(annotation)
    if not inside:
        yield annotation
    for piece in inside:
        yield from types_in(piece)


def ways_walked(kind: str) -> set[Field]:
    """The fields of this kind by which some case of its table goes on."""
    return {field for case, caller in calls_of(kind) for field in walked_in(case, caller, kind)}


def walked_in(case: Case, caller: Caller, kind: str) -> Iterator[Field]:
    flow = case.flow()
    entered = [fact.node for fact in caller.facts if isinstance(fact, NodeEntered) and fact.flow == flow.name]
    for here, following in itertools.pairwise(entered):
        node = flow.nodes.get(here)
        if node is not None and node.kind == kind:
            yield from fields_towards(node, following)


def fields_towards(node: Node, following: str) -> Iterator[Field]:
    for way in node.ways():
        if way.to == following:
            yield tuple(part for part in way.field if isinstance(part, str))


def facts_at(case: Case, caller: Caller, kind: str) -> Iterator[Fact]:
    """What nodes of this kind told in this case, without what every node tells."""
    nodes = {id_ for id_, node in case.flow().nodes.items() if node.kind == kind}
    for fact in caller.facts:
        if getattr(fact, "node", "") in nodes and not isinstance(fact, NodeEntered | FlowEnded | FlowEntered):
            yield fact


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_takes_every_way_out(kind):
    walked = ways_walked(kind)
    missing = [
        field for field in fields_of(KINDS[kind], Target) if not any(way[: len(field)] == field for way in walked)
    ]
    assert missing == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_enters_the_node_and_does_nothing_more(kind):
    untouched = Case.__dataclass_fields__["does"].default
    assert [case.name for case in cases_of(kind) if case.does is untouched]


@pytest.mark.parametrize("kind", [kind for kind, model in KINDS.items() if model.asks])
def test_the_table_of_a_question_has_silence_and_wrong_input(kind):
    told = {fact.kind for case, caller in calls_of(kind) for fact in facts_at(case, caller, kind)}
    assert {"timed_out", "not_understood"} <= told


@pytest.mark.parametrize("kind", [kind for kind, model in KINDS.items() if set(fields_of(model, PromptText))])
def test_the_table_says_what_the_caller_hears(kind):
    assert [case.name for case in cases_of(kind) if case.hears is not None or case.last is not None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_expects_every_fact_that_the_kind_tells(kind):
    told: dict[str, bool] = {}
    for case, caller in calls_of(kind):
        for fact in facts_at(case, caller, kind):
            told[fact.kind] = told.get(fact.kind, False) or fact.describe() in case.told
    assert [fact for fact, expected in told.items() if not expected] == []
