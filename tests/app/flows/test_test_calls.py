"""`flask --app app flows test`"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from flask import Flask

FLOW = """\
title: Front door
start: ask
fallback: desk
nodes:
  ask: {kind: menu, prompt: Press one., choices: [{key: 1, to: bye}]}
  bye: {kind: hangup, say: Goodbye.}
  desk: {kind: queue, queue: sales}
"""
CALLS = """\
scenarios:
  - name: A caller who presses 1 hears goodbye
    call:
      - press: 1
      - hears: Goodbye
    ends: {outcome: hung_up}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "front.yaml").write_text(FLOW)
    (tmp_path / "front.scenarios.yaml").write_text(CALLS)
    return tmp_path


@pytest.fixture
def run(app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch):
    settings = dataclasses.replace(app.config["SETTINGS"], flows_dir=folder)
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    return lambda *args: app.test_cli_runner().invoke(args=["flows", "test", *args])


def test_calls_that_go_as_they_should_end_with_0_and_say_what_none_reached(run):
    done = run()
    assert done.exit_code == 0, done.output
    assert "✓ front: 1 of 1 passed; reached 2 of 3 nodes, 1 of 5 ways" in done.output
    assert "not reached: node desk" in done.output
    assert "not reached: way ask → desk (no answer)" in done.output
    assert "1 passed, 0 failed" in done.output


def test_a_call_that_goes_otherwise_is_told_step_by_step_and_ends_with_1(run, folder):
    (folder / "front.scenarios.yaml").write_text(CALLS.replace("hears: Goodbye", "hears: Farewell"))
    done = run()
    assert done.exit_code == 1
    assert "presses 1" in done.output
    assert "✗ line 5: “Farewell” is not heard; the caller hears “Goodbye.”" in done.output
    assert "0 passed, 1 failed" in done.output


def test_every_call_is_told_when_asked_for(run):
    assert "hears   Goodbye." in run("--verbose").output
    assert "hears   Goodbye." not in run().output


def test_the_outcome_is_there_as_json(run):
    told = json.loads(run("front", "--json").output)
    assert (told["front"]["passed"], told["front"]["failed"]) == (1, 0)
    assert told["front"]["results"][0]["name"] == "A caller who presses 1 hears goodbye"
    assert told["front"]["coverage"]["nodes"] == ["desk"]
    assert {"from": "ask", "to": "desk", "label": "no answer"} in told["front"]["coverage"]["edges"]


def test_calls_in_the_flows_own_file_are_played_too(run, folder):
    (folder / "front.yaml").write_text(FLOW + CALLS.replace("presses 1", "presses the one"))
    assert "2 of 2 passed" in run().output


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("front.yaml", FLOW.replace("to: bye", "to: by"), "front.yaml:5:"),
        ("front.scenarios.yaml", CALLS.replace("press: 1", "pres: 1"), "front.scenarios.yaml:4:"),
    ],
)
def test_files_that_cannot_be_used_are_told_with_their_line_and_end_with_1(run, folder, file, text, told):
    (folder / file).write_text(text)
    done = run()
    assert done.exit_code == 1
    assert told in done.output


def test_a_flow_that_is_none_is_told_with_those_there_are(run):
    done = run("frond")
    assert done.exit_code == 2
    assert "There is no flow 'frond': give front." in done.output


def test_flows_without_test_calls_say_so(run, folder):
    (folder / "front.scenarios.yaml").unlink()
    done = run()
    assert done.exit_code == 0
    assert "front: no test calls" in done.output
