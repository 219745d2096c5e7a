"""What the database itself saw as an offer was written: who asks later, while others go on, is told something newer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import unit_of_work

BEGIN = """
    CREATE TABLE witness (
        offer_id bigint PRIMARY KEY REFERENCES offer ON DELETE CASCADE,
        presence text, next_presence text, not_responding boolean, call_state text,
        needs jsonb, virtual_start timestamptz
    );
    CREATE FUNCTION see_offer() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO witness
        SELECT NEW.id, s.presence, s.next_presence, s.not_responding, i.state, i.required_skills, i.virtual_start
        FROM agent_state s, interaction i WHERE s.user_id = NEW.user_id AND i.id = NEW.interaction_id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER offer_is_seen AFTER INSERT ON offer FOR EACH ROW EXECUTE FUNCTION see_offer();
"""
END = "DROP TRIGGER offer_is_seen ON offer; DROP FUNCTION see_offer(); DROP TABLE witness"
SEEN = text(
    """
    SELECT offer_id, presence, next_presence, not_responding, call_state, needs, virtual_start FROM witness
    WHERE offer_id = ANY(:offers)
    """
)


@dataclass(frozen=True, slots=True)
class Seen:
    """The agent and the contact of an offer at the instant in which it was written."""

    offer_id: int
    presence: str
    next_presence: str | None
    not_responding: bool
    call_state: str
    needs: dict[str, int]
    virtual_start: datetime


@contextmanager
def witness() -> Iterator[None]:
    """While it lasts, the database notes how things stood with every offer that is written."""
    with unit_of_work() as session:
        session.execute(text(BEGIN))
    try:
        yield
    finally:
        with unit_of_work() as session:
            session.execute(text(END))


def seen(session: Session, offer_ids: Sequence[int]) -> dict[int, Seen]:
    """What was noted with these offers."""
    return {row.offer_id: Seen(*row) for row in session.execute(SEEN, {"offers": list(offer_ids)})}
