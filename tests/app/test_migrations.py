"""The migrations give exactly the tables of the models, and may be run again and at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from app import migrate, tables


def test_a_migrated_database_has_the_models_tables(database: str) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: not (kind == "table" and name.startswith("procrastinate"))},
        )
        assert compare_metadata(context, tables.metadata) == []
        assert migrate.is_current(connection)
    engine.dispose()


def test_processes_that_start_at_once_may_all_migrate(database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate.upgrade, database) for _ in range(4)]:
            done.result()
