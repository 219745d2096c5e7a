"""Files changed by hand or by git become versions by themselves; nobody's work is overwritten."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from app.db import unit_of_work
from app.flows import publish as publishing
from app.flows.archive import Standing, judge, undoes
from app.flows.files import FlowFiles
from app.flows.models import FlowFile
from app.forms import Refusal
from ivr_flows.loader import version_of
from tests.app.flows.conftest import BROKEN, MAIN, draft_of, house_on, publish, save, told, worded

BY_PAGE = worded("Press 1 for sales.")
BY_HAND = worded("Press one!")
BOTH = BY_PAGE.replace("Leave a message.", "Speak now.")


def live(who) -> str:
    return draft_of(who)["live_version"]


def newest(who) -> dict:
    return who.get("/admin/flows/main/versions").json["versions"][0]


def test_a_file_changed_by_hand_is_live_at_the_next_look(alma, folder) -> None:
    (folder / "main.yaml").write_text(BY_HAND)
    assert live(alma) == version_of(BY_HAND)
    assert (newest(alma)["source"], newest(alma)["author"]) == ("file", "")


def test_within_two_seconds_every_process_has_it(app, house_of_flows, folder) -> None:
    """Two processes as they run for real: each looks at most once a second, when it is asked."""
    from app.flows.archive import open_store
    from app.flows.publish import House

    settings = app.config["SETTINGS"]
    import dataclasses

    stores = [House(open_store(dataclasses.replace(settings, flows_dir=folder)), FlowFiles(folder)).store for _ in "ab"]
    assert {store.get("main").version for store in stores} == {version_of(MAIN)}
    (folder / "main.yaml").write_text(BY_HAND)
    changed = time.monotonic()
    while {store.get("main").version for store in stores} != {version_of(BY_HAND)}:
        assert time.monotonic() - changed < 2
        time.sleep(0.02)


def test_a_page_publish_is_seen_by_every_other_process(alma, folder, tmp_path) -> None:
    other_machine = tmp_path / "other"
    other_machine.mkdir()
    (other_machine / "main.yaml").write_text(MAIN)
    other = house_on(other_machine)
    assert other.store.get("main").version == version_of(MAIN)
    publish(alma, BY_PAGE)
    assert other.store.get("main").version == version_of(BY_PAGE)
    assert (other_machine / "main.yaml").read_text() == MAIN, "another machine's files are its own"
    assert {file["state"] for file in draft_of(alma)["files"]} == {"same", "behind"}


def test_a_restart_on_old_files_does_not_take_a_publish_back(alma, folder, tmp_path) -> None:
    publish(alma, BY_PAGE)
    new_machine = tmp_path / "new"
    new_machine.mkdir()
    (new_machine / "main.yaml").write_text(MAIN)
    assert house_on(new_machine).store.get("main").version == version_of(BY_PAGE)
    assert draft_of(alma)["conflict"] is None, "an older version is no work that could be lost"


def test_a_broken_file_leaves_what_is_live_and_the_page_says_so(alma, folder) -> None:
    publish(alma, BY_PAGE)
    (folder / "main.yaml").write_text(BROKEN)
    state = draft_of(alma)
    assert state["live_version"] == version_of(BY_PAGE)
    assert "menue" in state["problem"]


def test_a_flow_that_is_only_a_broken_file_can_be_mended_on_the_page(alma, folder) -> None:
    (folder / "new.yaml").write_text(BROKEN)
    assert draft_of(alma, "new")["text"] == BROKEN
    publish(alma, MAIN, name="new")
    assert (folder / "new.yaml").read_text() == BROKEN, "the file held something else than what was published on"


def test_an_edit_on_top_of_what_the_page_wrote_goes_live(alma, folder) -> None:
    publish(alma, BY_PAGE)
    (folder / "main.yaml").write_text(BOTH)
    assert live(alma) == version_of(BOTH) and draft_of(alma)["conflict"] is None


@pytest.mark.parametrize("reset", [MAIN, MAIN.replace("Leave a message.", "Speak now.")])
def test_a_file_set_back_behind_the_page_is_a_conflict(alma, folder, reset) -> None:
    """git checkout, or a deployment that does not know of the page's version."""
    publish(alma, BY_PAGE)
    (folder / "main.yaml").write_text(reset)
    conflict = draft_of(alma)["conflict"]
    assert (conflict["kind"], conflict["file_text"]) == ("file", reset)
    assert live(alma) == version_of(BY_PAGE)
    assert (folder / "main.yaml").read_text() == reset
    assert told("flow.conflict")[0]["file_version"] == version_of(reset)


