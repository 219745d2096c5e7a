"""Texts, both ways, on the customer's record.

An SMS interaction is one stretch of conversation: it opens with the first text from either side, is `active` while
texts go back and forth, and is completed by the clock after 24 h of silence. The next text then opens another.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, MetaData, Table, Text, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import events, jobs
from app.accounts.models import User
from app.clock import tick
from app.customers.identify import BadAddress, identify, normalise
from app.customers.models import ContactPoint, Customer
from app.db import database_now
from app.interactions.due import each_due
from app.interactions.models import Interaction, Message, State
from app.interactions.move import move
from app.interactions.open import open_interaction
from app.interactions.segments import segments

LONGEST_BODY = 1600  # Twilio refuses longer bodies with error 21617
LONGEST_CLIENT_ID = 100
IDLE = timedelta(hours=24)
CONVERSATION_IDLE = "CONVERSATION_IDLE"
"""The outcome of a conversation that ended by silence."""

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})

RANK = {"queued": 0, "sending": 1, "unknown": 2, "sent": 3, "delivered": 4, "read": 5, "undelivered": 6, "failed": 6}
FINAL = frozenset({"failed", "undelivered", "read"})
OPTED_OUT_ERROR = 21610
ERRORS = {
    21211: "The number is not a valid mobile number.",
    21408: "Texts to that country are not switched on for our account.",
    21610: "The customer has opted out (texted STOP).",
    21612: "The carrier cannot send to that number from ours.",
    21614: "The number cannot receive texts.",
    21617: "The text is too long.",
    30003: "The phone is switched off or out of reach.",
    30004: "The recipient or their carrier blocks our texts.",
    30005: "The number does not exist any more.",
    30006: "The number is a landline or cannot be reached by text.",
    30007: "The carrier filtered the text as spam.",
    30008: "The carrier did not say why it was not delivered.",
    63016: "Outside the 24 hours after the customer's last message: use a template.",
}
"""Carrier error codes in an agent's words. Source: https://www.twilio.com/docs/api/errors"""

_phone_number = Table("phone_number", MetaData(), Column("id"), Column("number", Text))
"""Our numbers. Their model belongs to the telephone room, which this room does not import."""


class MessageRefused(ValueError):
    """The text cannot be sent. The message says why and what to do; `code` is for machines."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def receive_message(
    session: Session,
    *,
    provider_id: str,
    from_address: str,
    to_address: str,
    body: str,
    media: Iterable[dict[str, Any]] = (),
) -> Message | None:
    """Keep a text that came in, once per provider id; None when it is already here.

    It continues the open conversation of these two numbers or opens one. STOP and START, alone in the text, change the
    customer's consent. `media` are {"url", "content_type"}.
    """
    _one_at_a_time(session, provider_id)
    if _known(session, provider_id):
        return None
    customer = _sender(session, from_address)
    _hold(session, customer.id)
    remote = _address(from_address)
    interaction = _conversation(session, customer, remote, to_address, "inbound")
    text = body.replace("\x00", "")
    message = _insert(
        session,
        interaction,
        direction="inbound",
        body=text,
        media=list(media),
        segments=segments(text).count,
        status="received",
        provider_id=provider_id,
    )
    assert message is not None  # no other of this id can have come between
    _tell(session, "message.received", message, interaction, actor="caller")
    _heed_consent_words(session, customer, remote, text)
    return message


def send_message(
    session: Session,
    user: User | None,
    customer_id: uuid.UUID,
    body: str,
    client_id: str,
    to: str | None = None,
    *,
    our_address: str | None = None,
) -> Message:
    """Write a text and enqueue `sms.send`; the same `client_id` again gives the same message.

    `user` is None when a flow writes. `to` defaults to the number last used, `our_address` to the number of ours that
    this person knows. Raises MessageRefused, LookupError for an unknown customer.
    """
    text = _sendable(body, client_id)
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise LookupError("There is no such customer.")
    _hold(session, customer_id)
    again = _sent_before(session, user, customer_id, client_id)
    if again is not None:
        return again
    point = _destination(session, customer, to)
    ours = our_address or our_address_for(session, point.value)
    interaction = _conversation(session, customer, point.value, ours, "outbound")
    message = _insert(
        session,
        interaction,
        direction="outbound",
        body=text,
        segments=segments(text).count,
        status="queued",
        client_id=client_id,
        sent_by=user.id if user else None,
    )
    if message is None:
        raise MessageRefused("client_id_taken", "This send was already used for another text: send it again.")
    if user:
        interaction.agent_id = user.id
        session.flush()
    _tell(session, "message.queued", message, interaction, actor=f"user:{user.id}" if user else "flow")
    jobs.enqueue(session, "sms.send", lock=f"sms:{point.value}", message_id=message.id)
    return message


def apply_delivery(session: Session, message_id: int, status: str, error_code: int | None = None) -> bool:
    """Note how far a sent text got; False when more is already known, for a status never steps back.

    Error 21610 also records that the customer opted out. Raises ValueError for a status that is not ours, LookupError
    for an unknown message.
    """
    if status not in RANK:
        raise ValueError(f"there is no delivery status {status!r}")
    behind = [each for each, rank in RANK.items() if rank < RANK[status] and each not in FINAL]
    if status in ("failed", "undelivered"):
        behind.remove("delivered")
    moved = session.execute(
        update(Message)
        .where(Message.id == message_id, Message.direction == "outbound", Message.status.in_(behind))
        .values(status=status, error_code=error_code, error_text=error_text(error_code))
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).first()
    message = session.get(Message, message_id, populate_existing=True)
    if message is None or message.direction != "outbound":
        raise LookupError(f"there is no sent message {message_id}")
    if moved is None:
        return False
    interaction = session.get_one(Interaction, message.interaction_id)
    _tell(session, "message.status", message, interaction, actor="carrier")
    if error_code == OPTED_OUT_ERROR:
        _set_consent(session, message.customer_id, message.remote_address, opted_out=True)
    return True


def error_text(error_code: int | None) -> str | None:
    """A carrier's error code in an agent's words; an unknown one still shows its number."""
    if error_code is None:
        return None
    return ERRORS.get(error_code, f"The carrier reported error {error_code}.")


@tick("messages.idle_conversations", every_s=60)
def complete_idle_conversations(session: Session) -> int:
    """Complete conversations that have been silent for 24 h; how many."""
    return each_due(session, (Interaction.channel == "sms") & (Interaction.state == State.ACTIVE), _complete)


def _complete(session: Session, interaction: Interaction) -> None:
    interaction.disposition_code = CONVERSATION_IDLE
    session.flush()
    move(session, interaction, State.COMPLETED, actor="system", reason="idle")


def _one_at_a_time(session: Session, provider_id: str) -> None:
    """Make the same webhook on two workers take turns: the second finds what the first committed."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"message:{provider_id}", 0))))


