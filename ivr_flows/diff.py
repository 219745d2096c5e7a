"""What changed between two versions of a flow, in words: "menu main: key 3 now goes to billing".

Works from the fields that the node kinds declare, so that a new kind or field needs nothing here; texts that cannot go
live are compared as well, as far as they are YAML.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ivr_flows.faults import FlowError, short
from ivr_flows.includes import parts_of
from ivr_flows.nodes import KINDS
from ivr_flows.said import Said, in_words, said, together
from ivr_flows.schema import FlowHeader
from ivr_flows.texts import PromptText, Target, Text, Words
from ivr_flows.yaml_reader import read_yaml

How = Literal["added", "removed", "changed"]

LONGEST_SHOWN = 60
MOST_CHANGES = 1000
_SAYS = {"say": "prompt", "play": "prompt"}
"""Kinds whose text is all they are: people call the whole node a prompt."""
_WAYS = {
    "no_input": said("no answer"),
    "no_match": said("not understood"),
    "person": said("asking for a person"),
    "unanswered": said("nobody answering"),
    "no_number": said("a caller without a number"),
    "fallback": said("what cannot be done"),
}
"""Fields that name a way out, as one says them before "now goes to"."""
_UNITS = {"_s": "s", "_min": "min", "_ms": "ms", "_h": "h", "_days": "days", "_percent": "%"}
_IDENTITIES = ("key", "name", "id", "when", "if", "into", "value", "date", "field", "variable")
"""Fields by which an entry of a list is known, whatever place it has."""
_MISSING: Any = object()
_Sentence = tuple[How, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed. `node` is "" for the flow's head, and the new id of a node that was renamed."""

    node: str
    how: How
    words: str

    def to_json(self, translate: Callable[[str], str] = str) -> dict[str, Any]:
        """`translate` says a pattern in the reader's language."""
        return {"node": self.node, "how": self.how, "words": in_words(self.words, translate)}


def changes(old: str, new: str) -> list[Change]:
    """Every change of meaning from one text to the other, head first, then nodes in the new text's order.

    Comments, order and spaces mean nothing. A text that is no YAML gives one change that says so. Of whole texts (see
    `includes`), what changed in an included file is the head's, named after the file.
    """
    (old, shared), (new, sharing) = parts_of(old), parts_of(new)
    found = [*_compared(old, new)]
    for name in _keys(shared, sharing):
        for change in _compared(shared.get(name, ""), sharing.get(name, "")):
            found.append(Change("", change.how, said("{what} (in {file})", what=change.words, file=name)))
    return found[:MOST_CHANGES]


def _compared(old: str, new: str) -> Iterator[Change]:
    try:
        before, after = _mapping(old), _mapping(new)
    except FlowError as error:
        place = error.faults[0]
        words = said(
            "cannot be compared in words while line {line} cannot be read: {problem}",
            line=place.line,
            problem=place.message,
        )
        yield Change("", "changed", words)
        return
    yield from _Comparison(before, after).all()


def unified(old: str, new: str, old_name: str, new_name: str) -> str:
    """The text diff, three lines of context, as `diff -u` writes it."""
    lines = difflib.unified_diff(_lines(old), _lines(new), old_name, new_name, lineterm="")
    return "\n".join(lines)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def _mapping(text: str) -> Mapping[str, Any]:
    if not text.strip():
        return {}
    value = read_yaml(text, "flow").value
    return value if isinstance(value, dict) else {}


