"""The voice room's hands: what is done at the carrier after a decision was committed.

Each job may run twice. The attempt is written before the carrier is asked and the outcome after, with no transaction
open in between; an answer that was lost is looked up, never asked for again blindly.
"""

from __future__ import annotations

import functools
import math
import uuid
from collections.abc import Callable

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import crash, jobs
from app.db import database_now, unit_of_work
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction
from app.routing.models import Offer, OfferState
from recordings.models import Recording, RecordingState
from telephony import callbacks, in_hand, legs, numbers, queueing, reconcile, recording_news, steps, supervise
from telephony.carrier import CarrierError
from telephony.models import Leg
from telephony.recording_news import RecordingNews
from telephony.rings import Ring, agent_ring, attempted, end_leg, move_leg, ring_leg, unless_gone
from telephony.room import Room

log = structlog.get_logger()

TALKING = (State.ACTIVE, State.HELD, State.AGENT_LOST)
REJOIN_RING_S = 10
CUSTOMER_RING_S = 30
LATEST_RING_S = 2  # an offer with less time left is not worth a ring


def register(room: Room) -> None:
    """Register every voice job's handler."""
    for name, handler in HANDLERS.items():
        jobs.job(name)(functools.partial(handler, room))


def ring_agent(room: Room, offer_id: int) -> None:
    """Ring the softphone of an offer; an outbound call's own softphone answers by itself."""
    with unit_of_work() as session:
        ring = _attempt_for_offer(session, room, offer_id)
    if ring is not None:
        ring_leg(room, ring)


def stop_ringing(room: Room, offer_id: int) -> None:
    """Cancel the ring of an offer that is over. One that was answered meanwhile is told so by its own webhook."""
    with unit_of_work() as session:
        leg = session.scalars(select(Leg).where(Leg.offer_id == offer_id)).one_or_none()
    if leg is not None and leg.state != "ended":
        end_leg(room, leg, only_ringing=True)


def rejoin_agent(room: Room, interaction_id: str) -> None:
    """Ring the lost agent again, or one who takes up a parked call, unless a leg of theirs is up or on its way.

    The softphone answers by itself.
    """
    with unit_of_work() as session:
        ring = _attempt_to_rejoin(session, room, uuid.UUID(interaction_id))
    if ring is not None:
        ring_leg(room, ring)


def dial_out(room: Room, interaction_id: str) -> None:
    """An agent calls a customer: the agent's own softphone first."""
    with unit_of_work() as session:
        offer_id = session.scalars(
            select(Offer.id).where(
                Offer.interaction_id == uuid.UUID(interaction_id), Offer.state == OfferState.ACCEPTED
            )
        ).first()
    if offer_id is not None:
        ring_agent(room, offer_id)


def dial_customer(room: Room, interaction_id: str) -> None:
    """The dialling agent is on the line: now the customer's telephone rings."""
    with unit_of_work() as session:
        ring = _attempt_customer(session, room, uuid.UUID(interaction_id))
    crash.point("K2")
    if ring is not None:
        ring_leg(room, ring)
        crash.point("K4")


def leave_message(room: Room, interaction_id: str) -> None:
    """A machine picked up a callback: it gets the queue's message, or the line ends."""
    with unit_of_work() as session:
        interaction = lock_interaction(session, uuid.UUID(interaction_id))
        if interaction is None or not callbacks.met_a_machine(session, interaction):
            return  # somebody pressed a key meanwhile
        document = callbacks.words_for_a_machine(session, room, interaction)
        callers = legs.open_legs(session, uuid.UUID(interaction_id), "caller")
    for caller in callers:
        if document is None:
            end_leg(room, caller)
        else:
            move_leg(room, caller, document)


def bridge(room: Room, interaction_id: str) -> None:
    """The agent accepted: the caller leaves the queue's loop for the conversation, which is recorded and streamed."""
    with unit_of_work() as session:
        interaction, caller = _talk(session, interaction_id)
        if interaction is None or caller is None or not _waits_on_the_line(session, interaction):
            return
        document = room.documents.customer_room(interaction.id, interaction.language)
    if not move_leg(room, caller, document):
        return
    crash.point("O5")
    record(room, interaction_id)


