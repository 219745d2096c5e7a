"""`flask --app app flows check` and `flows schema`: what the editor page tells of mistakes, from a terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.db import unit_of_work
from app.routing.models import Queue
from ivr_flows.entry_points import load_entry_points_file
from ivr_flows.faults import Fault, FlowError, nearest
from ivr_flows.includes import included_from, whole_text
from ivr_flows.lint import Known
from ivr_flows.loader import check, load_flow, read_flow_text
from ivr_flows.scenario import scenarios_of_file
from ivr_flows.schema import flow_json_schema
from ivr_flows.store import ENTRY_POINTS, flow_files

COLOURS = {"error": "red", "warning": "yellow"}


@dataclass(frozen=True, slots=True)
class Checked:
    """One file and everything found in it."""

    path: Path
    faults: Sequence[Fault]

    def count(self, severity: str) -> int:
        return sum(fault.severity == severity for fault in self.faults)


@click.command("check")
@click.argument("names", nargs=-1, metavar="[NAME OR FILE]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of words.")
@with_appcontext
def check_command(names: tuple[str, ...], as_json: bool) -> None:
    """Check these flows, given by name or as files, or every file of the flow folder.

    Tells what is wrong with file, line, column and node. Ends with 1 when there is an error; warnings stop nothing.
    """
    settings: Settings = current_app.config["SETTINGS"]
    known = surroundings(settings)
    checked = check_files(files_named(settings.flows_dir, names), known)
    if as_json:
        click.echo(json.dumps(as_object(checked), ensure_ascii=False, indent=2))
    else:
        for line in in_words(checked):
            click.echo(line, color=False if os.environ.get("NO_COLOR") else None)
    raise SystemExit(1 if any(one.count("error") for one in checked) else 0)


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of flow files, for code editors that complete and explain as one types.

    Begin a flow file with: # yaml-language-server: $schema=flow.schema.json
    """
    click.echo(json.dumps(flow_json_schema(), ensure_ascii=False, indent=2))


def files_named(folder: Path, names: Sequence[str]) -> list[Path]:
    """The files that are meant: a flow's name means its file in the folder; no name at all means every file of it.

    click.UsageError for a name that is neither a flow nor a file.
    """
    here = flow_files(folder)
    return [_file_named(name, here) for name in names] or here


def _file_named(name: str, here: Sequence[Path]) -> Path:
    if Path(name).suffix in (".yaml", ".yml"):
        return Path(name)
    flows = {path.stem: path for path in here}
    if name not in flows:
        raise click.UsageError(f"There is no flow {name[:60]!r}{nearest(name, flows)}")
    return flows[name]


def surroundings(settings: Settings) -> Known:
    """What flows of this installation may name: its queues, the flows of its folder, its numbers and its own hosts."""
    folder = settings.flows_dir
    flows = {path.stem for path in flow_files(folder) if path.stem != ENTRY_POINTS}
    return Known(known_queues(), flows, _our_numbers(folder), settings.http_allow_hosts)


def check_files(paths: Sequence[Path], known: Known) -> list[Checked]:
    """Check files against each other and against what exists around them."""
    flows = {*(known.flows or ()), *(path.stem for path in paths if path.stem != ENTRY_POINTS)}
    return [Checked(path, _faults(path, replace(known, flows=flows))) for path in paths]


def known_queues() -> Collection[str] | None:
    """The queues' keys; None, so that nothing is checked, without a database or while no queue has been set up."""
    try:
        with unit_of_work() as session:
            return frozenset(session.scalars(select(Queue.key))) or None
    except SQLAlchemyError:
        click.echo("The queues are not known (the database does not answer): their names are not checked.", err=True)
        return None


def _our_numbers(folder: Path) -> Collection[str]:
    try:
        return load_entry_points_file(folder / f"{ENTRY_POINTS}.yaml").numbers
    except FlowError:
        return ()


def _faults(path: Path, known: Known) -> list[Fault]:
    try:
        if path.stem == ENTRY_POINTS:
            load_entry_points_file(path, flows=known.flows)
            return []
        text = whole_text(read_flow_text(path), included_from(path.parent))
        faults = check(text, path.stem, known, file=str(path))
        return faults if _has_errors(faults) else [*faults, *_faults_of_test_calls(text, path, known)]
    except FlowError as error:
        return list(error.faults)


def _faults_of_test_calls(text: str, path: Path, known: Known) -> Sequence[Fault]:
    try:
        scenarios_of_file(load_flow(text, path.stem, file=str(path), known=known), path)
    except FlowError as error:
        return error.faults
    return ()


def _has_errors(faults: Sequence[Fault]) -> bool:
    return any(fault.severity == "error" for fault in faults)


def as_object(checked: Sequence[Checked]) -> dict[str, object]:
    """`{"errors", "warnings", "files": [{"file", "faults": [..]}]}`; a fault has the fields of Fault."""
    return {
        "errors": sum(one.count("error") for one in checked),
        "warnings": sum(one.count("warning") for one in checked),
        "files": [{"file": str(one.path), "faults": [asdict(fault) for fault in one.faults]} for one in checked],
    }


def in_words(checked: Sequence[Checked]) -> Iterator[str]:
    """Every fault on a line that begins with its place, as editors and terminals open it; one line in the end."""
    for one in checked:
        if not one.faults:
            yield click.style("✓", fg="green") + f" {one.path}"
        yield from map(fault_in_words, one.faults)
    errors, warnings = (sum(one.count(severity) for one in checked) for severity in ("error", "warning"))
    yield f"{_many(len(checked), 'file')} checked: {_many(errors, 'error')}, {_many(warnings, 'warning')}"


def fault_in_words(fault: Fault) -> str:
    place = click.style(f"{fault.file}:{fault.line}:{fault.column}:", bold=True)
    severity = click.style(f"{fault.severity}:", fg=COLOURS[fault.severity], bold=True)
    return f"{place} {severity} {fault.said}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
