"""Makes a test call of a simulated one and writes it into the file of test calls: everything that stands there stays
as it is, comments and order included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from ivr_flows.engine import FlowLookup
from ivr_flows.faults import Fault, FlowError
from ivr_flows.loader import faults_from_pydantic
from ivr_flows.said import said
from ivr_flows.scenario import Scenario, is_blank, scenarios_in
from ivr_flows.scenario_run import Whereabouts
from ivr_flows.schema import Flow
from ivr_flows.simulator import Act, Given, SimulatedCall, SimulatedStep
from ivr_flows.yaml_reader import Document, read_yaml

_EMPTY_LIST = re.compile(r"scenarios:\s*(\[\s*\]|~|null)?\s*(#.*)?\Z")
_ITEM = re.compile(r"( *)-( |\Z)")


def scenario_of(
    flow: Flow,
    name: str,
    given: Mapping[str, Any],
    acts: Iterable[Mapping[str, Any]],
    flows: FlowLookup | None = None,
) -> dict[str, Any]:
    """The test call that this simulated call makes: its acts, the nodes they lead to, its end and what it recorded.

    Texts are not expected word for word, except where the caller is asked again: a prompt may be reworded without
    breaking the call. pydantic.ValidationError when `given` or `acts` cannot be read.
    """
    read = Given.model_validate(given)
    call = SimulatedCall(flow, read, flows)
    turns: list[dict[str, Any]] = list(_expected(call.steps[0]))
    for act in map(Act.model_validate, acts):
        turns += [_tidy(act.to_json()), *_expected(call.act(act))]
    scenario: dict[str, Any] = {"name": name, "given": _without_defaults(given), "call": turns, "ends": _end(call)}
    facts = {name: value for name, value in call.state.variables.items() if name not in call.state.sensitive}
    plain = {name: value for name, value in facts.items() if isinstance(value, str | int | float)}
    return {key: value for key, value in {**scenario, "facts": plain}.items() if value}


def with_scenario(text: str, scenario: Mapping[str, Any], file: str) -> str:
    """The text of a file of test calls (or of a flow) with one more scenario at its end.

    FlowError when the text cannot be read, the scenario cannot, or its name is taken. Blank text begins a new file.
    """
    _checked(scenario, file)
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    if is_blank(text):
        lines += ["scenarios:", *_lines(scenario, 2)]
    else:
        lines = _inserted(read_yaml(text, file), lines, scenario, file)
    written = end.join(lines) + end
    _check_written(written, scenario, file)
    return written


def _expected(step: SimulatedStep) -> Iterator[dict[str, Any]]:
    """Where the step led; where it led nowhere, what was said instead."""
    if step.nodes:
        yield {"visits": step.nodes[-1]}
    elif step.heard and step.heard[0].say:
        yield {"hears": step.heard[0].say}


def _end(call: SimulatedCall) -> dict[str, str]:
    at = Whereabouts.of(call)
    ends = {"outcome": at.outcome, "queue": at.queue, "mailbox": at.mailbox, "transfer": at.transfer, "node": at.node}
    return {key: str(value) for key, value in ends.items() if value}


def _without_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _tidy(value) for key, value in given.items() if value not in (None, "", {}, [])}


def _tidy(value: Any) -> Any:
    """30.0 is written as 30."""
    if isinstance(value, dict):
        return {key: _tidy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e12 else value


def _checked(scenario: Mapping[str, Any], file: str) -> Scenario:
    try:
        return Scenario.model_validate(dict(scenario))
    except ValidationError as error:
        raise FlowError(faults_from_pydantic(error, Scenario, Document(), file)) from error


def _inserted(document: Document, lines: list[str], scenario: Mapping[str, Any], file: str) -> list[str]:
    value = document.value
    if not isinstance(value, dict):
        raise FlowError([Fault(said("a file of test calls is a mapping with the key scenarios"), file)])
    if "scenarios" not in value:
        return [*lines, "", "scenarios:", *_lines(scenario, 2)]
    there = value["scenarios"]
    key_at = document.place_of_key(("scenarios",))[0] - 1
    if not there:
        if not _EMPTY_LIST.match(lines[key_at]):
            raise _not_one_a_line(file, key_at)
        lines = [*lines[:key_at], re.sub(r":\s*(\[\s*\]|~|null)", ":", lines[key_at], count=1), *lines[key_at + 1 :]]
        return [*lines[: key_at + 1], *_lines(scenario, 2), *lines[key_at + 1 :]]
    last_at = document.place_of_key(("scenarios", len(there) - 1))[0] - 1 if isinstance(there, list) else key_at
    dash = _ITEM.match(lines[last_at])
    if dash is None:
        raise _not_one_a_line(file, key_at)
    after = _end_of_item(document, lines, last_at, len(dash[1]))
    return [*lines[:after], "", *_lines(scenario, len(dash[1])), *lines[after:]]


def _not_one_a_line(file: str, line: int) -> FlowError:
    return FlowError(
        [Fault(said("write the test calls one below the other, each with a dash, to add another"), file, line + 1)]
    )


def _end_of_item(document: Document, lines: list[str], first: int, indent: int) -> int:
    """The line after the last one of the item that begins at `first`: what is less indented is no longer its own."""
    later = [place[0] - 1 for path, place in document.keys.items() if len(path) == 1 and place[0] - 1 > first]
    after = min(later, default=len(lines))
    while after > first + 1 and not _belongs(lines[after - 1], indent):
        after -= 1
    return after


def _belongs(line: str, indent: int) -> bool:
    return bool(line.strip()) and (not line.lstrip().startswith("#") or len(line) - len(line.lstrip()) > indent)


def _check_written(written: str, scenario: Mapping[str, Any], file: str) -> None:
    """What was written reads as what was meant, and its name is its own."""
    last = scenarios_in(written, file)[-1].scenario
    if last != _checked(scenario, file):
        raise FlowError([Fault(said("this test call cannot be written as YAML that reads the same"), file)])


def _lines(scenario: Mapping[str, Any], indent: int) -> Iterator[str]:
    """One scenario as an author would write it: a line for each field, one for each turn of the call."""
    pad = " " * indent
    yield f"{pad}- name: {_plain(scenario['name'])}"
    for key, value in scenario.items():
        if key == "call":
            yield f"{pad}  call:"
            yield from (f"{pad}    - {_turn(turn)}" for turn in value)
        elif key != "name":
            yield f"{pad}  {key}: {_plain(value)}"


def _turn(turn: Mapping[str, Any]) -> str:
    """press: 1, or {say: sales, confidence: 0.9}"""
    if len(turn) > 1:
        return _plain(dict(turn))
    return next(f"{key}: {_plain(value)}" for key, value in turn.items())


def _plain(value: Any) -> str:
    """The value on one line, quoted where it must be."""
    dumped: str = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=1_000_000, sort_keys=False)
    return dumped.strip()[1:-1]
