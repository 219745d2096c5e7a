"""What the benches share: a database of their own, and figures printed the same way."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from app import db, migrate, postgres


@contextlib.contextmanager
def database() -> Iterator[str]:
    """A migrated database on a PostgreSQL of this run, durable as in production (fsync on)."""
    folder = Path(tempfile.mkdtemp(prefix="tl-bench-"))
    folder.chmod(0o755)
    server = postgres.server(folder)
    url = server.get_uri(driver="psycopg")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE bench"))
    bench = make_url(url).set(database="bench").render_as_string(hide_password=False)
    migrate.upgrade(bench)
    db.connect(bench)
    try:
        yield bench
    finally:
        admin.dispose()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that goes with the run."""
    with tempfile.TemporaryDirectory(prefix="tl-bench-") as name:
        yield Path(name)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the values lie (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def show(name: str, value: float, unit: str, goal: str = "") -> None:
    """One figure a line."""
    print(f"  {name:<52} {value:>9.2f} {unit:<10} {goal}", flush=True)


def machine() -> None:
    """What it ran on, since figures of two machines do not compare."""
    print(f"  {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start", flush=True)
