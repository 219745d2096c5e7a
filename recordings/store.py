"""Where audio and attachments live: a folder by default, any fsspec address by setting.

A file appears under its name only when all of it was written and read back with the right checksum.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from app import crash
from recordings.problems import RecordingProblem, storage_problem

BLOCK_BYTES = 1 << 18
PART = ".part-"
UNREADABLE = "The file cannot be read where recordings are kept. Check RECORDINGS_URL and its disk."

Check = Callable[[IO[bytes]], None]


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as it was written and read back. `sha256` in hex."""

    path: str
    sha256: str
    bytes: int


class Store:
    """Files by name below one address (RECORDINGS_URL)."""

    def __init__(self, url: str, filesystem: fsspec.AbstractFileSystem | None = None) -> None:
        found, root = fsspec.core.url_to_fs(url)
        self._files: Any = filesystem or found
        self._root = root.rstrip("/")

    def keep(self, path: str, chunks: Iterable[bytes], check: Check | None = None) -> Stored:
        """Write `chunks` under `path`, whole or not at all; a file already there is replaced.

        `check` sees the written file before it gets its name and raises RecordingProblem to refuse it.
        Raises RecordingProblem when the store is full or refuses.
        """
        part = f"{self._at(path)}{PART}{secrets.token_hex(4)}"
        try:
            self._clear_parts(path)
            sha256, size = self._write(part, chunks)
            self._read_back(part, sha256)
            if check:
                with self._files.open(part, "rb") as file:
                    check(file)
            crash.point("G3")
            self._rename(part, self._at(path))
        except OSError as error:
            self._remove(part)
            raise storage_problem(error) from error
        except Exception:
            self._remove(part)
            raise
        return Stored(path, sha256, size)

    def open(self, path: str) -> IO[bytes]:
        """Open for reading, seekable. Raises RecordingProblem when it cannot be read."""
        try:
            opened: IO[bytes] = self._files.open(self._at(path), "rb")
        except OSError as error:
            raise RecordingProblem(UNREADABLE) from error
        return opened

    @contextlib.contextmanager
    def local_file(self, path: str) -> Iterator[Path]:
        """The file on this machine's disk while the block runs: itself, or a copy. Raises RecordingProblem."""
        if isinstance(self._files, LocalFileSystem):
            if not self.exists(path):
                raise RecordingProblem(UNREADABLE)
            yield Path(self._at(path))
            return
        with tempfile.NamedTemporaryFile(suffix=Path(path).suffix) as copy:
            with self.open(path) as file:
                shutil.copyfileobj(file, copy)
            copy.flush()
            yield Path(copy.name)

    def checksum(self, path: str) -> str | None:
        """SHA-256 in hex of what is really there; None when it cannot be read to its end."""
        try:
            with self._files.open(self._at(path), "rb") as file:
                return _digest(file)
        except OSError:
            return None

    def size(self, path: str) -> int:
        return int(self._files.size(self._at(path)))

    def exists(self, path: str) -> bool:
        return bool(self._files.exists(self._at(path)))

    def delete(self, path: str) -> None:
        """Remove the file; nothing happens when it is not there."""
        self._remove(self._at(path))

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _write(self, part: str, chunks: Iterable[bytes]) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        self._files.makedirs(self._files._parent(part), exist_ok=True)
        with self._files.open(part, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                crash.point("G2")
            self._make_durable(file)
        return digest.hexdigest(), size

    def _make_durable(self, file: Any) -> None:
        """Ask the disk to keep it before the carrier's copy may go. Object stores do so when the file is closed."""
        if isinstance(self._files, LocalFileSystem):
            file.flush()
            os.fsync(file.fileno())

    def _read_back(self, part: str, sha256: str) -> None:
        with self._files.open(part, "rb") as file:
            if _digest(file) != sha256:
                raise RecordingProblem("What was read back is not what was written: check the disk of RECORDINGS_URL.")

    def _rename(self, part: str, final: str) -> None:
        self._files.mv(part, final)
        if isinstance(self._files, LocalFileSystem):
            _sync_folder(self._files._parent(final))

    def _clear_parts(self, path: str) -> None:
        """Remove what an earlier try, killed half-way, left behind."""
        folder = self._files._parent(self._at(path))
        if not self._files.exists(folder):
            return
        for name in self._files.ls(folder, detail=False):
            if name.startswith(self._at(path) + PART):
                self._remove(name)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            self._files.rm_file(name)


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of the file in blocks of at most 256 KiB."""
    while block := file.read(BLOCK_BYTES):
        yield block


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks(file):
        digest.update(block)
    return digest.hexdigest()


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
