"""Test calls that stand in a file beside their flow: they are a part of its versions, as what stands in the flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.db import unit_of_work
from app.flows.models import FlowFile
from ivr_flows.beside import MARK, apart, complete, read_with_tests, with_tests
from tests.app.flows.conftest import MAIN, draft_of, house_on, publish, save, told

FLOW, _, OWN = MAIN.partition("\nscenarios:\n")
FLOW += "\n" if not FLOW.endswith("\n") else ""
TESTS = "# Ours.\nscenarios:\n" + OWN
SHORTER = FLOW.replace("For sales, press 1.", "Press 1.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "flows"
    place.mkdir()
    (place / "main.yaml").write_text(FLOW)
    (place / "main.scenarios.yaml").write_text(TESTS)
    return place


def versions(who) -> list[dict]:
    return who.get("/admin/flows/main/versions").json["versions"]


def test_the_editor_shows_them_below_the_flow(alma) -> None:
    assert draft_of(alma)["text"] == f"{FLOW}\n{MARK}\n{TESTS}"
    assert alma.post("/admin/flows/main/test").json["passed"] == 1


def test_publishing_writes_each_part_into_its_own_file(alma, folder) -> None:
    text = draft_of(alma)["text"].replace("Sales by key", "Sales by a key").replace("press 1.", "press one.")
    version = publish(alma, text)
    assert (folder / "main.yaml").read_text() == FLOW.replace("press 1.", "press one.")
    assert (folder / "main.scenarios.yaml").read_text() == TESTS.replace("Sales by key", "Sales by a key")
    state = draft_of(alma)
    assert [(file["version"], file["state"]) for file in state["files"]] == [(version, "same")]
    assert state["conflict"] is None and told("flow.conflict") == []


def test_what_changed_in_them_is_told_in_words_and_taken_back_with_the_flow(alma, folder) -> None:
    first = versions(alma)[0]["version"]
    save(alma, draft_of(alma)["text"].replace("Sales by key", "Sales by a key"))
    words = [change["words"] for change in alma.get("/admin/flows/main/diff").json["changes"]]
    assert words == ["test call “Sales by a key” added", "test call “Sales by key” removed"]
    publish(alma, draft_of(alma)["text"])
    alma.post("/admin/flows/main/rollback", {"version": first, "message": ""})
    assert (folder / "main.scenarios.yaml").read_text() == TESTS


def test_another_machine_plays_the_test_calls_of_the_version_and_not_its_own_files(app, alma, folder, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for file in folder.iterdir():
        (other / file.name).write_text(file.read_text())
    draft_of(alma)
    failing = draft_of(alma)["text"].replace("queue: sales}\n", "queue: sales}\n    facts: {never: said}\n")
    rev = save(alma, failing)
    app.extensions["flow_house"] = house_on(other)
    answer = alma.post("/admin/flows/main/publish", {"message": "", "rev": rev})
    assert answer.status_code == 422 and answer.json["tests"]["failed"] == 1
    assert (other / "main.scenarios.yaml").read_text() == TESTS


def test_a_changed_file_of_test_calls_is_a_new_version_by_itself(alma, folder, house_of_flows) -> None:
    before = versions(alma)
    (folder / "main.scenarios.yaml").write_text(TESTS + "\n  - {name: Silent, call: [silence: true]}\n")
    after = versions(alma)
    assert len(after) == len(before) + 1 and (after[0]["source"], after[0]["live"]) == ("file", True)
    assert "Silent" in draft_of(alma)["text"]


def test_of_a_page_and_a_file_of_test_calls_nobodys_work_is_overwritten(alma, folder) -> None:
    publish(alma, draft_of(alma)["text"].replace("Sales by key", "By the page"))
    # a deployment that does not know of the page's version, and adds a test call
    (folder / "main.scenarios.yaml").write_text(TESTS + "\n  - {name: By hand, call: [silence: true]}\n")
    conflict = draft_of(alma)["conflict"]
    assert conflict["kind"] == "file" and "By hand" in conflict["file_text"]
    body = {"take": "page", "file_version": conflict["file_version"]}
    assert alma.post("/admin/flows/main/conflict", body).status_code == 200
    assert "By the page" in (folder / "main.scenarios.yaml").read_text()


def test_a_draft_that_was_begun_without_them_keeps_them(alma, folder) -> None:
    publish(alma, SHORTER)
    assert "Sales by key" in draft_of(alma)["text"]
    assert (folder / "main.scenarios.yaml").read_text() == TESTS
    assert read_with_tests(folder / "main.yaml") == with_tests(SHORTER, TESTS)


def test_a_played_call_is_added_to_the_file_of_test_calls(alma, folder) -> None:
    body = {"name": "Sales again", "given": {}, "acts": [{"press": "1"}]}
    text = alma.post("/admin/flows/main/scenarios", body).json["text"]
    publish(alma, text)
    assert (folder / "main.yaml").read_text() == FLOW
    assert "Sales again" in (folder / "main.scenarios.yaml").read_text()


def test_half_of_what_is_written_is_no_version(alma, folder, house_of_flows, monkeypatch) -> None:
    """Another process looks between the two files: it sees neither a change nor a conflict."""
    draft_of(alma)
    seen: list[str] = []
    write = type(house_of_flows.files).write

    def write_and_look(files, flow, text, instead_of):
        tests = apart(text)[1]
        (folder / "main.scenarios.yaml").write_text(tests or "")
        seen.extend(_looked_at_elsewhere(folder))
        return write(files, flow, text, files.version(flow))

    monkeypatch.setattr(type(house_of_flows.files), "write", write_and_look)
    publish(alma, draft_of(alma)["text"].replace("Sales by key", "Anew").replace("press 1.", "press one."))
    assert seen == ["waits"]
    draft_of(alma)
    assert told("flow.conflict") == []
    with unit_of_work() as session:
        assert [file.state for file in session.query(FlowFile).filter_by(flow="main")] == ["same"]


def _looked_at_elsewhere(folder: Path) -> list[str]:
    """What another process finds that wants to judge the files now: the flow's row is held."""
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    try:
        with unit_of_work() as session:
            session.execute(text("SELECT 1 FROM flow WHERE name = 'main' FOR UPDATE NOWAIT"))
    except OperationalError:
        return ["waits"]
    return ["goes on"]


