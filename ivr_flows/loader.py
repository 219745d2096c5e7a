"""From a flow file's text to a Flow, or to one FlowError that lists everything wrong with it."""

from __future__ import annotations

import hashlib
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any, Union, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ivr_flows.faults import Fault, FlowError, nearest, short
from ivr_flows.includes import ENDING, IncludeLookup, nothing_included, parts_of, whole_text
from ivr_flows.lint import NOTHING_KNOWN, Finding, Known, lint
from ivr_flows.nodes import KINDS, Node
from ivr_flows.nodes.hours import OpeningHours
from ivr_flows.patterns import (
    COUNTRY_PATTERN,
    E164_PATTERN,
    GOAL_PATTERN,
    KEY_PATTERN,
    LANGUAGE_PATTERN,
    NODE_ID_PATTERN,
    VARIABLE_PATTERN,
)
from ivr_flows.said import Said, said
from ivr_flows.schema import MAX_NODES, Flow, FlowHeader, Shared
from ivr_flows.texts import PromptText, Target
from ivr_flows.yaml_reader import MAX_BYTES, Document, Path, read_yaml

_FLOW_NAME = re.compile(NODE_ID_PATTERN)
FORMS = {
    NODE_ID_PATTERN: said("a name of small letters, digits, _ and -"),
    VARIABLE_PATTERN: said("a name of small letters, digits and _"),
    GOAL_PATTERN: said("a name of small letters, digits and _"),
    LANGUAGE_PATTERN: said("a language such as en, es or en-US"),
    KEY_PATTERN: said("one key: 0 to 9, * or #"),
    E164_PATTERN: said("a phone number such as +15005550020"),
    COUNTRY_PATTERN: said("an ISO code such as US, GB or MX"),
}


def version_of(text: str) -> str:
    """The version of a flow: 16 hex digits of the SHA-256 of its text, whatever its line ends."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode("utf-8", "surrogatepass")).hexdigest()[:16]


def load_flow(
    text: str,
    name: str,
    *,
    file: str | None = None,
    known: Known = NOTHING_KNOWN,
    includes: IncludeLookup = nothing_included,
) -> Flow:
    """Read and check a flow. FlowError with every fault (file, line, column, node, field, what is accepted) when it
    cannot be used.

    `name` is what other flows and entry points call it: the file's name without .yaml. `file` is only for messages.
    `includes` finds the files that it includes, where these are not in the text already (a whole text, see includes).
    """
    text = whole_text(text, includes)
    reading = read_flow(text, name, file=file, known=known)
    if reading.header is None or reading.errors:
        raise FlowError(reading.errors)
    return Flow(
        name=name,
        version=version_of(text),
        title=reading.header.title,
        languages=reading.header.languages,
        start=reading.header.start,
        fallback=reading.header.fallback,
        zone=ZoneInfo(reading.header.zone),
        limits=reading.header.limits,
        nodes=reading.nodes,
        warnings=tuple(_in_order(reading.faults, file or f"{name}.yaml")),
        prompts=reading.header.prompts,
        hours=reading.header.hours,
    )


def check(
    text: str,
    name: str,
    known: Known = NOTHING_KNOWN,
    *,
    file: str | None = None,
    includes: IncludeLookup = nothing_included,
) -> list[Fault]:
    """Every fault and warning of a flow, in the order of the file; never raises. With errors the flow cannot go live.

    One mistake hides as little as possible: the nodes that can be read are checked beside those that cannot.
    """
    try:
        faults = read_flow(whole_text(text, includes), name, file=file, known=known).faults
    except FlowError as error:
        return list(error.faults)
    return _in_order(faults, file or f"{name}.yaml")


def _in_order(faults: Iterable[Fault], file: str) -> list[Fault]:
    """The file's own faults first, then those of the files it includes."""
    return sorted(faults, key=lambda fault: (fault.file != file, fault.file, fault.line, fault.column))


@dataclass(frozen=True, slots=True)
class Reading:
    """A flow file as far as it can be read: `nodes` are those whose fields are right, `header` is None when its are
    not.
    """

    document: Document
    header: FlowHeader | None
    nodes: Mapping[str, Node]
    faults: list[Fault]

    @property
    def errors(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.severity == "error"]


