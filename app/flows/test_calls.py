"""`flask --app app flows test`: play the test calls of the flow files."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from app.config import Settings
from ivr_flows.coverage import Coverage
from ivr_flows.faults import FlowError
from ivr_flows.scenario import scenarios_of_file
from ivr_flows.scenario_run import Report, run_scenarios
from ivr_flows.schema import Flow
from ivr_flows.store import FlowStore

MOST_MISSED_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Played:
    """One flow's test calls: the report, or what is wrong with its files."""

    name: str
    report: Report | None
    error: FlowError | None = None

    @property
    def failed(self) -> bool:
        return self.report is None or bool(self.report.failed)

    def to_json(self) -> dict[str, Any]:
        return self.report.to_json() if self.report else {"faults": [str(fault) for fault in self.faults]}

    @property
    def faults(self) -> Sequence[Any]:
        return self.error.faults if self.error else ()


@click.command("test")
@click.argument("names", nargs=-1)
@click.option("--verbose", "-v", is_flag=True, help="Show every call, not only those that failed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of words.")
@with_appcontext
def test_command(names: tuple[str, ...], verbose: bool, as_json: bool) -> None:
    """Play the test calls of these flows, or of all.

    They stand in the flow's file under `scenarios`, or beside it in <flow>.scenarios.yaml. Ends with 1 when a call
    went otherwise than it should, or a file cannot be used.
    """
    settings: Settings = current_app.config["SETTINGS"]
    began = time.perf_counter()
    played = play_folder(settings.flows_dir, names)
    took_s = time.perf_counter() - began
    if as_json:
        click.echo(json.dumps({one.name: one.to_json() for one in played}, ensure_ascii=False, indent=2, default=str))
    else:
        for line in in_words(played, took_s, verbose=verbose):
            click.echo(line)
    raise SystemExit(1 if any(one.failed for one in played) else 0)


def play_folder(folder: Path, names: Sequence[str] = ()) -> list[Played]:
    """Play the test calls of these flows of the folder, as its files stand now; of all without names.

    click.UsageError for a name that is none. Each flow's coverage counts the calls of all flows played.
    """
    store = FlowStore(folder, check_every_s=3600)
    known = store.names()
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(
            f"There is no flow {unknown[0][:60]!r}: give {', '.join(known) or 'none, there are none'}."
        )
    coverage = Coverage()
    played = [_play(store, folder, name, coverage) for name in names or known]
    return [_with_coverage_of_all(store, one, coverage) for one in played]


def _play(store: FlowStore, folder: Path, name: str, coverage: Coverage) -> Played:
    try:
        flow = _as_it_stands(store, name)
        scenarios = scenarios_of_file(flow, folder / f"{name}.yaml")
    except FlowError as error:
        return Played(name, None, error)
    return Played(name, run_scenarios(flow, scenarios, store.get, coverage))


def _as_it_stands(store: FlowStore, name: str) -> Flow:
    problem = store.problems().get(name)
    if problem:
        raise problem
    return store.get(name)


def _with_coverage_of_all(store: FlowStore, played: Played, coverage: Coverage) -> Played:
    if played.report is None:
        return played
    return Played(played.name, Report(played.report.results, coverage.missed(store.get(played.name))))


def in_words(played: Sequence[Played], took_s: float, *, verbose: bool) -> Iterator[str]:
    """The outcome for a reader: failing calls with their transcripts, what was not reached, and one line in the end."""
    for one in played:
        if one.report is None:
            yield f"✗ {one.name}: its files cannot be used"
            yield from (f"  {fault}" for fault in one.faults)
            continue
        for result in one.report.results:
            if verbose or not result.passed:
                yield ("✓ " if result.passed else "✗ ") + f"{one.name}: {result.transcript}\n"
        yield _line(one.name, one.report)
        yield from _not_reached(one.report)
    results = [result for one in played if one.report for result in one.report.results]
    failed = sum(not result.passed for result in results)
    unusable = sum(one.report is None for one in played)
    yield f"{len(results)} test calls in {took_s:.2f} s: {len(results) - failed} passed, {failed} failed" + (
        f"; {unusable} flows that cannot be used" if unusable else ""
    )


def _line(name: str, report: Report) -> str:
    missed = report.missed
    if not report.results:
        return f"{name}: no test calls"
    nodes, ways = missed.of_nodes - len(missed.nodes), missed.of_ways - len(missed.ways)
    mark = "✗" if report.failed else "✓"
    passed = len(report.results) - len(report.failed)
    return (
        f"{mark} {name}: {passed} of {len(report.results)} passed; "
        f"reached {nodes} of {missed.of_nodes} nodes, {ways} of {missed.of_ways} ways"
    )


def _not_reached(report: Report) -> Iterator[str]:
    if not report.results:
        return
    lines = [*(f"node {node}" for node in report.missed.nodes), *(f"way {way}" for way in report.missed.ways)]
    yield from (f"    not reached: {line}" for line in lines[:MOST_MISSED_SHOWN])
    if len(lines) > MOST_MISSED_SHOWN:
        yield f"    and {len(lines) - MOST_MISSED_SHOWN} more"
