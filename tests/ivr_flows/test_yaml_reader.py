from __future__ import annotations

import time

import pytest

from ivr_flows.faults import FlowError
from ivr_flows.yaml_reader import read_yaml

VALUES = [
    ("a: text", "text"),
    ("a: 'quoted 1'", "quoted 1"),
    ("a: '1'", "1"),
    ('a: ""', ""),
    ("a: 1", 1),
    ("a: -1", -1),
    ("a: 1.5", 1.5),
    ("a: 007", "007"),
    ("a: +15005550006", "+15005550006"),
    ("a: 1_000", "1_000"),
    ("a: 0x10", "0x10"),
    ("a: 12:30", "12:30"),
    ("a: 24/7", "24/7"),
    ("a: 2026-12-24", "2026-12-24"),
    ("a: true", True),
    ("a: no", "no"),
    ("a: on", "on"),
    ("a: null", None),
    ("a: ~", None),
    ("a:", None),
    ("a: .nan", ".nan"),
    ("a: " + "9" * 400, "9" * 400),
    ("a: [1, b]", [1, "b"]),
    ("a: {b: {c: 1}}", {"b": {"c": 1}}),
    ("a: |\n  two\n  lines\n", "two\nlines\n"),
    ("x: &x [1, 2]\na: *x", [1, 2]),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_values_are_what_an_author_means(text, value):
    read = read_yaml(text, "f.yaml").value["a"]
    assert read == value
    assert type(read) is type(value)


def test_every_key_and_value_has_its_place():
    document = read_yaml("a:\n  b: [x, {c: 1}]\n", "f.yaml")
    assert document.place_of_key(("a", "b")) == (2, 3)
    assert document.place_of_value(("a", "b")) == (2, 6)
    assert document.place_of_value(("a", "b", 1, "c")) == (2, 14)
    assert document.place_of_value(("a", "b", 7)) == (2, 6)


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    return "\n".join(lines)


HOSTILE = {
    "an alias bomb": (bomb(), "stands for more than 100,000 values"),
    "brackets a million deep": ("a: " + "[" * 900_000, "nested more than 20 levels deep"),
    "mappings nested deep": ("\n".join(" " * n + "a:" for n in range(900)), "nested more than 20 levels deep"),
    "a file too large": ("a: " + "x" * 1_000_001, "larger than 1 MB"),
    "a great many values": ("a: [" + "1," * 300_000 + "1]", "stands for more than 100,000 values"),
    "a tag that builds an object": ("a: !!python/object/new:os.system [ls]", "the tag"),
    "a custom tag": ("a: !include /etc/passwd", "the tag !include is not used"),
    "a key that is a list": ("? [a, b]\n: 1", "a key must be a plain word"),
    "a key that is a book": ("x" * 1500 + ": 1\n", "this is not YAML"),
    "a merge": ("b: &b {c: 1}\na:\n  <<: *b", "merge keys"),
    "a NUL": ("a: \x00", "this is not YAML"),
    "half a surrogate": ("a: \ud800", "half a surrogate pair"),
    "a directive": ("%TAG ! tag:evil,2000:\n---\na: !x 1", "the tag"),
}


@pytest.mark.parametrize(("text", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_at_once(text, message):
    began = time.process_time()
    with pytest.raises(FlowError) as refused:
        read_yaml(text, "f.yaml")
    assert message in str(refused.value)
    assert len(str(refused.value)) < 400
    assert time.process_time() - began < 3
