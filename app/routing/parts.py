"""An agent's own part in a call: how long they may wrap it up, and what it is once the call goes on without them.

Such a part is the agent's offer of role `handed_on`: `wrapping` until they write an outcome or its time is over, so
that nobody rings them meanwhile. The interaction is with somebody else by then, or over: it knows nothing of the part
(A-1, A-4), and its segments stay whole (A-13). Every function is called with the interaction held.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.db import database_now
from app.interactions.models import WRAP_UP_TIMEOUT, Interaction
from app.routing.dispatch import request_dispatch
from app.routing.models import OPEN_OFFER, Offer, OfferState, Queue, WrapUpMode
from app.routing.offers import close_accepted_offer, tell_end
from app.routing.presence import work_ended

ROLE = "handed_on"
WRAP_UP_S = 60
"""For calls that came from no queue."""
LONGEST_WRAP_UP_S = 3600


def hand_on(session: Session, interaction: Interaction, reason: str) -> None:
    """The agent has no part in the call any more: their wrap-up begins now, or is over where the queue gives no time.

    The interaction's own move is the caller's, and so is `part_ended` once it is made.
    """
    part = close_accepted_offer(session, interaction, OfferState.WRAPPING, reason)
    if part is None:
        return
    limit_s = wrap_up_s(session, part.queue_id, asked=part.wrap_asked)
    part.role, part.wrap_until = ROLE, database_now(session) + timedelta(seconds=limit_s)
    session.flush()
    if limit_s == 0:
        complete_part(session, interaction, part, actor="system", reason=reason)


def complete_part(session: Session, interaction: Interaction, part: Offer, *, actor: str, reason: str) -> bool:
    """The wrap-up of a part handed on is over, with the outcome given or WRAP_UP_TIMEOUT; False when it was already."""
    done = session.execute(
        update(Offer)
        .where(Offer.id == part.id, Offer.role == ROLE, Offer.state == OfferState.WRAPPING)
        .values(
            state=OfferState.COMPLETED.value,
            disposition_code=func.coalesce(Offer.disposition_code, WRAP_UP_TIMEOUT),
            ended_at=func.clock_timestamp(),
        )
        .returning(Offer.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.refresh(part)
    if done is None:
        return False
    tell_end(session, part, interaction, actor=actor, reason=reason)
    queue = session.get(Queue, part.queue_id) if part.queue_id else None
    work_ended(session, part.user_id, handled=True, rest_s=queue.rest_s if queue else 0)
    request_dispatch(session)
    return True


def part_ended(session: Session, user_id: int) -> None:
    """Tell what the agent does now, and ask for work for them: they are free again, or wrap up."""
    work_ended(session, user_id, handled=True)
    request_dispatch(session)


def handed_on_part(session: Session, interaction_id: uuid.UUID, user_id: int) -> Offer | None:
    """The newest part of this call that the agent has handed on, its wrap-up over or not."""
    parts = select(Offer).where(Offer.interaction_id == interaction_id, Offer.user_id == user_id, Offer.role == ROLE)
    newest = parts.order_by(Offer.id.desc()).limit(1)
    return session.scalars(newest.execution_options(populate_existing=True)).first()


def open_part(session: Session, user_id: int) -> Offer | None:
    """The part that this agent still wraps up; at most one (A-2)."""
    wrapping = select(Offer).where(Offer.user_id == user_id, Offer.role == ROLE, Offer.state == OfferState.WRAPPING)
    return session.scalars(wrapping.limit(1)).first()


def own_work(session: Session, interaction_id: uuid.UUID, user_id: int) -> Offer | None:
    """The agent's open offer in this call, whatever its role."""
    mine = select(Offer).where(
        Offer.interaction_id == interaction_id, Offer.user_id == user_id, Offer.state.in_(OPEN_OFFER)
    )
    return session.scalars(mine.execution_options(populate_existing=True)).one_or_none()


def taken_offer(session: Session, interaction: Interaction) -> Offer | None:
    """The primary offer by which the call's agent has it, or wraps it up."""
    taken = select(Offer).where(
        Offer.interaction_id == interaction.id,
        Offer.role == "primary",
        Offer.state.in_((OfferState.ACCEPTED, OfferState.WRAPPING)),
    )
    return session.scalars(taken.execution_options(populate_existing=True)).one_or_none()


def wrap_up_s(session: Session, queue_id: int | None, *, asked: bool) -> int:
    """How long work of this queue may be wrapped up; of no queue: a minute."""
    queue = session.get(Queue, queue_id) if queue_id else None
    return wrap_up_limit_s(mode_of(session, queue_id), queue.wrap_up_s if queue else WRAP_UP_S, asked=asked)


def mode_of(session: Session, queue_id: int | None) -> WrapUpMode:
    """How a wrap-up of this queue ends; timed for work from no queue."""
    queue = session.get(Queue, queue_id) if queue_id else None
    return WrapUpMode(queue.wrap_up_mode) if queue else WrapUpMode.TIMED


def wrap_up_limit_s(mode: WrapUpMode, limit_s: int, *, asked: bool) -> int:
    """How long after the talk the server ends the wrap-up: 0 is at once, or with its next tick.

    `optional` and `on_request` have none unless the agent asked for it; `discretionary` is the agent's own to end, and
    its long limit only keeps work from being stuck (A-5).
    """
    if mode is WrapUpMode.DISCRETIONARY:
        return LONGEST_WRAP_UP_S
    if mode in (WrapUpMode.OPTIONAL, WrapUpMode.ON_REQUEST) and not asked:
        return 0
    return limit_s
