"""What the end of a leg means (DOMAIN 2.6, A-15).

Which leg ended is the voice room's knowledge; what follows from it is decided here. A customer is never dropped because
an agent's browser died, and a call whose customer left is never offered again.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events, jobs
from app.db import database_now
from app.interactions.models import TRANSFERRED, Interaction, Segment, State
from app.interactions.move import lock_interaction, move
from app.routing.consults import close_of, hand_over, open_consult
from app.routing.dispatch import request_dispatch
from app.routing.enqueue import enqueue_interaction
from app.routing.in_hand import ConsultState
from app.routing.models import OfferState, Queue, QueueMember
from app.routing.offers import cancel_offers, close_accepted_offer
from app.routing.parked import tell_parked
from app.routing.parts import hand_on, part_ended, taken_offer, wrap_up_s
from app.routing.presence import live_phone, work_ended

AGENT_LOST_S = 15
"""How long a lost agent has to come back."""
REJOIN_S = 8
"""How long ringing a returned agent may take; the limit waits for it…"""
AGENT_LOST_MOST_S = 30
"""…but the customer never hears "one moment" for longer than this."""
FRONT_MIN = 24 * 60
"""Priority of a customer whose agent was lost: a day's wait, the front of every queue."""


def caller_gone(session: Session, interaction_id: uuid.UUID, *, contained: bool = False) -> State | None:
    """The customer's leg ended: the state that stands afterwards, None for an unknown interaction.

    Waiting, ringing or parked: abandoned, ringing stops. Talking: wrap-up begins; with an outside number: completed.
    In the flow: `contained` says whether the
    flow had done what the caller wanted. Said twice, it changes nothing.
    """
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        return None
    match State(interaction.state):
        case State.CREATED:
            _end(session, interaction, State.CANCELED, "caller_hung_up")
        case State.IN_FLOW if contained:
            _end(session, interaction, State.CONTAINED, "flow_finished")
        case State.IN_FLOW:
            _end(session, interaction, State.ABANDONED_IN_FLOW, "caller_hung_up")
        case State.QUEUED | State.OFFERED:
            cancel_offers(session, interaction_id, "caller_hung_up")
            _end(session, interaction, State.ABANDONED, "caller_hung_up")
        case State.PARKED:
            _end(session, interaction, State.ABANDONED, "caller_hung_up")
            tell_parked(session, interaction, "call.unparked", actor="caller")
        case State.OUTSIDE:
            _end_outside(session, interaction)
        case State.ACTIVE | State.HELD | State.AGENT_LOST:
            begin_wrap_up(session, interaction, "caller_hung_up")
            _hang_up(session, interaction)
        case _:
            pass
    return State(interaction.state)


def agent_gone(session: Session, interaction_id: uuid.UUID, user_id: int | None = None) -> State | None:
    """The agent's last leg ended: the state that stands afterwards, None for an unknown interaction.

    After Hang up it was meant: wrap-up, and `voice.hang_up` ends the customer's leg too. Otherwise the agent is lost:
    the customer hears "one moment" and the agent has 15 s to come back. Give `user_id` (whose leg it was), so that a
    late word about an earlier agent changes nothing.
    """
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        return None
    somebody_elses = user_id is not None and interaction.agent_id != user_id
    if interaction.state not in (State.ACTIVE, State.HELD) or somebody_elses:
        return State(interaction.state)
    if interaction.hangup_requested_by is not None:
        begin_wrap_up(session, interaction, "agent_hung_up")
        _hang_up(session, interaction)
    else:
        _lose_agent(session, interaction)
    return State(interaction.state)


def request_hang_up(session: Session, interaction_id: uuid.UUID, user_id: int) -> bool:
    """The agent pressed Hang up: written before the carrier is told, so that the leg's end is known as meant.

    Enqueues `voice.hang_up`. False when the interaction is not this agent's call any more.
    """
    interaction = lock_interaction(session, interaction_id)
    talking = (State.ACTIVE, State.HELD, State.AGENT_LOST)
    if interaction is None or interaction.agent_id != user_id or interaction.state not in talking:
        return False
    interaction.hangup_requested_by = user_id
    session.flush()
    _hang_up(session, interaction)
    return True


