"""What a text must pass before callers hear it: the check that the command line runs too, and its test calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.flows.archive import known_queues
from app.flows.files import FlowFiles
from app.words import flow_words
from ivr_flows.beside import apart, beside
from ivr_flows.faults import Fault, FlowError
from ivr_flows.graph import graph_of
from ivr_flows.includes import own_text
from ivr_flows.lint import Known
from ivr_flows.loader import check, load_flow, read_flow_text
from ivr_flows.scenario import scenarios_of
from ivr_flows.scenario_run import run_scenarios
from ivr_flows.schema import Flow
from ivr_flows.store import FlowStore

NO_TESTS: dict[str, Any] = {"passed": 0, "failed": 0, "results": [], "coverage": {"nodes": [], "edges": []}}


def surroundings(store: FlowStore, name: str) -> Known:
    """What exists around this flow: its own name too, since a new one may send callers back to itself."""
    return Known(queues=known_queues(), flows={*store.names(), name}, hosts=store.hosts)


def faults_of(store: FlowStore, name: str, text: str) -> list[Fault]:
    return check(store.whole(text), name, surroundings(store, name))


def checked(store: FlowStore, name: str, text: str) -> dict[str, Any]:
    """`{faults, graph}` of a text, however broken."""
    faults = faults_of(store, name, text)
    return {"faults": [fault_json(fault) for fault in faults], "graph": graph_of(text, name, faults=faults)}


def tested(store: FlowStore, files: FlowFiles, name: str, text: str) -> dict[str, Any]:
    """What the test calls of a flow say of this text. FlowError when the text, or its test calls, cannot be used."""
    whole = files.whole(name, text)
    return _played(store, files, load_flow(whole, name, known=surroundings(store, name)), own_text(whole))


def proven(store: FlowStore, files: FlowFiles, name: str, text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The faults of a text and what its test calls say: without errors and failures it may go live."""
    faults = faults_of(store, name, text)
    if has_errors(faults):
        return [fault_json(fault) for fault in faults], NO_TESTS
    try:
        tests = tested(store, files, name, text)
    except FlowError as error:  # of the test calls
        return [fault_json(fault) for fault in (*faults, *error.faults)], NO_TESTS
    return [fault_json(fault) for fault in faults], tests


def has_errors(faults: Sequence[Fault]) -> bool:
    return any(fault.severity == "error" for fault in faults)


def fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "line": fault.line,
        "column": fault.column,
        "node": fault.node,
        "field": fault.field,
        "message": flow_words(fault.message),
        "severity": fault.severity,
        "file": fault.file,
    }


def problem_in_words(problem: FlowError | None) -> str | None:
    """Every fault of a file, a line each, with its place."""
    return None if problem is None else "\n".join(fault_in_words(fault) for fault in problem.faults)


def fault_in_words(fault: Fault) -> str:
    return f"{fault.place}: {flow_words(fault.said)}"


def _played(store: FlowStore, files: FlowFiles, flow: Flow, text: str) -> dict[str, Any]:
    other = beside(files.path(flow.name))
    stays_apart = apart(text)[1] is None and other.is_file()
    placed = scenarios_of(flow, text, read_flow_text(other) if stays_apart else None, beside_file=other.name)

    def lookup(name: str, version: str | None) -> Flow:
        return flow if name == flow.name else store.get(name, version)

    return run_scenarios(flow, placed, lookup).to_json()
