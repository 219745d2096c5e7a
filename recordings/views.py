"""Listening to a recording: the audio with ranges, and its outline for the player."""

from __future__ import annotations

from typing import IO, Any

from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wsgi import wrap_file

from app.db import unit_of_work
from recordings.models import Recording, RecordingState
from recordings.peaks import peaks
from recordings.problems import RecordingProblem
from recordings.store import Store
from recordings.tell import tell
from recordings.wav import read_shape

bp = Blueprint("recordings", __name__, url_prefix="/recordings")

HERE = (RecordingState.STORED, RecordingState.PROVIDER_DELETED)
NOT_HERE = {
    RecordingState.RECORDING: "The call is still being recorded.",
    RecordingState.ANNOUNCED: "The recording is still at the carrier and will be here soon.",
    RecordingState.ABSENT: "Nothing was recorded.",
    RecordingState.FAILED: "The recording was lost.",
}


@bp.get("/<int:recording_id>.wav")
def audio(recording_id: int) -> ResponseReturnValue:
    """The WAV file; Range and If-Range are understood (206, 416). 404 when there is none, 409 while it is not here yet,
    503 when the store cannot be read. Playing from the start is written in the log of who listened.
    """
    recording = _find(recording_id)
    if recording is None or recording.state not in HERE or recording.path is None:
        return _not_here(recording)
    try:
        size, file = _store().size(recording.path), _store().open(recording.path)
    except (RecordingProblem, OSError):
        return _error("storage_unavailable", "The recording's file cannot be read now. Tell an administrator.", 503)
    response = _with_ranges(file, size, recording)
    if _plays_from_the_start():
        _note_played(recording_id)
    return response


@bp.get("/<int:recording_id>/peaks.json")
def outline(recording_id: int) -> ResponseReturnValue:
    """`{"duration_s", "channels": [{"speaker", "peaks": [0..1, …]}]}`; at most 600 peaks, evenly over the time."""
    recording = _find(recording_id)
    if recording is None or recording.state not in HERE or recording.path is None:
        return _not_here(recording)
    try:
        with _store().open(recording.path) as file:
            shape = read_shape(file)
            outlines = peaks(file, shape)
    except (RecordingProblem, OSError):
        return _error("storage_unavailable", "The recording's file cannot be read now. Tell an administrator.", 503)
    speakers = recording.speakers
    channels = [{"speaker": who, "peaks": found} for who, found in zip(speakers, outlines, strict=False)]
    answer = jsonify({"duration_s": round(shape.duration_s, 2), "channels": channels})
    answer.headers["Cache-Control"] = "private, max-age=3600"
    return answer


def _find(recording_id: int) -> Recording | None:
    if recording_id >= 1 << 63:
        return None
    with unit_of_work() as session:
        return session.get(Recording, recording_id)


def _store() -> Store:
    store: Store = current_app.extensions["recordings"]
    return store


def _with_ranges(file: IO[bytes], size: int, recording: Recording) -> Response:
    response = Response(wrap_file(request.environ, file), mimetype="audio/wav", direct_passthrough=True)
    response.content_length = size
    response.set_etag(recording.sha256 or "")
    response.headers["Content-Disposition"] = f'inline; filename="{_file_name(recording)}"'
    response.headers["Cache-Control"] = "private, no-store"
    response.make_conditional(request, accept_ranges=True, complete_length=size)
    return response


def _file_name(recording: Recording) -> str:
    """A name of our own making: no customer's name or number goes into a download folder."""
    began = recording.started_at or recording.created_at
    return f"{recording.kind}-{began:%Y-%m-%d-%H%M}-{recording.id}.wav"


def _plays_from_the_start() -> bool:
    """Players ask for a recording piece by piece; only its beginning counts as playing it."""
    wanted = request.range
    return request.method == "GET" and (wanted is None or wanted.ranges[0][0] == 0)


def _note_played(recording_id: int) -> None:
    with unit_of_work() as session:
        recording = session.get_one(Recording, recording_id)
        tell(session, "recording.played", recording, actor=f"user:{current_user.id}")


def _not_here(recording: Recording | None) -> ResponseReturnValue:
    if recording is None:
        return _error("not_found", "There is no such recording.", 404)
    if recording.state in (RecordingState.ABSENT, RecordingState.FAILED):
        return _error(recording.state, NOT_HERE[RecordingState(recording.state)], 404)
    reason = recording.problem or NOT_HERE[RecordingState(recording.state)]
    return _error("not_here_yet", reason, 409)


def _error(code: str, message: str, status: int) -> tuple[Any, int]:
    return jsonify({"error": {"code": code, "message": message}}), status
