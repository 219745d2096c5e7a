"""A flow on its way from another system: nodes that still point at the other system's names, and what was lost."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import ValidationError

from ivr_flows.expressions import MAX_TEMPLATE_CHARS, BadTemplate, check_template, speakable
from ivr_flows.faults import short
from ivr_flows.nodes import KINDS

END = "\0end"
"""Stands for the name of the step that comes where the original says nothing: there the call ends."""
GOODBYE_ID = "end_of_call"
PERSON_ID = "a_person"
MAX_COMMENT_CHARS = 110
_UNSAFE_NAME = re.compile(r"[^a-z0-9]+")
_TEXT_CHARS = 2000


class ImportFailed(Exception):
    """The file is not what it should be; the message says what is."""


@dataclass(frozen=True, slots=True)
class Options:
    """What an export cannot know: our names for its queues and flows (by their name or id there)."""

    queues: Mapping[str, str] = field(default_factory=dict)
    flows: Mapping[str, str] = field(default_factory=dict)
    queue: str = "sales"
    """The queue for callers whose queue has no name here."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something of the original that the flow does not have, or has otherwise. `where`: its steps there."""

    where: tuple[str, ...]
    said: str

    def __str__(self) -> str:
        names = ", ".join(map(short, self.where[:8])) + (f" and {len(self.where) - 8} more" if self.where[8:] else "")
        return f"{names}: {self.said}" if names else self.said


@dataclass(frozen=True, slots=True)
class Imported:
    """A flow file's text, what it lacks, and for every step of the original the nodes that stand for it."""

    text: str
    notes: tuple[Note, ...]
    nodes: Mapping[str, tuple[str, ...]]


class Ref(str):
    """The original's name of the step to go on to."""

    __slots__ = ()


class Fields:
    """The settings of one step. What is never taken is told in the end, so that nothing is dropped silently."""

    def __init__(self, raw: Any, *, without: tuple[str, ...] = ()) -> None:
        self._raw = raw if isinstance(raw, dict) else {}
        self._left = dict.fromkeys(key for key in self._raw if key not in without)

    def take(self, key: str, default: Any = None) -> Any:
        self._left.pop(key, None)
        return self._raw.get(key, default)

    def text(self, key: str) -> str:
        """The setting as text; "" for one that is none."""
        return as_text(self.take(key))

    def whole(self, key: str, default: int, lowest: int, highest: int) -> int:
        """The setting as a whole number, brought between the two."""
        value = self.text(key)
        number = int(float(value)) if re.fullmatch(r"-?\d{1,9}(\.\d+)?", value) else default
        return max(lowest, min(highest, number))

    def left(self) -> Iterator[tuple[str, str]]:
        for key in self._left:
            value = self._raw[key]
            if value not in (None, "", [], {}, False, "false", "False"):
                yield key, short(value)


