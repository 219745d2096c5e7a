"""A customer's message comes in: kept once, its attachments asked for."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy.orm import Session

from app import jobs
from app.interactions.messages import receive_message
from app.interactions.models import Message
from digital_channels.base import InboundMessage


def take(session: Session, inbound: InboundMessage) -> Message | None:
    """Keep the message on the sender's record; None when it is already there."""
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
    return message
