"""What a supervisor does with agents and contacts. Each is one transaction, in the log with who did it."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events, jobs
from app.accounts.models import User
from app.forms import BadInput, Refusal
from app.interactions import wrap_up
from app.interactions.models import Disposition, Interaction, State
from app.interactions.move import lock_interaction, move
from app.routing.consults import close_of
from app.routing.enqueue import enqueue_interaction
from app.routing.models import AgentState, Offer, OfferState, Presence, Queue
from app.routing.offers import rescind_offer
from app.routing.parked import parked_by, tell_parked
from app.routing.parts import hand_on, part_ended
from app.routing.presence import agent_state, at_desk, set_presence
from app.routing.release import queue_for
from app.routing.reserve import hold_if_free, make_offer, ring_instead
from app.routing.supervision import send_supervisors_away
from app.words import N_

TALKING = (State.ACTIVE, State.HELD, State.AGENT_LOST)
WAITING = (State.QUEUED, State.OFFERED)
OVER = N_("This contact is over.")


def set_agent(session: Session, user_id: int, presence: str, reason: str | None, *, by: int) -> AgentState:
    """Send an agent on a break, home, or back to work; while they are at work it applies afterwards.

    Nobody is made available who would not ring: whose desktop is closed, or who missed a call and has not said since
    that they are there. Refuses with 404 and 409.
    """
    user = session.get(User, user_id)
    if user is None or not user.active:
        raise Refusal(404, "not_found", "There is no such agent.")
    if presence == Presence.AVAILABLE:
        _refuse_the_absent(session, user_id)
    state = set_presence(session, user_id, presence, reason, by=by)
    told: dict[str, Any] = {"user_id": user_id, "presence": presence, "reason": reason, "name": user.name}
    told |= {"by": session.get_one(User, by).name, "later": state.next_presence is not None}
    events.record(session, "supervisor.presence_set", actor=f"user:{by}", users=(user_id,), **told)
    return state


def _refuse_the_absent(session: Session, user_id: int) -> None:
    if agent_state(session, user_id, lock=True).not_responding:
        raise Refusal(409, "not_responding", "They missed a call: only they can say that they are there again.")
    if not at_desk(session, user_id):
        raise Refusal(409, "no_session", "Their desktop is closed, so nothing would ring. Ask them to open it.")


def requeue(session: Session, interaction_id: uuid.UUID, queue_id: int | None, *, by: int) -> Interaction:
    """Send a contact to a queue: from another one, from a phone that rings, or out of a call. It keeps its place.

    Refuses with 400 for a queue that is none, 404, and 409 when it is over or waits there already.
    """
    interaction = _contact(session, interaction_id)
    queue = _queue(session, interaction, queue_id)
    state = State(interaction.state)
    if state is State.QUEUED and interaction.queue_id == queue.id:
        raise Refusal(409, "waits_already", "It waits in that queue already.")
    if state is State.OFFERED:
        _stop_the_ringing(session, interaction)
    elif state in TALKING:
        _end_the_talk(session, interaction)
    elif state not in (State.QUEUED, State.PARKED):
        raise Refusal(409, "wrong_state", _WHY_NOT.get(state, OVER))
    if not (interaction.state == State.QUEUED and interaction.queue_id == queue.id):
        enqueue_interaction(session, interaction, queue, actor=f"user:{by}", reason="requeued")
    if state in (*TALKING, State.PARKED):
        lock = f"interaction:{interaction.id}"
        jobs.enqueue(session, "voice.back_to_queue", lock=lock, interaction_id=str(interaction.id), reason="requeued")
    _tell(session, "supervisor.requeued", interaction, by, queue=queue.name)
    if state is State.PARKED:
        tell_parked(session, interaction, "call.unparked", actor=f"user:{by}")
    return interaction


_NOT_FREE = N_("Their phone cannot ring now: they are away, at work, or their desktop is shut.")
_WHY_NOT = {
    State.CREATED: N_("It has only just begun: the flow has it."),
    State.IN_FLOW: N_("The caller is in the menu: the flow has it."),
    State.WRAPPING: N_("The caller has hung up; only the wrap-up is left."),
    State.OUTSIDE: N_("The caller talks with an outside number."),
}


def pull(session: Session, interaction_id: uuid.UUID, agent_id: int, *, by: int) -> Offer:
    """Ring one chosen agent for a contact that waits, is parked or rings elsewhere; unanswered, it waits in its place.

    Refuses with 404, and 409 when it does not wait, has no queue to come back to, or the agent cannot be rung now.
    """
    interaction = _contact(session, interaction_id)
    agent = session.get(User, agent_id)
    if agent is None:
        raise Refusal(404, "not_found", "There is no such agent.")
    if interaction.state == State.PARKED:
        return _pull_parked(session, interaction, agent, by)
    if interaction.state not in WAITING or interaction.queue_id is None:
        raise Refusal(409, "does_not_wait", "It does not wait any more: somebody has it, or it is over.")
    if interaction.state == State.OFFERED:
        _refuse_its_own_ring(session, interaction, agent_id)
        _stop_the_ringing(session, interaction)
    queue = session.get_one(Queue, interaction.queue_id)
    offer = _ring(session, interaction, agent_id, queue, f"user:{by}")
    _tell(session, "supervisor.pulled", interaction, by, agent_id, name=agent.name)
    return offer


def _pull_parked(session: Session, interaction: Interaction, agent: User, by: int) -> Offer:
    actor = f"user:{by}"
    queue = queue_for(session, interaction, parked_by(interaction))
    if queue is None:
        raise Refusal(409, "no_queue", "It came from no queue: take it up yourself, or send it to a queue.")
    free = hold_if_free(session, agent.id)
    offer = ring_instead(session, interaction, agent.id, queue, actor=actor, reason="pulled") if free else None
    if offer is None:
        raise Refusal(409, "not_free", _NOT_FREE)
    tell_parked(session, interaction, "call.unparked", actor=actor)
    _tell(session, "supervisor.pulled", interaction, by, agent.id, name=agent.name)
    return offer


def _refuse_its_own_ring(session: Session, interaction: Interaction, agent_id: int) -> None:
    pending = select(Offer.id).where(Offer.interaction_id == interaction.id, Offer.state == OfferState.PENDING)
    if session.scalars(pending.where(Offer.user_id == agent_id)).first():
        raise Refusal(409, "rings_already", "It rings for them already.")


def _ring(session: Session, interaction: Interaction, agent_id: int, queue: Queue, actor: str) -> Offer:
    free = hold_if_free(session, agent_id)
    ring_s = queue.ring_s
    offer = make_offer(session, interaction, agent_id, role="primary", queue=queue, ring_s=ring_s, actor=actor)
    if not free or offer is None:
        raise Refusal(409, "not_free", _NOT_FREE)
    wake_at = interaction.wake_at  # ringing time counts too: the queue's limit stands
    move(session, interaction, State.OFFERED, actor=actor, reason="pulled", agent_id=agent_id, wake_at=wake_at)
    return offer


def force_complete(
    session: Session, interaction_id: uuid.UUID, code: str | None, agent_id: int | None = None, *, by: int
) -> Interaction | Offer:
    """End a wrap-up that its agent left open, with an outcome or the one of a wrap-up that ran out. Twice is once.

    `agent_id`: whose, where somebody handed the call on and wraps up their own part. Refuses with 400 for an outcome
    that is none, 404, and 409 while the call is not over.
    """
    interaction = _contact(session, interaction_id)
    if code is not None and not session.scalars(select(Disposition).where(Disposition.code == code)).first():
        raise BadInput("code", "There is no such outcome any more: choose one of the list.")
    try:
        return wrap_up.force_complete(session, interaction.id, by, agent_id=agent_id, code=code)
    except wrap_up.WrapUpRefused as refused:
        raise Refusal(
            409, "not_over", "There is no wrap-up to end: the call is not over yet, or had none."
        ) from refused


def _contact(session: Session, interaction_id: uuid.UUID) -> Interaction:
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        raise Refusal(404, "not_found", "There is no such contact.")
    return interaction


def _queue(session: Session, interaction: Interaction, queue_id: int | None) -> Queue:
    if queue_id is None and interaction.queue_id is None:
        raise BadInput("queue_id", "It came from no queue: choose one.")
    queue = session.get(Queue, queue_id or interaction.queue_id)
    if queue is None:
        raise BadInput("queue_id", "There is no such queue any more: choose one of the list.")
    return queue


def _stop_the_ringing(session: Session, interaction: Interaction) -> None:
    pending = select(Offer.id).where(Offer.interaction_id == interaction.id, Offer.state == OfferState.PENDING)
    for offer_id in session.scalars(pending.order_by(Offer.id)).all():
        rescind_offer(session, offer_id, "pulled")
    session.refresh(interaction)


def _end_the_talk(session: Session, interaction: Interaction) -> None:
    """The agent's part ends, and they wrap it up; `voice.back_to_queue` then ends their leg and has the caller wait."""
    if interaction.direction != "inbound" or interaction.channel != "voice":
        raise Refusal(409, "wrong_kind", "Only callers can be sent back to a queue. Ask the agent to end this one.")
    agent_id = interaction.agent_id
    close_of(session, interaction, "requeued")
    send_supervisors_away(session, interaction)
    hand_on(session, interaction, "requeued")
    if agent_id is not None:
        part_ended(session, agent_id)


def _tell(
    session: Session, kind: str, interaction: Interaction, by: int, agent_id: int | None = None, **data: Any
) -> None:
    agent = agent_id or interaction.agent_id
    events.record(
        session,
        kind,
        actor=f"user:{by}",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(agent,) if agent else (),
        queue_id=interaction.queue_id,
        **data,
    )
