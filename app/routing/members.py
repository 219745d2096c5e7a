"""Who works in which queue."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import events
from app.accounts.models import User
from app.routing.dispatch import request_dispatch
from app.routing.models import Queue, QueueMember


def set_member(session: Session, queue: Queue, user: User, member: bool, *, actor: str) -> bool:
    """Take a person into a queue or out of it; False when it was so already. A call that rings for them rings on."""
    changed = _join(session, queue, user) if member else _leave(session, queue, user)
    if changed:
        events.record(
            session,
            "queue.member_added" if member else "queue.member_removed",
            actor=actor,
            users=(user.id,),
            queue_id=queue.id,
            user_id=user.id,
            queue=queue.name,
        )
        request_dispatch(session)
    return changed


def _join(session: Session, queue: Queue, user: User) -> bool:
    row = insert(QueueMember).values(queue_id=queue.id, user_id=user.id).on_conflict_do_nothing()
    return session.execute(row.returning(QueueMember.user_id)).first() is not None


def _leave(session: Session, queue: Queue, user: User) -> bool:
    gone = delete(QueueMember).where(QueueMember.queue_id == queue.id, QueueMember.user_id == user.id)
    return session.execute(gone.returning(QueueMember.user_id)).first() is not None
