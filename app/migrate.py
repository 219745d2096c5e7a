"""Bring the database's schema up to date: our tables by Alembic, the job queue's by Procrastinate."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine, text

LOCK_KEY = 7_240_911
"""Two processes that start at once take turns by this advisory lock."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def upgrade(url: str) -> None:
    """Run every migration that is missing. Safe to call from several processes at once."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        _install_job_queue(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def is_current(connection: Connection) -> bool:
    """Whether the database is at the newest migration."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def _install_job_queue(connection: Connection) -> None:
    if connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is None:
        connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
