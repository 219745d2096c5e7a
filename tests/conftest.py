"""Fixtures named for roles: a real PostgreSQL, the settings, the application.

Set TEST_DATABASE_URL to use a server of your own; otherwise the embedded one is started in a temporary folder.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

from app import db, migrate, postgres, tables
from app.config import Settings
from tests.support.applications import made_quickly


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the search for garbage need not look at it again with every test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running PostgreSQL whose data may be lost."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="tl-test-"))
    folder.chmod(0o755)
    server = postgres.server(folder)
    url = server.get_uri(driver="psycopg")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("ALTER SYSTEM SET full_page_writes = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def applications() -> Iterator[None]:
    """Those that tests make share what is dear about them."""
    with made_quickly():
        yield


@pytest.fixture(scope="session")
def database_url(postgres_server: str, applications: None) -> Iterator[str]:
    """A migrated database of this test run's own."""
    name = f"test_{os.getpid()}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    url = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    migrate.upgrade(url)
    engine = db.connect(url)
    yield url
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    admin.dispose()


def _emptying() -> str:
    """One statement that empties every table, referring ones first, and restarts the ids.

    Deleting the few rows of a test takes a tenth of the time of TRUNCATE, which makes every table's files anew.
    """
    ours = list(reversed(tables.metadata.sorted_tables))
    names = ["procrastinate_events", "procrastinate_jobs", *(table.name for table in ours)]
    counted = [(table.name, column.name) for table in ours for column in table.columns if column.identity]
    deletes = [f'DELETE FROM "{name}";' for name in names]
    restarts = [
        f"PERFORM setval(pg_get_serial_sequence('\"{table}\"', '{column}'), 1, false);" for table, column in counted
    ]
    return f"DO $$ BEGIN {' '.join(deletes + restarts)} END $$"


EMPTY_DATABASE = _emptying()


@pytest.fixture
def database(database_url: str) -> Iterator[str]:
    """An empty database, committed to for real; emptied again afterwards."""
    yield database_url
    db.request_session.remove()
    with db.unit_of_work() as session:
        session.execute(text(EMPTY_DATABASE))


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """A session on the empty database. Commit when another connection must see what was written."""
    with db.sessions() as session:
        yield session


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a local installation on the test database."""
    return Settings.from_env(
        {
            "VAR_DIR": str(tmp_path / "var"),
            "DATABASE_URL": database_url,
            "SECRET_KEY": "test-secret",
            "RECORDINGS_URL": str(tmp_path / "audio"),
            "PUBLIC_BASE_URL": "http://web.test",
        }
    )
