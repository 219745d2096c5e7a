"""How a queue calls back: its hours, tries and limits. What nobody set is the house's way."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.callbacks.models import CallbackPolicy
from app.routing.models import OpeningHours as SharedHours
from app.routing.models import Queue
from ivr_flows.nodes.hours import OpeningHours, Spans, known_zone, read_spans

MOST_ATTEMPTS = 8
"""Tries that a person asked for themselves ("later") come on top of the queue's own, up to this."""


class PolicyRefused(ValueError):
    """A rule cannot be used; the message names it and says what can."""


class Policy(BaseModel):
    """One queue's rules. Times of day are spans such as 08:00-21:00."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: Annotated[str, AfterValidator(known_zone)] = "UTC"
    """The queue's zone: of its calendar, and of numbers that say nothing about theirs."""
    hours: OpeningHours | None = None
    """When somebody calls back; None: always."""
    quiet: Annotated[Spans, BeforeValidator(read_spans)] = ((8 * 60, 21 * 60),)
    """When a person may be called, on their own clock."""
    max_attempts: int = Field(default=3, ge=1, le=MOST_ATTEMPTS)
    gaps_s: tuple[int, ...] = Field(default=(600, 3600), min_length=1, max_length=8)
    """Pauses before the second and the later tries."""
    ring_s: int = Field(default=25, ge=5, le=60)
    life_s: int = Field(default=86_400, ge=600, le=30 * 86_400)
    """How long "as soon as somebody is free" lasts."""
    snooze_min: int = Field(default=30, ge=5, le=480)
    mode: Literal["auto", "agent_first", "customer_first"] = "auto"
    slot_min: int = Field(default=30, ge=10, le=240)
    per_slot: int | None = Field(default=None, ge=0, le=1000)
    """Callbacks that a slot of the calendar takes; None: what half of the queue's people can do in it."""
    ahead_days: int = Field(default=14, ge=1, le=30)
    offer_over_s: int | None = Field(default=None, ge=0, le=14_400)
    """Callers in line are offered a call back when their wait is estimated longer than this…"""
    offer_over_waiting: int | None = Field(default=None, ge=0, le=1000)
    """…or when more than so many wait; with neither, always."""
    offer_share: int = Field(default=100, ge=0, le=100)
    """Per cent of the callers who are offered one: every yes bends the estimate for those behind."""
    stop_before_close_min: int = Field(default=2, ge=0, le=120)
    """No more offers in the line when the opening hours end so soon."""
    texts: bool = True
    """Confirm with a link and remind, where the number can be texted."""
    remind_min: int = Field(default=10, ge=0, le=1440)
    web: bool = False
    """Whether the public page takes requests for this queue."""
    abandon_recovery: bool = False
    """Whether somebody who gave up waiting is called back without having asked."""
    own_for_s: int = Field(default=3600, ge=0, le=30 * 86_400)
    """How long an agent's own callback waits for them before everybody may make it."""
    follow_up_min: int = Field(default=60, ge=1, le=7 * 1440)
    """When somebody must have looked after an unanswered contact."""
    follow_up_text: bool = False
    """Whether an unanswered contact is answered by a text with a link for a callback."""


def policy_of(session: Session, queue_id: int) -> Policy:
    """The queue's rules; its zone and opening hours where callbacks have none of their own."""
    row = session.get(CallbackPolicy, queue_id)
    queue = session.get_one(Queue, queue_id)
    rules = dict(row.rules) if row else {}
    rules.setdefault("zone", queue.zone)
    if "hours" not in rules and queue.hours:
        rules["hours"] = _hours(session, queue.hours)
    return Policy.model_validate(rules)


def _hours(session: Session, hours: dict[str, Any]) -> dict[str, Any] | None:
    """The rules of a queue's hours: its own, or those it shares."""
    if "use" not in hours:
        return hours
    shared = session.get(SharedHours, hours["use"])
    return dict(shared.rules) if shared else None


def set_policy(session: Session, queue_id: int, **rules: Any) -> Policy:
    """Keep rules of a queue beside those it has. Raises PolicyRefused."""
    row = session.get(CallbackPolicy, queue_id)
    wanted = {**(row.rules if row else {}), **rules}
    try:
        policy = Policy.model_validate(wanted)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        raise PolicyRefused(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from wrong
    kept = insert(CallbackPolicy).values(queue_id=queue_id, rules=wanted)
    session.execute(kept.on_conflict_do_update(index_elements=["queue_id"], set_={"rules": wanted}))
    session.expire_all() if row is None else session.refresh(row)
    return policy
