"""The forms that names and numbers in flow files must have, and types for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

NODE_ID_PATTERN = r"^[a-z][a-z0-9_-]{0,59}$"
VARIABLE_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"
GOAL_PATTERN = r"^[a-z][a-z0-9_]{0,59}$"
LANGUAGE_PATTERN = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
KEY_PATTERN = r"^[0-9*#]$"
E164_PATTERN = r"^\+[1-9][0-9]{6,14}$"
COUNTRY_PATTERN = r"^[A-Z]{2}$"

VariableName = Annotated[str, StringConstraints(pattern=VARIABLE_PATTERN)]
Goal = Annotated[str, StringConstraints(pattern=GOAL_PATTERN)]
LanguageTag = Annotated[str, StringConstraints(pattern=LANGUAGE_PATTERN)]
E164 = Annotated[str, StringConstraints(pattern=E164_PATTERN)]
Name = Annotated[str, StringConstraints(pattern=NODE_ID_PATTERN)]
"""The name of a queue, a flow or a node."""