class _Comparison:
    """Two flows as their files write them."""

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        self.before, self.after = before, after
        self.language = _first_language(after) or _first_language(before) or "en"
        self.old_nodes, self.new_nodes = _nodes(before), _nodes(after)
        self.renamed = _renamed(self.old_nodes, self.new_nodes)
        self.old_nodes = {
            self.renamed.get(id_, id_): _retargeted(node, self._named_now) for id_, node in self.old_nodes.items()
        }

    def all(self) -> Iterator[Change]:
        for how, words in self._head():
            yield Change("", how, words)
        for old_id, new_id in self.renamed.items():
            yield Change(
                new_id,
                "changed",
                said("{node} is now called {name}", node=_head_of(old_id, self.new_nodes[new_id]), name=new_id),
            )
        for id_, node in self.new_nodes.items():
            yield from self._node(id_, node)
        for id_, node in self.old_nodes.items():
            if id_ not in self.new_nodes:
                yield Change(id_, "removed", _turned("removed", _head_of(id_, node)))

    def _head(self) -> Iterator[_Sentence]:
        fields = FlowHeader.model_fields
        for name in _keys(self.before, self.after):
            if name in ("nodes", "scenarios"):
                continue
            old, new = self.before.get(name, _MISSING), self.after.get(name, _MISSING)
            if name in ("start", "fallback"):
                old = self._named_now(old) if isinstance(old, str) else old
            if name == "start":
                yield from _goes("calls now start at {node}", "", old, new)
            elif name == "fallback":
                yield from _goes("callers who need a person now go to {node}", "", old, new)
            elif isinstance(old, dict) and isinstance(new, dict | object) and name in ("prompts", "hours"):
                yield from self._shared(_singular(name), fields.get(name), old, new)
            elif name in ("prompts", "hours") and isinstance(new, dict):
                yield from self._shared(_singular(name), fields.get(name), {}, new)
            else:
                yield from self._field(name, fields.get(name), old, new)
        yield from _test_calls(self.before.get("scenarios"), self.after.get("scenarios"))

    def _shared(self, what: str, info: FieldInfo | None, old: Any, new: Any) -> Iterator[_Sentence]:
        """Prompts and hours that several nodes use: each is known by its name."""
        old, new = (each if isinstance(each, dict) else {} for each in (old, new))
        annotation = _inside(info.annotation) if info else None
        for name in _keys(old, new):
            if name not in old or name not in new:
                how: How = "added" if name in new else "removed"
                yield how, _turned(how, f"{what} {name}")
                continue
            for kind, words in self._value([], annotation, old[name], new[name]):
                yield kind, together([f"{what} {name}", words], " " if words.startswith("(") else ": ")

    def _node(self, id_: str, node: Mapping[str, Any]) -> Iterator[Change]:
        before = self.old_nodes.get(id_)
        if before is None:
            yield Change(id_, "added", _turned("added", _head_of(id_, node)))
            return
        kind = str(node.get("kind", ""))
        if before.get("kind") != node.get("kind"):
            yield Change(id_, "changed", _now_a(_head_of(id_, before), kind))
            return
        model = KINDS.get(kind)
        fields = model.model_fields if model else {}
        for name in _keys(before, node):
            old, new = before.get(name, _MISSING), node.get(name, _MISSING)
            info = _field_named(fields, name)
            for _, words in self._field(name, info, old, new, said_by=_SAYS.get(kind, "")):
                head = said("prompt {name}", name=id_) if words.startswith("(") else f"{_head_of(id_, node)}:"
                yield Change(id_, "changed", together([head, words]))

    def _named_now(self, id_: str) -> str:
        return self.renamed.get(id_, id_)

    def _field(self, name: str, info: FieldInfo | None, old: Any, new: Any, said_by: str = "") -> Iterator[_Sentence]:
        if said_by and name in ("text", "audio", "prompt"):
            yield from self._value([], info.annotation if info else None, old, new)
            return
        default = _default(info)
        is_way = info is not None and _holds(info.annotation, Target)
        if is_way and not isinstance(old, dict | list) and not isinstance(new, dict | list):
            yield from _way(name, old, new)
        else:
            old, new = (default if each is _MISSING else each for each in (old, new))
            yield from self._value([_said(name)], info.annotation if info else None, old, new, unit=_unit(name))

    def _value(self, path: list[str], annotation: Any, old: Any, new: Any, *, unit: str = "") -> Iterator[_Sentence]:
        """The sentences about one value; `path` are the words that lead to it."""
        if _same(old, new):
            return
        model = _model(annotation)
        if annotation is not None and any(_holds(annotation, kind) for kind in (PromptText, Text)) and model is None:
            yield from self._spoken(path, old, new)
        elif annotation is not None and _holds(annotation, Words) and model is None:
            yield from self._words(path, old, new)
        elif isinstance(old, list) and isinstance(new, list) and _has_mappings(old, new):
            yield from self._entries(path, model, old, new)
        elif isinstance(old, dict) and isinstance(new, dict):
            yield from self._parts(path, model, annotation, old, new)
        else:
            yield _plain(together(path), old, new, unit)

    def _spoken(self, path: list[str], old: Any, new: Any) -> Iterator[_Sentence]:
        if _used(new):
            yield "changed", together([*path, said("now says the shared prompt {name}", name=_used(new))])
            return
        before, after = self._by_language(old), self._by_language(new)
        if _used(old):
            before = dict.fromkeys(after, "")
        for how in get_args(How):
            tags = [tag for tag in _keys(before, after) if _how(before.get(tag), after.get(tag)) == how]
            if tags:
                yield how, _turned(how, together([*path, f"({', '.join(tags)})"]))

    def _by_language(self, prompt: Any) -> dict[str, str]:
        """Everything that is said or played, for each language; a bare text is in the flow's first."""
        if prompt is _MISSING or prompt is None:
            return {}
        parts = prompt if isinstance(prompt, list) else [prompt]
        said: dict[str, list[str]] = {}
        for place, part in enumerate(parts):
            for tag, text in self._part(part).items():
                said.setdefault(tag, []).append(f"{place} {text}")
        return {tag: "\n".join(texts) for tag, texts in said.items()}

    def _part(self, part: Any) -> dict[str, str]:
        if isinstance(part, dict) and ("say" in part or "play" in part):
            inner = self._part(part.get("say", part.get("play")))
            own = part.get("language")
            return {str(own): text for text in inner.values()} if own else inner
        if isinstance(part, dict):
            return {str(tag): str(text) for tag, text in part.items()}
        return {self.language: str(part)}

    def _words(self, path: list[str], old: Any, new: Any) -> Iterator[_Sentence]:
        before, after = self._phrases(old), self._phrases(new)
        for tag in _keys(before, after):
            more = [phrase for phrase in after.get(tag, ()) if phrase not in before.get(tag, ())]
            less = [phrase for phrase in before.get(tag, ()) if phrase not in after.get(tag, ())]
            told = [
                *([said("now also {phrases}", phrases=_quoted(more))] if more else []),
                *([said("no longer {phrases}", phrases=_quoted(less))] if less else []),
            ]
            if told:
                yield "changed", together([*path, f"({tag})", together(told, ", ")])

    def _phrases(self, words: Any) -> dict[str, list[str]]:
        if isinstance(words, list):
            return {self.language: [str(phrase) for phrase in words]}
        if not isinstance(words, dict):
            return {}
        return {str(tag): [str(each) for each in _as_list(phrases)] for tag, phrases in words.items()}

    def _entries(self, path: list[str], model: type[BaseModel] | None, old: Any, new: Any) -> Iterator[_Sentence]:
        """A list whose entries have fields: each is known by what tells it from the others, else by its place."""
        what = _singular(path[-1]) if path else "entry"
        lead = path[:-1]
        before, after = _named_entries(what, old), _named_entries(what, new)
        for name in _keys(before, after):
            here = [*lead, name]
            if name not in before:
                yield "added", together([_turned("added", together(here)), _leads_to(after[name])], "")
            elif name not in after:
                yield "removed", said("{what} is gone", what=together(here))
            else:
                yield from self._parts(here, model, None, before[name], after[name])
        if [name for name in before if name in after] != [name for name in after if name in before]:
            yield "changed", said("{what} in another order", what=together(path))

    def _parts(
        self, path: list[str], model: type[BaseModel] | None, annotation: Any, old: Any, new: Any
    ) -> Iterator[_Sentence]:
        """A mapping: the fields of a part, or whatever names its author gave."""
        fields = model.model_fields if model else {}
        for name in _keys(old, new):
            info = _field_named(fields, name)
            before, after = old.get(name, _MISSING), new.get(name, _MISSING)
            leads = info.annotation if info is not None else _inside(annotation) if model is None else None
            if name in ("to", "next") or (leads is not None and _holds(leads, Target)):
                path_there = path if info is not None or name in ("to", "next") else [*path, _said(str(name))]
                yield from _goes("{what} now goes to {node}", together(path_there), before, after)
                continue
            inner = info.annotation if info else _inside(annotation)
            if info is not None:
                before, after = (_default(info) if each is _MISSING else each for each in (before, after))
            yield from self._value([*path, _said(str(name))], inner, before, after, unit=_unit(str(name)))


