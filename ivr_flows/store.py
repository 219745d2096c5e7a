"""The flows of a folder, and of whoever else publishes some.

Picked up when their files change, never replaced by a broken one, kept for calls in progress.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

from ivr_flows.beside import ENDING as SCENARIOS_ENDING
from ivr_flows.beside import beside, read_with_tests
from ivr_flows.entry_points import EntryPoints, load_entry_points
from ivr_flows.faults import Fault, FlowError
from ivr_flows.includes import ENDING as INCLUDE_ENDING
from ivr_flows.includes import included_from, is_include_file, whole_text
from ivr_flows.lint import Known
from ivr_flows.loader import load_flow, read_flow_text, version_of
from ivr_flows.patterns import NODE_ID_PATTERN
from ivr_flows.said import said
from ivr_flows.schema import Flow

ENTRY_POINTS = "entry_points"
_NAME = re.compile(NODE_ID_PATTERN)
_VERSION = re.compile(r"[0-9a-f]{16}\Z")
CHECK_EVERY_S = 1.0


class VersionArchive(Protocol):
    """Where versions are kept, and where it is said which one of each flow is live. The host implements it on its
    database.

    Names and versions are short words of [a-z0-9_-]; the text is the whole file. All may be called from several
    processes.
    """

    def save(self, name: str, version: str, text: str) -> None:
        """The file of this flow holds this good text now: keep it. An archive that knows more authors than the file
        decides whether it becomes the live one.
        """

    def live(self) -> Mapping[str, str]:
        """The live version of every flow that has one."""

    def fetch(self, name: str, version: str) -> str | None:
        """The text of one version; None when it was never saved."""


class MemoryArchive:
    """For tests and for hosts that load flows once. The newest file is live."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}
        self._latest: dict[str, str] = {}

    def save(self, name: str, version: str, text: str) -> None:
        self._texts[name, version] = text
        self._latest[name] = version

    def live(self) -> Mapping[str, str]:
        return dict(self._latest)

    def fetch(self, name: str, version: str) -> str | None:
        return self._texts.get((name, version))


class FolderArchive:
    """Versions as files: <folder>/<name>/<version>.yaml, and <name>/latest naming the newest good one: that is live."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, name: str, version: str, text: str) -> None:
        place = self._folder / name
        place.mkdir(parents=True, exist_ok=True)
        _replace(place / f"{version}.yaml", text)
        _replace(place / "latest", version)

    def live(self) -> Mapping[str, str]:
        versions = ((path.parent.name, _read(path)) for path in self._folder.glob("*/latest"))
        return {name: version for name, version in versions if version is not None}

    def fetch(self, name: str, version: str) -> str | None:
        return _read(self._folder / name / f"{version}.yaml")


def _replace(path: Path, text: str) -> None:
    """Write so that a reader, or a crash, finds the old text or the new one and nothing between."""
    unfinished = path.with_name(f".{path.name}.{threading.get_ident()}.unfinished")
    unfinished.write_text(text, encoding="utf-8", newline="")
    unfinished.replace(path)


def _read(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def flow_files(folder: Path) -> list[Path]:
    """The files of a folder that hold a flow, or the entry points, in order."""
    return [path for path in sorted(folder.glob("*.yaml")) if not is_scenarios_file(path) and not is_include_file(path)]


def is_scenarios_file(path: Path) -> bool:
    """Test calls stand beside their flow in <flow>.scenarios.yaml: no flow of their own."""
    return path.name.endswith(SCENARIOS_ENDING)


def _look(path: Path) -> tuple[int, int, int] | None:
    """What tells a changed file from an unchanged one; None for one that was removed since the folder was listed."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


