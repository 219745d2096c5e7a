"""When waiting callers are offered a call back: by the queue's rules, the same answer for the same caller."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.callbacks.policy import Policy, policy_of
from app.db import database_now
from app.interactions.models import Interaction, State
from app.routing.wait import Waiting


def is_offered(session: Session, interaction: Interaction, here: Waiting) -> bool:
    """Whether this caller, who waits in a queue at `here`, is offered a call back now."""
    if interaction.queue_id is None:
        return False
    policy = policy_of(session, interaction.queue_id)
    if not is_among(interaction.id, policy.offer_share) or closes_soon(policy, database_now(session)):
        return False
    return is_worth_it(policy, here.estimate_s, lambda: _how_many_wait(session, interaction.queue_id))


def is_worth_it(policy: Policy, estimate_s: float | None, length: Callable[[], int]) -> bool:
    """Whether the wait is long enough or the line is: either is enough, and without limits every wait is.

    Nobody knows how long a wait is without agents (`estimate_s` None): it counts as longer than any limit.
    """
    if policy.offer_over_s is None and policy.offer_over_waiting is None:
        return True
    if policy.offer_over_s is not None and (estimate_s is None or estimate_s > policy.offer_over_s):
        return True
    return policy.offer_over_waiting is not None and length() > policy.offer_over_waiting


def is_among(interaction_id: uuid.UUID, percent: int) -> bool:
    """Whether a caller belongs to the share that is offered one: drawn once, however often it is asked."""
    drawn = hashlib.sha256(b"callback-offer:" + interaction_id.bytes).digest()
    return int.from_bytes(drawn[:8], "big") / 2**64 * 100 < percent


def closes_soon(policy: Policy, now: datetime) -> bool:
    """Whether those who call back are away, or will be within `stop_before_close_min`."""
    if policy.hours is None:
        return False
    last = now + timedelta(minutes=policy.stop_before_close_min)
    return not (policy.hours.at(now)[0] and policy.hours.at(last)[0])


def _how_many_wait(session: Session, queue_id: int | None) -> int:
    waits = (State.QUEUED, State.OFFERED)
    return (
        session.scalar(select(func.count()).where(Interaction.queue_id == queue_id, Interaction.state.in_(waits))) or 0
    )
