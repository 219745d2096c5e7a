from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ivr_flows import FlowError, FlowStore, FolderArchive, MemoryArchive, VersionArchive

FIRST = """\
title: First
start: hello
fallback: desk
nodes:
  hello: {kind: say, text: Hello., next: desk}
  desk: {kind: queue, queue: sales}
"""
SECOND = FIRST.replace("First", "Second")
BROKEN = FIRST.replace("next: desk", "next: dusk")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "flows"
    place.mkdir()
    (place / "main.yaml").write_text(FIRST)
    return place


@pytest.fixture(params=["in memory", "in a folder"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> VersionArchive:
    return MemoryArchive() if request.param == "in memory" else FolderArchive(tmp_path / "archive")


def store_of(folder: Path, archive: VersionArchive | None = None, **given: object) -> FlowStore:
    return FlowStore(folder, archive, check_every_s=0, **given)  # type: ignore[arg-type]


def test_a_changed_file_is_live_at_the_next_look(folder):
    store = store_of(folder)
    assert store.get("main").title == "First"
    (folder / "main.yaml").write_text(SECOND)
    assert store.get("main").title == "Second"


def test_files_are_looked_at_once_in_a_while(folder):
    clock = Clock()
    store = FlowStore(folder, monotonic=clock)
    store.get("main")
    (folder / "main.yaml").write_text(SECOND)
    clock.now += 0.9
    assert store.get("main").title == "First"
    clock.now += 0.1
    assert store.get("main").title == "Second"


def test_a_broken_file_leaves_the_last_good_version_live_and_says_what_is_wrong(folder, archive):
    store = store_of(folder, archive)
    store.get("main")
    (folder / "main.yaml").write_text(BROKEN)
    assert store.get("main").title == "First"
    assert "there is no node 'dusk'" in str(store.problems()["main"])
    (folder / "main.yaml").write_text(SECOND)
    assert store.get("main").title == "Second"
    assert store.problems() == {}


def test_the_last_good_version_is_live_after_a_restart_with_a_broken_file(folder, archive):
    store_of(folder, archive).get("main")
    (folder / "main.yaml").write_text(BROKEN)
    restarted = store_of(folder, archive)
    assert restarted.get("main").title == "First"
    assert "main" in restarted.problems()


def test_after_going_back_to_an_older_file_that_one_survives_the_restart(folder, archive):
    store = store_of(folder, archive)
    for text in (FIRST, SECOND, FIRST):
        (folder / "main.yaml").write_text(text)
        store.get("main")
    (folder / "main.yaml").write_text(BROKEN)
    assert store_of(folder, archive).get("main").title == "First"


def test_a_call_in_progress_finishes_on_its_version_also_after_a_restart(folder, archive):
    store = store_of(folder, archive)
    pinned = store.get("main").version
    (folder / "main.yaml").write_text(SECOND)
    assert store.get("main").version != pinned
    assert store.get("main", pinned).title == "First"
    assert store_of(folder, archive).get("main", pinned).title == "First"


def test_the_version_is_the_texts_and_does_not_depend_on_line_ends(folder):
    store = store_of(folder)
    version = store.get("main").version
    (folder / "main.yaml").write_bytes(FIRST.replace("\n", "\r\n").encode())
    assert store.get("main").version == version


def test_a_flow_that_was_never_good_is_refused_with_its_faults(folder):
    (folder / "new.yaml").write_text(BROKEN)
    with pytest.raises(FlowError, match="there is no node 'dusk'"):
        store_of(folder).get("new")


@pytest.mark.parametrize("name", ["nowhere", "../main", "", "x" * 10_000])
def test_an_unknown_flow_is_refused_by_name(folder, archive, name):
    with pytest.raises(FlowError, match="there is no flow"):
        store_of(folder, archive).get(name)


@pytest.mark.parametrize("version", ["0123456789abcdef", "../../etc/passwd", ""])
def test_an_unknown_version_is_refused(folder, archive, version):
    with pytest.raises(FlowError, match="there is no flow 'main' at version"):
        store_of(folder, archive).get("main", version)


def test_a_file_that_is_removed_leaves_its_flow_live(folder, archive):
    store = store_of(folder, archive)
    store.get("main")
    (folder / "main.yaml").unlink()
    assert store.get("main").title == "First"
    assert "the file is gone" in str(store.problems()["main"])
    assert store_of(folder, archive).get("main").title == "First"


def test_a_file_that_comes_back_is_no_problem(folder):
    store = store_of(folder)
    store.get("main")
    (folder / "main.yaml").unlink()
    store.get("main")
    (folder / "main.yaml").write_text(SECOND)
    assert store.get("main").title == "Second"
    assert store.problems() == {}


def test_a_kept_text_that_was_tampered_with_is_refused(folder, tmp_path):
    archive = FolderArchive(tmp_path / "archive")
    version = store_of(folder, archive).get("main").version
    (tmp_path / "archive" / "main" / f"{version}.yaml").write_text(SECOND)
    with pytest.raises(FlowError, match="is not what was saved"):
        store_of(folder / "..", archive).get("main", version)


def test_a_flow_that_names_an_unknown_queue_is_live_once_there_is_that_queue(folder):
    queues = {"support"}
    store = store_of(folder, queues=lambda: queues)
    assert "there is no queue 'sales'" in str(store.problems()["main"])
    queues.add("sales")
    assert store.get("main").title == "First"


def test_a_flow_that_names_an_unknown_flow_is_live_once_there_is_that_flow(folder):
    (folder / "main.yaml").write_text(
        FIRST.replace("kind: say, text: Hello., next: desk", "kind: transfer, flow: other")
    )
    store = store_of(folder)
    assert "there is no flow 'other'" in str(store.problems()["main"])
    (folder / "other.yaml").write_text(SECOND)
    assert store.problems() == {}


def test_what_failed_because_the_archive_was_away_is_tried_again(folder):
    class Away(MemoryArchive):
        is_away = True

        def save(self, name: str, version: str, text: str) -> None:
            if self.is_away:
                raise ConnectionError("the database is away")
            super().save(name, version, text)

    archive = Away()
    store = store_of(folder, archive)
    with pytest.raises(ConnectionError):
        store.get("main")
    archive.is_away = False
    assert store.get("main").title == "First"
    assert "main" in archive.live()


def test_a_huge_file_and_a_file_of_bytes_are_refused(folder):
    (folder / "huge.yaml").write_bytes(b"# " + b"x" * 1_000_000)
    (folder / "bytes.yaml").write_bytes(b"title: ok\nstart: \xff\xfe")
    problems = store_of(folder).problems()
    assert str(problems["huge"]).endswith("huge.yaml:1:1: the file is larger than 1 MB")
    assert str(problems["bytes"]).endswith("bytes.yaml:2:1: the file is not UTF-8 text")


def test_names_lists_flows_and_not_the_entry_points(folder):
    (folder / "entry_points.yaml").write_text("default: {flow: main}\n")
    assert store_of(folder).names() == ["main"]


def test_broken_entry_points_leave_the_last_good_ones_also_after_a_restart(folder, archive):
    path = folder / "entry_points.yaml"
    path.write_text('numbers: {"+15005550006": {flow: main}}\n')
    store = store_of(folder, archive)
    assert store.entry_points().for_number("+15005550006").flow == "main"
    path.write_text('numbers: {"+15005550006": {flow: mian}}\n')
    for looked_at in (store, store_of(folder, archive)):
        assert looked_at.entry_points().for_number("+15005550006").flow == "main"
        assert "there is no flow 'mian'; did you mean 'main'?" in str(looked_at.problems()["entry_points"])


def test_removed_entry_points_leave_the_last_good_ones(folder):
    path = folder / "entry_points.yaml"
    path.write_text("default: {flow: main}\n")
    store = store_of(folder)
    store.entry_points()
    path.unlink()
    assert store.entry_points().for_number("+15005550006").flow == "main"
    assert "the file is gone" in str(store.problems()["entry_points"])


def test_without_entry_points_no_number_leads_anywhere(folder):
    assert store_of(folder).entry_points().for_number("+15005550006") is None


def test_callers_do_not_wait_while_another_looks_at_the_files(folder):
    looking, may_go_on = threading.Event(), threading.Event()

    class Slow(MemoryArchive):
        def save(self, name: str, version: str, text: str) -> None:
            super().save(name, version, text)
            if "Second" in text:
                looking.set()
                assert may_go_on.wait(10)

    store = store_of(folder, Slow())
    store.get("main")
    (folder / "main.yaml").write_text(SECOND)
    other = threading.Thread(target=store.get, args=["main"])
    other.start()
    assert looking.wait(10)
    assert store.get("main").title == "First"
    may_go_on.set()
    other.join(10)
    assert store.get("main").title == "Second"


def test_test_calls_beside_a_flow_are_no_flow(folder):
    (folder / "main.scenarios.yaml").write_text("scenarios: []")
    store = store_of(folder)
    assert (store.names(), store.problems()) == (["main"], {})


INCLUDING = FIRST.replace("start:", "include: [common]\nstart:").replace("text: Hello.", "text: {use: hello}")


def test_a_changed_included_file_makes_a_new_version_of_the_flows_that_include_it(folder, archive):
    (folder / "main.yaml").write_text(INCLUDING)
    (folder / "other.yaml").write_text(SECOND)
    (folder / "common.include.yaml").write_text("prompts: {hello: Good morning.}\n")
    store = store_of(folder, archive)
    first, other = store.get("main").version, store.get("other").version
    (folder / "common.include.yaml").write_text("prompts: {hello: Good evening.}\n")
    assert store.get("main").version != first
    assert store.get("other").version == other
    assert store.names() == ["main", "other"]
    restarted = store_of(folder, archive)
    assert str(restarted.get("main", first).prompts["hello"]) != str(restarted.get("main").prompts["hello"])


def test_an_included_file_that_goes_is_a_problem_and_leaves_the_last_good_version_live(folder, archive):
    (folder / "main.yaml").write_text(INCLUDING)
    common = folder / "common.include.yaml"
    common.write_text("prompts: {hello: Good morning.}\n")
    store = store_of(folder, archive)
    version = store.get("main").version
    common.unlink()
    assert store.get("main").version == version
    assert "there is no file common.include.yaml" in str(store.problems()["main"])
    common.write_text("prompts: {hello: Good day.}\n")
    assert store.get("main").version != version
    assert store.problems() == {}
