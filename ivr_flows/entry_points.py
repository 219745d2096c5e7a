"""Which number leads to which flow: flows/entry_points.yaml.

default: {flow: main}                        # any number that is not listed
numbers:
  "+15005550006": {flow: main, language: en, priority_min: 0, title: Main line}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr_flows.faults import Fault, FlowError, nearest
from ivr_flows.loader import faults_from_pydantic, read_flow_text
from ivr_flows.patterns import E164, LanguageTag, Name
from ivr_flows.said import said
from ivr_flows.yaml_reader import Document, read_yaml


class EntryPoint(BaseModel):
    """Where a call to one number begins.

    `language` None is the flow's first; `priority_min` is a head start in every queue.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    flow: Name
    language: LanguageTag | None = None
    priority_min: int = Field(default=0, ge=-60, le=120)
    title: str = Field(default="", max_length=60)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    default: EntryPoint | None = None
    numbers: dict[E164, EntryPoint] = Field(default_factory=dict, max_length=10_000)


@dataclass(frozen=True, slots=True)
class EntryPoints:
    numbers: Mapping[str, EntryPoint] = field(default_factory=dict)
    default: EntryPoint | None = None

    def for_number(self, called: str) -> EntryPoint | None:
        """The entry point of this number (E.164), else the default, else None.

        Nobody should be called on that number.
        """
        return self.numbers.get(called, self.default)


def load_entry_points(
    text: str, *, flows: Collection[str] | None = None, file: str = "entry_points.yaml"
) -> EntryPoints:
    """FlowError listing every fault; `flows` are the names that exist (None: not checked)."""
    document = read_yaml(text, file)
    try:
        read = _File.model_validate(document.value)
    except ValidationError as error:
        raise FlowError(faults_from_pydantic(error, _File, document, file)) from error
    faults = [*_unknown_flows(read, document, file, flows)] if flows is not None else []
    if faults:
        raise FlowError(faults)
    return EntryPoints(read.numbers, read.default)


def load_entry_points_file(path: Path, *, flows: Collection[str] | None = None) -> EntryPoints:
    return load_entry_points(read_flow_text(path), flows=flows, file=str(path))


def _unknown_flows(read: _File, document: Document, file: str, flows: Collection[str]) -> list[Fault]:
    points: list[tuple[tuple[str, ...], EntryPoint]] = [
        (("numbers", key), point) for key, point in read.numbers.items()
    ]
    points += [(("default",), read.default)] if read.default else []
    return [
        Fault(
            said("there is no flow '{name}'{hint}", name=point.flow, hint=nearest(point.flow, flows)),
            file,
            *document.place_of_value((*at, "flow")),
            field=".".join((*at, "flow")),
        )
        for at, point in points
        if point.flow not in flows
    ]
