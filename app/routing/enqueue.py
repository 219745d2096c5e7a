"""An interaction begins to wait for an agent, goes on waiting elsewhere, or leaves the line by a step of its queue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import events, jobs
from app.db import database_now
from app.interactions.models import Interaction, State
from app.interactions.move import move
from app.routing.dispatch import request_dispatch
from app.routing.hours import is_open
from app.routing.models import AtClose, Queue, Skill
from app.routing.overflow import CATCH_ALL, Moment, OverflowRefused, Step, due, next_look_s, read_steps
from app.routing.score import value_min
from app.routing.skills import read_needs
from app.routing.wait import staffed_now, waiting

log = structlog.get_logger()

LOOK_AGAIN_S = 60
FLOW_REASONS = {"callback": "callback_asked", "voicemail": "voicemail"}
"""What the flow is told when a step sends the caller on."""


def enqueue_interaction(
    session: Session,
    interaction: Interaction,
    queue: Queue,
    *,
    priority_min: int | None = None,
    max_wait_s: int | None = None,
    skills: Any = None,
    actor: str = "flow",
    reason: str | None = None,
    keeps_limit: bool = False,
) -> bool:
    """Put the interaction into the queue and ask for an agent; False when another move was faster.

    The place in the line is kept: `virtual_start`, once set, stays through every re-queueing (A-6). The wait ends after
    the queue's limit or `max_wait_s`; with `keeps_limit` not later than it would have ended before (A-14).
    `priority_min` counts as so many minutes already waited, and the queue's value rules add theirs; None leaves it as
    it is. `skills` are what the agent should have, {"french": 2} or ["french"]; None leaves them as they are. Whether
    the queue takes people in is asked before (`way_in`). Raises SkillsRefused.
    """
    now = database_now(session)
    limit_s = queue.max_wait_s if max_wait_s is None else min(max_wait_s, queue.max_wait_s)
    if not move(
        session,
        interaction,
        State.QUEUED,
        actor=actor,
        reason=reason,
        queue_id=queue.id,
        agent_id=None,
        wake_at=now + timedelta(seconds=limit_s),
    ):
        return False
    interaction.virtual_start = interaction.virtual_start or now
    interaction.queued_at = now
    limit = now + timedelta(seconds=limit_s)
    if keeps_limit:
        interaction.wait_until = min(limit, interaction.wait_until or limit)
    else:
        interaction.wait_until, interaction.visited_queues = limit, []
    if skills is not None:
        interaction.required_skills = _known_skills(session, read_needs(skills))
    if priority_min is not None:
        interaction.priority_min = priority_min + value_min(queue.value_rules, facts_of(interaction))
    if queue.sticky_s and interaction.preferred_agent_id is None:
        interaction.preferred_agent_id = _last_agent(session, interaction, queue)
    interaction.wake_at = _next_look(interaction, queue, now)
    session.flush()
    request_dispatch(session)
    return True


def _known_skills(session: Session, needs: dict[str, int]) -> dict[str, int]:
    """A skill that the house does not know is one that nobody can have: it keeps nobody waiting."""
    known = set(session.scalars(select(Skill.key).where(Skill.key.in_(needs)))) if needs else set()
    unknown = sorted(set(needs) - known)
    if unknown:
        log.warning("queue.unknown_skills", skills=unknown)
    return {skill: level for skill, level in needs.items() if skill in known}


def facts_of(interaction: Interaction) -> dict[str, Any]:
    """What value rules may ask for."""
    return {
        "tier": interaction.tier or interaction.context.get("tier"),
        "entry_point": interaction.our_address,
        "language": interaction.language,
        "channel": interaction.channel,
        "campaign": interaction.context.get("campaign"),
    }


def _last_agent(session: Session, interaction: Interaction, queue: Queue) -> int | None:
    """Who talked with this customer last, not too long ago."""
    since = func.clock_timestamp() - timedelta(days=queue.sticky_days)
    talked = select(Interaction.agent_id).where(
        Interaction.customer_id == interaction.customer_id,
        Interaction.id != interaction.id,
        Interaction.agent_id.is_not(None),
        Interaction.answered_at > since,
    )
    return session.scalars(talked.order_by(Interaction.answered_at.desc()).limit(1)).first()


def way_in(session: Session, queue: Queue, visited: Iterable[int] = ()) -> Queue | str:
    """The queue that takes a newcomer to `queue` in: itself, or one that its steps lead to; else why none does.

    The reason is the flow's word: `closed`, `full`, `no_queue`, or `callback_asked` and `voicemail` by a step's action.
    A queue is tried once (A-14).
    """
    tried = set(visited)
    while True:
        tried.add(queue.id)
        moment = _at_the_door(session, queue)
        if moment is None:
            return queue
        step = next(_possible(session, queue, moment, tried), CATCH_ALL)
        target = _target(session, step, tried)
        if target is None:
            return _word(step, moment)
        queue = target


def _word(step: Step, moment: Moment) -> str:
    if step is CATCH_ALL:  # nothing was said: the flow itself knows what closed means
        return "full" if moment.is_full else "closed"
    return FLOW_REASONS.get(step.action, "full" if moment.is_full else "closed")


def _at_the_door(session: Session, queue: Queue) -> Moment | None:
    """What keeps a newcomer out; None when nothing does."""
    closed = not queue.active or not is_open(session, queue)
    full = not closed and _length(session, queue) >= queue.max_length
    return Moment(0, is_closed=closed, is_full=full) if closed or full else None


def _length(session: Session, queue: Queue) -> int:
    waiting_here = select(func.count()).where(Interaction.queue_id == queue.id, Interaction.state == State.QUEUED)
    return session.execute(waiting_here).scalar_one()


def steps_of(queue: Queue) -> tuple[Step, ...]:
    """The queue's steps; such as cannot be read count as none, and the contact still has its way out."""
    try:
        return read_steps(queue.overflow)
    except OverflowRefused:
        return (CATCH_ALL,)


