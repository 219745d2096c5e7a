"""A follow-up ends when the person is reached, on any channel, or when somebody says that it is done."""

from __future__ import annotations

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.clock import tick
from app.db import database_now
from app.follow_ups.models import FollowUp
from app.follow_ups.open import tell
from app.interactions.models import Interaction, Message

AT_ONCE = 200


@tick("follow_ups.close", every_s=2)
def close_reached(session: Session) -> int:
    """Close what is owed to people who were talked with or written to since; how many."""
    talked = exists().where(
        Interaction.customer_id == FollowUp.customer_id, Interaction.answered_at > FollowUp.created_at
    )
    written = exists().where(
        Message.customer_id == FollowUp.customer_id,
        Message.direction == "outbound",
        Message.sent_by.is_not(None),
        Message.created_at > FollowUp.created_at,
    )
    open_ones = select(FollowUp, talked.label("talked")).where(FollowUp.closed_at.is_(None), talked | written)
    rows = session.execute(open_ones.limit(AT_ONCE).with_for_update(of=FollowUp, skip_locked=True)).all()
    for follow_up, by_voice in rows:
        _close(session, follow_up, "reached:voice" if by_voice else "reached:sms", None)
    return len(rows)


def finish(session: Session, follow_up_id: int, user: User) -> FollowUp | None:
    """A person says that it is done; None for an unknown one. Said twice, it stays as it was."""
    follow_up = _held(session, follow_up_id)
    if follow_up is not None and follow_up.closed_at is None:
        _close(session, follow_up, "done", user.id)
    return follow_up


def take(session: Session, follow_up_id: int, user: User) -> FollowUp | None:
    """It is this person's from now on; None for an unknown one."""
    follow_up = _held(session, follow_up_id)
    if follow_up is not None and follow_up.closed_at is None and follow_up.owner_id != user.id:
        follow_up.owner_id = user.id
        session.flush()
        tell(session, follow_up, "follow_up.taken", actor=f"user:{user.id}", user_id=user.id)
    return follow_up


def _close(session: Session, follow_up: FollowUp, how: str, user_id: int | None) -> None:
    follow_up.closed_at, follow_up.closed_how, follow_up.closed_by = database_now(session), how, user_id
    session.flush()
    tell(session, follow_up, "follow_up.closed", actor=f"user:{user_id}" if user_id else "system", how=how)


def _held(session: Session, follow_up_id: int) -> FollowUp | None:
    query = select(FollowUp).where(FollowUp.id == follow_up_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def count_open(session: Session, user_id: int) -> int:
    """How many this person still owes."""
    mine = select(func.count()).where(FollowUp.owner_id == user_id, FollowUp.closed_at.is_(None))
    return session.scalar(mine) or 0
