"""Test calls that stand beside their flow, in <flow>.scenarios.yaml, as a part of the flow's text.

In a flow's text they follow what stands in its own file after a line "#%scenarios", which to YAML is a comment: the
two read as one file. So a version holds its test calls, and they are drafted, published and taken back with it. Where
the two do not read as one (the flow's file has test calls of its own, or the file beside it is broken) they stay apart.
"""

from __future__ import annotations

import re
from pathlib import Path

from ivr_flows.faults import FlowError
from ivr_flows.loader import read_flow_text
from ivr_flows.yaml_reader import MAX_BYTES, read_yaml

ENDING = ".scenarios.yaml"
MARK = "#%scenarios (what follows stands in the file of test calls beside the flow's own)"
_MARK = re.compile(r"^#%scenarios\b[^\n]*(?:\n|\Z)", re.MULTILINE)
_BEGINS_AT_THE_MARGIN = re.compile(r"^nodes[ \t]*:", re.MULTILINE)
_HAS_TESTS = re.compile(r"""^["']?scenarios["']?[ \t]*:""", re.MULTILINE)
_IS_ITS_OWN = re.compile(r"^(?:\ufeff|---|\.\.\.|%)", re.MULTILINE)
_TESTS_AT_THE_MARGIN = re.compile(r"^scenarios[ \t]*:", re.MULTILINE)


def beside(path: Path) -> Path:
    """Where the test calls of the flow in this file stand, unless they stand in it."""
    return path.with_name(f"{path.stem}{ENDING}")


def read_with_tests(path: Path) -> str:
    """What a flow's file holds, with the test calls beside it where they are a part of it. FlowError."""
    return with_tests(read_flow_text(path), read_beside(path))


def read_beside(path: Path) -> str | None:
    """The file of test calls beside a flow's; None when there is none that can be read."""
    try:
        return read_flow_text(beside(path)) if beside(path).is_file() else None
    except FlowError:
        return None


def with_tests(text: str, tests: str | None) -> str:
    """A flow's text with these test calls, unless it has some, or they cannot be a part of it."""
    if tests is None or not _goes_together(text, tests):
        return text
    return f"{_ended(text)}\n{MARK}\n{tests}"


def complete(text: str, path: Path) -> str:
    """The text of the flow in this file with its test calls: those in it, else those beside the file as it stands."""
    own, tests = apart(text)
    if tests is None:
        return with_tests(text, read_beside(path))
    joined = with_tests(own, tests)
    return text if joined == own else joined  # broken ones stay in sight


def apart(text: str) -> tuple[str, str | None]:
    """What belongs into the flow's file, and into the one beside it; None where the text has no such part."""
    mark = _MARK.search(text)
    if mark is None:
        return text, None
    return _ended(text[: max(0, mark.start() - 1)]), text[mark.end() :]


def has_tests(text: str) -> bool:
    """Whether a flow's text has test calls in it, its own or those from beside it."""
    return _HAS_TESTS.search(text) is not None or _MARK.search(text) is not None


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _goes_together(text: str, tests: str) -> bool:
    if has_tests(text) or _IS_ITS_OWN.search(text) or not _BEGINS_AT_THE_MARGIN.search(text):
        return False
    if len(text.encode("utf-8", "replace")) + len(tests.encode("utf-8", "replace")) + len(MARK) + 2 > MAX_BYTES:
        return False
    return not _IS_ITS_OWN.search(tests) and (_is_blank(tests) or _is_a_list_of_tests(tests))


def _is_a_list_of_tests(tests: str) -> bool:
    try:
        read = read_yaml(tests, "").value
    except FlowError:
        return False
    return isinstance(read, dict) and set(read) == {"scenarios"} and _TESTS_AT_THE_MARGIN.search(tests) is not None


def _is_blank(text: str) -> bool:
    return all(not line.strip() or line.startswith("#") for line in text.splitlines())