def in_conflict(alma, folder: Path) -> None:
    folder.chmod(0o755)
    writing = FlowFiles.write
    try:
        FlowFiles.write = lambda *_: False  # the file could not be written
        publish(alma, BY_PAGE)
    finally:
        FlowFiles.write = writing
    (folder / "main.yaml").write_text(BY_HAND)
    assert draft_of(alma)["conflict"]["file_text"] == BY_HAND
    assert live(alma) == version_of(BY_PAGE)


def test_a_conflict_is_settled_for_the_page(alma, folder) -> None:
    in_conflict(alma, folder)
    answer = alma.post("/admin/flows/main/conflict", {"take": "page", "file_version": version_of(BY_HAND)})
    assert answer.json == {"version": version_of(BY_PAGE)}
    assert (folder / "main.yaml").read_text() == BY_PAGE
    assert draft_of(alma)["conflict"] is None and live(alma) == version_of(BY_PAGE)
    aside = newest(alma)
    assert (aside["version"], aside["went_live"], aside["live"]) == (version_of(BY_HAND), False, False)
    assert alma.get(f"/admin/flows/main/versions/{version_of(BY_HAND)}").json["text"] == BY_HAND


def test_a_conflict_is_settled_for_the_file(alma, folder) -> None:
    in_conflict(alma, folder)
    answer = alma.post("/admin/flows/main/conflict", {"take": "file", "file_version": version_of(BY_HAND)})
    assert answer.json == {"version": version_of(BY_HAND)} and live(alma) == version_of(BY_HAND)
    assert draft_of(alma)["conflict"] is None
    assert alma.get(f"/admin/flows/main/versions/{version_of(BY_PAGE)}").json["text"] == BY_PAGE
    again = alma.post("/admin/flows/main/conflict", {"take": "page", "file_version": version_of(BY_HAND)})
    assert again.status_code == 409 and again.json["error"]["code"] == "settled"


def test_the_difference_to_a_file_in_conflict_can_be_read(alma, folder) -> None:
    in_conflict(alma, folder)
    answer = alma.get("/admin/flows/main/diff?from=live&to=file").json
    assert [change["words"] for change in answer["changes"]] == ["menu menu: prompt (en) changed"]
    assert "+    prompt: Press one!" in answer["text"]


def test_a_draft_begun_before_the_file_changed_must_take_that_in(alma, folder) -> None:
    rev = save(alma, BY_PAGE)
    (folder / "main.yaml").write_text(BY_HAND)
    refused = alma.post("/admin/flows/main/publish", {"message": "", "rev": rev})
    assert refused.status_code == 409 and refused.json["error"]["code"] == "live_moved"
    conflict = refused.json["draft"]["conflict"]
    assert (conflict["kind"], conflict["file_text"]) == ("live_moved", BY_HAND)
    rev = save(alma, BY_PAGE, base_version=version_of(BY_HAND))
    assert alma.post("/admin/flows/main/publish", {"message": "", "rev": rev}).status_code == 200
    assert (folder / "main.yaml").read_text() == BY_PAGE


def test_a_file_that_changes_while_one_publishes_is_not_written_over(alma, house_of_flows, folder, monkeypatch) -> None:
    """Between the commit and the writing of the file somebody saves it in an editor."""
    rev = save(alma, BY_PAGE)
    bring_home = publishing.bring_home

    def meanwhile(*given) -> None:
        (folder / "main.yaml").write_text(BY_HAND)
        bring_home(*given)

    monkeypatch.setattr(publishing, "bring_home", meanwhile)
    assert alma.post("/admin/flows/main/publish", {"message": "", "rev": rev}).status_code == 200
    assert (folder / "main.yaml").read_text() == BY_HAND
    assert draft_of(alma)["conflict"]["file_text"] == BY_HAND and live(alma) == version_of(BY_PAGE)