def _possible(session: Session, queue: Queue, moment: Moment, visited: Iterable[int]) -> Iterator[Step]:
    """The due steps that can be taken: not to a queue that is gone, was visited, or takes nobody in."""
    return iter(
        [
            step
            for step in due(steps_of(queue), moment)
            if step.action != "queue" or _target(session, step, visited) is not None
        ]
    )


def _target(session: Session, step: Step, visited: Iterable[int]) -> Queue | None:
    if step.action != "queue":
        return None
    queue = session.scalars(select(Queue).where(Queue.key == step.target, Queue.active)).one_or_none()
    return None if queue is None or queue.id in set(visited) else queue


def look_at_wait(session: Session, interaction: Interaction) -> bool:
    """Take the step that has come due for a waiting contact; otherwise note when to look again. True for a step.

    The caller holds the interaction. Nothing happens to one that rings: it is looked at when the offer ends. A call of
    ours (a callback in its place) has an end of its own, and no way out of the line.
    """
    waits = interaction.state == State.QUEUED and interaction.queue_id is not None
    if not waits or interaction.direction != "inbound":
        return False
    queue = session.get_one(Queue, interaction.queue_id)
    now = database_now(session)
    moment = _moment(session, interaction, queue, now)
    visited = {*interaction.visited_queues, queue.id}
    for step in _possible(session, queue, moment, visited):
        target = _target(session, step, visited)
        if target is None:
            return _leave(session, interaction, step, moment)
        if _at_the_door(session, target) is None:
            _flow_over(session, interaction, queue, target, step)
            return True
    if moment.is_over or moment.is_closed:
        return _leave(session, interaction, CATCH_ALL, moment)
    interaction.wake_at = _next_look(interaction, queue, now)
    session.flush()
    return False


def _moment(session: Session, interaction: Interaction, queue: Queue, now: datetime) -> Moment:
    steps = steps_of(queue)
    kinds = {step.when for step in steps}
    closing = queue.hours is not None and queue.at_close == AtClose.CLOSE_NOW
    return Moment(
        (now - (interaction.queued_at or now)).total_seconds(),
        waiting(session, interaction).estimate_s if "ewt_over_s" in kinds else None,
        staffed_now(session, queue) if "no_agents" in kinds else 1,
        is_closed=closing and not is_open(session, queue, now),
        is_over=interaction.wait_until is not None and interaction.wait_until <= now,
    )


def _next_look(interaction: Interaction, queue: Queue, now: datetime) -> datetime:
    """When a step may come due next; the end of the wait at the latest (A-5)."""
    limit = interaction.wait_until or now + timedelta(seconds=queue.max_wait_s)
    in_s = next_look_s(steps_of(queue), (now - (interaction.queued_at or now)).total_seconds())
    return limit if in_s is None else min(limit, now + timedelta(seconds=in_s))


def _flow_over(session: Session, interaction: Interaction, queue: Queue, target: Queue, step: Step) -> None:
    """On to another queue, with place, priority and the end of the wait kept."""
    interaction.visited_queues = [*interaction.visited_queues, queue.id]
    enqueue_interaction(session, interaction, target, actor="system", reason="overflow", keeps_limit=True)
    _tell(session, interaction, queue.id, step, to=target.name)


def _leave(session: Session, interaction: Interaction, step: Step, moment: Moment) -> bool:
    """Out of the queue: the flow goes on (to a message, a callback), or the call ends. True when it left.

    Who wrote has no line to be on: the text stays until somebody takes it.
    """
    if interaction.channel != "voice":
        interaction.wake_at = database_now(session) + timedelta(seconds=LOOK_AGAIN_S)
        session.flush()
        return False
    queue_id, lock = interaction.queue_id, f"interaction:{interaction.id}"
    why = "max_wait" if moment.is_over else "closed" if moment.is_closed else "overflow"
    if step.action == "hang_up":
        move(session, interaction, State.CANCELED, actor="system", reason=why)
        jobs.enqueue(session, "voice.hang_up", lock=lock, interaction_id=str(interaction.id))
    else:
        reason = why if step is CATCH_ALL else FLOW_REASONS[step.action]
        move(session, interaction, State.IN_FLOW, actor="system", reason=why)
        jobs.enqueue(session, "voice.leave_queue", lock=lock, interaction_id=str(interaction.id), reason=reason)
    _tell(session, interaction, queue_id, step, to=None)
    return True


def _tell(session: Session, interaction: Interaction, queue_id: int | None, step: Step, **more: Any) -> None:
    facts: Mapping[str, Any] = {"when": step.when, "action": step.action, **more}
    events.record(
        session,
        "queue.overflowed",
        actor="system",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        queue_id=queue_id,
        **facts,
    )
