"""The JSON Schema helps authors in any editor: it explains every field and agrees with the check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ivr_flows import flow_json_schema
from ivr_flows.loader import check
from ivr_flows.yaml_reader import read_yaml
from tests.ivr_flows.conftest import DEMO
from tests.ivr_flows.test_broken_files import BROKEN

FLOWS = sorted(path for path in DEMO.glob("*.yaml") if path.stem != "entry_points" and ".scenarios" not in path.name)


def fields_of(schema: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from ((f"{at}.{name}", field) for name, field in schema["properties"].items())
        for key, part in schema.items():
            yield from fields_of(part, f"{at}.{key}")
    elif isinstance(schema, list):
        for index, part in enumerate(schema):
            yield from fields_of(part, f"{at}[{index}]")


def validator() -> Draft202012Validator:
    return Draft202012Validator(flow_json_schema())


def test_the_schema_is_a_json_schema():
    Draft202012Validator.check_schema(flow_json_schema())


def test_every_field_says_what_it_is_for():
    assert [at for at, field in fields_of(flow_json_schema()) if not field.get("description")] == []


def test_no_field_repeats_its_name_or_offers_nothing_as_its_default():
    fields = [field for at, field in fields_of(flow_json_schema())]
    assert not any("title" in field for field in fields)
    assert not any(field.get("default", "") is None for field in fields)


def test_a_node_may_have_a_field_called_title():
    assert "title" in flow_json_schema()["$defs"]["menu"]["properties"]


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_the_schema_takes_every_flow_that_ships(path):
    assert list(validator().iter_errors(read_yaml(path.read_text("utf-8"), path.name).value)) == []


@pytest.mark.parametrize(
    "name",
    ["unknown_field", "unknown_head_field", "unknown_kind", "missing_field", "no_title", "menu_key_with_two_digits"],
)
def test_the_schema_refuses_what_the_check_refuses(name):
    text = (BROKEN / f"{name}.yaml").read_text("utf-8")
    assert check(text, name)
    assert list(validator().iter_errors(read_yaml(text, name).value))
