"""The docs pages of the kinds of node are what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr_flows.docs import example_of, page_of, pages, write_pages
from ivr_flows.nodes import KINDS

DOCS = Path(__file__).parents[2] / "docs" / "flows"


def test_the_pages_in_docs_flows_are_up_to_date():
    """Mend with `flask flows docs`."""
    assert {path.name: path.read_text("utf-8") for path in DOCS.glob("*.md")} == pages()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_an_example_and_every_field(kind):
    page = page_of(kind)
    assert f"```yaml\n{example_of(kind)}\n```" in page and f"kind: {kind}" in page
    fields = {info.alias or name for name, info in KINDS[kind].model_fields.items() if name != "id"}
    assert fields <= set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert "any value" not in re.sub(r"\| `(body|into)`.*", "", page)
    assert all(takes.strip() for takes in re.findall(r"^\| `\w+` \|(.*?)\|", page, re.MULTILINE))


def test_every_link_leads_somewhere():
    for name, page in pages().items():
        for target in re.findall(r"\]\(([^)#]+\.md)\)", page):
            assert target in pages(), name
        for anchor in re.findall(r"\]\(#([^)]+)\)", page):
            assert f"### {anchor}" in page.lower(), name


def test_pages_are_written_once_and_those_of_kinds_that_are_gone_removed(tmp_path):
    (tmp_path / "fax.md").write_text("old")
    assert set(write_pages(tmp_path)) == {*pages(), "fax.md"}
    assert write_pages(tmp_path) == []
    assert not (tmp_path / "fax.md").exists()
