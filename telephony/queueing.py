"""The caller in the queue: what each round of the loop says, and the ways out of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.callbacks.offer import is_offered
from app.db import database_now
from app.interactions.models import Interaction, State
from app.routing.models import Queue
from app.routing.wait import waiting
from ivr_flows.events import CallEvent, DigitsEntered
from telephony import callbacks, steps, wait_flow, wait_loop
from telephony.documents import plain_voicemail
from telephony.legs import leg_of_call_unlocked
from telephony.models import FlowSession
from telephony.place import lock_place, look_up
from telephony.room import Room
from telephony.wait_loop import Told

TALKING = (State.ACTIVE, State.HELD, State.AGENT_LOST, State.PARKED, State.OUTSIDE)
LEAVE_MESSAGE_KEY = "*"


def next_round(
    session: Session, room: Room, interaction_id: uuid.UUID, call_sid: str, query: Mapping[str, str], event: CallEvent
) -> str:
    """What the waiting caller hears next; once the wait is over, the document of whatever came instead.

    `event` is what the caller did during the last round.
    """
    key = event.digits if isinstance(event, DigitsEntered) else ""
    interaction = _of_this_call(session, interaction_id, call_sid)
    if interaction is None:
        return room.documents.goodbye("goodbye", None)
    wish = _wish(session, interaction, key, Told.from_query(query, 0)) if interaction.state == State.QUEUED else None
    if wish or interaction.state == State.IN_FLOW:
        document = steps.leave_queue(session, room, interaction_id, wish or "timeout")
        if document is not None:
            return document
        session.refresh(interaction)
        if wish and session.get(FlowSession, interaction_id) is None:
            return plain_voicemail(room.urls)
    if interaction.state in (State.QUEUED, State.OFFERED):
        return _round(session, room, interaction, query, event)
    if interaction.state in TALKING and query.get("bridging") != "1":
        # The bridge is on its way by REST; should it never come, the next round walks into the room by itself.
        return room.documents.try_again(room.urls.wait(interaction_id, bridging="1"))
    return standing(session, room, interaction)


def after_the_room(session: Session, room: Room, interaction_id: uuid.UUID, call_sid: str) -> str:
    """The customer fell out of the conversation with the line still up."""
    interaction = _of_this_call(session, interaction_id, call_sid)
    if interaction is None:
        return room.documents.goodbye("goodbye", None)
    if interaction.state in TALKING:
        return room.documents.try_again(room.urls.wait(interaction_id, bridging="1"))
    return standing(session, room, interaction)


def standing(session: Session, room: Room, interaction: Interaction) -> str:
    """What a caller's leg should run now, with or without a flow."""
    if interaction.callback_id is not None and not callbacks.is_connected(session, interaction):
        return callbacks.standing(session, room, interaction)
    place = look_up(session, interaction.id)
    if place is not None:
        return steps.standing(room, place)
    if interaction.state in TALKING:
        music = room.urls.hold(interaction.id) if interaction.state in (State.PARKED, State.OUTSIDE) else ""
        return room.documents.customer_room(interaction.id, interaction.language, wait_url=music)
    if interaction.state in (State.QUEUED, State.OFFERED):
        return room.documents.try_again(room.urls.wait(interaction.id))
    return room.documents.goodbye("goodbye", interaction.language)


def language_of(session: Session, interaction_id: uuid.UUID) -> str | None:
    interaction = session.get(Interaction, interaction_id)
    return interaction.language if interaction else None


def _wish(session: Session, interaction: Interaction, key: str, told: Told) -> str | None:
    """Why the caller wants to leave the line, by the key they pressed in the house's own loop.

    What was offered once is kept, though the line may have become shorter since.
    """
    if not key:
        return None
    place = look_up(session, interaction.id)
    entering = place.enters_queue if place is not None else None
    if entering is None:
        return "voicemail" if key == LEAVE_MESSAGE_KEY else None
    if entering.wait_flow:
        return None
    if key == entering.callback_key:
        may = told.callback or is_offered(session, interaction, waiting(session, interaction))
        return "callback_asked" if may else None
    return "voicemail" if key == LEAVE_MESSAGE_KEY and entering.announcements.message else None


def _round(session: Session, room: Room, interaction: Interaction, query: Mapping[str, str], event: CallEvent) -> str:
    place = look_up(session, interaction.id)
    if interaction.state == State.OFFERED:
        rings = place is not None and place.rings_an_agent
        return room.documents.being_connected(interaction.id, query, rings=rings)
    entering = place.enters_queue if place is not None else None
    if entering is not None and entering.wait_flow:
        document = _round_of_its_own(session, room, interaction, query, event)
        if document is not None:
            return document
    now = int(database_now(session).timestamp())
    here = waiting(session, interaction)
    where = wait_loop.Place(here.position, here.low_min, here.high_min)
    offers_callback = bool(entering and entering.callback_key) and is_offered(session, interaction, here)
    queue = session.get(Queue, interaction.queue_id)
    telling = wait_loop.Telling.of(entering, queue, callback=offers_callback)
    announcement = wait_loop.announce(where, Told.from_query(query, now), now, telling)
    return room.documents.waiting(interaction.id, announcement, interaction.language)


def _round_of_its_own(
    session: Session, room: Room, interaction: Interaction, query: Mapping[str, str], event: CallEvent
) -> str | None:
    """A round of the queue's own small flow, with the caller's place held: rounds of one call follow each other."""
    place = lock_place(session, interaction.id)
    session.refresh(interaction)
    if place is None or interaction.state != State.QUEUED:
        return standing(session, room, interaction)
    step = query.get("w", "")
    answer = wait_flow.Answer(int(step) if step.isascii() and step.isdigit() and len(step) < 7 else None, event)
    return wait_flow.next_round(session, room, place, waiting(session, interaction), interaction, answer)


def _of_this_call(session: Session, interaction_id: uuid.UUID, call_sid: str) -> Interaction | None:
    """The interaction, if the asking call is its customer's."""
    leg = leg_of_call_unlocked(session, call_sid)
    if leg is None or leg.interaction_id != interaction_id or leg.role != "caller":
        return None
    return session.get(Interaction, interaction_id)