class Draft:
    """Collects nodes, aliases and notes; `finish` writes the file."""

    def __init__(self, title: str, language: str, options: Options) -> None:
        self.title = title
        self.language = language
        self.options = options
        self.ids: dict[str, str] = {}  # the original's names to our ids
        self.nodes: dict[str, dict[str, Any]] = {}
        self.origins: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.merged: list[str] = []
        self.stands_for: dict[str, list[str]] = {}
        self._notes: dict[str, dict[str, None]] = {}
        self._variables: dict[str, str] = {}

    def name(self, source: str, wish: str | None = None) -> str:
        """The id for this step of the original, always the same."""
        if source not in self.ids:
            taken = {*self.ids.values(), *self.nodes, GOODBYE_ID, PERSON_ID}
            self.ids[source] = _unique(slug(wish or source, "step", 55), taken)
        return self.ids[source]

    def variable(self, source: str) -> str:
        """The variable that keeps what the original calls so."""
        if source not in self._variables:
            self._variables[source] = _unique(slug(source, "value", 35), set(self._variables.values()))
        return self._variables[source]

    def note(self, said: str, *where: str) -> None:
        self._notes.setdefault(said, {}).update(dict.fromkeys(where))

    def add(self, source: str, kind: str, *, beside: str = "", **fields: Any) -> bool:
        """Add a node for this step; `beside` names a further one for it. False, and a note, when it cannot be written.

        Fields that are None are left out.
        """
        id_ = self.name(f"{source}\0{beside}", f"{source}_{beside}") if beside else self.name(source)
        node = {"kind": kind, **{key.rstrip("_"): value for key, value in fields.items() if value is not None}}
        problem = _problem(id_, node)
        if problem:
            self.note(f"cannot be written as a {kind}: {problem}", source)
            return False
        self.nodes[id_] = node
        self.origins[id_] = source
        self.stands_for.setdefault(source, []).append(id_)
        return True

    def part(self, source: str, beside: str) -> Ref:
        """The further node `beside` of this step, as a way out."""
        return Ref(f"{source}\0{beside}")

    def skip(self, source: str, to: str, said: str) -> None:
        """This step has no counterpart; whoever came to it goes on to `to`."""
        self.aliases[source] = to
        self.note(said, source)

    def merge(self, source: str, into: str) -> None:
        """This step has become part of the nodes of another one."""
        self.aliases[source] = into
        self.merged.append(source)

    def prompt(self, text: str, *, times: int = 1, language: str = "") -> Any:
        """A prompt that says this text so many times, in its own language when that is not the flow's."""
        pieces = _chunks(speakable(text))
        if len(pieces) == 1 and times == 1 and language in ("", self.language):
            return pieces[0]
        say = ({"say": piece, "language": language} for piece in pieces * times)
        return [dict(part) if language not in ("", self.language) else {"say": part["say"]} for part in say][:20]

    def template(self, text: str, source: str) -> str:
        """A text for us to fill in; when its variables cannot be read they are left out and that is told."""
        try:
            check_template(text)
        except BadTemplate as error:
            self.note(f"the text “{short(text)}” {error}: written without its variables", source)
            return re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", text, flags=re.DOTALL).replace("{", "(")
        return text

    def finish(self, start: str) -> Imported:
        """Write the file. `start` is the original's name of the step where calls begin."""
        fallback = self._fallback()
        places = {source: place for place, source in enumerate(self.ids)}
        in_order = sorted(self.nodes.items(), key=lambda item: places.get(self.origins.get(item[0], ""), len(places)))
        nodes = {id_: self._resolved(node, fallback) for id_, node in in_order}
        first = self._target(start, fallback)
        if any(GOODBYE_ID in targets for targets in map(_words_in, [*nodes.values(), first])):
            nodes[GOODBYE_ID] = {"kind": "hangup"}
        for source in self.merged:
            self.stands_for.setdefault(source, []).append(self._target(source, fallback))
        notes = tuple(Note(tuple(where), said) for said, where in self._notes.items())
        stands_for = {source: tuple(ids) for source, ids in self.stands_for.items()}
        head = {"title": self.title, "languages": [self.language], "start": first, "fallback": fallback}
        return Imported(_as_yaml(head, nodes, self.origins, notes), notes, stands_for)

    def _fallback(self) -> str:
        for kind in ("queue", "transfer", "voicemail"):
            for id_, node in self.nodes.items():
                if node["kind"] == kind and "flow" not in node:
                    return id_
        self.nodes[PERSON_ID] = {"kind": "queue", "queue": self.options.queue}
        self.note(
            f"no way led to a person: callers who ask for one, and those not understood, go to the queue "
            f"{self.options.queue}"
        )
        return PERSON_ID

    def _resolved(self, value: Any, fallback: str) -> Any:
        if isinstance(value, Ref):
            return self._target(value, fallback)
        if isinstance(value, dict):
            return {key: self._resolved(item, fallback) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolved(item, fallback) for item in value]
        return value

    def _target(self, name: str, fallback: str) -> str:
        """Our node for this step, past all that have no counterpart; a ring of such leads to the fallback."""
        seen = set()
        while name in self.aliases and name not in seen:
            seen.add(name)
            name = self.aliases[name]
        if name == END:
            return GOODBYE_ID
        id_ = self.ids.get(name)
        return id_ if id_ in self.nodes else fallback


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def mappings(value: Any) -> list[dict[str, Any]]:
    """The mappings of a list; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def slug(text: str, otherwise: str, size: int) -> str:
    """mainMenu, "Main menu" and "main-menu" all become main_menu."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text[:300])
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode()
    word = _UNSAFE_NAME.sub("_", plain.lower()).strip("_")
    word = word if word[:1].isalpha() else f"{otherwise}_{word}".rstrip("_")
    return word[:size].rstrip("_")


def _unique(wish: str, taken: set[str]) -> str:
    number = 2
    found = wish
    while found in taken:
        found, number = f"{wish}_{number}", number + 1
    return found


def _chunks(text: str) -> list[str]:
    """The text in pieces that one prompt part can hold, cut between words and never inside a variable."""
    if len(text) <= _TEXT_CHARS or ("{" in text and len(text) <= MAX_TEMPLATE_CHARS):
        return [text]
    pieces = [""]
    for word in text.split(" "):
        if len(pieces[-1]) + len(word) + 1 > _TEXT_CHARS and pieces[-1].count("{{") == pieces[-1].count("}}"):
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {word}".strip()
    return pieces


def _problem(id_: str, node: Mapping[str, Any]) -> str:
    """Why this would be no node, or ""."""
    try:
        KINDS[node["kind"]].model_validate({**_with_any_target(node), "id": id_})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(map(str, first["loc"]))
        return short(f"{at} {first['msg']}".strip(), 150)
    return ""


def _with_any_target(value: Any) -> Any:
    if isinstance(value, Ref):
        return "somewhere"
    if isinstance(value, dict):
        return {key: _with_any_target(item) for key, item in value.items()}
    return [_with_any_target(item) for item in value] if isinstance(value, list) else value


def _words_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(_words_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(_words_in, value))
    return {value} if isinstance(value, str) else set()


def _as_yaml(
    head: Mapping[str, Any], nodes: Mapping[str, Any], origins: Mapping[str, str], notes: tuple[Note, ...]
) -> str:
    lines = [*_comment("Imported. What the original has and this flow has not, or has otherwise:", notes), _dump(head)]
    lines.append("nodes:")
    for id_, node in nodes.items():
        origin = origins.get(id_)
        lines += [f"  # {short(origin, MAX_COMMENT_CHARS)}"] if origin and slug(origin, "step", 55) != id_ else []
        lines += ["  " + line for line in _dump({id_: node}).splitlines()]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _comment(title: str, notes: tuple[Note, ...]) -> Iterator[str]:
    if notes:
        yield f"# {title}"
    for note in notes:
        yield from _wrapped(str(note))


def _wrapped(text: str) -> Iterator[str]:
    begin = "# - "
    line = ""
    for word in short(text, 1000).split():
        if line and len(line) + len(word) + 1 > MAX_COMMENT_CHARS:
            yield begin + line
            begin, line = "#   ", ""
        line = f"{line} {word}".strip()
    yield begin + line


def _dump(value: Mapping[str, Any]) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
    return text.rstrip("\n")


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no types
    """Lists stand inside their key, small mappings and lists of words on one line, as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent(represent: Callable[..., Any], size: int) -> Callable[[_Dumper, Any], Any]:
    def chosen(dumper: _Dumper, value: Any) -> Any:
        items = list(value.values()) if isinstance(value, dict) else value
        plain = all(not isinstance(item, dict | list) for item in items)
        node = represent(dumper, value.items() if isinstance(value, dict) else value)
        node.flow_style = bool(items) and plain and len(str(value)) <= size
        return node

    return chosen


_Dumper.add_representer(
    dict, _represent(lambda dumper, items: dumper.represent_mapping("tag:yaml.org,2002:map", items), 70)
)
_Dumper.add_representer(
    list, _represent(lambda dumper, items: dumper.represent_sequence("tag:yaml.org,2002:seq", items), 90)
)

__all__ = [
    "END",
    "Draft",
    "Fields",
    "ImportFailed",
    "Imported",
    "Note",
    "Options",
    "Ref",
    "as_text",
    "mappings",
    "slug",
]
