"""What the carrier tells of messages. Every request is signed; every one may come twice, late or never."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from app import crash
from app.db import unit_of_work
from digital_channels import outbox
from digital_channels.base import BadMessage
from digital_channels.inbox import take
from digital_channels.sms import SmsAdapter
from telephony import signature

log = structlog.get_logger()

bp = Blueprint("sms", __name__, url_prefix="/sms")
signature.guard(bp)

NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


@bp.errorhandler(BadMessage)
def refuse(error: BadMessage) -> ResponseReturnValue:
    """400 with the name of the field."""
    return jsonify({"error": {"code": "bad_field", "field": error.field, "message": str(error)}}), 400


@bp.post("/incoming")
def incoming() -> Response:
    """A customer's text: MessageSid, From, To, Body and media in, empty TwiML out.

    Source: https://www.twilio.com/docs/messaging/guides/webhook-request
    """
    inbound = _adapter().parse_inbound(request.form)
    crash.point("W1")
    with unit_of_work() as session:
        message = take(session, inbound)
    crash.point("W3")
    log.info("sms.received", message_id=message.id if message else None)
    return Response(NO_REPLY, mimetype="text/xml")


@bp.post("/fallback")
def fallback() -> Response:
    """The same text again, because `/sms/incoming` did not answer. It may have been kept all the same."""
    log.warning("sms.fallback", code=request.form.get("ErrorCode", "")[:10])
    return incoming()


@bp.post("/status/<int:message_id>")
def status(message_id: int) -> ResponseReturnValue:
    """How far a text of ours got: MessageSid, MessageStatus and ErrorCode in, 204 out; 404 for a text that is not ours.

    Source: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
    """
    update = _adapter().parse_status(request.form)
    with unit_of_work() as session:
        ours = message_id < 1 << 63 and outbox.note_status(session, message_id, update)
    crash.point("S5")
    if not ours:
        return jsonify({"error": {"code": "not_found", "message": "There is no such text of ours."}}), 404
    return "", 204


def _adapter() -> SmsAdapter:
    adapter: SmsAdapter = current_app.extensions["sms"]
    return adapter
