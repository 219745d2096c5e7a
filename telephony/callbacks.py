"""The voice of a callback: what its customer hears after picking up, and what follows from the keys.

"Press 1 to be connected, 2 for later, 3 to cancel." Only the 1 connects, so a voicemail never gets an agent, and who
says nothing is asked once more, told what happened, and tried again another time. The keys work during a voicemail's
message, too: carriers take some people for machines.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from twilio.twiml.voice_response import Gather, VoiceResponse

from app import events, jobs
from app.callbacks import tries
from app.callbacks.models import Callback, CallbackAttempt, CallbackState, Outcome
from app.callbacks.policy import policy_of
from app.callbacks.rows import open_try
from app.callbacks.who_first import AGENT_FIRST, CUSTOMER_FIRST, customer_is_called
from app.db import database_now
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction
from app.routing.models import Offer, OfferState, Queue
from telephony import legs
from telephony.carrier import MachineDetection
from telephony.forms import MachineForm, is_machine
from telephony.phrases import phrase
from telephony.room import Room

ROUNDS = 2
LISTEN_S = 6
PROMPT_S = 45
"""How long both rounds take at most: for so long an agent is reserved."""
MESSAGE_S = 30
"""How long a machine's message takes at most, with the pause after it."""
PAUSE_S = 3
"""How long a key is waited for after the message."""
WAITING = (State.QUEUED, State.OFFERED)
TALKING = (State.ACTIVE, State.HELD, State.AGENT_LOST)
LAST_WORDS: dict[Outcome | None, str] = {
    Outcome.SNOOZED: "callback_later",
    Outcome.CANCELED: "callback_canceled",
    Outcome.UNSURE: "callback_missed",
}
"""What is said at the end of a try, as a phrase."""


def is_reserved(session: Session, room: Room, offer: Offer, interaction: Interaction) -> bool:
    """Whether this offer's agent is kept free and not rung yet, since the customer is dialled first.

    The caller holds the interaction.
    """
    if offer.state != OfferState.PENDING or not customer_is_called(session, interaction):
        return False
    _keep(session, offer, ring_s_of(session, interaction) + PROMPT_S)
    enqueue(session, "voice.dial_customer", interaction)
    return True


def ring_s_of(session: Session, interaction: Interaction) -> int:
    """How long the customer's telephone rings."""
    return policy_of(session, interaction.queue_id).ring_s if interaction.queue_id is not None else 25


def may_be_dialled(session: Session, interaction: Interaction) -> bool:
    """Judge and write the try, in the moment before the carrier is asked. The caller holds the interaction."""
    if interaction.state in TALKING and interaction.hangup_requested_by is None:
        return tries.begin_try(session, interaction, AGENT_FIRST)
    return interaction.state == State.OFFERED and tries.begin_try(session, interaction, CUSTOMER_FIRST)


def machine_detection(session: Session, room: Room, interaction: Interaction) -> MachineDetection | None:
    """How the carrier shall listen on this callback's line; None: not at all, or it is none."""
    if interaction.callback_id is None:
        return None
    policy = policy_of(session, interaction.queue_id)
    if not policy.detect_machines:
        return None
    return MachineDetection(room.urls.machine(interaction.id), to_the_end=policy.machine == "message")


def answered(session: Session, room: Room, interaction: Interaction, answered_by: str = "") -> str:
    """The customer's telephone was picked up: the question. A machine gets its message; asked again, what stands."""
    if is_machine(answered_by):
        tries.machine_answered(session, interaction)
    if not tries.picked_up(session, interaction) or met_a_machine(session, interaction):
        return standing(session, room, interaction)
    return question(session, room, interaction, 1)


def machine_heard(session: Session, interaction_id: uuid.UUID, form: MachineForm) -> None:
    """The carrier says who picked up. A machine gets the message, or the try ends; who pressed a key before is no
    machine, whatever it heard, and of whom it is not sure is asked as everybody is.
    """
    interaction = lock_interaction(session, interaction_id)
    leg = legs.leg_of_call_unlocked(session, form.call_sid)
    if interaction is None or interaction.callback_id is None or leg is None or leg.interaction_id != interaction.id:
        return
    if is_machine(form.answered_by) and tries.machine_answered(session, interaction):
        _keep_agents(session, interaction, MESSAGE_S)
        enqueue(session, "voice.leave_message", interaction)


def met_a_machine(session: Session, interaction: Interaction) -> bool:
    """Whether the last try on this line met a machine, as far as anybody knows."""
    return _last_outcome(session, interaction) == Outcome.MACHINE


def words_for_a_machine(session: Session, room: Room, interaction: Interaction) -> str | None:
    """The message, during which a person may still press the question's keys; None when the line should end."""
    if not _is_asked(session, interaction):
        return None
    language = interaction.language
    own = policy_of(session, interaction.queue_id).machine_text
    here = room.urls.callback(interaction.id, ROUNDS)
    response = VoiceResponse()
    gather = _gather(here, PAUSE_S)
    room.documents.speak(gather, *phrase("callback_no_machine", language))
    room.documents.speak(gather, *((own, language or "en") if own else _tried(session, interaction)))
    response.append(gather)
    response.redirect(here)
    return str(response)


def _tried(session: Session, interaction: Interaction) -> tuple[str, str]:
    """Who called and why, to be heard later, without a promise to try again; and its language."""
    queue = session.get(Queue, interaction.queue_id) if interaction.queue_id else None
    return phrase("callback_tried", interaction.language, queue=queue.name if queue else "")


