"""What is known of the messages we send, kept in the database: attempt before the request, outcome after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.orm import Session

from app import events, jobs
from app.customers.models import ContactPoint
from app.db import database_now
from app.interactions.messages import OPTED_OUT_ERROR, apply_delivery
from app.interactions.models import Interaction, Message
from digital_channels.base import DeliveryUpdate, OutboundMessage, SendError

ANSWER_IS_LATE = timedelta(seconds=15)
"""By then the request has timed out: who sent it is gone or has lost the answer."""
LOOKED_UP_LONG_ENOUGH = timedelta(seconds=60)
"""A message that the carrier does not list by then was never taken."""
TOO_OLD_TO_SEND = timedelta(minutes=30)
"""A text that comes later than this surprises more than it helps; the agent decides."""
FOLLOW_AFTER = tuple(timedelta(seconds=s) for s in (60, 300, 1800, 4 * 3600, 24 * 3600))
"""When to ask for a status that no callback brought."""
OVER = ("delivered", "read", "undelivered", "failed")
NOT_SENT = "The carrier could not be reached, so the text was not sent. Send it again if it still matters."


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message that is being sent: what goes out, since when, and what the carrier said the last time, if it did."""

    message_id: int
    message: OutboundMessage
    began_at: datetime
    last_code: int | None = None


def begin_attempt(session: Session, message_id: int, base_url: str) -> Attempt | None:
    """Claim a queued message for sending; None when it is not to be sent (any more), or the customer opted out."""
    message = session.get(Message, message_id, with_for_update=True)
    if message is None or message.status != "queued" or message.direction != "outbound":
        return None
    if _has_opted_out(session, message):
        apply_delivery(session, message_id, "failed", OPTED_OUT_ERROR)
        return None
    message.attempted_at = database_now(session)
    session.flush()
    attempt = attempt_of(message, base_url)
    apply_delivery(session, message_id, "sending")
    return attempt


def attempt_of(message: Message, base_url: str) -> Attempt:
    """The attempt as it went out, or will."""
    outbound = OutboundMessage(
        from_=message.our_address,
        to=message.remote_address,
        body=message.body,
        status_url=f"{base_url}/sms/status/{message.id}",
    )
    return Attempt(message.id, outbound, message.attempted_at or message.created_at, message.error_code)


def note_sent(session: Session, message_id: int, update_: DeliveryUpdate) -> bool:
    """Tie the carrier's message to ours and note how far it is; False when it belongs to another message."""
    if not _claim(session, message_id, update_.provider_id):
        return False
    apply_delivery(session, message_id, update_.status, update_.error_code)
    return True


def note_status(session: Session, message_id: int, update_: DeliveryUpdate) -> bool:
    """A status callback: as `note_sent`, and never a step back."""
    message = session.get(Message, message_id, with_for_update=True)
    if message is None or message.direction != "outbound":
        return False
    if message.provider_id is None and not _claim(session, message_id, update_.provider_id):
        return False
    if message.provider_id not in (None, update_.provider_id):
        return False
    apply_delivery(session, message_id, update_.status, update_.error_code)
    return True


def note_unknown(session: Session, message_id: int) -> None:
    """The answer was lost. The agent sees so; it is looked up, not sent again."""
    apply_delivery(session, message_id, "unknown")


def note_refusal(session: Session, attempt: Attempt, error: SendError) -> bool:
    """Surely not sent. True when it is queued again for another try, False when it has failed."""
    tried_before = error.code is not None and attempt.last_code == error.code
    message = session.get_one(Message, attempt.message_id, with_for_update=True)
    if error.retryable and not (error.once and tried_before):
        return put_back(session, message, error.code)
    if error.code is None:
        _fail(session, message, error.reason)
    else:
        apply_delivery(session, message.id, "failed", error.code)
    return False


def put_back(session: Session, message: Message, code: int | None = None) -> bool:
    """Queue a message again that was surely not sent; one that is too old fails instead. True when queued."""
    if database_now(session) - message.created_at > TOO_OLD_TO_SEND:
        _fail(session, message, NOT_SENT)
        return False
    message.status, message.attempted_at, message.error_code = "queued", None, code
    _tell(session, message)
    return True


