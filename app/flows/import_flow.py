"""`flask --app app flows import`: a flow of another system as a flow file of ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from app.config import Settings
from app.flows.check import fault_in_words, surroundings
from ivr_flows.faults import Fault
from ivr_flows.importers import Imported, ImportFailed, Options, import_flow
from ivr_flows.importers.draft import slug
from ivr_flows.loader import check
from ivr_flows.yaml_reader import read_yaml


@click.command("import")
@click.argument("export", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="What the flow is called here; without it the title in small letters.")
@click.option("--queue", help="The queue for callers whose queue has no name here.")
@click.option("--queues", multiple=True, metavar="THERE=HERE", help="A queue of the export and its key here.")
@click.option("--flows", multiple=True, metavar="THERE=HERE", help="A flow that the export names and its name here.")
@click.option("--to", type=click.Path(dir_okay=False, allow_dash=True), help="The file to write; - prints it.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of words.")
@with_appcontext
def import_command(
    export: Path,
    name: str | None,
    queue: str | None,
    queues: tuple[str, ...],
    flows: tuple[str, ...],
    to: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Read EXPORT, a Twilio Studio flow or an Amazon Connect flow (JSON), and write a flow file.

    Tells in words what has no counterpart here; nothing is dropped silently, and the file begins with the same list.
    Without --to the file goes into the flow folder. Ends with 1 when the flow does not pass the check yet.
    """
    settings: Settings = current_app.config["SETTINGS"]
    known = surroundings(settings)
    options = Options(_pairs(queues), _pairs(flows), queue or next(iter(sorted(known.queues or ())), "sales"))
    imported = _imported(export, options)
    name = name or slug(str(read_yaml(imported.text, export.name).value["title"]), "flow", 60)
    place = to or str(settings.flows_dir / f"{name}.yaml")
    faults = check(imported.text, name, known, file=name if place == "-" else place)
    _write(imported.text, place, force=force, quietly=as_json)
    if as_json:
        click.echo(json.dumps(_as_object(imported, faults, place), ensure_ascii=False, indent=2))
    else:
        for line in _in_words(imported, faults, place):
            click.echo(line, err=place == "-")
    raise SystemExit(1 if any(fault.severity == "error" for fault in faults) else 0)


def _pairs(given: Iterable[str]) -> dict[str, str]:
    pairs = [each.rpartition("=") for each in given]
    if wrong := [here or there for there, sign, here in pairs if not (there and sign and here)]:
        raise click.UsageError(f"{wrong[0][:60]!r} is not THERE=HERE, for instance Sales=sales.")
    return {there: here for there, _, here in pairs}


def _imported(export: Path, options: Options) -> Imported:
    try:
        return import_flow(export.read_text("utf-8"), options)
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{export}: the file is not UTF-8 text") from error
    except (ImportFailed, OSError) as error:
        raise click.ClickException(f"{export}: {error}") from error


def _write(text: str, place: str, *, force: bool, quietly: bool) -> None:
    if place == "-":
        if not quietly:
            click.echo(text, nl=False)
        return
    try:
        with Path(place).open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise click.ClickException(f"{place} is there already: give another --name, or --force.") from error
    except OSError as error:
        raise click.ClickException(f"{place} cannot be written: {error.strerror}.") from error


def _in_words(imported: Imported, faults: list[Fault], place: str) -> Iterator[str]:
    steps = len({name for ids in imported.nodes.values() for name in ids})
    yield f"{len(imported.nodes)} steps became {steps} nodes" + ("." if place == "-" else f": {place}")
    if imported.notes:
        yield click.style("What the original has and this flow has not, or has otherwise:", bold=True)
        yield from (f"  - {note}" for note in imported.notes)
    if faults:
        yield click.style("What the check says of it:", bold=True)
        yield from (f"  {fault_in_words(fault)}" for fault in faults)
    else:
        yield click.style("It passes the check.", fg="green")


def _as_object(imported: Imported, faults: list[Fault], place: str) -> dict[str, object]:
    return {
        "file": None if place == "-" else place,
        "text": imported.text,
        "notes": [{"where": note.where, "said": note.said} for note in imported.notes],
        "nodes": dict(imported.nodes),
        "faults": [asdict(fault) for fault in faults],
    }
