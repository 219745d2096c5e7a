"""What agents may choose as the reason of a break."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.routing.models import BreakReason
from app.words import N_, in_their_language

USUAL = (
    ("lunch", N_("Lunch")),
    ("pause", N_("Short break")),
    ("meeting", N_("Meeting")),
    ("training", N_("Training")),
)
"""Until an admin has made reasons of the house's own."""


def break_reasons(session: Session) -> list[dict[str, str]]:
    """`{key, name}` in the order of the list; names in the reader's language where they are ours."""
    rows = session.execute(
        select(BreakReason.key, BreakReason.name, BreakReason.active).order_by(BreakReason.position, BreakReason.name)
    ).all()
    if not rows:
        return [{"key": key, "name": in_their_language(name)} for key, name in USUAL]
    return [{"key": row.key, "name": in_their_language(row.name)} for row in rows if row.active]