def record(room: Room, interaction_id: str) -> None:
    """Record the customer's leg in two channels, unless it is recorded already."""
    with unit_of_work() as session:
        interaction, caller = _talk(session, interaction_id)
        if interaction is None or caller is None or caller.call_sid is None or _is_recorded(session, interaction):
            return
    try:
        sid = room.carrier.start_recording(caller.call_sid, room.urls.recording(interaction.id))
    except CarrierError as error:
        if error.unsure or not error.retryable:  # its callback will tell; a call is worth more than its recording
            log.warning("recording.not_started", interaction_id=interaction_id, why=error.reason)
            return
        raise
    with unit_of_work() as session:
        url = room.carrier.recording_url(sid)
        began = RecordingNews("call", sid, url, "in-progress", started_at=database_now(session))
        recording_news.take(session, interaction.id, began)


def agent_lost(room: Room, interaction_id: str) -> None:
    """Tell the customer "one moment", with music after it, while the agent is waited for."""
    with unit_of_work() as session:
        interaction, caller = _talk(session, interaction_id)
    if interaction is None or caller is None or caller.call_sid is None or interaction.state != State.AGENT_LOST:
        return
    word = room.urls.hold(interaction.id, word="one_moment")
    unless_gone(lambda: room.carrier.hold(interaction_id, caller.call_sid or "", True, word))


def back_to_queue(room: Room, interaction_id: str, reason: str = "") -> None:
    """The conversation has no agent any more, or another one rings: the caller waits again, and legs of agents end."""
    with unit_of_work() as session:
        interaction = session.get(Interaction, uuid.UUID(interaction_id))
        if interaction is None or interaction.state not in (State.QUEUED, State.OFFERED):
            return
        word = "putting_through" if reason == "transferred" else "still_here"
        document = room.documents.back_to_waiting(interaction.id, interaction.language, word)
        callers = legs.open_legs(session, interaction.id, "caller")
        agents = [leg for leg in legs.open_legs(session, interaction.id, "agent") if leg.state == "connected"]
    for caller in callers:
        move_leg(room, caller, document)
    for agent in agents:
        end_leg(room, agent)


def leave_queue(room: Room, interaction_id: str, reason: str) -> None:
    """The queue's limit was reached: the flow goes on, mostly to a message."""
    with unit_of_work() as session:
        document = steps.leave_queue(session, room, uuid.UUID(interaction_id), reason)
        interaction = session.get(Interaction, uuid.UUID(interaction_id))
        if document is None and interaction is not None and interaction.state == State.IN_FLOW:
            document = queueing.standing(session, room, interaction)  # the first try went no further than the commit
        callers = legs.open_legs(session, uuid.UUID(interaction_id), "caller")
    if document is not None:
        for caller in callers:
            move_leg(room, caller, document)


def look_around(room: Room) -> None:
    """The half-minute's check: open legs and our numbers, held against what the carrier says."""
    reconcile.reconcile(room)
    numbers.sync_numbers(room)


def hang_up(room: Room, interaction_id: str) -> None:
    """End every leg of an interaction."""
    crash.point("E1")
    with unit_of_work() as session:
        lock_interaction(session, uuid.UUID(interaction_id))
        ending = legs.open_legs(session, uuid.UUID(interaction_id))
    for leg in ending:
        end_leg(room, leg)


def _attempt_for_offer(session: Session, room: Room, offer_id: int) -> Ring | None:
    """Write down that this offer is about to be rung; None when there is nothing to ring (any more)."""
    offer = session.get(Offer, offer_id)
    if offer is None:
        return None
    interaction = lock_interaction(session, offer.interaction_id)
    assert interaction is not None  # an offer cannot outlive it
    session.refresh(offer)
    outbound = interaction.direction == "outbound" and offer.state == OfferState.ACCEPTED
    if callbacks.is_reserved(session, room, offer, interaction):
        return None
    left_s = CUSTOMER_RING_S if outbound else (offer.expires_at - database_now(session)).total_seconds()
    if not outbound and (offer.state != OfferState.PENDING or left_s < LATEST_RING_S):
        return None
    leg = session.scalars(select(Leg).where(Leg.offer_id == offer_id)).one_or_none()
    is_retry = leg is not None
    leg = leg or attempted(session, interaction, "agent", offer.user_id, offer_id)
    if leg.call_sid is not None:
        return None
    parameters = {"interactionId": str(interaction.id), "offerId": str(offer_id)}
    return agent_ring(
        session,
        leg,
        from_=interaction.our_address,
        answer_url=room.urls.agent(offer_id),
        status_url=room.urls.agent_status(offer_id),
        ring_s=math.ceil(left_s),
        parameters=parameters | ({"autoAnswer": "1"} if outbound else {}),
        is_retry=is_retry,
    )


