"""Parking: the customer hears music with nobody on the line, the agent is free, and somebody takes the call up again.

A parked call has a limit, for nobody may wait for ever (A-5): it then rings at whoever parked it, and goes to the front
of the queue when they do not answer or have other work.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db import database_now
from app.forms import Refusal
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction, move
from app.routing.consults import close_of, enqueue
from app.routing.models import Offer, OfferState, Queue
from app.routing.offers import close_accepted_offer
from app.routing.parked import parked_by, tell_parked
from app.routing.presence import live_phone, work_ended
from app.routing.release import FRONT_MIN, queue_for, wait_again
from app.routing.reserve import hold_if_free, ring_instead
from app.routing.supervision import send_supervisors_away
from app.routing.transfers import own_call

PARKED_MOST_S = 600
"""For calls that came from no queue."""
TOO_LONG = "parked_too_long"


def park(session: Session, interaction_id: uuid.UUID, user_id: int) -> None:
    """Leave the customer with the music, for the queue's `park_s` at most; the agent is free. Raises Refusal."""
    interaction = own_call(session, interaction_id, user_id)
    queue = session.get(Queue, interaction.queue_id) if interaction.queue_id else None
    until = database_now(session) + timedelta(seconds=queue.park_s if queue else PARKED_MOST_S)
    close_of(session, interaction, "call_parked")
    close_accepted_offer(session, interaction, OfferState.COMPLETED, "parked")
    send_supervisors_away(session, interaction)
    interaction.context = {**interaction.context, "parked_by": user_id}
    session.flush()
    actor = f"user:{user_id}"
    move(session, interaction, State.PARKED, actor=actor, reason="parked", agent_id=None, wake_at=until)
    enqueue(session, "voice.hold", interaction)
    enqueue(session, "voice.let_go", interaction, user_id=user_id)
    tell_parked(session, interaction, "call.parked", actor=actor, by=user_id)
    work_ended(session, user_id, handled=True)


def unpark(session: Session, interaction_id: uuid.UUID, user_id: int) -> None:
    """Take up a parked call: the agent's own phone rings and answers itself. The first who asks has it.

    Raises Refusal.
    """
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        raise Refusal(404, "not_found", "There is no such call.")
    if interaction.agent_id == user_id and interaction.state in (State.HELD, State.ACTIVE):
        return
    if interaction.state != State.PARKED:
        raise Refusal(409, "not_parked", "This call is not parked any more: somebody took it up, or it is over.")
    if not live_phone(session, user_id):
        raise Refusal(409, "phone_not_ready", "Your phone is not ready, so this call could not reach you.")
    _occupy(session, interaction, user_id)
    move(session, interaction, State.HELD, actor=f"user:{user_id}", reason="unparked", agent_id=user_id)
    enqueue(session, "voice.rejoin_agent", interaction)
    tell_parked(session, interaction, "call.unparked", actor=f"user:{user_id}", by=user_id)


def give_up_parking(session: Session, interaction: Interaction) -> None:
    """Nobody took the call up in time: it rings at whoever parked it, else the customer is first in the queue."""
    if not _rings_back(session, interaction):
        wait_again(session, interaction, parked_by(interaction), reason=TOO_LONG, priority_min=FRONT_MIN)
    tell_parked(session, interaction, "call.unparked", actor="system")


def _rings_back(session: Session, interaction: Interaction) -> bool:
    """Whether it rings at whoever parked it. Unanswered, the customer is at the front already."""
    user_id = parked_by(interaction)
    queue = queue_for(session, interaction, user_id)
    if queue is None or user_id is None or not hold_if_free(session, user_id):
        return False
    interaction.priority_min = max(interaction.priority_min, FRONT_MIN)
    return ring_instead(session, interaction, user_id, queue, actor="system", reason=TOO_LONG) is not None


def _occupy(session: Session, interaction: Interaction, user_id: int) -> None:
    """The call is the agent's work from now on. Their one open call (a unique index) decides between two clicks.

    What they chose as its outcome before they parked it still counts.
    """
    now = database_now(session)
    before = select(Offer.disposition_code).where(
        Offer.interaction_id == interaction.id, Offer.user_id == user_id, Offer.reason == "parked"
    )
    offer = insert(Offer).values(
        interaction_id=interaction.id,
        user_id=user_id,
        queue_id=interaction.queue_id,
        role="primary",
        state=OfferState.ACCEPTED.value,
        created_at=now,
        expires_at=now,
        disposition_code=session.scalars(before.order_by(Offer.id.desc()).limit(1)).first(),
    )
    if session.execute(offer.on_conflict_do_nothing().returning(Offer.id)).first() is None:
        raise Refusal(409, "busy", "You have another call at hand: finish it first.")
