"""Write into a customer's record: the few fields of ours, and those that the company keeps in words of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy.orm import Session

from app import events
from app.customers.models import Customer

OWN = ("name", "language")
LONGEST_NAME = 200
LONGEST_VALUE = 500
MOST_FIELDS = 100
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class ChangeRefused(ValueError):
    """The record cannot be written so; `field` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def change_customer(
    session: Session,
    customer: Customer,
    *,
    own: Mapping[str, str | None] | None = None,
    fields: Mapping[str, str | None] | None = None,
    actor: str,
) -> list[str]:
    """Write these values, empty ones empty a field; the names of those that changed. Raises ChangeRefused.

    What was changed, not to what, is in the log.
    """
    if fields:  # merged with what is there, so nobody may write beside us
        session.flush()
        session.refresh(customer, with_for_update={"key_share": True})
    wanted = {name: _own(name, value) for name, value in (own or {}).items()}
    changed = sorted(name for name, value in wanted.items() if getattr(customer, name) != value)
    for name in changed:
        setattr(customer, name, wanted[name])
    kept = {**customer.fields, **{name: _value(name, value) for name, value in (fields or {}).items()}}
    kept = {name: value for name, value in kept.items() if value is not None}
    if len(kept) > MOST_FIELDS:
        raise ChangeRefused("fields", f"A record has at most {MOST_FIELDS} fields of the company's own.")
    others = sorted(name for name in {*kept, *customer.fields} if kept.get(name) != customer.fields.get(name))
    if others:
        customer.fields = kept
    told = [*changed, *(f"fields.{name}" for name in others)]
    if told:
        session.flush()
        events.record(session, "customer.changed", actor=actor, customer_id=customer.id, fields=told)
    return told


def _own(name: str, value: str | None) -> str | None:
    if name not in OWN:
        raise ChangeRefused(name[:40], f"There is no field {name[:40]!r} here: give name or language.")
    text = _clean(name, value, LONGEST_NAME)
    if name == "language" and text is not None and not LANGUAGE.fullmatch(text):
        raise ChangeRefused(name, "That is no language: write it like en, es or zh-TW.")
    return text


def _value(name: str, value: str | None) -> str | None:
    if not FIELD_NAME.fullmatch(name):
        raise ChangeRefused("fields", f"{name[:40]!r} is no name for a field: use small letters, digits and _.")
    return _clean(name, value, LONGEST_VALUE)


def _clean(name: str, value: str | None, longest: int) -> str | None:
    text = (value or "").strip()
    if len(text) > longest or "\x00" in text:
        raise ChangeRefused(name, f"A value has at most {longest} characters that can be printed.")
    return text or None
