"""Alembic's entry: runs on the connection that `app.migrate` hands over."""

from alembic import context

from app.tables import metadata


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind == "table" and name and name.startswith("procrastinate"))


context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, include_name=_is_ours)
with context.begin_transaction():
    context.run_migrations()
