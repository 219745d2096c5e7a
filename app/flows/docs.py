"""`flask --app app flows docs`: the docs pages of the kinds of node, from the code that runs them."""

from __future__ import annotations

from pathlib import Path

import click

from ivr_flows.docs import write_pages

FOLDER = Path(__file__).parents[2] / "docs" / "flows"


@click.command("docs")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, help="Where to write to.")
def docs_command(into: Path) -> None:
    """Write the docs page of every kind of node, from its docstring and its schema."""
    changed = write_pages(into)
    click.echo(f"Wrote {', '.join(changed)}." if changed else "Every page is up to date.")
