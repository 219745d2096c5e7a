"""What can be wrong with a flow file, said so that its author can mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ivr_flows.said import said, together

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong at one place.

    Lines and columns count from 1; `node` and `field` are "" where they do not apply.
    """

    message: str
    file: str = ""
    line: int = 1
    column: int = 1
    node: str = ""
    field: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.said}"

    @property
    def place(self) -> str:
        """file:line:column, as editors and terminals open it."""
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def said(self) -> str:
        """The message with node and field, without the place."""
        where = [
            *([said("node {node}", node=self.node)] if self.node else []),
            *([said("field {field}", field=self.field)] if self.field else []),
        ]
        return together([together(where, ", "), self.message], ": ") if where else self.message


class FlowError(Exception):
    """A flow that cannot be used: `faults` lists everything found, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column)))
        super().__init__("\n".join(map(str, self.faults)))


def short(value: object, max_chars: int = 60) -> str:
    """The value for a message: hostile files have keys as long as books."""
    text = "".join(char if char.isprintable() else "?" for char in str(value)[: max_chars + 1])
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def nearest(wrong: str, known: Iterable[str]) -> str:
    """The end of a message about a wrong name: the names that look like it, or what there is to choose from."""
    names = sorted(map(short, known))
    close = difflib.get_close_matches(wrong[:100], names, n=2)
    match close:
        case [one]:
            return said("; did you mean '{name}'?", name=one)
        case [one, other]:
            return said("; did you mean '{name}' or '{other}'?", name=one, other=other)
    if not names:
        return ""
    return said("; use one of: {names}", names=", ".join(names[:20]) + (", …" if len(names) > 20 else ""))
