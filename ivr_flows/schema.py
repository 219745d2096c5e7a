"""The shape of a flow file, and the flow made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from ivr_flows.faults import Fault
from ivr_flows.nodes import KINDS, Node
from ivr_flows.nodes.hours import OpeningHours, known_zone
from ivr_flows.patterns import NODE_ID_PATTERN, LanguageTag, Name
from ivr_flows.said import wrong
from ivr_flows.texts import PromptText, Target

MAX_NODES = 5000


class Limits(BaseModel):
    """`steps` is how many nodes one call may pass before it is taken to the fallback."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    steps: int = Field(default=100, ge=5, le=1000)
    """How many nodes one call may pass before it is taken to the fallback."""


def _own_words(prompt: PromptText) -> PromptText:
    if next(prompt.shared(), None):
        raise wrong("a shared prompt has words or recordings of its own: it cannot use another")
    return prompt


class Shared(BaseModel):
    """What several nodes or flows share: an included file holds this and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    include: tuple[Name, ...] = Field(default=(), max_length=20)
    """Files to take shared prompts and hours from: common means common.include.yaml beside this file."""
    prompts: dict[Name, Annotated[PromptText, AfterValidator(_own_words)]] = Field(default_factory=dict, max_length=500)
    """Prompts that nodes name: prompt: {use: closed_notice}."""
    hours: dict[Name, OpeningHours] = Field(default_factory=dict, max_length=100)
    """Opening hours that hours nodes name: use: office."""


class FlowHeader(Shared):
    """A flow file without its nodes.

    `fallback` is where a caller goes who asks for a person, is not understood or meets a limit: a queue, a voicemail,
    or a transfer to a number or an agent. `languages` are the ones every prompt must have; the first is the default.
    `zone` is the IANA time zone of `now` in conditions and texts.
    """

    title: str = Field(min_length=1, max_length=120)
    """What people call this flow."""
    languages: tuple[LanguageTag, ...] = Field(default=("en",), min_length=1, max_length=20)
    """The languages every prompt must have; the first is the default."""
    start: Target
    """The node where a call begins."""
    fallback: Target
    """A queue, a voicemail or a transfer: where a caller goes who asks for a person or is not understood."""
    zone: Annotated[str, AfterValidator(known_zone)] = "UTC"
    """The IANA time zone of now in conditions and texts, such as America/New_York."""
    limits: Limits = Limits()
    """How long one call may go on in this flow."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow that passed every check.

    `version` is a hash of its whole text, with what it includes; `prompts` and `hours` are all that its nodes may name;
    `warnings` did not stop it.
    """

    name: str
    version: str
    title: str
    languages: tuple[str, ...]
    start: str
    fallback: str
    zone: ZoneInfo
    limits: Limits
    nodes: Mapping[str, Node]
    warnings: tuple[Fault, ...] = ()
    prompts: Mapping[str, PromptText] = field(default_factory=dict)
    hours: Mapping[str, OpeningHours] = field(default_factory=dict)

    @property
    def default_language(self) -> str:
        return self.languages[0]


def flow_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a flow file, for editors that complete and explain while one types."""
    schema = FlowHeader.model_json_schema()
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    for kind, model in KINDS.items():
        node = TypeAdapter(model).json_schema(ref_template="#/$defs/{model}")
        definitions |= node.pop("$defs", {})
        node["required"] = ["kind", *(name for name in node.get("required", []) if name != "kind")]
        definitions[kind] = node
    schema["properties"]["nodes"] = {
        "type": "object",
        "description": "Every step of the flow by its id.",
        "propertyNames": {"pattern": NODE_ID_PATTERN},
        "minProperties": 1,
        "maxProperties": MAX_NODES,
        "additionalProperties": {"oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in KINDS]},
    }
    schema["properties"]["scenarios"] = {"type": "array", "description": "Test calls; `flask flows test` runs them."}
    schema["required"] = [*schema.get("required", []), "nodes"]
    _leave_out_noise(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A flow", **schema}


def _leave_out_noise(schema: Any) -> None:
    """Titles that repeat the field's name and defaults that say null would only stand in an author's way."""
    for part in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(part, dict | list):
            _leave_out_noise(part)
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        if schema.get("default", "") is None:
            del schema["default"]