def _nodes(flow: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    nodes = flow.get("nodes")
    return {id_: node for id_, node in nodes.items() if isinstance(node, dict)} if isinstance(nodes, dict) else {}


def _first_language(flow: Mapping[str, Any]) -> str:
    languages = flow.get("languages")
    return str(languages[0]) if isinstance(languages, list) and languages else ""


def _renamed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Old ids of nodes that stand under another id now and are otherwise the same; what leads to them may change."""
    gone, fresh = [id_ for id_ in old if id_ not in new], [id_ for id_ in new if id_ not in old]
    shapes: dict[str, list[str]] = {}
    for id_ in fresh:
        shapes.setdefault(_shape(new[id_], set(fresh)), []).append(id_)
    named: dict[str, str] = {}
    for id_ in gone:
        alike = shapes.get(_shape(old[id_], set(gone)), [])
        if len(alike) == 1:
            named[id_] = alike.pop()
    return named


def _shape(node: Mapping[str, Any], ids: set[str]) -> str:
    """The node as text, whatever the renamed nodes that it leads to are called."""
    masked = _retargeted(node, lambda id_: "*" if id_ in ids else id_)
    return json.dumps(masked, sort_keys=True, default=str)


def _retargeted(node: Mapping[str, Any], named: Callable[[str], str]) -> dict[str, Any]:
    """The node with other names where it says which node to go to."""
    model = KINDS.get(str(node.get("kind")))
    fields = model.model_fields if model else {}
    return {key: _retargeted_value(value, _field_named(fields, key), named) for key, value in node.items()}


def _retargeted_value(value: Any, info: FieldInfo | None, named: Callable[[str], str]) -> Any:
    if info is None:
        return value
    inner = _model(info.annotation)
    if isinstance(value, list):
        return [_retargeted_value(item, info, named) for item in value]
    if isinstance(value, dict):
        fields = inner.model_fields if inner else {}
        return {
            key: _retargeted_value(item, _field_named(fields, key) if inner else info, named)
            for key, item in value.items()
        }
    return named(value) if isinstance(value, str) and _holds(info.annotation, Target) else value


def _test_calls(old: Any, new: Any) -> Iterator[_Sentence]:
    before, after = (
        {str(each.get("name")): each for each in _as_list(calls) if isinstance(each, dict)} for calls in (old, new)
    )
    for name in _keys(before, after):
        how = _how(before.get(name), after.get(name))
        if how:
            yield how, _turned(how, said("test call “{name}”", name=short(name)))


def _way(name: str, old: Any, new: Any) -> Iterator[_Sentence]:
    """A field that names the node to go to; left out, the call goes to the fallback; null turns the way off."""
    if _same(old, new):
        return
    if name == "next":
        yield from _goes("now goes on to {node}", "", old, new)
    elif new is None and old is not None and name == "person":
        yield "changed", said("{what} is now off", what=_WAYS[name])
    else:
        yield from _goes("{what} now goes to {node}", _WAYS.get(name, _said(name)), old, new)


def _used(prompt: Any) -> str:
    """The name of the shared prompt that stands here instead of a text."""
    return short(prompt["use"]) if isinstance(prompt, dict) and set(prompt) == {"use"} else ""


def _goes(pattern: str, what: str, old: Any, new: Any) -> Iterator[_Sentence]:
    if not _same(old, new):
        node = said("the fallback") if new in (None, _MISSING) else short(new)
        yield "changed", said(pattern, what=what, node=node)


def _turned(how: How, what: str) -> Said:
    """What was added, removed or changed."""
    match how:
        case "added":
            return said("{what} added", what=what)
        case "removed":
            return said("{what} removed", what=what)
        case _:
            return said("{what} changed", what=what)


def _now_a(node: str, kind: str) -> Said:
    return said("{node} is now a {kind}", node=node, kind=kind) if kind else said("{node} has no kind now", node=node)


def _leads_to(entry: Any) -> str:
    to = entry.get("to", entry.get("next")) if isinstance(entry, dict) else None
    return said(": goes to {node}", node=short(to)) if isinstance(to, str) else ""


def _plain(what: str, old: Any, new: Any, unit: str) -> _Sentence:
    if isinstance(old, bool) or isinstance(new, bool):
        old, new = (None if each is _MISSING else each for each in (old, new))
    if old is _MISSING or old is None:
        return "changed", said("{what} set to {value}", what=what, value=_shown(new, unit))
    if new is _MISSING or new is None:
        return "changed", said("{what} no longer set (was {value})", what=what, value=_shown(old, unit))
    if _is_number(old) and _is_number(new) and unit:
        return "changed", together([what, _amounts(old, new, unit)])
    if _is_long(old) or _is_long(new):
        return "changed", _turned("changed", what)
    return "changed", together([what, _shown(old), "→", _shown(new)])


def _amounts(old: float, new: float, unit: str) -> str:
    """5 → 10 min"""
    if unit == "s" and min(old, new) >= 60 and not old % 60 and not new % 60:
        return f"{old / 60:g} → {new / 60:g} min"
    return f"{old:g} → {new:g} {unit}"


def _shown(value: Any, unit: str = "") -> str:
    match value:
        case bool():
            return said("yes") if value else said("no")
        case int() | float():
            return (
                f"{value / 60:g} min" if unit == "s" and value >= 60 and not value % 60 else f"{value:g} {unit}".strip()
            )
        case list():
            return together(map(_shown, value), ", ") if value else said("nothing")
        case dict():
            named = (together([str(key), _shown(item)], ": ") for key, item in value.items())
            return together(named, ", ") if value else said("nothing")
        case _:
            return short(value)


def _is_long(value: Any) -> bool:
    return len(_shown(value)) >= LONGEST_SHOWN


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(old: Any, new: Any) -> bool:
    """`key: 1` and `key: "1"` mean the same; 1 and true do not."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    return (
        old is new or old == new or (isinstance(old, str | int) and isinstance(new, str | int) and str(old) == str(new))
    )


