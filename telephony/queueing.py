"""The caller in the queue: what each round of the loop says, and the ways out of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.db import database_now
from app.interactions.models import Interaction, State
from app.routing.wait import waiting
from telephony import steps, wait_loop
from telephony.documents import plain_voicemail
from telephony.legs import leg_of_call_unlocked
from telephony.models import FlowSession
from telephony.place import look_up
from telephony.room import Room
from telephony.wait_loop import Told

TALKING = (State.ACTIVE, State.HELD, State.AGENT_LOST)
LEAVE_MESSAGE_KEY = "*"


def next_round(
    session: Session, room: Room, interaction_id: uuid.UUID, call_sid: str, query: Mapping[str, str], key: str
) -> str:
    """What the waiting caller hears next; once the wait is over, the document of whatever came instead."""
    interaction = _of_this_call(session, interaction_id, call_sid)
    if interaction is None:
        return room.documents.goodbye("goodbye", None)
    wants_out = key == LEAVE_MESSAGE_KEY and interaction.state == State.QUEUED
    if wants_out or interaction.state == State.IN_FLOW:
        document = steps.leave_queue(session, room, interaction_id, "voicemail" if wants_out else "timeout")
        if document is not None:
            return document
        session.refresh(interaction)
        if wants_out and session.get(FlowSession, interaction_id) is None:
            return plain_voicemail(room.urls)
    if interaction.state in (State.QUEUED, State.OFFERED):
        return _round(session, room, interaction, query)
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
    place = look_up(session, interaction.id)
    if place is not None:
        return steps.standing(room, place)
    if interaction.state in TALKING:
        return room.documents.customer_room(interaction.id, interaction.language)
    if interaction.state in (State.QUEUED, State.OFFERED):
        return room.documents.try_again(room.urls.wait(interaction.id))
    return room.documents.goodbye("goodbye", interaction.language)


def language_of(session: Session, interaction_id: uuid.UUID) -> str | None:
    interaction = session.get(Interaction, interaction_id)
    return interaction.language if interaction else None


def _round(session: Session, room: Room, interaction: Interaction, query: Mapping[str, str]) -> str:
    if interaction.state == State.OFFERED:
        place_in_flow = look_up(session, interaction.id)
        rings = place_in_flow is not None and place_in_flow.rings_an_agent
        return room.documents.being_connected(interaction.id, query, rings=rings)
    now = int(database_now(session).timestamp())
    here = waiting(session, interaction)
    place = wait_loop.Place(here.position, here.low_min, here.high_min)
    announcement = wait_loop.announce(place, Told.from_query(query, now), now)
    return room.documents.waiting(interaction.id, announcement, interaction.language)


def _of_this_call(session: Session, interaction_id: uuid.UUID, call_sid: str) -> Interaction | None:
    """The interaction, if the asking call is its customer's."""
    leg = leg_of_call_unlocked(session, call_sid)
    if leg is None or leg.interaction_id != interaction_id or leg.role != "caller":
        return None
    return session.get(Interaction, interaction_id)
