"""`flask --app app flows check` and `flows schema`"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from flask import Flask

from app.flows import check
from ivr_flows import flow_json_schema
from tests import factories

GOOD = """\
title: Front door
start: hello
fallback: desk
nodes:
  hello: {kind: say, text: Hello., next: desk}
  desk: {kind: queue, queue: sales}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "front.yaml").write_text(GOOD)
    return tmp_path


@pytest.fixture
def run(app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch):
    settings = dataclasses.replace(app.config["SETTINGS"], flows_dir=folder)
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    return lambda *args, **options: app.test_cli_runner().invoke(args=["flows", *args], **options)


def test_a_good_folder_is_told_so_and_ends_with_0(run, folder):
    done = run("check")
    assert done.exit_code == 0, done.output
    assert done.output == f"✓ {folder}/front.yaml\n1 file checked: 0 errors, 0 warnings\n"


def test_an_error_is_told_with_its_place_and_ends_with_1(run, folder):
    (folder / "front.yaml").write_text(GOOD.replace("next: desk", "next: dask"))
    done = run("check", "front")
    assert done.exit_code == 1
    assert done.output == (
        f"{folder}/front.yaml:5:42: error: node hello, field next: there is no node 'dask'; did you mean 'desk'?\n"
        "1 file checked: 1 error, 0 warnings\n"
    )


def test_a_warning_is_told_and_stops_nothing(run, folder):
    (folder / "front.yaml").write_text(GOOD + "  lost: {kind: say, text: Lost., next: desk}\n")
    done = run("check")
    assert done.exit_code == 0
    assert ":7:3: warning: node lost: no way leads here" in done.output


def test_a_file_anywhere_can_be_checked_and_may_lead_to_flows_of_the_folder(run, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "other.yaml"
    elsewhere.write_text(GOOD.replace("kind: say, text: Hello., next: desk", "kind: transfer, flow: front"))
    assert run("check", str(elsewhere)).exit_code == 0
    elsewhere.write_text(GOOD.replace("kind: say, text: Hello., next: desk", "kind: transfer, flow: fornt"))
    assert "there is no flow 'fornt'; did you mean 'front'?" in run("check", str(elsewhere)).output


def test_a_name_that_is_no_flow_is_refused_with_the_nearest(run):
    done = run("check", "frnt")
    assert done.exit_code == 2
    assert "There is no flow 'frnt'; did you mean 'front'?" in done.output


def test_a_file_that_is_not_there_is_told(run, folder):
    done = run("check", str(folder / "none.yaml"))
    assert done.exit_code == 1
    assert "the file cannot be read: No such file or directory" in done.output


def test_queues_are_checked_against_the_database(run, session, folder):
    factories.queue(session, key="support")
    session.commit()
    assert "there is no queue 'sales'; use one of: support" in run("check").output


def test_entry_points_and_test_calls_are_checked_too(run, folder):
    (folder / "entry_points.yaml").write_text("default: {flow: frnt}\n")
    (folder / "front.scenarios.yaml").write_text("scenarios: [{name: A call, cal: []}]\n")
    output = run("check").output
    assert "entry_points.yaml:1:17: error: field default.flow: there is no flow 'frnt'; did you mean 'front'?" in output
    assert (
        "front.scenarios.yaml:1:28: error: field scenarios[0].cal: is not a field here; did you mean 'call'?" in output
    )


def test_a_transfer_to_a_number_of_our_own_is_told(run, folder):
    (folder / "entry_points.yaml").write_text('numbers: {"+15005550006": {flow: front}}\n')
    (folder / "front.yaml").write_text(
        GOOD.replace("say, text: Hello., next: desk", 'transfer, number: "+15005550006"')
    )
    assert "+15005550006 is a number of our own" in run("check").output


def test_programs_get_one_json_object(run, folder):
    (folder / "front.yaml").write_text(GOOD.replace("next: desk", "next: dask"))
    done = run("check", "--json")
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert (told["errors"], told["warnings"]) == (1, 0)
    assert told["files"][0]["faults"] == [
        {
            "message": "there is no node 'dask'; did you mean 'desk'?",
            "file": f"{folder}/front.yaml",
            "line": 5,
            "column": 42,
            "node": "hello",
            "field": "next",
            "severity": "error",
        }
    ]


def test_colours_are_for_terminals_only(run, monkeypatch):
    assert "\x1b[" not in run("check").output
    assert "\x1b[32m✓" in run("check", color=True).output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("check", color=True).output


def test_without_a_database_everything_but_the_queues_is_checked(run, monkeypatch):
    def away():
        raise check.SQLAlchemyError("away")

    monkeypatch.setattr(check, "unit_of_work", away)
    done = run("check")
    assert done.exit_code == 0
    assert "their names are not checked" in done.stderr


def test_the_schema_is_printed_for_code_editors(run):
    assert json.loads(run("schema").output) == flow_json_schema()
