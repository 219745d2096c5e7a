"""Texts of people who wait for our call, or want one: a few words, alone in the text, in three languages.

CANCEL and STOP are the carriers' words for "no more texts" and are left to them.
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callbacks import texts
from app.callbacks.calendar import open_slots
from app.callbacks.change import cancel_callback, move_callback
from app.callbacks.models import Callback, Kind
from app.callbacks.policy import policy_of
from app.callbacks.request import CallbackRefused, Window, request
from app.callbacks.rows import hold, hold_in_turn, one_at_a_time, open_for, open_place
from app.customers.models import ContactPoint
from app.db import database_now
from app.interactions.models import Interaction, Message
from app.routing.models import Queue
from app.routing.wait import waiting

WORDS: dict[str, frozenset[str]] = {
    "cancel": frozenset({"NOCALL", "NO CALL", "NO CALLBACK", "NOLLAMAR", "NO LLAMAR", "不用回电", "取消回电"}),
    "later": frozenset({"LATER", "LUEGO", "MAS TARDE", "MÁS TARDE", "稍后"}),
    "place": frozenset({"PLACE", "WHERE", "STATUS", "LUGAR", "位置"}),
    "ask": frozenset({"CALLBACK", "CALL BACK", "CALL ME", "CALL ME BACK", "LLAMAME", "LLÁMAME", "LLAMEME", "回电"}),
}
LATER = timedelta(hours=1)


def understand(session: Session, message: Message) -> str | None:
    """Do what a text asks for: `cancel`, `later`, `place` or `ask`; None for any other text."""
    wish = wish_of(message.body)
    if wish is None or not message.remote_address.startswith("+"):
        return None
    known = open_for(session, message.remote_address)
    callback = hold(session, known.id) if known else None
    if callback is None:
        if wish != "ask":
            return None  # no callback: the word may mean something else, and people read it
        callback = _ask(session, message)
        if callback is not None:
            texts.confirm(session, callback)
        return wish
    _answer(session, callback, wish, f"reply:{message.id}")
    return wish


def hold_what_it_is_about(session: Session, from_address: str, body: str) -> None:
    """Take the callback that a text is about, or the turn to ask for one, before the text's customer: whoever texts
    somebody about their callback takes them in this order, too.
    """
    wish = wish_of(body)
    known = open_for(session, from_address) if wish is not None else None
    if known is not None:
        hold_in_turn(session, known)
    elif wish == "ask":
        owner = select(ContactPoint.customer_id).where(ContactPoint.kind == "phone", ContactPoint.value == from_address)
        queue = _queue_for(session, session.scalars(owner).first())
        if queue is not None:
            one_at_a_time(session, from_address, queue.id)


def wish_of(body: str) -> str | None:
    """What a whole text says, whatever its case and full stops."""
    said = re.sub(r"\s+", " ", body).strip(" .!。！").upper()
    return next((wish for wish, words in WORDS.items() if said in words), None)


def _answer(session: Session, callback: Callback, wish: str, once: str) -> None:
    match wish:
        case "cancel":
            if cancel_callback(session, callback, actor="customer", reason="by_text"):
                texts.write(session, callback, "canceled", once)
        case "later":
            _later(session, callback, once)
        case _:
            _tell_place(session, callback, once)


def _later(session: Session, callback: Callback, once: str) -> None:
    queue = session.get_one(Queue, callback.queue_id)
    policy = policy_of(session, queue.id)
    now = database_now(session)
    after = max(callback.window_start if callback.local_start else now, now) + LATER
    slot = next((each for each in open_slots(session, queue, policy) if each.start >= after), None)
    zone = callback.local_zone or callback.zone or policy.zone
    try:
        if slot is None:
            raise CallbackRefused("no_slot", "There is no other time free just now.")
        move_callback(session, callback, Window(slot.start, policy.slot_min, zone), actor="customer")
    except CallbackRefused:
        texts.write(session, callback, "no_time", once)
        return
    callback.link_version += 1
    session.flush()
    texts.confirm(session, callback)


def _tell_place(session: Session, callback: Callback, once: str) -> None:
    if callback.local_start is not None:
        texts.write(session, callback, "at", once)
        return
    interaction = open_place(session, callback)
    position = waiting(session, interaction).position if interaction is not None else 0
    name = "place" if position > 1 else "place_soon" if position == 1 else "soon"
    texts.write(session, callback, name, once, position=position)


def _ask(session: Session, message: Message) -> Callback | None:
    """A callback for who texts for one."""
    queue = _queue_for(session, message.customer_id)
    if queue is None:
        return None
    interaction = session.get_one(Interaction, message.interaction_id)
    try:
        return request(
            session,
            queue,
            kind=Kind.SMS,
            customer_id=message.customer_id,
            number=message.remote_address,
            our_address=message.our_address,
            actor="customer",
            language=interaction.language,
            origin_id=interaction.id,
        )
    except CallbackRefused:
        return None


def _queue_for(session: Session, customer_id: uuid.UUID | None) -> Queue | None:
    """The queue they were in last, else the first there is."""
    before = select(Interaction.queue_id).where(
        Interaction.customer_id == customer_id, Interaction.queue_id.is_not(None)
    )
    last = session.scalars(before.order_by(Interaction.created_at.desc()).limit(1)).first()
    return session.get(Queue, last) if last else session.scalars(select(Queue).order_by(Queue.id).limit(1)).first()
