"""Changes for the worse, one line each, that the property tests must notice: tests/mutants.yaml, read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "tests" / "mutants.yaml"


class BadMutant(ValueError):
    """An entry of the list that cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Change:
    """`text` stands exactly once in `file`; a mutant has `becomes` in its place."""

    file: str
    text: str
    becomes: str

    def applied(self, root: Path) -> str:
        """The file's text after the change. Raises BadMutant when its place is not there, or is there twice."""
        before = (root / self.file).read_text(encoding="utf-8")
        if before.count(self.text) != 1:
            raise BadMutant(f"{self.text[:60]!r} stands {before.count(self.text)} times in {self.file}, not once")
        return before.replace(self.text, self.becomes)


@dataclass(frozen=True, slots=True)
class Mutant:
    """Changes that break an invariant, so that `test` (what pytest is asked for, `-k` and all) fails and says `says`.

    It must stand in the failing assertion's message: an error on the way (a constraint of the database, a crash) is no
    proof that the property looks.
    """

    breaks: str
    what: str
    changes: tuple[Change, ...]
    test: str
    says: str

    def is_told_by(self, output: str) -> bool:
        """Whether an assertion in pytest's output says it."""
        wanted = re.compile(rf"\b{re.escape(self.says)}\b")
        return any(wanted.search(line) for line in output.splitlines() if "AssertionError" in line)

    def __str__(self) -> str:
        return f"{self.breaks} ({self.what})"


def read_mutants(path: Path = LIST) -> list[Mutant]:
    """The list, as its head describes it. Raises BadMutant."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [_read(dict(entry)) for entry in entries]


def _read(entry: dict[str, Any]) -> Mutant:
    name = f"{entry.get('breaks')} ({entry.get('what')})"
    own = {word: entry.pop(word) for word in ("file", "text", "becomes") if word in entry}
    try:
        changes = tuple(Change(**each) for each in (own, *entry.pop("also", [])))
        mutant = Mutant(changes=changes, **{"says": entry.get("breaks"), **entry})
    except TypeError as error:
        raise BadMutant(f"{name}: {error}") from None
    if any(change.text == change.becomes for change in changes):
        raise BadMutant(f"{name}: it changes nothing")
    return mutant
