"""`flask --app app flows import`"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from flask import Flask

from ivr_flows import load_flow_file
from tests import factories

EXPORTS = Path(__file__).parents[2] / "ivr_flows" / "importers" / "exports"
SHOP = str(EXPORTS / "studio_bicycle_shop.json")
ENERGY = str(EXPORTS / "connect_energy.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def run(app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch):
    settings = dataclasses.replace(app.config["SETTINGS"], flows_dir=folder)
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    return lambda *args: app.test_cli_runner().invoke(args=["flows", "import", *args])


def test_an_export_becomes_a_file_of_the_flow_folder_and_what_was_lost_is_told(run, folder, session):
    factories.queue(session, key="support")
    session.commit()
    (folder / "survey.yaml").write_text("title: Survey\n")
    done = run(SHOP, "--flows", "FW00000000000000000000000000000001=survey")
    assert done.exit_code == 0, done.output
    flow = load_flow_file(folder / "harbour_cycles_front_desk.yaml")
    assert flow.nodes["to_flex"].queue == "support"
    assert "  - score: the widget run-function has no counterpart; the call ends there" in done.output
    assert "  - order_state: the condition regex ^lost.* has no counterpart" in done.output


def test_queues_are_named_by_pairs(run, folder):
    run(ENERGY, "--name", "energy", "--queues", "Faults=faults", "--queues", "Business=firms", "--queue", "desk")
    queues = {node.queue for node in load_flow_file(folder / "energy.yaml").nodes.values() if node.kind == "queue"}
    assert queues == {"faults", "firms", "desk"}


def test_a_flow_that_does_not_pass_the_check_yet_is_written_and_ends_with_1(run, folder):
    done = run(ENERGY, "--name", "energy")
    assert done.exit_code == 1
    assert "error: node moving, field flow: there is no flow 'moving_house'" in done.output
    assert (folder / "energy.yaml").exists()


def test_a_file_that_is_there_is_not_written_over(run, folder):
    (folder / "energy.yaml").write_text("mine")
    done = run(ENERGY, "--name", "energy")
    assert done.exit_code == 1
    assert "is there already: give another --name, or --force." in done.output
    assert (folder / "energy.yaml").read_text() == "mine"
    run(ENERGY, "--name", "energy", "--force")
    assert (folder / "energy.yaml").read_text() != "mine"


def test_the_flow_can_be_printed_with_the_words_beside_it(run):
    done = run(SHOP, "--to", "-")
    assert done.stdout.startswith("# Imported.")
    assert "has no counterpart" in done.stderr


def test_programs_get_one_json_object(run):
    told = json.loads(run(SHOP, "--to", "-", "--json").stdout)
    assert told["nodes"]["by_key"] == ["main_menu"]
    assert {"where": ["send_address"], "said": "the variable {{unknown.thing}} is not known here"} in told["notes"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "this is no JSON"), (b"{}", "neither a Twilio Studio flow"), (b"\xff\xfe", "not UTF-8 text")],
)
def test_a_file_that_is_no_export_is_refused(run, folder, content, message):
    (folder / "export.json").write_bytes(content)
    done = run(str(folder / "export.json"))
    assert done.exit_code == 1
    assert message in done.output


def test_a_pair_that_is_none_is_refused(run):
    done = run(SHOP, "--queues", "sales")
    assert done.exit_code == 2
    assert "'sales' is not THERE=HERE" in done.output
