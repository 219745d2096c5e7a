"""Files that flows share: prompts and opening hours, kept once and included by name.

A flow's whole text is its own together with the texts it includes: its version is a hash of that, and that is what is
kept, so that a call finishes on the words it began with. In a whole text each included file follows the flow's own
after a line "#%include <name>", which to YAML is a comment. A flow that includes nothing is its own whole text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ivr_flows.faults import FlowError
from ivr_flows.patterns import NODE_ID_PATTERN
from ivr_flows.yaml_reader import MAX_BYTES, read_yaml

ENDING = ".include.yaml"
MAX_INCLUDES = 20
_NAME = re.compile(NODE_ID_PATTERN)
_HAS_INCLUDES = re.compile(r"^include[ \t]*:", re.MULTILINE)
_MARK = re.compile(r"^#%include ([a-z][a-z0-9_-]{0,59})[ \t]*\r?\n", re.MULTILINE)

IncludeLookup = Callable[[str], str | None]
"""The name of an included file, without its ending, to its text; None when there is none."""


def whole_text(text: str, lookup: IncludeLookup) -> str:
    """The text with those it includes, directly or through each other; what is in it already stays as it is.

    At most MAX_INCLUDES files of together at most 1 MB; what is missing, or too much, is for the loader to tell.
    """
    own, included = parts_of(text)
    room = MAX_BYTES
    waiting = [*_included_in(own), *(name for part in included.values() for name in _included_in(part))]
    while waiting and len(included) < MAX_INCLUDES:
        name = waiting.pop(0)
        found = None if name in included else lookup(name)
        if found is None or len(found.encode("utf-8", "replace")) > room:
            continue
        included[name] = parts_of(found)[0]
        room -= len(found.encode("utf-8", "replace"))
        waiting += _included_in(found)
    return own + "".join(f"\n#%include {name}\n{part}" for name, part in included.items())


def parts_of(text: str) -> tuple[str, dict[str, str]]:
    """A whole text taken apart: the flow's own, and the included ones by name."""
    marks = list(_MARK.finditer(text))
    if not marks:
        return text, {}
    ends = [mark.start() - 1 for mark in marks[1:]] + [len(text)]
    included = {mark[1]: text[mark.end() : end] for mark, end in zip(marks, ends, strict=True)}
    return text[: max(0, marks[0].start() - 1)], included


def own_text(text: str) -> str:
    """The flow's own part of a whole text: what its file holds."""
    return parts_of(text)[0]


def included_from(folder: Path) -> IncludeLookup:
    """Looks included files up in a folder; one that cannot be read is not there."""

    def lookup(name: str) -> str | None:
        try:
            data = (folder / f"{name}{ENDING}").read_bytes()
            return data.decode("utf-8") if len(data) <= MAX_BYTES else None
        except (OSError, UnicodeDecodeError):
            return None

    return lookup


def is_include_file(path: Path) -> bool:
    return path.name.endswith(ENDING)


def nothing_included(name: str) -> str | None:
    """For a text that includes nothing, or has what it includes in it."""
    return None


def _included_in(text: str) -> list[str]:
    if not _HAS_INCLUDES.search(text):
        return []
    try:
        value = read_yaml(text, "").value
    except FlowError:  # the loader tells what is wrong with it
        return []
    names = value.get("include") if isinstance(value, dict) else None
    return [name for name in names if isinstance(name, str) and _NAME.match(name)] if isinstance(names, list) else []
