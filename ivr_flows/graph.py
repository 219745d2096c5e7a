"""A flow file as a diagram: nodes and the ways between them, also while its author is in the middle of a word."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ivr_flows.faults import Fault, FlowError, short
from ivr_flows.includes import own_text
from ivr_flows.lint import NOTHING_KNOWN, Known
from ivr_flows.loader import check
from ivr_flows.nodes import KINDS, Node
from ivr_flows.nodes.base import pieces
from ivr_flows.texts import PromptText, SharedPart, SpokenPart, Target, Text
from ivr_flows.ways import field_name
from ivr_flows.yaml_reader import Document, Path, read_yaml

MAX_DETAIL_CHARS = 60
MAX_REPAIRS = 20
_SAID_FIRST = ("prompt", "text", "say", "before")
_TOLD_ELSEWHERE = ("kind", "id", "title")
_NODES_LINE = re.compile(r"nodes:\s*(#.*)?\Z")
_NODE_LINE = re.compile(r"( +)([a-z][a-z0-9_-]{0,59}):(\s|\Z)")


@dataclass(frozen=True, slots=True)
class _Block:
    """The lines of one node in the text, counted from 1, the last one included."""

    id: str
    first: int
    last: int


def graph_of(
    text: str, name: str, *, known: Known = NOTHING_KNOWN, faults: Collection[Fault] | None = None
) -> dict[str, Any]:
    """The diagram of a flow file, as far as it can be read; never raises.

        {"start": "hello" | null, "fallback": "desk" | null,
         "nodes": [{"id", "kind", "title", "line", "end_line", "detail", "severity": null | "warning" | "error"}],
         "edges": [{"from", "to", "label", "field", "implicit"}]}

    Lines count from 1, `end_line` is the node's last. `kind` is "" where it cannot be read; `to` may name a node that
    does not exist; an edge is implicit where the file is silent and the call goes to the fallback. `faults` are those
    of `check`, for callers that have them already.
    """
    faults = check(text, name, known) if faults is None else faults
    text = own_text(text)
    blocks = _blocks(text)
    document, hidden = _read_what_can_be_read(text, blocks, f"{name}.yaml")
    head = document.value if isinstance(document.value, dict) else {}
    fields = head.get("nodes")
    drawn = _Drawing(document, head, fields if isinstance(fields, dict) else {}, _severities(faults))
    return drawn.as_json(text.splitlines(), [block for block in hidden if block.id not in drawn.fields])


class _Drawing:
    def __init__(
        self, document: Document, head: Mapping[str, Any], fields: Mapping[str, Any], severities: Mapping[str, str]
    ) -> None:
        self.document = document
        self.fields = {id_: value if isinstance(value, dict) else {} for id_, value in fields.items()}
        self.read = {id_: _read_node(id_, value) for id_, value in self.fields.items()}
        self.severities = severities
        self.start, self.fallback = _word(head.get("start")), _word(head.get("fallback"))
        languages = head.get("languages")
        self.language = str(languages[0]) if isinstance(languages, list) and languages else "en"

    def as_json(self, lines: list[str], hidden: list[_Block]) -> dict[str, Any]:
        ends = self._ends(lines, hidden)
        nodes = [self._node(id_, fields, ends[id_]) for id_, fields in self.fields.items()]
        nodes += [_hidden_node(block) for block in hidden]
        nodes.sort(key=lambda node: node["line"])
        edges = [edge for id_, fields in self.fields.items() for edge in self._edges(id_, fields)]
        return {"start": self.start, "fallback": self.fallback, "nodes": nodes, "edges": edges}

    def _node(self, id_: str, fields: Mapping[str, Any], end_line: int) -> dict[str, Any]:
        node = self.read[id_]
        return {
            "id": short(id_),
            "kind": short(fields.get("kind") or ""),
            "title": node.label if node else short(_word(fields.get("title")) or _readable(id_)),
            "line": self._line(id_),
            "end_line": end_line,
            "detail": short(_detail(node, self.language) if node else "", MAX_DETAIL_CHARS),
            "severity": self.severities.get(short(id_)),
        }

    def _edges(self, id_: str, fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        node = self.read[id_]
        if node is None:
            yield from (_edge(id_, to, label, path) for to, label, path in _targets_in(fields))
            return
        for way in node.ways():
            to = way.to or self.fallback
            if to:
                yield _edge(id_, to, way.label, way.field, implicit=way.to is None)

    def _line(self, id_: str) -> int:
        return self.document.place_of_key(("nodes", id_))[0]

    def _ends(self, lines: list[str], hidden: list[_Block]) -> dict[str, int]:
        """The last line of every node: the last that is not empty before the next one begins."""
        starts = sorted({*(self._line(id_) for id_ in self.fields), *(block.first for block in hidden)})
        after = dict(zip(starts, [*starts[1:], self._end_of_nodes(len(lines))], strict=True)) if starts else {}
        return {id_: _last_full_line(lines, self._line(id_), after[self._line(id_)]) for id_ in self.fields}

    def _end_of_nodes(self, count: int) -> int:
        """The line after the last node: the next key of the file's head, or the end of the file."""
        first = self.document.place_of_key(("nodes",))[0]
        later = [place[0] for path, place in self.document.keys.items() if len(path) == 1 and place[0] > first]
        return min(later, default=count + 1)


def _read_node(id_: str, fields: Mapping[str, Any]) -> Node | None:
    model = KINDS.get(fields["kind"]) if isinstance(fields.get("kind"), str) else None
    if model is None:
        return None
    try:
        return model.model_validate({**fields, "id": id_})
    except ValidationError:
        return None


