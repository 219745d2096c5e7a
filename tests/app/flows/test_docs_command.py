"""`flask flows docs`."""

from __future__ import annotations

from click.testing import CliRunner

from app.flows.docs import docs_command
from ivr_flows.nodes import KINDS


def test_the_command_writes_a_page_for_every_kind_and_then_has_nothing_to_do(tmp_path) -> None:
    first = CliRunner().invoke(docs_command, ["--into", str(tmp_path)])
    assert first.exit_code == 0 and "verify.md" in first.output
    assert {path.stem for path in tmp_path.glob("*.md")} == {"README", *KINDS}
    assert "up to date" in CliRunner().invoke(docs_command, ["--into", str(tmp_path)]).output