def question(session: Session, room: Room, interaction: Interaction, round_: int) -> str:
    """Who calls and why, and the three keys."""
    queue = session.get(Queue, interaction.queue_id) if interaction.queue_id else None
    here = room.urls.callback(interaction.id, round_)
    response = VoiceResponse()
    gather = _gather(here, LISTEN_S)
    room.documents.speak(gather, *phrase("callback_here", interaction.language, queue=queue.name if queue else ""))
    response.append(gather)
    response.redirect(here)
    return str(response)


def _gather(action: str, listen_s: int) -> Gather:
    """Words during which, and for so long after which, a key is taken; `action` is asked without one, too."""
    return Gather(
        action=action, input="dtmf", num_digits=1, timeout=listen_s, finish_on_key="", action_on_empty_result=True
    )


def key_pressed(session: Session, room: Room, interaction_id: uuid.UUID, call_sid: str, round_: int, key: str) -> str:
    """What the customer did with the question. Late or repeated, it gets what stands."""
    interaction = lock_interaction(session, interaction_id)
    leg = legs.leg_of_call_unlocked(session, call_sid)
    if interaction is None or interaction.callback_id is None or leg is None or leg.interaction_id != interaction.id:
        return room.documents.goodbye("goodbye", None)
    if key == "1" and _accept(session, interaction):
        return _connect(session, room, interaction)
    if key == "2":
        tries.snooze(session, interaction)
    elif key == "3":
        tries.refuse(session, interaction)
    elif key != "1" and _is_asked(session, interaction):
        if round_ < ROUNDS and not met_a_machine(session, interaction):
            return question(session, room, interaction, round_ + 1)
        tries.nobody_spoke(session, interaction)
    return standing(session, room, interaction)


def standing(session: Session, room: Room, interaction: Interaction) -> str:
    """What a callback's customer should hear now."""
    callback = session.get_one(Callback, interaction.callback_id, populate_existing=True)
    if met_a_machine(session, interaction):
        return words_for_a_machine(session, room, interaction) or room.documents.nothing()
    if callback.state == CallbackState.ANSWERED and _is_asked(session, interaction):
        return question(session, room, interaction, ROUNDS)
    if callback.state == CallbackState.CONNECTED and interaction.state in (*WAITING, *TALKING):
        return _connect(session, room, interaction)
    outcome = _last_outcome(session, interaction)
    if outcome == Outcome.UNSURE and callback.state == CallbackState.EXHAUSTED:
        return room.documents.last_words(*_tried(session, interaction))
    return room.documents.goodbye(LAST_WORDS.get(outcome, "goodbye"), interaction.language)


def is_connected(session: Session, interaction: Interaction) -> bool:
    """Whether the customer said yes to being connected."""
    return session.get_one(Callback, interaction.callback_id).state == CallbackState.CONNECTED


def enqueue(session: Session, name: str, interaction: Interaction) -> None:
    jobs.enqueue(session, name, lock=f"interaction:{interaction.id}", interaction_id=str(interaction.id))


def _accept(session: Session, interaction: Interaction) -> bool:
    if not tries.accept(session, interaction):
        return False
    for offer in session.scalars(
        select(Offer).where(*_kept(interaction)).order_by(Offer.id)
    ):  # the reserved agents' turn
        queue = session.get_one(Queue, offer.queue_id)
        _keep(session, offer, queue.ring_s)
        events.record(
            session,
            "offer.rings",
            actor="system",
            customer_id=interaction.customer_id,
            interaction_id=interaction.id,
            users=(offer.user_id,),
            queue_id=offer.queue_id,
            offer_id=offer.id,
        )
        jobs.enqueue(session, "voice.ring_agent", lock=f"interaction:{interaction.id}", offer_id=offer.id)
    return True


def _connect(session: Session, room: Room, interaction: Interaction) -> str:
    """Into the conversation where the agent is, or into the line's front until one is."""
    if interaction.state in TALKING:
        enqueue(session, "voice.record", interaction)
        return room.documents.customer_room(interaction.id, interaction.language)
    return room.documents.back_to_waiting(interaction.id, interaction.language, None)


def _keep_agents(session: Session, interaction: Interaction, seconds: int) -> None:
    """Keep those agents who are reserved for this line for so many seconds more."""
    for offer in session.scalars(select(Offer).where(*_kept(interaction))):
        _keep(session, offer, seconds)


def _kept(interaction: Interaction) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Offer.interaction_id == interaction.id, Offer.state == OfferState.PENDING


def _keep(session: Session, offer: Offer, seconds: int) -> None:
    """Give an offer so much time from now."""
    offer.expires_at = database_now(session) + timedelta(seconds=seconds)
    session.flush()


def _is_asked(session: Session, interaction: Interaction) -> bool:
    """Whether the question is still open on this very line."""
    callback = session.get_one(Callback, interaction.callback_id)
    tried = open_try(session, callback)
    return callback.state == CallbackState.ANSWERED and tried is not None and tried.interaction_id == interaction.id


def _last_outcome(session: Session, interaction: Interaction) -> Outcome | None:
    """How the last try on this line ended; None while it goes on, unless a machine was heard."""
    outcome = session.scalars(
        select(CallbackAttempt.outcome)
        .where(CallbackAttempt.interaction_id == interaction.id)
        .order_by(CallbackAttempt.id.desc())
        .limit(1)
    ).first()
    return Outcome(outcome) if outcome else None
