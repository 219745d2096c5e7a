"""Participants: https://www.twilio.com/docs/voice/api/conference-participant-resource"""

from __future__ import annotations

from aiohttp import web

from telephony.local_carrier import resources
from telephony.local_carrier.calls import Call, Step
from telephony.local_carrier.carrier import Carrier, send_keys
from telephony.local_carrier.conference import (
    EVENTS,
    KICKED,
    MAX_LABEL,
    MAX_PARTICIPANTS,
    Conference,
    ConferenceError,
    Seat,
    SeatOptions,
)
from telephony.local_carrier.dialling import MAX_TIMEOUT_S, MIN_TIMEOUT_S, ring
from telephony.local_carrier.errors import RestError, not_found
from telephony.local_carrier.recordings import RecordingOrder
from telephony.local_carrier.rest.calls import (
    MAX_TIME_LIMIT_S,
    PROGRESS_EVENTS,
    RECORDING_EVENTS,
    addresses,
    record_when_answered,
    refuse_when_closing,
    send_digits,
)
from telephony.local_carrier.rest.common import ROOT, Form, carrier_of, deleted, found, page, reply
from telephony.local_carrier.script import Ask
from telephony.local_carrier.verbs.dial import sit

TIMEOUT_S = 60


def routes() -> list[web.RouteDef]:
    """Where participants are found."""
    every = f"{ROOT}/Conferences/{{conference}}/Participants.json"
    one = f"{ROOT}/Conferences/{{conference}}/Participants/{{participant}}.json"
    return [
        web.get(every, list_participants),
        web.post(every, create),
        web.get(one, fetch),
        web.post(one, update),
        web.delete(one, delete),
    ]


def _room(request: web.Request) -> Conference:
    """The conference by SID or by the name of a running one. RestError 404."""
    carrier = carrier_of(request)
    wanted = request.match_info["conference"]
    return found(request, carrier.conferences.get(wanted) or carrier.conference_named(wanted))


def _seat(request: web.Request) -> Seat:
    return found(request, _room(request).seat(request.match_info["participant"]))


async def list_participants(request: web.Request) -> web.Response:
    """Who is in the conference now, by Muted, Hold and Coaching."""
    carrier, query = carrier_of(request), request.query

    def passes(seat: Seat) -> bool:
        states = {"Muted": seat.muted, "Hold": seat.hold, "Coaching": bool(seat.coaching)}
        return all(query.get(name) in {None, "", str(state).lower()} for name, state in states.items())

    seats = [seat for seat in _room(request).participants() if passes(seat)]
    return page(request, "participants", seats, lambda seat: resources.participant(carrier, seat))


async def fetch(request: web.Request) -> web.Response:
    """One participant, by call or by label."""
    return reply(resources.participant(carrier_of(request), _seat(request)))


async def create(request: web.Request) -> web.Response:
    """Ring somebody into the conference; a name that is not in use opens a new one."""
    carrier = carrier_of(request)
    form = await Form.read(request)
    sender, to, custom = addresses(carrier, form)
    options = _options(form)
    keys = send_digits(form)
    timeout_s = form.integer("Timeout", TIMEOUT_S, MIN_TIMEOUT_S, MAX_TIMEOUT_S)
    call = Call(
        carrier,
        direction="outbound-api",
        sender=form.text("CallerId") or sender,
        to=to,
        callback=form.callback("StatusCallback", ("completed",), PROGRESS_EVENTS),
        custom=custom,
    )
    call.time_limit_s = form.integer("TimeLimit", 0, 0, MAX_TIME_LIMIT_S) or None
    if form.flag("Record"):
        record_when_answered(carrier, call, form, source="StartCallRecordingAPI")
    room_callback = form.callback("ConferenceStatusCallback", ("start", "end"), EVENTS)
    room_recording = _room_recording(form)
    refuse_when_closing(carrier)
    room = _room_to_enter(carrier, request)
    try:
        seat = room.reserve(call, options)
    except ConferenceError as problem:
        raise RestError(400, problem.code, problem.message) from problem
    if room.callback is None:
        room.callback = room_callback
    if room_recording is not None:
        carrier.recordings.want_conference(room, room_recording)
    carrier.add_call(call)
    body = resources.participant(carrier, seat)
    call.follow(_ring_into(carrier, room, seat, options, timeout_s, keys))
    return reply(body, 201)


