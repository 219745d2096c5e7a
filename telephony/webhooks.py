"""The carrier asks, we answer: every voice webhook. Verify, parse, act in one transaction, answer valid TwiML.

Each is safe to receive twice, late, out of order, or on two workers at once. The addresses: docs/contracts.md.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import structlog
from flask import Blueprint, Response, request

from app import crash
from app.db import unit_of_work
from telephony import (
    answering,
    callbacks,
    draft_calls,
    legs,
    lookups,
    queueing,
    recording_news,
    rescue,
    returning_caller,
    steps,
)
from telephony.forms import (
    TERMINAL_STATUSES,
    BadForm,
    CallForm,
    MachineForm,
    RecordingForm,
    RoomForm,
    StatusForm,
    StepForm,
)
from telephony.legs import LegNews
from telephony.recording_news import RecordingNews
from telephony.room import room_of
from telephony.signature import guard

log = structlog.get_logger()

bp = Blueprint("voice", __name__, url_prefix="/voice")
guard(bp)

TONES = re.compile(r"[0-9A-D#*wW]{1,32}")


@bp.errorhandler(BadForm)
def refuse(bad: BadForm) -> tuple[str, int]:
    """400 with the name of the field."""
    return str(bad), 400


@bp.post("/incoming")
def incoming() -> Response:
    """A call to one of our numbers: CallSid, From and To in, the flow's first step out. Source: docs/voice/twiml"""
    crash.point("W1")
    form = CallForm.parse(request.form)
    with unit_of_work() as session:
        document = steps.start_call(session, room_of(), form)
    crash.point("W3")
    return twiml_reply(document)


@bp.post("/draft/<token>")
def draft_answered(token: str) -> Response:
    """A telephone that was rung with a draft is picked up: the draft's first step, or the step that stands."""
    form = CallForm.parse(request.form)
    with unit_of_work() as session:
        document = draft_calls.answered(session, room_of(), token, form)
    return twiml_reply(document)


@bp.post("/step/<uuid:interaction_id>/<int:n>")
def step_answered(interaction_id: uuid.UUID, n: int) -> Response:
    """The answer to step `n`: keys, words, a message or a transfer's end in, the next step out.

    Late or repeated, it gets the step that stands. An unknown call is said goodbye to, status 200.
    """
    form = StepForm.parse(request.form, silent=request.args.get("silent") == "1")
    try:
        with unit_of_work() as session:
            document = steps.resume_call(session, room_of(), interaction_id, n, form.call_sid, form.event)
    except LookupError:
        return twiml_reply(room_of().documents.goodbye("goodbye", None))
    crash.point("W3")
    return twiml_reply(document)


@bp.post("/look-up/<uuid:interaction_id>/<int:n>")
def looking_up(interaction_id: uuid.UUID, n: int) -> Response:
    """A round while step `n` looks something up; `?told=1` once its phrase was said. Nothing is open meanwhile."""
    form = CallForm.parse(request.form)
    was_told = request.args.get("told") == "1"
    return twiml_reply(lookups.next_round(room_of(), interaction_id, n, form.call_sid, was_told=was_told))


@bp.post("/wait/<uuid:interaction_id>")
def waiting(interaction_id: uuid.UUID) -> Response:
    """One round of the queue's loop. Digits or words: what the caller did during the last one, `*` for a message."""
    form = StepForm.parse(request.form, silent=request.args.get("silent") == "1")
    CallForm.parse(request.form)
    with unit_of_work() as session:
        document = queueing.next_round(session, room_of(), interaction_id, form.call_sid, request.args, form.event)
    return twiml_reply(document)


@bp.post("/after/<uuid:interaction_id>")
def left_the_room(interaction_id: uuid.UUID) -> Response:
    """The customer's leg is out of the conversation and still up (Dial's action): what stands for it now."""
    form = CallForm.parse(request.form)
    if request.form.get("CallStatus") == "completed":
        return twiml_reply(room_of().documents.nothing())
    with unit_of_work() as session:
        document = queueing.after_the_room(session, room_of(), interaction_id, form.call_sid)
    return twiml_reply(document)


@bp.post("/callback/<uuid:interaction_id>/<int:round_>")
def callback_answer(interaction_id: uuid.UUID, round_: int) -> Response:
    """The key that the customer of a callback pressed: 1 connect, 2 later, 3 cancel; nothing: asked once more."""
    form = CallForm.parse(request.form)
    key = request.form.get("Digits", "")[:1]
    with unit_of_work() as session:
        document = callbacks.key_pressed(session, room_of(), interaction_id, form.call_sid, round_, key)
    crash.point("K6")
    return twiml_reply(document)


@bp.post("/machine/<uuid:interaction_id>")
def who_picked_up(interaction_id: uuid.UUID) -> Response:
    """What the carrier heard on a callback's line: a person, a machine, a fax, or it does not know."""
    form = MachineForm.parse(request.form)
    with unit_of_work() as session:
        callbacks.machine_heard(session, interaction_id, form)
    return noted()


@bp.post("/returning/<uuid:interaction_id>")
def returning(interaction_id: uuid.UUID) -> Response:
    """What a caller who waits for our call wants: 1 keep it, 2 wait now in its place, 3 cancel, else go on."""
    form = CallForm.parse(request.form)
    key = request.form.get("Digits", "")[:1]
    with unit_of_work() as session:
        document = returning_caller.chosen(session, room_of(), interaction_id, form.call_sid, key)
    return twiml_reply(document)


