"""Calls: https://www.twilio.com/docs/voice/api/call-resource"""

from __future__ import annotations

from aiohttp import web

from telephony.local_carrier import resources, twiml
from telephony.local_carrier.callbacks import Callback
from telephony.local_carrier.calls import ENDED, Call
from telephony.local_carrier.carrier import Carrier
from telephony.local_carrier.dialling import MAX_SEND_DIGITS, MAX_TIMEOUT_S, is_callable, split_client
from telephony.local_carrier.errors import RestError
from telephony.local_carrier.machines import Detection
from telephony.local_carrier.recordings import RecordingOrder
from telephony.local_carrier.rest.common import ROOT, Form, call_of, carrier_of, deleted, page, reply, within
from telephony.local_carrier.script import Ask, Document, script
from telephony.local_carrier.sids import is_client, is_number
from telephony.local_carrier.tones import DIALABLE

TIMEOUT_S = 60
MAX_TWIML = 4000
MAX_TIME_LIMIT_S = 86_400
PROGRESS_EVENTS = ("initiated", "ringing", "answered", "completed")
RECORDING_EVENTS = ("in-progress", "completed", "absent")
STATUSES = ENDED | {"queued", "ringing", "in-progress"}


def routes() -> list[web.RouteDef]:
    """Where calls are found."""
    one = f"{ROOT}/Calls/{{call}}.json"
    return [
        web.get(f"{ROOT}/Calls.json", list_calls),
        web.post(f"{ROOT}/Calls.json", create),
        web.get(one, fetch),
        web.post(one, update),
        web.delete(one, delete),
    ]


async def list_calls(request: web.Request) -> web.Response:
    """Calls, newest first, by the filters To, From, ParentCallSid, Status, StartTime and EndTime."""
    carrier, query = carrier_of(request), request.query
    if "Status" in query and query["Status"] not in STATUSES:
        raise RestError(400, 20001, f"Status must be one of: {', '.join(sorted(STATUSES))}.")

    def passes(call: Call) -> bool:
        return (
            split_client(query.get("To", ""))[0] in {"", call.to}
            and query.get("From") in {None, "", call.sender}
            and query.get("Status") in {None, "", call.status}
            and query.get("ParentCallSid") in {None, "", call.parent.sid if call.parent else "-"}
            and within(request, "StartTime", call.answered_at or call.created_at)
            and within(request, "EndTime", call.ended_at)
        )

    calls = [call for call in reversed(carrier.calls.values()) if passes(call)]
    return page(request, "calls", calls, lambda call: resources.call(carrier, call))


async def fetch(request: web.Request) -> web.Response:
    """One call."""
    return reply(resources.call(carrier_of(request), call_of(request)))


async def create(request: web.Request) -> web.Response:
    """Ring somebody; when answered, follow Url, Twiml or the application."""
    carrier = carrier_of(request)
    form = await Form.read(request)
    sender, to, custom = addresses(carrier, form)
    first, callback, fallback = _instructions(carrier, form)
    detection = machine_detection(form)
    refuse_when_closing(carrier)
    call = Call(
        carrier,
        direction="outbound-api",
        sender=sender,
        to=to,
        callback=callback,
        fallback=fallback,
        custom=custom,
    )
    call.time_limit_s = form.integer("TimeLimit", 0, 0, MAX_TIME_LIMIT_S) or None
    if form.flag("Record"):
        record_when_answered(carrier, call, form)
    carrier.add_call(call)
    body = resources.call(carrier, call)
    carrier.place_call(
        call,
        first,
        timeout_s=form.integer("Timeout", TIMEOUT_S, 1, MAX_TIMEOUT_S),
        send_digits=send_digits(form),
        detection=detection,
    )
    return reply(body, 201)


def machine_detection(form: Form) -> Detection | None:
    """Whether and how to listen for machines; keys to press and listening exclude each other, as at Twilio."""
    if not form.text("MachineDetection") or form.text("SendDigits"):
        return None
    to_the_end = form.choice("MachineDetection", "Enable", ("Enable", "DetectMessageEnd")) == "DetectMessageEnd"
    tell = form.callback("AsyncAmdStatusCallback", (), ())
    return Detection(
        to_the_end,
        timeout_s=form.integer("MachineDetectionTimeout", 30, 3, 59),
        speech_s=form.integer("MachineDetectionSpeechThreshold", 2400, 1000, 6000) / 1000,
        speech_end_s=form.integer("MachineDetectionSpeechEndThreshold", 1200, 500, 5000) / 1000,
        silence_s=form.integer("MachineDetectionSilenceTimeout", 5000, 2000, 10_000) / 1000,
        tell=tell if form.flag("AsyncAmd") else None,
    )


def refuse_when_closing(carrier: Carrier) -> None:
    """A carrier that is going away takes nothing new."""
    if carrier.is_closing:
        raise RestError(503, 20503, "The carrier is shutting down.")