def _detail(node: Node, language: str) -> str:
    """The first words that a caller hears here; where nothing is said, what the node works with."""
    said = (getattr(node, name, None) for name in _SAID_FIRST)
    prompt = next((value for value in said if isinstance(value, PromptText | Text)), None)
    if prompt is not None:
        return _first_words(prompt, language)
    for path, value in pieces(node):
        if path[0] in _TOLD_ELSEWHERE or isinstance(value, Target):
            continue
        if isinstance(value, PromptText | Text):
            return _first_words(value, language)
        if isinstance(value, str) and value:
            return value
    return ""


def _first_words(prompt: PromptText | Text, language: str) -> str:
    if isinstance(prompt, Text):
        return prompt.in_language(language, language)
    first = prompt.parts[0]
    if isinstance(first, SharedPart):
        return first.name.replace("_", " ")
    return (first.text if isinstance(first, SpokenPart) else first.audio).in_language(language, language)


def _targets_in(fields: Mapping[str, Any]) -> Iterator[tuple[str, str, Path]]:
    """The ways out of a node that cannot be read whole: whatever stands where a node's id belongs."""
    for path, value in _leaves(fields, ()):
        names = _target_fields(str(fields.get("kind")))
        if isinstance(value, str) and value and path and path[-1] in names:
            yield value, str(path[0]).replace("_", " "), path


def _leaves(value: Any, at: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*at, index))
    else:
        yield at, value


@lru_cache(maxsize=64)
def _target_fields(kind: str) -> frozenset[str]:
    """The fields of this kind, and of its parts, that name a node; of every kind when there is no such kind."""
    models = [KINDS[kind]] if kind in KINDS else list(KINDS.values())
    return frozenset(name for model in models for name in _fields_with_target(model))


def _fields_with_target(model: type[BaseModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        inside = list(_types_in(info.annotation))
        if Target in inside:
            yield info.alias or name
        for part in inside:
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _fields_with_target(part)


def _types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _types_in(argument)


def _read_what_can_be_read(text: str, blocks: list[_Block], file: str) -> tuple[Document, list[_Block]]:
    """The file's values; where it is no YAML, without the nodes at fault, which come second."""
    hidden: list[_Block] = []
    for _ in range(MAX_REPAIRS):
        try:
            document = read_yaml(_without(text, hidden), file)
            return _with_all_that_are_right(text, hidden, file) if len(hidden) > 1 else (document, hidden)
        except FlowError as error:
            suspect = _block_at(blocks, hidden, error.faults[0].line)
        if suspect is None:
            break
        hidden.append(suspect)
    return Document(), blocks


def _with_all_that_are_right(text: str, hidden: list[_Block], file: str) -> tuple[Document, list[_Block]]:
    """Bring back every node that was hidden by suspicion only."""
    for block in list(hidden):
        others = [other for other in hidden if other is not block]
        with suppress(FlowError):
            read_yaml(_without(text, others), file)
            hidden = others
    return read_yaml(_without(text, hidden), file), hidden


def _block_at(blocks: list[_Block], hidden: list[_Block], line: int) -> _Block | None:
    """The node at this line, else the one before: a quote or bracket left open is found out on a later line."""
    before = [block for block in blocks if block.first <= line and block not in hidden]
    return before[-1] if before else None


def _without(text: str, hidden: list[_Block]) -> str:
    """The text with the lines of these nodes emptied, so that every other line keeps its number."""
    if not hidden:
        return text
    lines = text.splitlines()
    for block in hidden:
        lines[block.first - 1 : block.last] = [""] * (block.last - block.first + 1)
    return "\n".join(lines) + "\n"


def _blocks(text: str) -> list[_Block]:
    """The nodes as their lines show them, without reading the YAML."""
    lines = text.splitlines()
    begin = next((number for number, line in enumerate(lines, 1) if _NODES_LINE.match(line)), None)
    if begin is None:
        return []
    end = next((n for n in range(begin + 1, len(lines) + 1) if re.match(r"[A-Za-z]", lines[n - 1])), len(lines) + 1)
    found = [(n, match) for n in range(begin + 1, end) if (match := _NODE_LINE.match(lines[n - 1]))]
    indent = min((len(match[1]) for _, match in found), default=0)
    heads = [(n, match[2]) for n, match in found if len(match[1]) == indent]
    stops = [*(n for n, _ in heads[1:]), end]
    return [
        _Block(id_, first, _last_full_line(lines, first, stop))
        for (first, id_), stop in zip(heads, stops, strict=bool(heads))
    ]


def _severities(faults: Collection[Fault]) -> dict[str, str]:
    """The worst that is said about each node."""
    worst: dict[str, str] = {}
    for fault in faults:
        if fault.severity == "error" or fault.node not in worst:
            worst[fault.node] = fault.severity
    return worst


def _hidden_node(block: _Block) -> dict[str, Any]:
    return {
        "id": block.id,
        "kind": "",
        "title": _readable(block.id),
        "line": block.first,
        "end_line": block.last,
        "detail": "",
        "severity": "error",
    }


def _edge(from_: str, to: str, label: str, path: Path, *, implicit: bool = False) -> dict[str, Any]:
    field = field_name(path)
    return {"from": short(from_), "to": short(to), "label": short(label), "field": field, "implicit": implicit}


def _last_full_line(lines: list[str], first: int, before: int) -> int:
    return next((n for n in range(before - 1, first, -1) if _has_content(lines[n - 1])), first)


def _has_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _readable(id_: str) -> str:
    return short(id_.replace("_", " ").replace("-", " ").capitalize())


__all__ = ["graph_of"]
