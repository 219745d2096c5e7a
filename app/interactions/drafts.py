"""What an agent began to write to or about a customer: kept while they type, gone once it is sent or saved."""

from __future__ import annotations

import uuid

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.customers.models import Draft

KINDS = ("text", "note", "wrap")
"""A text, a note, and the note of a call that is being wrapped up."""
LONGEST_DRAFT = 20_000
"""More than may be sent: what is too long is said when it is sent, and must not be lost before."""


def keep_draft(session: Session, user_id: int, customer_id: uuid.UUID, kind: str, body: str) -> None:
    """The last one stands; an empty one is none. ValueError for an unknown kind or a draft past all measure."""
    if kind not in KINDS or len(body) > LONGEST_DRAFT:
        raise ValueError("A draft is a text, a note or a wrap-up's note of at most 20,000 characters.")
    if not body.strip():
        forget_draft(session, user_id, customer_id, kind)
        return
    row = {"user_id": user_id, "customer_id": customer_id, "kind": kind, "body": body}
    session.execute(
        insert(Draft)
        .values(row)
        .on_conflict_do_update(
            index_elements=[Draft.user_id, Draft.customer_id, Draft.kind],
            set_={"body": body, "updated_at": func.now()},
        )
    )


def forget_draft(session: Session, user_id: int, customer_id: uuid.UUID, kind: str) -> None:
    """It was sent, saved or emptied."""
    session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.customer_id == customer_id, Draft.kind == kind))


def drafts_of(session: Session, user_id: int, customer_id: uuid.UUID) -> dict[str, str]:
    """`{text, note, wrap}`, empty where nothing was begun."""
    rows = session.execute(
        select(Draft.kind, Draft.body).where(Draft.user_id == user_id, Draft.customer_id == customer_id)
    )
    return dict.fromkeys(KINDS, "") | {row.kind: row.body for row in rows}
