"""A customer's message comes in: kept once, its attachments asked for."""

from __future__ import annotations

from dataclasses import asdict

import structlog
from sqlalchemy.orm import Session

from app import jobs
from app.callbacks.replies import hold_what_it_is_about, understand
from app.interactions.messages import receive_message
from app.interactions.models import Message
from digital_channels.base import InboundMessage

log = structlog.get_logger()


def take(session: Session, inbound: InboundMessage) -> Message | None:
    """Keep the message on the sender's record; None when it is already there."""
    hold_what_it_is_about(session, inbound.from_, inbound.body)
    message = receive_message(
        session,
        provider_id=inbound.provider_id,
        from_address=inbound.from_,
        to_address=inbound.to,
        body=inbound.body,
        media=[asdict(each) for each in inbound.attachments],
    )
    if message is not None and message.media:
        jobs.enqueue(session, "sms.fetch_media", queue="files", message_id=message.id)
    if message is not None:
        _heed(session, message)
    return message


def _heed(session: Session, message: Message) -> None:
    """A text may be a word about a callback. Whatever that leads to, the text itself is kept."""
    try:
        with session.begin_nested():
            understand(session, message)
    except Exception:
        log.exception("callback.reply_failed", message_id=message.id)
