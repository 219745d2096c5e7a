"""YAML as a flow file may use it, read with the place of every value.

Built on libyaml's events rather than on a loader: that keeps line and column of every key and value, refuses
duplicate keys, tags, merge keys and alias bombs while reading, and is some thirty times as fast as a loader that
keeps comments. Plain words follow YAML 1.2: `no`, `on` and 12:30 are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from ivr_flows.faults import Fault, FlowError, short
from ivr_flows.said import said

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_VALUES = 100_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path = tuple[str | int, ...]
Place = tuple[int, int]

_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,14})\Z")
_FLOAT = re.compile(r"-?(?:0|[1-9]\d{0,14})\.\d{1,15}\Z")


@dataclass(slots=True)
class Document:
    """Plain values, and where each stands: `keys` for mapping keys and list items, `values` for what they hold."""

    value: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)

    def place_of_value(self, path: Path) -> Place:
        return self._nearest(self.values, path)

    def place_of_key(self, path: Path) -> Place:
        return self._nearest(self.keys, path)

    @staticmethod
    def _nearest(places: dict[Path, Place], path: Path) -> Place:
        """The place of the path, or of the nearest thing around it that has one (nothing inside an alias has)."""
        for length in range(len(path), -1, -1):
            if path[:length] in places:
                return places[path[:length]]
        return 1, 1


@lru_cache(maxsize=4)
def read_yaml(text: str, file: str) -> Document:
    """Read one YAML document. FlowError, with one fault, when it cannot be read or is built to do harm.

    The last few are remembered, since a text is checked, drawn and tried out in turn: never change a Document.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise FlowError([Fault(said("the text holds half a surrogate pair"), file)]) from error
    if size > MAX_BYTES:
        raise FlowError([Fault(said("the file is larger than {most} MB", most=MAX_BYTES // 1000000), file)])
    try:
        return _Reader(text, file).read()
    except yaml.YAMLError as error:
        raise FlowError([_from_parser(error, file)]) from error


@dataclass(slots=True)
class _Sized:
    """A value and how many values are in it, so that an alias costs what it stands for."""

    value: Any
    count: int


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self.document = Document()
        self.anchors: dict[str, _Sized] = {}
        self.total = 0

    def read(self) -> Document:
        event = self._skip_to_content()
        if event is None:
            raise self._fault(said("the file is empty"), (1, 1))
        self.document.value = self._value(event, (), 0).value
        following = next(self.events, None)  # the end of the document
        following = next(self.events, None)
        if isinstance(following, yaml.DocumentStartEvent):
            raise self._fault(said("the file holds a second document; one file is one flow"), _place(following))
        return self.document

    def _skip_to_content(self) -> Any:
        for event in self.events:
            if isinstance(event, yaml.NodeEvent):
                return event
        return None

    def _value(self, event: Any, path: Path, depth: int) -> _Sized:
        self.document.values[path] = _place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            raise self._fault(
                said("the tag {tag} is not used in flow files; leave it out", tag=short(event.tag)), _place(event)
            )
        if depth > MAX_DEPTH:
            raise self._fault(said("nested more than {most} levels deep", most=MAX_DEPTH), _place(event))
        self._count(1, event)
        sized = self._content(event, path, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = sized
        return sized

    def _content(self, event: Any, path: Path, depth: int) -> _Sized:
        if isinstance(event, yaml.ScalarEvent):
            return _Sized(_scalar(event), 1)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path, depth)
        return self._mapping(path, depth)

    def _alias(self, event: Any) -> _Sized:
        if event.anchor not in self.anchors:
            raise self._fault(
                said("the alias *{anchor} stands for nothing that is complete here", anchor=short(event.anchor)),
                _place(event),
            )
        sized = self.anchors[event.anchor]
        self._count(sized.count, event)
        return sized

    def _list(self, path: Path, depth: int) -> _Sized:
        items: list[Any] = []
        count = 1
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            at = (*path, len(items))
            self.document.keys[at] = _place(event)
            item = self._value(event, at, depth + 1)
            items.append(item.value)
            count += item.count
        return _Sized(items, count)

    def _mapping(self, path: Path, depth: int) -> _Sized:
        entries: dict[str, Any] = {}
        count = 1
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event, path, entries)
            self.document.keys[(*path, key)] = _place(event)
            item = self._value(next(self.events), (*path, key), depth + 1)
            entries[key] = item.value
            count += 1 + item.count
        return _Sized(entries, count)

    def _key(self, event: Any, path: Path, entries: dict[str, Any]) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
            raise self._fault(said("a key must be a plain word"), _place(event))
        key: str = event.value
        if key == "<<":
            raise self._fault(said("merge keys (<<) are not used in flow files; write the fields out"), _place(event))
        if key in entries:
            first = self.document.keys[(*path, key)][0]
            raise self._fault(
                said("the key '{key}' is there twice, first on line {line}", key=short(key), line=first),
                _place(event),
            )
        return key

    def _count(self, values: int, event: Any) -> None:
        self.total += values
        if self.total > MAX_VALUES:
            raise self._fault(said("the file stands for more than {most:,} values", most=MAX_VALUES), _place(event))

    def _fault(self, message: str, place: Place) -> FlowError:
        return FlowError([Fault(message, self.file, *place)])


def _scalar(event: Any) -> Any:
    """The value of a word: quoted is text; plain is null, true, false, a number or text. +1500… and 007 stay text."""
    text: str = event.value
    if event.style:  # "" or None when plain
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def _place(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _from_parser(error: yaml.YAMLError, file: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unknown problem"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Fault(said("this is not YAML: {problem}", problem=short(problem, 200)), file, line, column)