def agent_back(session: Session, interaction_id: uuid.UUID) -> bool:
    """A lost agent has a working phone again: ring it (`voice.rejoin_agent`); False when they are no longer waited for.

    May be said often: the job rings only when no leg of the agent is up or on its way.
    """
    interaction = lock_interaction(session, interaction_id)
    if interaction is None or interaction.state != State.AGENT_LOST:
        return False
    interaction.wake_at = _patience(session, interaction)
    session.flush()
    jobs.enqueue(session, "voice.rejoin_agent", lock=_lock(interaction), interaction_id=str(interaction.id))
    return True


def agent_rejoined(session: Session, interaction_id: uuid.UUID, user_id: int) -> bool:
    """The lost agent's new leg is up, or that of one who takes up a parked call: the talk goes on.

    False when the caller is already somewhere else.
    """
    interaction = lock_interaction(session, interaction_id)
    if interaction is None or interaction.agent_id != user_id:
        return False
    if interaction.state != State.AGENT_LOST and not _is_taken_up(session, interaction):
        return False
    reason = "agent_back" if interaction.state == State.AGENT_LOST else "taken_up"
    move(session, interaction, State.ACTIVE, actor=f"user:{user_id}", reason=reason)
    _tell(session, interaction, "call.agent_back")
    return True


def give_up_agent(session: Session, interaction: Interaction) -> None:
    """The lost agent did not come back in time: their part ends and the customer goes to the front of the queue.

    Should they come back soon after, they find its wrap-up.

    Whoever the agent had asked into the call, and who still is there, has the customer instead. A call that came from
    no queue goes to a queue of its agent; without one there is nobody to ask, so it ends.
    """
    agent_id = interaction.agent_id
    consult = open_consult(session, interaction.id)
    if consult is not None and consult.state in (ConsultState.TALKING, ConsultState.JOINED):
        hand_on(session, interaction, "agent_lost")
        hand_over(session, interaction, consult, actor="system", reason="agent_lost")
    elif queue_for(session, interaction, agent_id) is None:
        begin_wrap_up(session, interaction, "agent_lost")
        _hang_up(session, interaction)
        return
    else:
        close_of(session, interaction, "agent_lost")
        hand_on(session, interaction, "agent_lost")
        wait_again(session, interaction, agent_id, reason="agent_lost", priority_min=FRONT_MIN)
    if agent_id is not None:
        part_ended(session, agent_id)


def wait_again(
    session: Session, interaction: Interaction, agent_id: int | None, *, reason: str, priority_min: int = 0
) -> None:
    """Nobody has the customer any more: they wait in their queue, else in one of this agent's, in their old place.

    `priority_min` is the least that counts for them. Where there is no queue there is nobody to ask: the call ends.
    """
    queue = queue_for(session, interaction, agent_id)
    if queue is None:
        _end(session, interaction, State.FAILED, reason)
        _hang_up(session, interaction)
        return
    priority = max(interaction.priority_min, priority_min)
    enqueue_interaction(session, interaction, queue, priority_min=priority, actor="system", reason=reason)
    jobs.enqueue(
        session,
        "voice.back_to_queue",
        lock=_lock(interaction),
        interaction_id=str(interaction.id),
        reason=reason,
    )


def begin_wrap_up(session: Session, interaction: Interaction, reason: str) -> bool:
    """The talking is over: the agent has the queue's wrap-up time for notes and an outcome (`parts.wrap_up_s`)."""
    offer = taken_offer(session, interaction)
    limit_s = wrap_up_s(session, interaction.queue_id, asked=offer is not None and offer.wrap_asked)
    ends_at = database_now(session) + timedelta(seconds=limit_s)
    if not move(session, interaction, State.WRAPPING, actor="system", reason=reason, wake_at=ends_at):
        return False
    close_accepted_offer(session, interaction, OfferState.WRAPPING, reason)
    close_of(session, interaction, "call_over")
    return True