def _room_to_enter(carrier: Carrier, request: web.Request) -> Conference:
    wanted = request.match_info["conference"]
    if wanted.startswith("CF") and len(wanted) == 34:
        room = carrier.conferences.get(wanted)
        if room is None or room.is_over:
            raise not_found(request.path)
        return room
    return carrier.conference_for(wanted)


def _options(form: Form) -> SeatOptions:
    wait = None
    if form.has("WaitUrl"):
        wait = Ask(form.url("WaitUrl"), form.method("WaitMethod"))
    beep = form.choice("Beep", "true", ("true", "false", "onEnter", "onExit"))
    coach = form.text("CallSidToCoach")
    if form.flag("Coaching") and not coach:
        raise RestError(400, 13240, "Coaching=true needs CallSidToCoach.")
    return SeatOptions(
        label=form.text("Label", longest=MAX_LABEL),
        muted=form.flag("Muted"),
        beep_on_enter=beep in {"true", "onEnter"},
        beep_on_exit=beep in {"true", "onExit"},
        start_on_enter=form.flag("StartConferenceOnEnter", True),
        end_on_exit=form.flag("EndConferenceOnExit"),
        wait=wait,
        coach=coach if form.flag("Coaching", bool(coach)) else "",
        max_participants=form.integer("MaxParticipants", MAX_PARTICIPANTS, 2, MAX_PARTICIPANTS),
    )


def _room_recording(form: Form) -> RecordingOrder | None:
    if form.text("ConferenceRecord") not in {"true", "record-from-start"}:
        return None
    return RecordingOrder(
        source="Conference",
        trim=form.choice("ConferenceTrim", "trim-silence", ("trim-silence", "do-not-trim")) == "trim-silence",
        callback=form.callback("ConferenceRecordingStatusCallback", ("completed",), RECORDING_EVENTS),
    )


def _ring_into(carrier: Carrier, room: Conference, seat: Seat, options: SeatOptions, timeout_s: int, keys: str) -> Step:
    async def follow(call: Call) -> Step | None:
        try:
            outcome = await ring(carrier, call, timeout_s)
            if outcome != "answered":
                call.end(outcome)
                return None
            await send_keys(call, keys)
            if room.is_over:
                return None
            room.enter(call, options)
        except ConferenceError as problem:
            carrier.alerts.add(problem.code, problem.message, call.sid)
            return None
        finally:
            if not seat.is_in:
                room.give_up(seat)
        await sit(seat)
        return None

    return follow


async def update(request: web.Request) -> web.Response:
    """Mute, hold, coach, announce to one, change what happens at the exit."""
    seat = _seat(request)
    room = seat.conference
    form = await Form.read(request)
    hold_url, announce_url = form.url("HoldUrl"), form.url("AnnounceUrl")
    hold_method = form.method("HoldMethod", "GET")
    announce_method = form.method("AnnounceMethod")
    try:
        _modify(room, seat, form)
    except ConferenceError as problem:
        raise RestError(400, problem.code, problem.message) from problem
    if form.has("Muted"):
        room.set_muted(seat, form.flag("Muted"))
    if form.has("Hold"):
        music = Ask(hold_url, hold_method) if form.has("HoldUrl") else None
        room.set_hold(seat, form.flag("Hold"), music)
    if announce_url:
        seat.announce(Ask(announce_url, announce_method))
    return reply(resources.participant(carrier_of(request), seat))


def _modify(room: Conference, seat: Seat, form: Form) -> None:
    coach = None
    if form.has("Coaching") or form.has("CallSidToCoach"):
        coaching = form.flag("Coaching", True)
        coach = form.text("CallSidToCoach", seat.coaching) if coaching else ""
        if coaching and not coach:
            raise ConferenceError(13240, "Coaching=true needs CallSidToCoach.")
    end_on_exit = form.flag("EndConferenceOnExit") if form.has("EndConferenceOnExit") else None
    beep_on_exit = form.flag("BeepOnExit") if form.has("BeepOnExit") else None
    if (coach, end_on_exit, beep_on_exit) != (None, None, None):
        room.modify(seat, coach=coach, end_on_exit=end_on_exit, beep_on_exit=beep_on_exit)


async def delete(request: web.Request) -> web.Response:
    """Put somebody out: the leg goes on with its own script, or hangs up."""
    seat = _seat(request)
    if seat.is_in:
        seat.leave(KICKED)
    else:
        seat.call.end("canceled")
    return deleted()
