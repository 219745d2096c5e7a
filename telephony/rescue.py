"""When a webhook failed: the carrier asks the fallback address, and the caller is never dropped by our fault."""

from __future__ import annotations

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.customers.identify import identify
from app.db import unit_of_work
from app.interactions.models import Interaction, State
from app.interactions.move import move
from app.interactions.open import open_interaction
from recordings.announce import announce_recording
from telephony import answering, queueing, steps
from telephony.documents import plain_voicemail
from telephony.forms import CallForm, RecordingForm
from telephony.legs import leg_of_call_unlocked
from telephony.models import FlowSession, Leg, WebhookReceipt
from telephony.room import Room

log = structlog.get_logger()

TRIES = 3
SOURCE = "voice.fallback"
LOCK_TIMEOUT = "4s"  # the failed webhook may still hold the call; the carrier waits 15 s for us


def document(room: Room, form: CallForm) -> str:
    """The step that stands, begun now if need be; after three failures, or without a database, an apology."""
    try:
        with unit_of_work() as session:
            session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            return _document(session, room, form)
    except Exception:
        log.exception("fallback.apology", call_sid=form.call_sid)
        return plain_voicemail(room.urls)


def _document(session: Session, room: Room, form: CallForm) -> str:
    leg = leg_of_call_unlocked(session, form.call_sid)
    if leg is not None and leg.role == "agent":
        return _for_agent(session, room, leg, form)
    if _failures(session, form.call_sid) > TRIES:
        return plain_voicemail(room.urls)
    if leg is None:
        return steps.start_call(session, room, form)
    return queueing.standing(session, room, session.get_one(Interaction, leg.interaction_id))


def _for_agent(session: Session, room: Room, leg: Leg, form: CallForm) -> str:
    if leg.offer_id is not None:
        return answering.agent_answered(session, room, leg.offer_id, form.call_sid)
    return answering.leg_answered(session, room, leg.id, form.call_sid)


def _failures(session: Session, call_sid: str) -> int:
    """How often this call came here, this time included."""
    of_call = select(func.count()).where(
        WebhookReceipt.source == SOURCE, WebhookReceipt.dedupe_key.startswith(f"{call_sid}:")
    )
    before = session.execute(of_call).scalar_one()
    receipt = insert(WebhookReceipt).values(source=SOURCE, dedupe_key=f"{call_sid}:{before + 1}")
    session.execute(receipt.on_conflict_do_nothing())
    return before + 1


def keep_message(session: Session, call: CallForm, recording: RecordingForm) -> None:
    """Keep the message that followed an apology, on the call's own interaction or on one that opens for it."""
    interaction = _interaction_of(session, call) or _open(session, call)
    announce_recording(
        session,
        interaction.id,
        "voicemail",
        recording.recording_sid,
        recording.url,
        {"0": "customer"},
        recording.status,
        recording.duration_s,
        recording.started_at,
    )
    steps.message_left(session, interaction.id)


def _interaction_of(session: Session, call: CallForm) -> Interaction | None:
    leg = leg_of_call_unlocked(session, call.call_sid)
    place = session.scalars(select(FlowSession).where(FlowSession.call_sid == call.call_sid)).one_or_none()
    known = leg or place
    return session.get(Interaction, known.interaction_id) if known else None


def _open(session: Session, call: CallForm) -> Interaction:
    number = steps.number_of(call.from_)
    customer = identify(session, "phone", number)
    interaction = open_interaction(
        session,
        channel="voice",
        direction="inbound",
        customer_id=customer.id,
        remote_address=number,
        our_address=call.to,
    )
    session.add(Leg(interaction_id=interaction.id, role="caller", call_sid=call.call_sid, state="connected"))
    move(session, interaction, State.IN_FLOW, actor="system", reason="fallback")
    return interaction
