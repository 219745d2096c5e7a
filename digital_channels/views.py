"""Attachments of messages, for the people of the house."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.wsgi import wrap_file

from app.db import unit_of_work
from app.interactions.models import Message
from recordings.problems import RecordingProblem
from recordings.store import Store

bp = Blueprint("messages", __name__, url_prefix="/messages")

SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "audio/mpeg", "audio/amr", "video/mp4"})
"""Kinds a browser may show in place. Everything else is only ever saved, as nobody knows what a stranger put in."""


@bp.get("/<int:message_id>/media/<int:number>")
def attachment(message_id: int, number: int) -> ResponseReturnValue:
    """One attachment; 404 when there is none, 409 while it is still at the carrier, 503 when the store is away."""
    entry = _find(message_id, number)
    if entry is None:
        return _error("not_found", "There is no such attachment.", 404)
    if "path" not in entry:
        return _error("not_here_yet", entry.get("problem", "The attachment is still at the carrier."), 409)
    store: Store = current_app.extensions["recordings"]
    try:
        size, file = store.size(entry["path"]), store.open(entry["path"])
    except (RecordingProblem, OSError):
        return _error("storage_unavailable", "The attachment cannot be read now. Tell an administrator.", 503)
    shown = entry.get("content_type") in SHOWN
    response = Response(wrap_file(request.environ, file), direct_passthrough=True)
    response.mimetype = entry["content_type"] if shown else "application/octet-stream"
    response.content_length = size
    name = f"message-{message_id}-{number}"
    response.headers["Content-Disposition"] = f'{"inline" if shown else "attachment"}; filename="{name}"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _find(message_id: int, number: int) -> dict[str, str] | None:
    if message_id >= 1 << 63:
        return None
    with unit_of_work() as session:
        message = session.get(Message, message_id)
    return message.media[number] if message and number < len(message.media) else None


def _error(code: str, text: str, status: int) -> ResponseReturnValue:
    return jsonify({"error": {"code": code, "message": text}}), status