def _known(session: Session, provider_id: str) -> bool:
    query = select(Message.id).where(Message.channel == "sms", Message.provider_id == provider_id)
    return session.execute(query).first() is not None


def _sender(session: Session, address: str) -> Customer:
    """Who wrote. A text is never lost for a strange sender: one that is no address is nobody we know."""
    try:
        return identify(session, "phone", address)
    except BadAddress:
        return identify(session, "phone", "unknown")


def _address(address: str) -> str:
    try:
        return normalise("phone", address) or address
    except BadAddress:
        return address[:LONGEST_CLIENT_ID]


def _hold(session: Session, customer_id: uuid.UUID) -> None:
    """Texts of one customer are taken one after the other, so that two at once share one conversation."""
    session.execute(select(Customer.id).where(Customer.id == customer_id).with_for_update(key_share=True))


def _conversation(session: Session, customer: Customer, remote: str, ours: str, direction: str) -> Interaction:
    """The open conversation of these two numbers, kept open for another 24 h, or a new one."""
    idle_at = database_now(session) + IDLE
    running = session.scalars(
        select(Interaction)
        .where(
            Interaction.customer_id == customer.id,
            Interaction.channel == "sms",
            Interaction.state == State.ACTIVE,
            Interaction.remote_address == remote,
            Interaction.our_address == ours,
        )
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).first()
    if running is None:
        return _new_conversation(session, customer, remote, ours, direction, idle_at)
    running.wake_at = idle_at
    session.flush()
    return running


def _new_conversation(
    session: Session, customer: Customer, remote: str, ours: str, direction: str, idle_at: datetime
) -> Interaction:
    opened = open_interaction(
        session,
        channel="sms",
        direction=direction,
        customer_id=customer.id,
        remote_address=remote,
        our_address=ours,
        language=customer.language,
    )
    move(session, opened, State.ACTIVE, actor="system", reason="conversation", wake_at=idle_at)
    return opened


def _insert(session: Session, interaction: Interaction, **values: Any) -> Message | None:
    """Write the row; None when the browser's id was taken by another customer's text at this very moment."""
    row = insert(Message).values(
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        channel="sms",
        our_address=interaction.our_address,
        remote_address=interaction.remote_address,
        **values,
    )
    message_id = session.execute(row.on_conflict_do_nothing().returning(Message.id)).scalar()
    return None if message_id is None else session.get_one(Message, message_id)


