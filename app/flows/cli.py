"""`flask --app app flows …`: what an engineer does with flow files from a terminal."""

from __future__ import annotations

from flask import Flask
from flask.cli import AppGroup

from app.flows.check import check_command, schema_command
from app.flows.docs import docs_command
from app.flows.import_flow import import_command
from app.flows.test_calls import test_command

flows_group = AppGroup("flows", help="Work on flow files.")
flows_group.add_command(check_command)
flows_group.add_command(schema_command)
flows_group.add_command(import_command)
flows_group.add_command(test_command)
flows_group.add_command(docs_command)


def init(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(flows_group)