def addresses(carrier: Carrier, form: Form) -> tuple[str, str, dict[str, str]]:
    """From, To and To's custom parameters, checked. RestError 21201, 21211, 21213, 21210."""
    if not form.text("To"):
        raise RestError(400, 21201, "No 'To' number is specified.")
    to, custom = split_client(form.text("To"))
    if not is_callable(to):
        raise RestError(400, 21211, "The 'To' number is not a valid phone number; use E.164 or client:identity.")
    sender = form.text("From")
    if not sender:
        raise RestError(400, 21213, "No 'From' number is specified.")
    if is_client(sender) and is_client(to):
        return sender, to, dict(custom)
    if not is_number(sender):
        raise RestError(400, 21212, "The 'From' number is not a valid phone number or caller ID.")
    if carrier.account.numbers.by_number(sender) is None:
        raise RestError(400, 21210, "The source phone number provided is not a number of this account.")
    return sender, to, dict(custom)


def send_digits(form: Form) -> str:
    """Keys to press after the answer."""
    digits = form.text("SendDigits", longest=MAX_SEND_DIGITS)
    if not set(digits) <= DIALABLE:
        raise RestError(400, 20001, "SendDigits are 0-9 A-D * # w W.")
    return digits


def _instructions(carrier: Carrier, form: Form) -> tuple[Ask | Document, Callback | None, Callback | None]:
    """What to follow, whom to tell, and the fallback. An application brings all three of its own."""
    application_sid = form.text("ApplicationSid")
    if application_sid:
        application = carrier.account.applications.get(application_sid)
        if application is None:
            raise RestError(400, 21218, "The ApplicationSid is not an application of this account.")
        return Ask(application.voice_url, application.voice_method), application.at_end, application.fallback
    callback = form.callback("StatusCallback", ("completed",), PROGRESS_EVENTS)
    fallback_url = form.url("FallbackUrl")
    fallback = Callback(fallback_url, form.method("FallbackMethod")) if fallback_url else None
    return document(form), callback, fallback


def document(form: Form) -> Ask | Document:
    """Url, or Twiml when there is no Url. RestError 21205, 12100."""
    url = form.url("Url")
    if url:
        return Ask(url, form.method())
    written = form.text("Twiml", longest=MAX_TWIML)
    if not written:
        raise RestError(400, 21205, "Give a Url, Twiml or an ApplicationSid.")
    try:
        return Document(twiml.parse(written.encode()))
    except twiml.TwimlError as problem:
        raise RestError(400, problem.code, problem.message) from problem


def record_when_answered(carrier: Carrier, call: Call, form: Form, source: str = "OutboundAPI") -> None:
    """Record=true: from the answer to the end; the last callback names the recording."""
    order = recording_order(form, source, default_trim="trim-silence")

    def begin() -> None:
        recording = carrier.recordings.start_on_call(call, order)
        call.final_parameters = {
            "RecordingSid": recording.sid,
            "RecordingUrl": carrier.recordings.url(recording),
            "RecordingDuration": "0",
        }
        call.before_ending.append(
            lambda: call.final_parameters.update(RecordingDuration=str(call.duration_s))
        )  # fmt: skip

    call.when_answered.append(begin)


def recording_order(form: Form, source: str, default_trim: str) -> RecordingOrder:
    """RecordingChannels, RecordingTrack, Trim and RecordingStatusCallback."""
    channels = form.choice("RecordingChannels", "mono", ("mono", "dual"))
    return RecordingOrder(
        source=source,
        channels=2 if channels == "dual" else 1,
        track=form.choice("RecordingTrack", "both", ("both", "inbound", "outbound")),
        trim=form.choice("Trim", default_trim, ("trim-silence", "do-not-trim")) == "trim-silence",
        callback=form.callback("RecordingStatusCallback", ("completed",), RECORDING_EVENTS),
    )


async def update(request: web.Request) -> web.Response:
    """Send the leg elsewhere (Url, Twiml) or end it (Status)."""
    carrier, call = carrier_of(request), call_of(request)
    form = await Form.read(request)
    if form.has("StatusCallback"):
        call.callback = form.callback("StatusCallback", ("completed",), PROGRESS_EVENTS)
        carrier.journal.call_changed(call)
    if form.text("Status"):
        _end(call, form.choice("Status", "", ("completed", "canceled")))
    elif form.text("Url") or form.text("Twiml"):
        if not call.is_up:
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        fallback_url = form.url("FallbackUrl")
        if fallback_url:
            call.fallback = Callback(fallback_url, form.method("FallbackMethod"))
        call.replace_script(script(document(form)))
    elif call.has_ended:
        raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
    if form.text("TimeLimit"):
        call.limit(form.integer("TimeLimit", 0, 1, MAX_TIME_LIMIT_S))
    return reply(resources.call(carrier, call))


def _end(call: Call, status: str) -> None:
    if call.has_ended:
        raise RestError(400, 21220, "Call is not in-progress. Cannot end it.")
    if call.is_up and status == "canceled":
        return  # only a call that is not answered yet can be cancelled
    call.end(status if call.is_up else "canceled")


async def delete(request: web.Request) -> web.Response:
    """Forget an ended call."""
    call = call_of(request)
    if not call.has_ended:
        raise RestError(409, 20009, "The call is under way; end it first.")
    del carrier_of(request).calls[call.sid]
    return deleted()
