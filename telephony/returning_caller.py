"""Somebody who waits for our call calls us: they are told so, and may keep it, take its place now, or cancel it."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session
from twilio.twiml.voice_response import Gather, VoiceResponse

from app.callbacks.change import cancel_callback, wait_in_its_place
from app.callbacks.models import WAITING_FOR_A_DIAL, Callback
from app.callbacks.rows import hold_in_turn, open_for
from app.db import database_now
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction, move
from ivr_flows.callback_times import spoken
from telephony.models import Leg
from telephony.phrases import phrase
from telephony.place import look_up
from telephony.room import Room

LISTEN_S = 4


def greeting(session: Session, room: Room, interaction: Interaction) -> str | None:
    """What a caller hears before the flow; None for one who waits for no call of ours."""
    callback = open_for(session, interaction.remote_address)
    if callback is None or callback.state not in WAITING_FOR_A_DIAL:
        return None
    here = room.urls.returning(interaction.id)
    response = VoiceResponse()
    gather = Gather(action=here, input="dtmf", num_digits=1, timeout=LISTEN_S, finish_on_key="")
    words = phrase("returning", interaction.language, time=_when(session, callback, interaction.language))
    room.documents.speak(gather, *words)
    response.append(gather)
    response.redirect(here)
    return str(response)


def chosen(session: Session, room: Room, interaction_id: uuid.UUID, call_sid: str, key: str) -> str:
    """What follows from the key; anything else, late or repeated, goes on with what stands for this call."""
    leg = session.query(Leg).filter_by(call_sid=call_sid).one_or_none()
    interaction = lock_interaction(session, interaction_id)
    if interaction is None or leg is None or leg.interaction_id != interaction_id:
        return room.documents.goodbye("goodbye", None)
    known = open_for(session, interaction.remote_address)
    callback = hold_in_turn(session, known) if known else None
    if callback is not None and interaction.state == State.IN_FLOW:
        document = _act(session, room, interaction, callback, key)
        if document is not None:
            return document
    return _what_stands(session, room, interaction)


def _act(session: Session, room: Room, interaction: Interaction, callback: Callback, key: str) -> str | None:
    language = interaction.language
    if key == "1":
        move(session, interaction, State.CONTAINED, actor="caller", reason="callback_kept")
        return room.documents.goodbye("returning_kept", language)
    if key == "2" and wait_in_its_place(session, callback, interaction):
        return room.documents.try_again(room.urls.wait(interaction.id))
    if key == "3" and cancel_callback(session, callback, actor="customer", reason="on_the_phone"):
        response = VoiceResponse()
        room.documents.speak(response, *phrase("returning_canceled", language))
        response.redirect(room.urls.returning(interaction.id))
        return str(response)
    return None


def _what_stands(session: Session, room: Room, interaction: Interaction) -> str:
    from telephony import steps

    place = look_up(session, interaction.id)
    if place is None or interaction.state == State.CONTAINED:
        return room.documents.goodbye("goodbye", interaction.language)
    return steps.standing(room, place)


def _when(session: Session, callback: Callback, language: str | None) -> str:
    if callback.local_start is None or callback.local_zone is None:
        return phrase("returning_soon", language)[0]
    return spoken(callback.window_start, database_now(session), callback.local_zone, language or "en")