def _sendable(body: str, client_id: str) -> str:
    text = body.replace("\x00", "").strip()
    if not text:
        raise MessageRefused("empty", "The text is empty: write something first.")
    if len(text) > LONGEST_BODY:
        raise MessageRefused("too_long", f"The text has {len(text)} of at most {LONGEST_BODY} characters: shorten it.")
    if not client_id or len(client_id) > LONGEST_CLIENT_ID or not client_id.isprintable():
        raise MessageRefused("bad_client_id", f"client_id must be 1 to {LONGEST_CLIENT_ID} printable characters.")
    return text


def _sent_before(session: Session, user: User | None, customer_id: uuid.UUID, client_id: str) -> Message | None:
    again = session.scalars(select(Message).where(Message.client_id == client_id)).one_or_none()
    if again is None:
        return None
    if again.customer_id != customer_id or again.sent_by != (user.id if user else None):
        raise MessageRefused("client_id_taken", "This send was already used for another text: send it again.")
    return again


def _destination(session: Session, customer: Customer, to: str | None) -> ContactPoint:
    """The contact point to write to: the one asked for, else the number last used, else the newest."""
    points = {point.value: point for point in customer.contact_points if point.kind == "phone"}
    if not points:
        raise MessageRefused("no_number", "There is no number on this record to text to.")
    wanted = _asked_for(to) if to else _last_used(session, customer.id, list(points)) or next(reversed(points))
    point = points.get(wanted)
    if point is None:
        raise MessageRefused("not_theirs", "That number is not on this customer's record: add it there first.")
    session.refresh(point)
    if point.sms_opted_out_at is not None:
        raise MessageRefused(
            "opted_out", "This customer texted STOP. They must text START before you can write to them again."
        )
    if not point.value.startswith("+"):
        raise MessageRefused("no_reply", "This sender cannot receive texts: it is a short code or a name.")
    return point


def _asked_for(to: str) -> str:
    try:
        return normalise("phone", to) or to
    except BadAddress as wrong:
        raise MessageRefused("bad_number", str(wrong)) from wrong


def _last_used(session: Session, customer_id: uuid.UUID, numbers: list[str]) -> str | None:
    last = select(Interaction.remote_address).where(
        Interaction.customer_id == customer_id, Interaction.remote_address.in_(numbers)
    )
    return session.scalars(last.order_by(Interaction.created_at.desc()).limit(1)).first()


def our_address_for(session: Session, remote: str) -> str:
    """The number of ours that this person knows, else our first. Raises MessageRefused when there is none."""
    known = select(Interaction.our_address).where(
        Interaction.remote_address == remote, Interaction.our_address.in_(select(_phone_number.c.number))
    )
    first = select(_phone_number.c.number).order_by(_phone_number.c.id)
    ours: str | None = (
        session.scalars(known.order_by(Interaction.created_at.desc()).limit(1)).first()
        or session.scalars(first.limit(1)).first()
    )
    if ours is None:
        raise MessageRefused("no_number_of_ours", "There is no number of ours to send from: ask an admin to add one.")
    return ours


def _heed_consent_words(session: Session, customer: Customer, remote: str, text: str) -> None:
    """STOP and START count only when they are the whole text, as at the carrier."""
    word = text.strip().rstrip(".!").upper()
    if word in STOP_WORDS:
        _set_consent(session, customer.id, remote, opted_out=True)
    elif word in START_WORDS:
        _set_consent(session, customer.id, remote, opted_out=False)


def _set_consent(session: Session, customer_id: uuid.UUID, address: str, *, opted_out: bool) -> None:
    """Note the choice on the contact point; said again, it is no news."""
    at = database_now(session) if opted_out else None
    changed = session.execute(
        update(ContactPoint)
        .where(
            ContactPoint.customer_id == customer_id,
            ContactPoint.kind == "phone",
            ContactPoint.value == address,
            ContactPoint.sms_opted_out_at.is_(None) if opted_out else ContactPoint.sms_opted_out_at.is_not(None),
        )
        .values(sms_opted_out_at=at)
        .returning(ContactPoint.id)
    ).first()
    if changed:
        events.record(
            session, "consent.changed", actor="caller", customer_id=customer_id, channel="sms", opted_out=opted_out
        )


def _tell(session: Session, kind: str, message: Message, interaction: Interaction, *, actor: str) -> None:
    events.record(
        session,
        kind,
        actor=actor,
        customer_id=message.customer_id,
        interaction_id=message.interaction_id,
        users=(interaction.agent_id,) if interaction.agent_id is not None else (),
        message_id=message.id,
        status=message.status,
        error_text=message.error_text,
    )
