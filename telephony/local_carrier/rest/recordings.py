"""Recordings: https://www.twilio.com/docs/voice/api/recording - of a call, of a conference, and all of them."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import Any

import numpy as np
from aiohttp import web

from telephony.local_carrier import resources
from telephony.local_carrier.audio import RATE_HZ, wav_of_pcm
from telephony.local_carrier.errors import RestError, not_found
from telephony.local_carrier.recordings import Recording
from telephony.local_carrier.rest.calls import recording_order
from telephony.local_carrier.rest.common import (
    ROOT,
    Form,
    call_of,
    carrier_of,
    conference_of,
    deleted,
    found,
    page,
    reply,
    within,
)

CURRENT = "Twilio.CURRENT"
_STATUS_CODES = ("in-progress", "paused", "stopped")


def routes() -> list[web.RouteDef]:
    """Where recordings are found."""
    of_call = f"{ROOT}/Calls/{{call}}/Recordings"
    of_room = f"{ROOT}/Conferences/{{conference}}/Recordings"
    every = f"{ROOT}/Recordings"
    owned = [
        route
        for path in (of_call, of_room)
        for route in (
            web.get(f"{path}.json", list_of_owner),
            web.get(f"{path}/{{recording}}.json", fetch_of_owner),
            web.post(f"{path}/{{recording}}.json", update),
            web.delete(f"{path}/{{recording}}.json", delete_of_owner),
        )
    ]
    return [
        *owned,
        web.post(f"{of_call}.json", create),
        web.get(f"{every}.json", list_recordings),
        web.get(f"{every}/{{recording}}.json", fetch),
        web.delete(f"{every}/{{recording}}.json", delete),
        web.get(f"{every}/{{recording:RE[0-9a-f]{{32}}}}", media),
        web.get(f"{every}/{{recording:RE[0-9a-f]{{32}}}}.wav", media),
        web.get(f"{every}/{{recording:RE[0-9a-f]{{32}}}}.mp3", media_as_mp3),
    ]


def _one(request: web.Request) -> Recording:
    return found(request, carrier_of(request).recordings.get(request.match_info["recording"]))


def _of_owner(request: web.Request) -> Recording:
    """A recording of the call or conference in the address, `Twilio.CURRENT` is the one under way. RestError 404."""
    carrier = carrier_of(request)
    if "call" in request.match_info:
        call = call_of(request)
        if request.match_info["recording"] == CURRENT:
            return found(request, carrier.recordings.running_on(call))
        owner = call.sid
    else:
        room = conference_of(request)
        if request.match_info["recording"] == CURRENT:
            return found(request, carrier.recordings.running_in(room))
        owner = room.sid
    recording = _one(request)
    if owner not in {recording.facts.call_sid, recording.facts.conference_sid}:
        raise not_found(request.path)
    return recording


async def create(request: web.Request) -> web.Response:
    """Begin to record a call. RestError 21220 when it is not up."""
    carrier, call = carrier_of(request), call_of(request)
    order = recording_order(await Form.read(request), "StartCallRecordingAPI", default_trim="do-not-trim")
    if not call.is_up:
        raise RestError(404, 21220, "Requested resource is not eligible for recording: the call is not in progress.")
    recording = carrier.recordings.start_on_call(call, order)
    return reply(resources.recording(carrier, recording), 201)


async def update(request: web.Request) -> web.Response:
    """Pause, go on or stop."""
    carrier, recording = carrier_of(request), _of_owner(request)
    form = await Form.read(request)
    status = form.choice("Status", "", _STATUS_CODES)
    if not recording.is_running:
        raise RestError(400, 21220, "The recording has ended; it cannot be changed.")
    if status == "paused":
        carrier.recordings.pause(recording, form.choice("PauseBehavior", "skip", ("skip", "silence")))
    elif status == "in-progress":
        carrier.recordings.resume(recording)
    else:
        carrier.recordings.stop(recording)
    body = resources.recording(carrier, recording)
    return reply({**body, "status": status} if status == "stopped" else body)


async def list_recordings(request: web.Request) -> web.Response:
    """All, newest first, by CallSid, ConferenceSid and DateCreated."""
    carrier, query = carrier_of(request), request.query

    def passes(item: Recording) -> bool:
        return (
            query.get("CallSid") in {None, "", item.facts.call_sid}
            and query.get("ConferenceSid") in {None, "", item.facts.conference_sid}
            and within(request, "DateCreated", item.facts.started_at)
        )

    return _page(request, [item for item in carrier.recordings if passes(item)])


async def list_of_owner(request: web.Request) -> web.Response:
    """Those of one call or conference."""
    carrier = carrier_of(request)
    owner = call_of(request).sid if "call" in request.match_info else conference_of(request).sid
    mine = [item for item in carrier.recordings if owner in {item.facts.call_sid, item.facts.conference_sid}]
    return _page(request, [item for item in mine if within(request, "DateCreated", item.facts.started_at)])


def _page(request: web.Request, items: list[Recording]) -> web.Response:
    carrier = carrier_of(request)
    return page(request, "recordings", items, lambda item: resources.recording(carrier, item))


async def fetch(request: web.Request) -> web.Response:
    """One recording."""
    return reply(resources.recording(carrier_of(request), _one(request)))


async def fetch_of_owner(request: web.Request) -> web.Response:
    """One recording of a call or conference."""
    return reply(resources.recording(carrier_of(request), _of_owner(request)))


async def delete(request: web.Request) -> web.Response:
    """Throw one away."""
    carrier_of(request).recordings.delete(_one(request))
    return deleted()


async def delete_of_owner(request: web.Request) -> web.Response:
    """Throw one of a call or conference away."""
    carrier_of(request).recordings.delete(_of_owner(request))
    return deleted()


async def media(request: web.Request) -> web.StreamResponse:
    """The sound as WAV: as recorded, or with RequestedChannels=1 mixed down."""
    recording = _finished(request)
    channels = _requested_channels(request, recording)
    if channels == recording.facts.channels:
        return web.FileResponse(recording.path, headers={"Content-Type": "audio/x-wav"})
    mixed = await asyncio.to_thread(_mixed_down, recording.path.read_bytes())
    return web.Response(body=mixed, content_type="audio/x-wav")


async def media_as_mp3(request: web.Request) -> web.StreamResponse:
    """The sound as MP3, mono."""
    recording = _finished(request)
    compressed = await asyncio.to_thread(_mp3, recording.path.read_bytes())
    return web.Response(body=compressed, content_type="audio/mpeg")


def _finished(request: web.Request) -> Recording:
    recording = _one(request)
    if recording.status != "completed" or not recording.path.exists():
        raise not_found(request.path)
    return recording


def _requested_channels(request: web.Request, recording: Recording) -> int:
    wanted = request.query.get("RequestedChannels", str(recording.facts.channels))
    if wanted not in {"1", "2"}:
        raise RestError(400, 20001, "RequestedChannels is 1 or 2.")
    if int(wanted) > recording.facts.channels:
        raise RestError(400, 20001, "The recording has one channel; RequestedChannels=2 cannot be had.")
    return int(wanted)


def _samples(file: bytes) -> tuple[Any, int]:
    with wave.open(io.BytesIO(file), "rb") as reader:
        channels = reader.getnchannels()
        return np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2").reshape(-1, channels), channels


def _mixed(file: bytes) -> Any:
    samples, _ = _samples(file)
    return np.clip(samples.astype(np.int32).sum(axis=1), -32768, 32767).astype(np.int16)


def _mixed_down(file: bytes) -> bytes:
    return wav_of_pcm(_mixed(file), channels=1)


def _mp3(file: bytes) -> bytes:
    import av  # large, and needed only here

    output = io.BytesIO()
    with av.open(output, "w", format="mp3") as container:
        stream: Any = container.add_stream("mp3", rate=RATE_HZ)
        frame = av.AudioFrame.from_ndarray(_mixed(file).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=RATE_HZ, frame_size=stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return output.getvalue()