def _attempt_to_rejoin(session: Session, room: Room, interaction_id: uuid.UUID) -> Ring | None:
    interaction = lock_interaction(session, interaction_id)
    if interaction is None or interaction.state not in (State.AGENT_LOST, State.HELD) or interaction.agent_id is None:
        return None
    own = [leg for leg in legs.open_legs(session, interaction_id, "agent") if leg.user_id == interaction.agent_id]
    unsettled = next((leg for leg in own if leg.call_sid is None), None)
    if own and unsettled is None:
        return None
    leg = unsettled or attempted(session, interaction, "agent", interaction.agent_id)
    return agent_ring(
        session,
        leg,
        from_=interaction.our_address,
        answer_url=room.urls.leg(leg.id),
        status_url=room.urls.leg_status(leg.id),
        ring_s=REJOIN_RING_S,
        parameters={"interactionId": str(interaction_id), "autoAnswer": "1"},
        is_retry=unsettled is not None,
    )


def _attempt_customer(session: Session, room: Room, interaction_id: uuid.UUID) -> Ring | None:
    interaction = lock_interaction(session, interaction_id)
    if interaction is None or not _may_be_dialled(session, interaction):
        return None
    ring_s = callbacks.ring_s_of(session, interaction) if interaction.callback_id else CUSTOMER_RING_S
    known = session.scalars(select(Leg).where(Leg.interaction_id == interaction_id, Leg.role == "caller")).first()
    if known is not None and (known.call_sid is not None or known.state == "ended"):
        return None
    leg = known or attempted(session, interaction, "caller")
    return Ring(
        leg.id,
        interaction.remote_address,
        None,
        interaction.our_address,
        room.urls.leg(leg.id),
        room.urls.leg_status(leg.id),
        ring_s,
        {},
        leg.created_at,
        known is not None,
        callbacks.machine_detection(session, room, interaction),
    )


def _may_be_dialled(session: Session, interaction: Interaction) -> bool:
    if interaction.callback_id is not None:
        return callbacks.may_be_dialled(session, interaction)
    return interaction.state in TALKING and interaction.hangup_requested_by is None


def _waits_on_the_line(session: Session, interaction: Interaction) -> bool:
    """Whether the customer is there already: a caller, or one who was called and then handed on, or somebody who
    accepted their callback.
    """
    if interaction.direction == "inbound" or interaction.callback_id is None:
        return True
    lock_interaction(session, interaction.id)
    return callbacks.is_connected(session, interaction)


def _talk(session: Session, interaction_id: str) -> tuple[Interaction | None, Leg | None]:
    """The interaction while somebody talks in it, and the customer's open leg."""
    interaction = session.get(Interaction, uuid.UUID(interaction_id))
    if interaction is None or interaction.state not in TALKING:
        return None, None
    callers = legs.open_legs(session, interaction.id, "caller")
    return interaction, callers[0] if callers else None


def _is_recorded(session: Session, interaction: Interaction) -> bool:
    running = select(Recording.id).where(
        Recording.interaction_id == interaction.id,
        Recording.kind == "call",
        Recording.state == RecordingState.RECORDING,
    )
    return session.execute(running).first() is not None


HANDLERS: dict[str, Callable[..., None]] = {
    "voice.ring_agent": ring_agent,
    "voice.stop_ringing": stop_ringing,
    "voice.rejoin_agent": rejoin_agent,
    "voice.bridge": bridge,
    "voice.leave_message": leave_message,
    "voice.record": record,
    "voice.agent_lost": agent_lost,
    "voice.hold": in_hand.hold,
    "voice.end_hold": in_hand.end_hold,
    "voice.let_go": in_hand.let_go,
    "voice.ring_third": in_hand.ring_third,
    "voice.end_consult": in_hand.end_consult,
    "voice.to_flow": in_hand.to_flow,
    "voice.ring_supervisor": supervise.ring_supervisor,
    "voice.supervise": supervise.supervise,
    "voice.end_supervision": supervise.end_supervision,
    "voice.back_to_queue": back_to_queue,
    "voice.leave_queue": leave_queue,
    "voice.settle_recordings": recording_news.settle,
    "voice.hang_up": hang_up,
    "voice.dial_out": dial_out,
    "voice.dial_customer": dial_customer,
    "voice.reconcile": look_around,
    "voice.numbers": numbers.sync_numbers,
}