def ask_about_lost_ones(session: Session) -> None:
    """Tick: look up what is neither sent nor refused, and send what waits without a job."""
    for message_id in _without_job(session, _answer_is_late(), "sms.look_up"):
        jobs.enqueue(session, "sms.look_up", message_id=message_id)
    for message_id in _without_job(session, Message.status == "queued", "sms.send"):
        message = session.get_one(Message, message_id)
        if put_back(session, message, message.error_code):
            jobs.enqueue(session, "sms.send", lock=f"sms:{message.remote_address}", message_id=message_id)


def is_waiting(session: Session, job: str) -> bool:
    """Whether a job of this name waits or runs."""
    query = "SELECT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE task_name = :job AND status IN ('todo', 'doing'))"
    return bool(session.execute(text(query), {"job": job}).scalar())


def _follow(session: Session, message_id: int, round_: int) -> None:
    """Ask again later, unless callbacks bring the end first."""
    if round_ < len(FOLLOW_AFTER):
        at = database_now(session) + FOLLOW_AFTER[round_]
        jobs.enqueue(session, "sms.follow", run_at=at, message_id=message_id, round_=round_)


def follow_on(session: Session, message_id: int, round_: int, update_: DeliveryUpdate | None) -> None:
    """After the carrier was asked: note what it says, and ask again later while the end is not known."""
    if update_:
        note_status(session, message_id, update_)
    message = session.get(Message, message_id)
    if message is not None and message.status not in OVER:
        _follow(session, message_id, round_ + 1)


def _claim(session: Session, message_id: int, provider_id: str) -> bool:
    """Write the carrier's id on our message, unless another message of ours has it.

    Whoever learns the id first, the sender or a callback, sees to it that the message's end is asked for: the other
    may have died.
    """
    known = session.get_one(Message, message_id, with_for_update=True).provider_id is not None
    taken = select(Message.id).where(
        Message.channel == "sms", Message.provider_id == provider_id, Message.id != message_id
    )
    claimed = session.execute(
        update(Message)
        .where(
            Message.id == message_id,
            or_(Message.provider_id.is_(None), Message.provider_id == provider_id),
            ~taken.exists(),
        )
        .values(provider_id=provider_id)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).first()
    if claimed is None:
        return False
    if not known:
        _follow(session, message_id, 0)
    message = session.get_one(Message, message_id, populate_existing=True)
    if message.status == "unknown":  # it is known now: the carrier has it
        message.status = "sending"
        _tell(session, message)
        session.flush()
    return True


def _fail(session: Session, message: Message, reason: str) -> None:
    message.status, message.error_text = "failed", reason
    _tell(session, message)


def _has_opted_out(session: Session, message: Message) -> bool:
    query = select(ContactPoint.id).where(
        ContactPoint.kind == "phone",
        ContactPoint.value == message.remote_address,
        ContactPoint.sms_opted_out_at.is_not(None),
    )
    return session.execute(query).first() is not None


def _answer_is_late() -> ColumnElement[bool]:
    return and_(
        Message.status.in_(("sending", "unknown")),
        Message.provider_id.is_(None),
        Message.attempted_at < func.clock_timestamp() - ANSWER_IS_LATE,
    )


def _without_job(session: Session, which: ColumnElement[bool], job: str) -> list[int]:
    """Outgoing texts that no job of this name is concerned with."""
    no_job = text(
        "NOT EXISTS (SELECT 1 FROM procrastinate_jobs job WHERE job.task_name = :job"
        " AND job.status IN ('todo', 'doing') AND (job.args ->> 'message_id')::bigint = message.id)"
    ).bindparams(job=job)
    query = select(Message.id).where(Message.direction == "outbound", Message.channel == "sms", which, no_job)
    return list(session.scalars(query.order_by(Message.id).limit(100)))


def _tell(session: Session, message: Message) -> None:
    session.flush()
    interaction = session.get_one(Interaction, message.interaction_id)
    events.record(
        session,
        "message.status",
        actor="system",
        customer_id=message.customer_id,
        interaction_id=message.interaction_id,
        users=(interaction.agent_id,) if interaction.agent_id else (),
        message_id=message.id,
        status=message.status,
        error_text=message.error_text,
    )
