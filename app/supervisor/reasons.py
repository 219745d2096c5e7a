"""The router's reasons as a page shows them: who could take a contact now, and where its offers went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.accounts.models import User
from app.customers.models import Customer
from app.db import database_now
from app.interactions.models import Interaction
from app.routing.why import Decision, MemberLine, Why
from app.words import in_their_language

FIRST = ("chosen", "eligible")
"""Who was asked, then who could have been; the others by name."""


def reasons(session: Session, found: Why) -> dict[str, Any]:
    """`{interaction_id, customer, number, queue, state, since, now: [line], decisions: […]}`, the newest offer first.

    A line is `{name, code, words}`; a decision also has `at`, `name`, `state`, `method`, `waited_s`, `needs`, `could`.
    """
    interaction = session.get_one(Interaction, found.interaction_id)
    customer = session.get_one(Customer, interaction.customer_id)
    began: datetime = interaction.virtual_start or interaction.created_at
    return {
        "interaction_id": str(found.interaction_id),
        "customer": customer.name,
        "number": interaction.remote_address,
        "queue": found.queue,
        "state": found.state,
        "since": began.isoformat(),
        "waited_s": round((database_now(session) - began).total_seconds()),
        "needs": interaction.required_skills,
        "now": [_line(each) for each in in_order(found.now)],
        "decisions": [_decision(session, each) for each in reversed(found.decisions)],
    }


def in_order(lines: Iterable[MemberLine]) -> list[MemberLine]:
    """Who was asked first, then who could take it, then the others with what stands in the way."""
    place = {code: number for number, code in enumerate(FIRST)}
    return sorted(lines, key=lambda line: (place.get(line.code, len(FIRST)), line.name, line.user_id))


def _line(line: MemberLine) -> dict[str, Any]:
    return {"user_id": line.user_id, "name": line.name, "code": line.code, "words": _words(line)}


def _words(line: MemberLine) -> str:
    words = in_their_language(line.words)
    return words % {"what": line.what} if "%(what)s" in words else words


def _decision(session: Session, decision: Decision) -> dict[str, Any]:
    lines = in_order(decision.lines)
    return asdict(decision) | {
        "at": decision.at.isoformat(),
        "name": session.get_one(User, decision.user_id).name,
        "lines": [_line(line) for line in lines],
        "could": sum(line.code in FIRST for line in lines),
    }
