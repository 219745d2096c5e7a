"""A flow made of shared files on its pages: one sees and writes the flow's own text, callers hear the whole."""

from __future__ import annotations

import pytest

from tests.app.flows.conftest import MAIN, draft_of, publish

SHARING = MAIN.replace("start:", "include: [common]\nstart:").replace("text: Welcome.", "text: {use: welcome}")
COMMON = "prompts: {welcome: Welcome.}\n"


@pytest.fixture
def folder(folder):
    (folder / "main.yaml").write_text(SHARING)
    (folder / "common.include.yaml").write_text(COMMON)
    return folder


def test_the_editor_shows_the_flows_own_text(alma) -> None:
    assert draft_of(alma)["text"] == SHARING
    assert draft_of(alma)["conflict"] is None
    live = alma.get("/admin/flows/main/versions/live").json
    assert live["text"] == SHARING


def test_publishing_keeps_the_whole_and_writes_the_own_text(alma, house_of_flows, folder) -> None:
    shorter = SHARING.replace("For sales, press 1.", "Sales? Press 1.")
    version = publish(alma, shorter, "Shorter")
    assert house_of_flows.store.get("main").version == version
    assert house_of_flows.store.get("main").prompts["welcome"]
    assert (folder / "main.yaml").read_text() == shorter
    assert (folder / "common.include.yaml").read_text() == COMMON
    assert draft_of(alma)["files"][0]["state"] == "same"


def test_a_changed_shared_file_is_a_new_version_of_the_flow(alma, house_of_flows, folder) -> None:
    first = house_of_flows.store.get("main").version
    (folder / "common.include.yaml").write_text(COMMON.replace("Welcome.", "Welcome back."))
    second = house_of_flows.store.get("main").version
    assert second != first
    assert [line["version"] for line in alma.get("/admin/flows/main/versions").json["versions"]] == [second, first]
    assert alma.get(f"/admin/flows/main/versions/{first}").json["text"] == SHARING


def test_the_check_of_a_page_knows_the_shared_files(alma) -> None:
    wrong = SHARING.replace("use: welcome", "use: welcom")
    faults = alma.post("/admin/flows/main/check", {"text": wrong}).json["faults"]
    assert any("did you mean 'welcome'?" in fault["message"] for fault in faults)
    played = alma.post("/admin/flows/main/test", {"text": SHARING}).json
    assert (played["passed"], played["failed"]) == (1, 0)