def read_flow(text: str, name: str, *, file: str | None = None, known: Known = NOTHING_KNOWN) -> Reading:
    """Read and check a flow, whatever is wrong with its fields. FlowError when it is no YAML mapping at all."""
    file = file or f"{name}.yaml"
    if not _FLOW_NAME.match(name):
        raise FlowError(
            [
                Fault(
                    said("'{name}' is not a name for a flow: use small letters, digits, _ and -", name=short(name)),
                    file,
                )
            ]
        )
    own, included = parts_of(text)
    return _Loader(read_yaml(own, file), file, included).read(known)


def load_flow_file(path: FilePath, *, known: Known = NOTHING_KNOWN) -> Flow:
    """`load_flow` for a file; a file that is missing, too large or not UTF-8 is a FlowError too."""
    return load_flow(read_flow_text(path), path.stem, file=str(path), known=known)


def read_flow_text(path: FilePath) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise FlowError(
            [Fault(said("the file cannot be read: {problem}", problem=error.strerror), str(path))]
        ) from error
    if len(data) > MAX_BYTES:
        raise FlowError([Fault(said("the file is larger than {most} MB", most=MAX_BYTES // 1000000), str(path))])
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FlowError([Fault(said("the file is not UTF-8 text"), str(path), line)]) from error


class _Loader:
    def __init__(self, document: Document, file: str, included: Mapping[str, str]) -> None:
        self.document = document
        self.file = file
        self.faults: list[Fault] = []
        self.shared = SharedPieces(included, document, file)

    def read(self, known: Known) -> Reading:
        value = self.document.value
        if not isinstance(value, dict):
            raise FlowError(
                [self._fault(said("a flow file is a mapping: title, languages, start, fallback, nodes"), ())]
            )
        header = self._header(value)
        if header is not None:
            header = self.shared.added_to(header)
            self.faults.extend(self.shared.faults)
        nodes = self._nodes(value)
        if header is not None and nodes:
            unread = self._ids(value) - nodes.keys()
            self.faults.extend(map(self._from_finding, lint(header, nodes, known, unread)))
        return Reading(self.document, header, nodes, self.faults)

    def _header(self, value: Mapping[str, Any]) -> FlowHeader | None:
        fields = {key: item for key, item in value.items() if key not in ("nodes", "scenarios")}
        try:
            return FlowHeader.model_validate(fields)
        except ValidationError as error:
            self.faults.extend(
                faults_from_pydantic(error, FlowHeader, self.document, self.file, extra_fields=("nodes", "scenarios"))
            )
            return None

    def _nodes(self, value: Mapping[str, Any]) -> dict[str, Node]:
        nodes = value.get("nodes")
        if not isinstance(nodes, dict) or not nodes:
            self.faults.append(self._fault(said("must be a mapping from node ids to nodes"), ("nodes",), field="nodes"))
            return {}
        if len(nodes) > MAX_NODES:
            self.faults.append(
                self._fault(said("has more than {most:,} nodes", most=MAX_NODES), ("nodes",), field="nodes")
            )
            return {}
        read = {id_: self._node(id_, fields) for id_, fields in nodes.items()}
        return {id_: node for id_, node in read.items() if node is not None}

    @staticmethod
    def _ids(value: Mapping[str, Any]) -> set[str]:
        nodes = value.get("nodes")
        return set(nodes) if isinstance(nodes, dict) else set()

    def _node(self, id_: str, fields: Any) -> Node | None:
        at: Path = ("nodes", id_)
        if not _FLOW_NAME.match(id_):
            self._add(said("is not an id for a node: use small letters, digits, _ and -"), at, id_)
        elif not isinstance(fields, dict):
            self._add(said("must be a mapping with a kind"), at, id_)
        elif "kind" not in fields:
            self._add(said("is missing; use one of: {names}", names=", ".join(sorted(KINDS))), at, id_, "kind")
        elif not isinstance(fields["kind"], str) or fields["kind"] not in KINDS:
            kind = str(fields["kind"])
            self._add(
                said("'{kind}' is not a kind of node{hint}", kind=short(kind), hint=nearest(kind, KINDS)),
                (*at, "kind"),
                id_,
                "kind",
                on_value=True,
            )
        elif "id" in fields:
            self._add(said("is not a field: a node's id is the key it stands under"), (*at, "id"), id_, "id")
        else:
            return self._checked_node(id_, fields, KINDS[fields["kind"]])
        return None

    def _checked_node(self, id_: str, fields: Mapping[str, Any], model: type[Node]) -> Node | None:
        try:
            return model.model_validate({**fields, "id": id_})
        except ValidationError as error:
            self.faults.extend(faults_from_pydantic(error, model, self.document, self.file, node=id_))
            return None

    def _from_finding(self, finding: Finding) -> Fault:
        base: Path = ("nodes", finding.node) if finding.node else ()
        if not finding.node and finding.field[:2] in self.shared.homes:
            document, file = self.shared.homes[finding.field[:2]]
            line, column = document.place_of_key(finding.field)
            return Fault(finding.message, file, line, column, "", _field_name(finding.field), finding.severity)
        return self._fault(
            finding.message,
            base + finding.field,
            node=finding.node,
            field=_field_name(finding.field),
            on_value=bool(finding.field),
            severity=finding.severity,
        )

    def _add(self, message: str, at: Path, node: str, field: str = "", *, on_value: bool = False) -> None:
        self.faults.append(self._fault(message, at, node=short(node), field=field, on_value=on_value))

    def _fault(
        self,
        message: str,
        at: Path,
        *,
        node: str = "",
        field: str = "",
        on_value: bool = False,
        severity: Any = "error",
    ) -> Fault:
        line, column = self.document.place_of_value(at) if on_value else self.document.place_of_key(at)
        return Fault(message, self.file, line, column, node, field, severity)


class SharedPieces:
    """The prompts and hours of a flow and of every file it includes, each with the file where it stands."""

    def __init__(self, texts: Mapping[str, str], document: Document, file: str) -> None:
        self.faults: list[Fault] = []
        self.homes: dict[Path, tuple[Document, str]] = {}
        self._texts = texts
        self._document = document
        self._file = file
        self._done: set[str] = set()
        self._prompts: dict[str, PromptText] = {}
        self._hours: dict[str, OpeningHours] = {}

    def added_to(self, header: FlowHeader) -> FlowHeader:
        """The header with all that it may name."""
        self._take(header, self._document, self._file, ())
        return header.model_copy(update={"prompts": self._prompts, "hours": self._hours})

    def _take(self, pieces: Shared, document: Document, file: str, chain: tuple[str, ...]) -> None:
        for field, kept in (("prompts", self._prompts), ("hours", self._hours)):
            for name, piece in getattr(pieces, field).items():
                if name in kept:
                    other, where = self.homes[field, name]
                    line = other.place_of_key((field, name))[0]
                    self._add(
                        said(
                            "there is '{name}' already, in {file}, line {line}",
                            name=short(name),
                            file=FilePath(where).name,
                            line=line,
                        ),
                        document,
                        file,
                        (field, name),
                    )
                    continue
                kept[name] = piece
                self.homes[field, name] = (document, file)
        for number, name in enumerate(pieces.include):
            self._include(name, document, file, ("include", number), chain)

    def _include(self, name: str, document: Document, file: str, at: Path, chain: tuple[str, ...]) -> None:
        if name in chain:
            round_ = " → ".join((*chain[chain.index(name) :], name))
            self._add(
                said("goes round in a ring of files that include each other: {round}", round=round_), document, file, at
            )
        elif name not in self._texts:
            why = said(
                "there is no file {file} beside this one (20 files of together 1 MB may be included)",
                file=f"{name}{ENDING}",
            )
            self._add(why, document, file, at)
        elif name not in self._done:
            self._done.add(name)
            self._read(name, (*chain, name))

    def _read(self, name: str, chain: tuple[str, ...]) -> None:
        file = str(FilePath(self._file).with_name(f"{name}{ENDING}"))
        try:
            document = read_yaml(self._texts[name], file)
        except FlowError as error:
            self.faults.extend(error.faults)
            return
        try:
            pieces = Shared.model_validate(document.value)
        except ValidationError as error:
            self.faults.extend(faults_from_pydantic(error, Shared, document, file))
            return
        self._take(pieces, document, file, chain)

    def _add(self, message: str, document: Document, file: str, at: Path) -> None:
        line, column = document.place_of_key(at)
        self.faults.append(Fault(message, file, line, column, field=_field_name(at)))


def faults_from_pydantic(
    error: ValidationError,
    model: type[BaseModel],
    document: Document,
    file: str,
    *,
    node: str = "",
    extra_fields: tuple[str, ...] = (),
) -> Iterator[Fault]:
    """What pydantic found, in plain words and at its place in the file.

    `node` is the node that the model reads, if it reads one.
    """
    base: Path = ("nodes", node) if node else ()
    problems = error.errors(include_url=False)
    for problem in problems:
        if _is_echo(problem, problems):
            continue
        loc = tuple(part for part in problem["loc"] if part != "[key]")
        accepted = [*_fields_at(model, loc[:-1]), *extra_fields]
        message = _in_plain_words(problem["type"], problem["msg"], problem.get("ctx", {}), loc, accepted)
        if problem["type"] == "missing" and _is_target(model, loc):
            message = said("is missing: name the node to go on to, or the call comes to a dead end")
        place = base + (loc[:-1] if problem["type"] == "missing" else loc)
        on_key = problem["type"] in ("missing", "extra_forbidden") or loc != problem["loc"]
        line, column = document.place_of_key(place) if on_key else document.place_of_value(place)
        yield Fault(message, file, line, column, node, _field_name(loc))


def _is_echo(problem: ErrorDetails, problems: list[ErrorDetails]) -> bool:
    """Pydantic calls a list too short when its items are wrong; the items' own faults say it all."""
    size = len(problem["loc"])
    inside = (other for other in problems if other["loc"][:size] == problem["loc"] and len(other["loc"]) > size)
    return problem["type"] == "too_short" and any(inside)


def _field_name(loc: Path) -> str:
    """choices[0].to"""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{short(part)}" for part in loc)
    return name.removeprefix(".")


def _is_target(model: type[BaseModel], loc: Path) -> bool:
    """Whether the field at this place names the node to go on to."""
    return _names_a_node(_model_at(model, loc[:-1]), str(loc[-1]))


def _names_a_node(model: type[BaseModel] | None, name: str) -> bool:
    fields = model.model_fields.items() if model else ()
    return any(info.annotation is Target for key, info in fields if name in (key, info.alias))


def _fields_at(model: type[BaseModel], loc: Path) -> list[str]:
    """The fields that the mapping at this place may have."""
    here = _model_at(model, loc)
    if here is None:
        return []
    return [info.alias or name for name, info in here.model_fields.items() if name != "id"]


def _model_at(model: type[BaseModel], loc: Path) -> type[BaseModel] | None:
    here: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int) or here is None:
            continue
        here = next(
            (_model_in(info.annotation) for name, info in here.model_fields.items() if part in (name, info.alias)), None
        )
    return here


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, list, Union, types.UnionType, Annotated):
        return next(filter(None, map(_model_in, get_args(annotation))), None)
    return None


def _in_plain_words(kind: str, message: str, context: Mapping[str, Any], loc: Path, accepted: list[str]) -> str:
    """What pydantic found, as one would say it to an author."""
    match kind:
        case "flow":
            sentence = context.get("said")
            return sentence if isinstance(sentence, Said) else message
        case "missing":
            return said("is missing")
        case "extra_forbidden":
            return said("is not a field here{hint}", hint=nearest(str(loc[-1]), accepted))
        case "literal_error":
            return said("must be one of: {expected}", expected=context.get("expected"))
        case "string_type":
            return said("must be text (put it in quotes)")
        case "string_pattern_mismatch":
            pattern = str(context.get("pattern"))
            return (
                said("must be {form}", form=FORMS[pattern])
                if pattern in FORMS
                else said("must fit the pattern {pattern}", pattern=pattern)
            )
        case "int_type" | "int_parsing" | "int_from_float":
            return said("must be a whole number")
        case "float_type" | "float_parsing":
            return said("must be a number")
        case "bool_type" | "bool_parsing":
            return said("must be true or false")
        case "tuple_type" | "list_type":
            return said("must be a list")
        case "dict_type" | "model_type" | "model_attributes_type":
            return said("must be a mapping")
        case "too_short":
            return said("must have at least {least} in it", least=context.get("min_length"))
        case "too_long":
            return said("must have at most {most} in it", most=context.get("max_length"))
        case "string_too_short":
            return said("must not be empty")
        case "string_too_long":
            return said("is longer than {most} characters", most=context.get("max_length"))
        case "greater_than_equal":
            return said("must be {least} or more", least=context.get("ge"))
        case "less_than_equal":
            return said("must be {most} or less", most=context.get("le"))
        case _:
            return message