class FlowStore:
    """The flows of a folder by name, at their live version or at a pinned one.

    The files, and what the archive says is live, are looked at when a flow is asked for, at most once in
    `check_every_s`; no thread, so any number of processes may have a store on one folder. A broken file leaves the
    last good version live, also after a restart (that one comes from the archive); `problems()` says what is wrong. A
    file that is removed leaves its flow live too: calls may still be sent to it.
    """

    def __init__(
        self,
        folder: Path,
        archive: VersionArchive | None = None,
        *,
        queues: Callable[[], Collection[str] | None] = lambda: None,
        hosts: Collection[str] | None = None,
        check_every_s: float = CHECK_EVERY_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._archive: VersionArchive = archive if archive is not None else MemoryArchive()
        self._queues = queues
        self.hosts = hosts  # of the own network, that look-ups may ask; None: not known
        self._check_every_s = check_every_s
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._checked_at: float | None = None
        self._seen: Mapping[str, object] = {}
        self._shared: dict[str, tuple[int, int, int] | None] = {}  # the files that flows include
        self._surroundings: object = None  # the flows and queues that the files were last checked against
        self._current: Mapping[str, str] = {}  # what the archive says is live
        self._live: dict[str, Flow] = {}
        self._pinned: dict[tuple[str, str], Flow] = {}
        self._problems: dict[str, FlowError] = {}  # of files
        self._unusable: dict[str, FlowError] = {}  # of live versions, after the house itself has changed
        self._entry_points: EntryPoints | None = None

    def get(self, name: str, version: str | None = None) -> Flow:
        """The live flow of this name, or the given version of it, also when that is no longer live.

        FlowError when there is none.
        """
        if not _NAME.match(name) or (
            version is not None and not _VERSION.match(version)
        ):  # they become file names and keys
            raise self._unknown(name, version)
        if version is not None and (name, version) in self._pinned:
            return self._pinned[name, version]
        self._refresh_if_due()
        return self._live_flow(name) if version is None else self._pinned_flow(name, version)

    def names(self) -> list[str]:
        """The flows that have a file or are live, in order."""
        self._refresh_if_due()
        with self._lock:
            return sorted({*self._current, *self._live, *self._seen} - {ENTRY_POINTS})

    def entry_points(self) -> EntryPoints:
        """Which number leads where: the file's, or the last good ones; none at all when there never was a good file."""
        self._refresh_if_due()
        if self._entry_points is None:
            version = self._current.get(ENTRY_POINTS)
            kept = self._archive.fetch(ENTRY_POINTS, version) if version else None
            self._entry_points = load_entry_points(kept) if kept is not None else EntryPoints()
        return self._entry_points

    def problems(self) -> dict[str, FlowError]:
        """Files that are not live as they stand, by flow name; "entry_points" for that file."""
        self._refresh_if_due()
        with self._lock:
            return self._unusable | self._problems

    def whole(self, text: str) -> str:
        """The text of a flow with what it includes from the folder: what its version is a hash of."""
        return whole_text(text, included_from(self._folder))

    def refresh(self) -> None:
        """Look at every file and at what is live now. Call it once before serving, so that no caller waits for the
        first look.
        """
        with self._lock:
            self._look_at_files()
            self._learn_what_is_live()
            self._checked_at = self._monotonic()

    def _refresh_if_due(self) -> None:
        """Look at the files when it is time.

        Only one thread does; the others go on with what is live. They may hold database connections that the one
        needs, so they must not wait for it.
        """
        if self._checked_at is None:
            with self._lock:
                if self._checked_at is None:
                    self.refresh()
        elif self._monotonic() - self._checked_at >= self._check_every_s and self._lock.acquire(blocking=False):
            try:
                self.refresh()
            finally:
                self._lock.release()

    def _look_at_files(self) -> None:
        files = {path.stem: path for path in flow_files(self._folder)}
        looks = {name: (look, _look(beside(path))) for name, path in files.items() if (look := _look(path)) is not None}
        changed = {name for name, look in looks.items() if self._seen.get(name) != look}
        shared = {path.name: _look(path) for path in self._folder.glob(f"*{INCLUDE_ENDING}")}
        if shared != self._shared:  # any flow may be made of it
            changed |= looks.keys() - {ENTRY_POINTS}
        gone = self._seen.keys() - files.keys()
        if changed or gone or self._problems:
            self._load_files(files, changed)
        for name in gone:
            self._gone(name)
        # Last, so that whatever failed half way (a database that is away) is tried again at the next look
        self._seen, self._shared = looks, shared

    def _load_files(self, files: Mapping[str, Path], changed: Collection[str]) -> None:
        names = frozenset({*files, *self._current} - {ENTRY_POINTS})
        queues = self._queues()
        surroundings = (names, None if queues is None else frozenset(queues))
        again = self._problems.keys() & files.keys() if surroundings != self._surroundings else set()
        for name in sorted({*changed, *again} - {ENTRY_POINTS}):
            self._load(name, files[name], Known(queues, names))
        if ENTRY_POINTS in files and (ENTRY_POINTS in changed or surroundings != self._surroundings):
            self._load_entry_points(files[ENTRY_POINTS], names)
        self._surroundings = surroundings

    def _load(self, name: str, path: Path, known: Known) -> None:
        try:
            text = self.whole(read_with_tests(path))
            flow = load_flow(text, name, file=str(path), known=known)
        except FlowError as error:
            self._problems[name] = error
            return
        self._problems.pop(name, None)
        self._archive.save(name, flow.version, text)
        self._pinned[name, flow.version] = flow

    def _learn_what_is_live(self) -> None:
        self._current = self._archive.live()
        for name, version in self._current.items():
            if name != ENTRY_POINTS and (name not in self._live or self._live[name].version != version):
                self._make_live(name, version)

    def _make_live(self, name: str, version: str) -> None:
        """One that cannot be used any more (the house has changed since it was good) leaves the one before it live."""
        try:
            self._live[name] = self._pinned_flow(name, version)
        except FlowError as error:
            self._unusable[name] = error
        else:
            self._unusable.pop(name, None)

    def _gone(self, name: str) -> None:
        if name in self._live or (name == ENTRY_POINTS and self._entry_points is not None):
            gone = Fault(said("the file is gone; its last good version stays live"), str(self._folder / f"{name}.yaml"))
            self._problems[name] = FlowError([gone])
        else:
            self._problems.pop(name, None)

    def _load_entry_points(self, path: Path, names: Collection[str]) -> None:
        try:
            text = read_flow_text(path)
            points = load_entry_points(text, flows=names, file=str(path))
        except FlowError as error:
            self._problems[ENTRY_POINTS] = error
            return
        self._problems.pop(ENTRY_POINTS, None)
        if points != self._entry_points:
            self._archive.save(ENTRY_POINTS, version_of(text), text)
        self._entry_points = points

    def _live_flow(self, name: str) -> Flow:
        if name not in self._live:
            raise self._unusable.get(name) or self._problems.get(name) or self._unknown(name)
        return self._live[name]

    def _pinned_flow(self, name: str, version: str) -> Flow:
        if (name, version) not in self._pinned:
            text = self._archive.fetch(name, version)
            if text is None:
                raise self._unknown(name, version)
            self._from_archive(name, version, text)
        return self._pinned[name, version]

    def _from_archive(self, name: str, version: str, text: str) -> Flow:
        """A version that was good when it was saved.

        Queues that have gone since do not make it unusable for calls in progress.
        """
        if version_of(text) != version:
            raise FlowError(
                [
                    Fault(
                        said("the kept text of version {version} is not what was saved", version=version),
                        f"{name}.yaml",
                    )
                ]
            )
        flow = load_flow(text, name)
        self._pinned[name, version] = flow
        return flow

    def _unknown(self, name: str, version: str | None = None) -> FlowError:
        what = said("there is no flow '{name}'", name=name[:60])
        if version is not None:
            what = said("there is no flow '{name}' at version '{version}'", name=name[:60], version=version[:40])
        return FlowError([Fault(what, str(self._folder))])
