"""The docs pages of the kinds of node, made from their docstrings and the JSON Schema, so that they cannot go stale.

docs/flows/<kind>.md has what the node does, an example that loads, and every field with the values it takes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ivr_flows.loader import FORMS
from ivr_flows.nodes import KINDS
from ivr_flows.schema import flow_json_schema
from ivr_flows.texts import PromptText, Text, Words

INDEX = "README.md"
_MADE = "<!-- Made by `flask flows docs` from ivr_flows/nodes; change it there. -->"


def pages() -> dict[str, str]:
    """Every page by its file's name, the index among them."""
    return {INDEX: _index(), **{f"{kind}.md": page_of(kind) for kind in KINDS}}


def write_pages(folder: Path) -> list[str]:
    """Write the pages that are not up to date; their names. Pages of kinds that are gone are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    changed = [name for name, text in made.items() if _held(folder / name) != text]
    for name in changed:
        (folder / name).write_text(made[name], encoding="utf-8")
    gone = [path for path in folder.glob("*.md") if path.name not in made]
    for path in gone:
        path.unlink()
    return sorted([*changed, *(path.name for path in gone)])


def page_of(kind: str) -> str:
    """The docs page of one kind. KeyError for one that does not exist."""
    first, *rest = _docstring(kind).splitlines()
    schema = _definitions()[kind]
    sections = [
        f"# {kind}\n\n{_MADE}\n\n{first}",
        f"## Example\n\n```yaml\n{example_of(kind)}\n```",
        _prose(rest),
        f"## Fields\n\n{_table(schema)}",
        *_sections_of_parts(schema),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def example_of(kind: str) -> str:
    """The example in the docstring: nodes by their ids, as they stand under `nodes:` in a flow file."""
    lines = [line[4:] for line in _docstring(kind).splitlines()[1:] if line.startswith("    ")]
    return "\n".join(lines)


def _sections_of_parts(schema: Mapping[str, Any]) -> Iterator[str]:
    for name in _parts_in(schema):
        part = _definitions()[name]
        yield f"### {name}\n\n{_first_line(part)}{_table(part)}"


def _index() -> str:
    rows = "\n".join(f"| [{kind}]({kind}.md) | {_docstring(kind).splitlines()[0]} |" for kind in KINDS)
    head = {name: part for name, part in flow_json_schema().items() if name != "$defs"}
    head["properties"] = {name: field for name, field in head["properties"].items() if name != "nodes"}
    parts = "\n\n".join(_sections_of_parts(head))
    return (
        f"# Flow files\n\n{_MADE}\n\n"
        "A flow is a YAML file: a head, and the steps of the call under `nodes`, each by its id, with its `kind`.\n\n"
        f"## Kinds of node\n\n| kind | what it does |\n|---|---|\n{rows}\n\n"
        f"## The head of the file\n\n{_table(head)}\n\n{parts}\n\n"
        "## Texts and variables\n\n"
        "A prompt is a text, one text for each language, a shared prompt (`{use: closed_notice}`), or a list of these, "
        "of recordings (`{play: /audio/jingle.wav}`) and of texts in a language of their own "
        "(`{say: Para español…, language: es}`). Texts may hold variables, `{{ customer.name }}`, conditions, "
        "`{% if customer.is_known %}…{% endif %}`, and filters, `{{ vars.account | spell }}`; they see `vars`, "
        "`customer`, `call`, `now` and, where a question reads an answer back, `value`.\n\n"
        "## Shared pieces\n\n"
        "Prompts under `prompts` and opening hours under `hours` are named by nodes with `use`. What flows share "
        "stands in a file of its own, `common.include.yaml`, which holds `prompts`, `hours` and `include` and nothing "
        "else; a flow takes it in with `include: [common]`. A change of such a file makes a new version of every flow "
        "that includes it. Steps that several flows share are a flow of their own: see [subflow](subflow.md).\n"
    )


def _docstring(kind: str) -> str:
    first, _, rest = (KINDS[kind].__doc__ or "").partition("\n")
    return f"{first}\n{textwrap.dedent(rest)}".rstrip()


def _prose(lines: list[str]) -> str:
    """What the docstring says after its example, a paragraph on one line."""
    text = "\n".join("" if line.startswith("    ") else line for line in lines)
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    return "\n\n".join(filter(None, paragraphs))


@cache
def _definitions() -> Mapping[str, Any]:
    definitions: Mapping[str, Any] = flow_json_schema()["$defs"]
    return definitions


def _first_line(schema: Mapping[str, Any]) -> str:
    first = str(schema.get("description", "")).partition("\n")[0]
    return f"{first}\n\n" if first else ""


def _table(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = (_row(name, field, name in required) for name, field in schema["properties"].items())
    return "| field | takes | without it | what it is for |\n|---|---|---|---|\n" + "\n".join(rows)


def _row(name: str, field: Mapping[str, Any], is_required: bool) -> str:
    default = field.get("default")
    without = "**needed**" if is_required else "" if default in (None, [], {}) else f"`{_shown(default)}`"
    cells = (f"`{name}`", _takes(field), without, str(field.get("description", "")))
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    return '""' if value == "" else f"{value:g}" if isinstance(value, float) else str(value)


def _takes(schema: Mapping[str, Any]) -> str:
    """The values that a field takes, in words."""
    known = next((words for words, of in _known_shapes() if _is_shape(schema, of)), None)
    if known:
        return known
    if "$ref" in schema:
        return f"[{_name_of(schema)}](#{_name_of(schema).lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{_shown(value)}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_takes(one) for one in schema["anyOf"] if one != {"type": "null"}))
    return _takes_type(schema)


def _takes_type(schema: Mapping[str, Any]) -> str:
    match schema.get("type"):
        case "string" if schema.get("format") == "node-id":
            return "the id of a node"
        case "string":
            return FORMS.get(schema.get("pattern", ""), "a text")
        case "integer":
            return "a whole number" + _bounds(schema, "minimum", "maximum")
        case "number":
            return "a number" + _bounds(schema, "minimum", "maximum")
        case "boolean":
            return "true or false"
        case "array":
            items = schema.get("items") or {"type": "any"}
            return f"a list{_bounds(schema, 'minItems', 'maxItems')}: {_takes(items)}"
        case "object":
            values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
            value = next((one for one in values if isinstance(one, dict)), None)
            return f"a mapping from names to: {_takes(value)}" if value else "a mapping"
        case _:
            return "any value"


def _bounds(schema: Mapping[str, Any], low: str, high: str) -> str:
    least = schema.get(low, schema.get("exclusiveMinimum"))
    most = schema.get(high)
    if least is not None and most is not None:
        return f", {least} to {most}"
    return f", {least} or more" if least is not None else f", at most {most}" if most is not None else ""


@cache
def _known_shapes() -> tuple[tuple[str, Any], ...]:
    def shape(of: Any) -> Any:
        return of.__get_pydantic_json_schema__(None, None)

    return (
        ("a prompt", shape(PromptText)),
        ("a text, or one text for each language", shape(Text)),
        ("a list of phrases, or one list for each language", shape(Words)),
    )


def _is_shape(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> bool:
    return bool([one for one in schema.get("anyOf", ()) if one != {"type": "null"}] == shape["anyOf"])


def _parts_in(schema: Any) -> Iterator[str]:
    """The parts that a kind's fields refer to, each once, those inside a part after it."""
    seen: dict[str, None] = {}
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop(0)):
            if name not in seen:
                seen[name] = None
                waiting.append(_definitions()[name])
    yield from seen


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield _name_of(schema)
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _name_of(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _held(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