def test_publishing_and_a_changed_file_at_once_lose_neither(alma, house_of_flows, folder) -> None:
    rev = save(alma, BY_PAGE)
    start = threading.Barrier(2)
    refused: list[Refusal] = []

    def by_page() -> None:
        start.wait()
        try:
            publishing.publish_draft(house_of_flows, alma.user_id, "main", "", rev)
        except Refusal as refusal:
            refused.append(refusal)

    def by_hand() -> None:
        start.wait()
        (folder / "main.yaml").write_text(BY_HAND)
        house_on(folder).store.get("main")

    threads = [threading.Thread(target=each) for each in (by_page, by_hand)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    state = draft_of(alma)
    kept = {line["version"] for line in alma.get("/admin/flows/main/versions").json["versions"]} | {
        state["conflict"]["file_version"] if state["conflict"] else "",
        version_of(state["text"]),
    }
    assert {version_of(BY_PAGE), version_of(BY_HAND)} <= kept
    assert not refused or refused[0].code == "live_moved"
    assert (folder / "main.yaml").read_text() in (BY_PAGE, BY_HAND)


def test_who_committed_a_change_and_why_is_in_the_history(alma, folder) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=Gita Rao", "-c", "user.email=gita@example.test"]
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "First")
    (folder / "main.yaml").write_text(BY_HAND)
    git("commit", "-qam", "One finger is enough\n\nLong story.")
    assert live(alma) == version_of(BY_HAND)
    assert (newest(alma)["author"], newest(alma)["message"]) == ("Gita Rao", "One finger is enough")
    (folder / "main.yaml").write_text(BOTH)
    assert live(alma) == version_of(BOTH)
    assert newest(alma)["author"] == "", "what is not committed is nobody's commit"


def test_a_folder_that_cannot_be_written_to_stops_nothing(alma, folder, monkeypatch) -> None:
    monkeypatch.setattr(Path, "replace", _refuse)
    assert publish(alma, BY_PAGE) == version_of(BY_PAGE)
    assert live(alma) == version_of(BY_PAGE)
    assert (folder / "main.yaml").read_text() == MAIN
    assert list(folder.glob(".*")) == [], "nothing unfinished is left behind"


def _refuse(*_: object) -> None:
    raise PermissionError("read-only")


def test_two_processes_that_see_a_change_at_once_make_one_version(alma, folder) -> None:
    houses = [house_on(folder) for _ in range(4)]
    for each in houses:
        each.store.get("main")
    (folder / "main.yaml").write_text(BY_HAND)
    threads = [threading.Thread(target=each.store.get, args=["main"]) for each in houses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    lines = alma.get("/admin/flows/main/versions").json["versions"]
    assert [line["version"] for line in lines] == [version_of(BY_HAND), version_of(MAIN)]
    with unit_of_work() as session:
        assert session.query(FlowFile).filter_by(flow="main").count() == 1


A, B, C = "a" * 16, "b" * 16, "c" * 16


@pytest.mark.parametrize(
    ("standing", "verdict"),
    [
        (Standing(live=None, live_source=None, held=None, was_live=False, is_undone=False), "adopt"),
        (Standing(live=C, live_source="page", held=None, was_live=False, is_undone=False), "same"),
        (Standing(live=A, live_source="file", held=A, was_live=False, is_undone=False), "adopt"),
        (Standing(live=A, live_source="file", held=A, was_live=True, is_undone=True), "adopt"),
        (Standing(live=A, live_source="file", held=None, was_live=True, is_undone=True), "behind"),
        (Standing(live=A, live_source="file", held=B, was_live=False, is_undone=False), "adopt"),
        (Standing(live=A, live_source="page", held=A, was_live=False, is_undone=False), "adopt"),
        (Standing(live=A, live_source="page", held=A, was_live=False, is_undone=True), "conflict"),
        (Standing(live=A, live_source="page", held=A, was_live=True, is_undone=True), "conflict"),
        (Standing(live=A, live_source="page", held=B, was_live=False, is_undone=False), "conflict"),
        (Standing(live=A, live_source="page", held=None, was_live=False, is_undone=False), "conflict"),
        (Standing(live=A, live_source="page", held=None, was_live=True, is_undone=True), "behind"),
        (Standing(live=A, live_source="rollback", held=B, was_live=True, is_undone=True), "behind"),
        (Standing(live=A, live_source="canary", held=B, was_live=False, is_undone=False), "conflict"),
    ],
)
def test_what_is_done_with_a_file(standing, verdict) -> None:
    assert judge(C, standing) == verdict


def test_a_file_undoes_what_was_published_when_nothing_of_it_is_left() -> None:
    before, now = "a\nb\nc\n", "a\nB\nc\n"
    assert undoes("a\nb\nc\n", now, before) and undoes("a\nb\nc\nd\n", now, before)
    assert not undoes("a\nB\nd\n", now, before) and not undoes("a\nx\nc\n", now, before)
    assert not undoes("anything", before, before)
