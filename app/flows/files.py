"""The folder of flow files: what it is called, who changed a file last, and writing one without losing a change."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ivr_flows.beside import apart, beside, complete, read_with_tests, with_tests
from ivr_flows.faults import FlowError
from ivr_flows.includes import included_from, own_text, whole_text
from ivr_flows.loader import read_flow_text, version_of

GIT_PATIENCE_S = 3
LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Named:
    """Who made a change, and why, as far as anybody says."""

    author: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class FlowFiles:
    """The flow files of this machine."""

    folder: Path

    @property
    def place(self) -> str:
        """What tells this machine's copy of the folder from another machine's."""
        return f"{socket.gethostname()}:{self.folder.resolve()}"

    def path(self, flow: str) -> Path:
        return self.folder / f"{flow}.yaml"

    def named(self, flow: str, text: str) -> Named:
        """Who committed this text of the file, and with what message; nobody where git does not say."""
        names = [f"./{path.name}" for path in (self.path(flow), beside(self.path(flow)))]
        committed, tests = (self._git("show", f"HEAD:{name}") for name in names)
        if committed is None or version_of(with_tests(committed, tests)) != version_of(own_text(text)):
            return Named()
        told = self._git("log", "-1", "--format=%an%n%s", "--", *names) or ""
        author, _, message = told.strip().partition("\n")
        return Named(_plain(author), _plain(message))

    def write(self, flow: str, text: str, instead_of: str | None) -> bool:
        """Write a flow's file, and its test calls, if they still hold the version `instead_of` (None: there is none).

        False when they hold something else, or the folder may not be written to: what is live does not depend on it.
        The flow's row must be held, so that nobody takes one file for new and the other for old.
        """
        own, tests = apart(text)
        if self.version(flow) != instead_of:
            return False
        return (tests is None or _replace(beside(self.path(flow)), tests)) and _replace(self.path(flow), own)

    def whole(self, flow: str, text: str) -> str:
        """A flow's text with its test calls and what it includes: what its version is a hash of."""
        return whole_text(complete(text, self.path(flow)), included_from(self.folder))

    def version(self, flow: str) -> str | None:
        """What the file holds now; None when there is no readable one, "" when it is no text."""
        try:
            return version_of(whole_text(read_with_tests(self.path(flow)), included_from(self.folder)))
        except FlowError:
            return "" if self.path(flow).exists() else None

    def _git(self, *arguments: str) -> str | None:
        git = shutil.which("git")
        if git is None:
            return None
        quiet = {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
        command = [git, "-c", "core.fsmonitor=false", "-C", str(self.folder), *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - no shell, and the flow's name is made of letters
                command, capture_output=True, timeout=GIT_PATIENCE_S, env=os.environ | quiet, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _replace(path: Path, text: str) -> bool:
    """Write a file so that whoever reads meanwhile finds the old text or the new one; one that is so stays as it is."""
    if _text(path) == text:
        return True
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="")
        if path.exists():
            shutil.copymode(path, unfinished)
        unfinished.replace(path)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return True


def _text(path: Path) -> str | None:
    try:
        return read_flow_text(path)
    except FlowError:
        return None


def _plain(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:LONGEST_MESSAGE]