@bp.post("/hold/<uuid:interaction_id>")
def on_hold(interaction_id: uuid.UUID) -> Response:
    """What a held customer hears: with `?word=` a phrase first, then music."""
    word = "one_moment" if request.args.get("word") == "one_moment" else None
    with unit_of_work() as session:
        language = queueing.language_of(session, interaction_id)
    return twiml_reply(room_of().documents.hold(interaction_id, language, word))


@bp.post("/ringback")
def ringing() -> Response:
    """What an agent hears while the customer's telephone rings."""
    return twiml_reply(room_of().documents.ringback())


@bp.post("/tones/<uuid:interaction_id>")
def tones(interaction_id: uuid.UUID) -> Response:
    """Keys that an agent sends to the customer's line."""
    digits = request.args.get("digits", "")
    if not TONES.fullmatch(digits):
        raise BadForm("digits", "must be 1 to 32 of 0-9 A-D * # w")
    return twiml_reply(room_of().documents.tones(digits))


@bp.post("/agent/<int:offer_id>")
def agent_answered(offer_id: int) -> Response:
    """The ringing softphone was answered: that is the offer's acceptance."""
    form = CallForm.parse(request.form)
    with unit_of_work() as session:
        document = answering.agent_answered(session, room_of(), offer_id, form.call_sid)
    crash.point("O4")
    return twiml_reply(document)


@bp.post("/agent/<int:offer_id>/status")
def agent_status(offer_id: int) -> Response:
    """What becomes of the call that rings for an offer; tells its id when the answer to our request was lost."""
    form = StatusForm.parse(request.form)
    with unit_of_work() as session:
        leg = legs.leg_of_offer(session, offer_id)
        if leg is not None:
            legs.take_news(session, room_of(), leg, _news(form))
    return noted()


@bp.post("/leg/<int:leg_id>")
def leg_answered(leg_id: int) -> Response:
    """A returning agent or a dialled customer picked up."""
    form = CallForm.parse(request.form)
    with unit_of_work() as session:
        answered_by = request.form.get("AnsweredBy", "")
        document = answering.leg_answered(session, room_of(), leg_id, form.call_sid, answered_by)
    crash.point("K5")
    return twiml_reply(document)


@bp.post("/leg/<int:leg_id>/status")
def leg_status(leg_id: int) -> Response:
    """What becomes of a call that rings without an offer."""
    form = StatusForm.parse(request.form)
    with unit_of_work() as session:
        leg = legs.lock_leg(session, leg_id)
        if leg is not None:
            legs.take_news(session, room_of(), leg, _news(form))
    if form.status in TERMINAL_STATUSES:
        crash.point("K7")
    return noted()


@bp.post("/status")
def call_status() -> Response:
    """A caller's call changed or ended. A call we know nothing of changes nothing."""
    form = StatusForm.parse(request.form)
    with unit_of_work() as session:
        leg = legs.leg_of_call(session, form.call_sid)
        if leg is not None:
            legs.take_news(session, room_of(), leg, _news(form))
    crash.point("E2")
    return noted()


@bp.post("/conference/<uuid:interaction_id>")
def room_event(interaction_id: uuid.UUID) -> Response:
    """Who came into the conversation and who left. A leg that left because its call ended has ended."""
    form = RoomForm.parse(request.form)
    with unit_of_work() as session:
        legs.take_room_event(session, room_of(), interaction_id, form)
    if form.event == "participant-join":
        crash.point("O6")
    return noted()


@bp.post("/recording/<uuid:interaction_id>")
def recording_ready(interaction_id: uuid.UUID) -> Response:
    """A recording can be fetched, or there is none.

    `?kind=voicemail` for a message a caller left, `?kind=answer` for what a caller said to a flow that went on.
    """
    form = RecordingForm.parse(request.form)
    asked = request.args.get("kind", "call")
    kind = asked if asked in recording_news.CHANNELS else "call"
    crash.point("G0")
    with unit_of_work() as session:
        if not steps.is_known(session, interaction_id):
            return noted()
        news = RecordingNews(kind, form.recording_sid, form.url, form.status, form.duration_s, form.started_at)
        recording_news.take(session, interaction_id, news)
    crash.point("G1")
    return noted()


@bp.post("/fallback")
def fallback() -> Response:
    """Another webhook failed: give the committed step again, and without a database an apology and a message."""
    form = CallForm.parse(request.form)
    return twiml_reply(rescue.document(room_of(), form))


@bp.post("/fallback/message")
def fallback_message() -> Response:
    """The message left after an apology: it gets an interaction of its own when the call has none."""
    call = CallForm.parse(request.form)
    if request.form.get("RecordingUrl"):
        with unit_of_work() as session:
            rescue.keep_message(session, call, RecordingForm.parse(request.form))
    return twiml_reply(room_of().documents.goodbye("thanks", None))


def twiml_reply(document: str) -> Response:
    """The document as the carrier takes it."""
    body = document.encode()
    response = Response(_in_two(body) if crash.is_armed("W4") else body, content_type="text/xml; charset=utf-8")
    response.content_length = len(body)
    return response


def _in_two(body: bytes) -> Iterator[bytes]:
    """In two writes, so that a test can cut the power between them."""
    half = len(body) // 2
    yield body[:half]
    crash.point("W4")
    yield body[half:]


def noted() -> Response:
    """A callback was taken in: 204, nothing to say."""
    return Response(status=204)


def _news(form: StatusForm) -> LegNews:
    return LegNews(form.call_sid, form.status, form.sequence, form.at)