def _how(old: Any, new: Any) -> How | None:
    if old is None or new is None:
        return None if old is new else "added" if old is None else "removed"
    return None if _same(old, new) else "changed"


def _keys(old: Any, new: Any) -> list[Any]:
    """All keys, the new ones' order first."""
    return [*new, *(key for key in old if key not in new)]


def _named_entries(what: str, entries: Sequence[Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for place, entry in enumerate(entries, 1):
        name = _entry_name(what, entry) or f"{what} {place}"
        named[name if name not in named else f"{what} {place}"] = entry if isinstance(entry, dict) else {"value": entry}
    return named


def _entry_name(what: str, entry: Any) -> str:
    if not isinstance(entry, dict):
        return ""
    for field in _IDENTITIES:
        if isinstance(entry.get(field), str | int):
            return f"{field if field == 'key' else what} {short(entry[field])}"
    words = entry.get("words")
    phrases: Any = next(iter(words.values()), []) if isinstance(words, dict) else words
    return f"“{short(phrases[0])}”" if isinstance(phrases, list) and phrases else ""


def _has_mappings(*lists: Sequence[Any]) -> bool:
    return any(isinstance(each, dict) for entries in lists for each in entries)


def _head_of(id_: str, node: Mapping[str, Any]) -> str:
    return f"{short(node.get('kind', 'node'))} {id_}"


def _said(name: str) -> str:
    """max_wait_s: max wait"""
    for ending in _UNITS:
        name = name.removesuffix(ending)
    return short(name).replace("_", " ")


def _unit(name: str) -> str:
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")


def _singular(word: str) -> str:
    return {"choices": "choice", "hours": "hours", "cases": "case", "entries": "entry"}.get(
        word, word.removesuffix("s")
    )


def _quoted(phrases: Sequence[str]) -> str:
    return ", ".join(f"“{short(phrase)}”" for phrase in phrases)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _field_named(fields: Mapping[str, FieldInfo], name: Any) -> FieldInfo | None:
    return fields.get(name) or next((info for info in fields.values() if info.alias == name), None)


def _default(info: FieldInfo | None) -> Any:
    if info is None or info.default is PydanticUndefined or isinstance(info.default, BaseModel | tuple):
        return _MISSING
    return info.default


def _types(annotation: Any) -> Iterator[type]:
    """Every class that an annotation names, at whatever depth."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for inner in get_args(annotation):
        yield from _types(inner)


def _holds(annotation: Any, kind: type) -> bool:
    return any(issubclass(each, kind) for each in _types(annotation) if isinstance(each, type))


def _model(annotation: Any) -> type[BaseModel] | None:
    return next((each for each in _types(annotation) if issubclass(each, BaseModel)), None)


def _inside(annotation: Any) -> Any:
    """What a mapping's values are, where the annotation is one."""
    arguments = get_args(annotation)
    return arguments[1] if len(arguments) == 2 else None
