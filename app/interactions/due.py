"""Deadlines are rows: look at the interactions whose `wake_at` has passed, each on its own."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.interactions.models import Interaction

log = structlog.get_logger()

AT_ONCE = 100


def each_due(session: Session, which: ColumnElement[bool], act: Callable[[Session, Interaction], object]) -> int:
    """Call `act` for every interaction of `which` whose deadline has passed; how many went well.

    The database's clock judges. Rows that somebody else is moving are left for the next time. One that fails is
    undone by itself and logged.
    """
    due = select(Interaction).where(which, Interaction.wake_at <= func.clock_timestamp())
    locked = due.order_by(Interaction.wake_at).limit(AT_ONCE).with_for_update(skip_locked=True, key_share=True)
    done = 0
    for interaction in session.scalars(locked.execution_options(populate_existing=True)).all():
        interaction_id = interaction.id
        try:
            with session.begin_nested():
                act(session, interaction)
            done += 1
        except Exception:
            log.exception("deadline.failed", interaction_id=str(interaction_id), act=act.__name__)
    return done