def end_work(session: Session, interaction: Interaction, *, actor: str, reason: str | None = None) -> bool:
    """Wrap-up is done: the interaction and its offer are completed, the agent is free or takes the chosen presence."""
    agent_id = interaction.agent_id
    if not move(session, interaction, State.COMPLETED, actor=actor, reason=reason):
        return False
    offer = close_accepted_offer(session, interaction, OfferState.COMPLETED, reason)
    if offer is not None:
        offer.disposition_code = interaction.disposition_code
    if agent_id is not None:
        queue = session.get(Queue, interaction.queue_id) if interaction.queue_id else None
        work_ended(session, agent_id, handled=True, rest_s=queue.rest_s if queue else 0)
        request_dispatch(session)
    return True


def _end(session: Session, interaction: Interaction, to: State, reason: str) -> None:
    move(session, interaction, to, actor="caller", reason=reason, agent_id=None)


def _end_outside(session: Session, interaction: Interaction) -> None:
    """The customer hung up on an outside number: while it rang they gave up, else the talk is over."""
    consult = open_consult(session, interaction.id)
    rang = consult is not None and consult.state == ConsultState.RINGING
    if rang:
        move(session, interaction, State.ABANDONED, actor="caller", reason="caller_hung_up")
    else:
        interaction.disposition_code = TRANSFERRED
        session.flush()
        move(session, interaction, State.COMPLETED, actor="caller", reason="caller_hung_up")
    close_of(session, interaction, "call_over")
    _hang_up(session, interaction)


def _lose_agent(session: Session, interaction: Interaction) -> None:
    limit = database_now(session) + timedelta(seconds=AGENT_LOST_S)
    move(session, interaction, State.AGENT_LOST, actor="carrier", reason="agent_leg_ended", wake_at=limit)
    jobs.enqueue(session, "voice.agent_lost", lock=_lock(interaction), interaction_id=str(interaction.id))
    _tell(session, interaction, "call.agent_lost")
    if interaction.agent_id is not None and live_phone(session, interaction.agent_id):
        agent_back(session, interaction.id)  # only the leg broke, or the page is back before the carrier noticed


def _is_taken_up(session: Session, interaction: Interaction) -> bool:
    """Whether a parked call waits for the phone of the agent who takes it up."""
    opened = select(Segment.reason).where(Segment.interaction_id == interaction.id, Segment.ended_at.is_(None))
    return interaction.state == State.HELD and session.scalars(opened).first() == "unparked"


def _patience(session: Session, interaction: Interaction) -> datetime:
    """When to give up on an agent who is being rung: never sooner than before, never later than 30 s after the loss."""
    lost_at = session.scalars(
        select(Segment.started_at).where(Segment.interaction_id == interaction.id, Segment.ended_at.is_(None))
    ).one()
    rung_until = database_now(session) + timedelta(seconds=REJOIN_S)
    wanted = max(interaction.wake_at or rung_until, rung_until)
    return min(wanted, lost_at + timedelta(seconds=AGENT_LOST_MOST_S))


def queue_for(session: Session, interaction: Interaction, agent_id: int | None) -> Queue | None:
    """Where a customer whom nobody has would wait: the queue they came from, else one of this agent's."""
    if interaction.queue_id is not None:
        return session.get(Queue, interaction.queue_id)
    own = select(Queue).join(QueueMember).where(QueueMember.user_id == agent_id)
    return session.scalars(own.order_by(Queue.id).limit(1)).first()


def _hang_up(session: Session, interaction: Interaction) -> None:
    jobs.enqueue(session, "voice.hang_up", lock=_lock(interaction), interaction_id=str(interaction.id))


def _lock(interaction: Interaction) -> str:
    return f"interaction:{interaction.id}"


def _tell(session: Session, interaction: Interaction, kind: str) -> None:
    events.record(
        session,
        kind,
        actor="carrier",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(interaction.agent_id,) if interaction.agent_id is not None else (),
        queue_id=interaction.queue_id,
    )