BROKEN = "scenarios:\n  - {name: x\n"


@pytest.mark.parametrize(
    ("flow", "tests"),
    [
        (MAIN, TESTS),
        (FLOW, BROKEN),
        (FLOW, "calls: []\n"),
        (FLOW, "---\n" + TESTS),
        (FLOW, "{scenarios: []}\n"),
        (FLOW, "- a\n"),
        ("---\n" + FLOW, TESTS),
        (FLOW + "...\n", TESTS),
        ("{title: x, nodes: {}}\n", TESTS),
        (FLOW, "x" * 1_000_000),
        (FLOW, "\ufeff" + TESTS),
    ],
    ids=["own", "broken", "strange", "document", "braces", "list", "marked", "ended", "one line", "huge", "order mark"],
)
def test_what_does_not_read_as_one_stays_apart(flow: str, tests: str) -> None:
    assert with_tests(flow, tests) == flow
    assert apart(flow) == (flow, None)


@pytest.mark.parametrize("flow", [FLOW, FLOW.rstrip("\n"), FLOW.replace("\n", "\r\n")])
@pytest.mark.parametrize("tests", [TESTS, "", "# none yet\n", "scenarios: []", TESTS.replace("\n", "\r\n")])
def test_what_is_put_together_comes_apart_again(flow: str, tests: str) -> None:
    own, beside = apart(with_tests(flow, tests))
    assert own.rstrip("\n") == flow.rstrip("\n") and own.endswith("\n") and beside == tests
    assert with_tests(own, beside) == with_tests(flow, tests)


def test_a_mark_without_its_line_before_it_is_mended_and_broken_test_calls_stay_in_sight(tmp_path: Path) -> None:
    path = tmp_path / "main.yaml"
    assert complete(f"{FLOW}#%scenarios\n{TESTS}", path) == with_tests(FLOW, TESTS)
    assert complete(f"{FLOW}\n{MARK}\n{BROKEN}", path) == f"{FLOW}\n{MARK}\n{BROKEN}"


def test_broken_test_calls_beside_a_flow_stop_publishing_and_no_caller(alma, folder, house_of_flows) -> None:
    draft_of(alma)
    (folder / "main.scenarios.yaml").write_text(BROKEN)
    assert house_of_flows.store.get("main").title == "Main line"
    rev = save(alma, SHORTER)
    answer = alma.post("/admin/flows/main/publish", {"message": "", "rev": rev})
    assert answer.status_code in (409, 422)
