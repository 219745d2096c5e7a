"""The list of script/mutants is fit to be run: every change finds its place, every invariant has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.mutants import ROOT, BadMutant, Change, Mutant, read_mutants

MUTANTS = read_mutants()
GUARD = Change("guard.py", "if away:", "if False:")


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_finds_its_place_once_and_its_test_is_there(mutant: Mutant) -> None:
    for change in mutant.changes:
        change.applied(ROOT)
    assert (ROOT / mutant.test.split()[0].split("::")[0]).is_file()


def test_every_invariant_of_routing_and_callbacks_has_a_mutant() -> None:
    wanted = {f"A-{n}" for n in range(1, 16)} | {f"C-{n}" for n in range(1, 10)}
    assert wanted <= {mutant.breaks for mutant in MUTANTS}


@pytest.mark.parametrize("there", ["", "if away:\nif away:"], ids=["gone", "twice"])
def test_a_mutant_whose_place_is_not_clear_is_refused(tmp_path: Path, there: str) -> None:
    (tmp_path / "guard.py").write_text(there)
    with pytest.raises(BadMutant, match="not once"):
        GUARD.applied(tmp_path)


@pytest.mark.parametrize(
    ("output", "is_told"),
    [
        ("E   AssertionError: A-3: offered to somebody who was not there", True),
        ("E   AssertionError: A-31", False),
        ("E   IntegrityError: A-3", False),
    ],
)
def test_only_an_assertion_that_names_the_invariant_counts(output: str, is_told: bool) -> None:
    mutant = Mutant("A-3", "no guard", (GUARD,), "tests/test_guard.py", "A-3")
    assert mutant.is_told_by(output) is is_told


@pytest.mark.parametrize("entry", ["{breaks: A-1}", "{breaks: A-1, what: x, file: f, text: a, becomes: a, test: t}"])
def test_an_entry_that_breaks_nothing_is_refused(tmp_path: Path, entry: str) -> None:
    (tmp_path / "list.yaml").write_text(f"- {entry}")
    with pytest.raises(BadMutant, match="A-1"):
        read_mutants(tmp_path / "list.yaml")
