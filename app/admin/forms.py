"""What the system page's forms may send."""

from __future__ import annotations

from typing import Annotated, Any

from flask import request
from pydantic import StringConstraints

from app.forms import Form, Words

Short = Annotated[Words, StringConstraints(max_length=200)]


class PersonForm(Form):
    """Checked further by app/accounts/people.py."""

    email: Short
    name: Short


class ActiveForm(Form):
    active: bool


class MemberForm(Form):
    user_id: int
    member: bool


class NumberForm(Form):
    label: Short
    flow: Short
    language: Short = ""


class EntryPointForm(NumberForm):
    """Where a number leads. Checked further by the telephone side."""

    priority_min: int = 0


class NewEntryPointForm(EntryPointForm):
    number: Short


def chosen(name: str) -> list[str]:
    """The ticked boxes of this name, from a form or as a JSON list."""
    if not request.is_json:
        return request.form.getlist(name)
    sent: Any = request.get_json(silent=True)
    values = sent.get(name, []) if isinstance(sent, dict) else []
    return [str(value) for value in values] if isinstance(values, list) else []
