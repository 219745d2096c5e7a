"""Texts of other systems, with their variables, as texts of ours."""

from __future__ import annotations

import re
from collections.abc import Callable

Lookup = Callable[[str], str | None]
"""From a path there (flow.variables.name) to an expression here (vars.name); None when there is none."""
Note = Callable[[str], None]

_OUTPUT = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_TAG = re.compile(r"\{%-?(.*?)-?%\}", re.DOTALL)
_PATH = re.compile(r"""[A-Za-z_][\w-]*(?:\.[\w-]+|\[["']?[\w -]+["']?\])*""")
_LITERAL = re.compile(r""""[^"\\]*"|'[^'\\]*'|-?\d+(?:\.\d+)?""")
_FILTERS = {
    "upcase": "upper",
    "downcase": "lower",
    "capitalize": "capitalize",
    "strip": "trim",
    "size": "length",
    "abs": "abs",
    "round": "round",
    "first": "first",
    "last": "last",
    "default": "default",
}
_WORDS = {"and", "or", "not", "true", "false", "contains", "blank", "empty", "nil", "null", "in"}


def translated(text: str, lookup: Lookup, note: Note) -> str:
    """A Liquid text with the same variables in our own; what has no counterpart is left out and told to `note`."""
    text = _TAG.sub(lambda match: _tag(match[1].strip(), lookup, note), text)
    return _OUTPUT.sub(lambda match: _output(match[1].strip(), lookup, note), text)


def expression(source: str, lookup: Lookup, note: Note) -> str | None:
    """One variable with filters, or a literal, as an expression here; None, and a note, when there is none."""
    head, *filters = (part.strip() for part in re.split(r"\|(?=(?:[^'\"]*['\"][^'\"]*['\"])*[^'\"]*\Z)", source))
    found = head if _LITERAL.fullmatch(head) else lookup(head) if _PATH.fullmatch(head) else None
    if found is None:
        note(f"the variable {{{{{source}}}}} is not known here")
        return None
    for filter_ in filters:
        name, _, arguments = (part.strip() for part in filter_.partition(":"))
        if name not in _FILTERS or (arguments and not _LITERAL.fullmatch(arguments)):
            note(f"the filter {filter_} has no counterpart: the value is used as it is")
        else:
            found += f" | {_FILTERS[name]}" + (f"({arguments})" if arguments else "")
    return found


def _output(source: str, lookup: Lookup, note: Note) -> str:
    if "{" in source or "}" in source:
        note(f"the variable {{{{{source}}}}} cannot be read")
        return ""
    found = expression(source, lookup, note)
    return f"{{{{ {found} }}}}" if found else ""


def _tag(source: str, lookup: Lookup, note: Note) -> str:
    word, _, rest = source.partition(" ")
    simple = {"else": "else", "endif": "endif"}.get(word)
    if simple and not rest:
        return f"{{% {simple} %}}"
    condition = _condition(rest, lookup) if word in ("if", "elsif") else None
    if condition is None:
        note(f"{{% {source} %}} has no counterpart: it is left out")
        return ""
    return f"{{% {'elif' if word == 'elsif' else 'if'} {condition} %}}"


def _condition(source: str, lookup: Lookup) -> str | None:
    known = True

    def here(match: re.Match[str]) -> str:
        nonlocal known
        path = match[0]
        if path in _WORDS:
            known = known and path not in ("contains", "blank", "empty")
            return {"nil": "none", "null": "none"}.get(path, path)
        found = lookup(path)
        known = known and found is not None
        return found or path

    pieces = re.split(r"""("[^"]*"|'[^']*')""", source)
    parts = [piece if index % 2 else _PATH.sub(here, piece) for index, piece in enumerate(pieces)]
    return "".join(parts).strip() if known and source else None
