"""Media Streams: a server hears what a leg says and hears, in Twilio's messages."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections.abc import Iterator

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from websockets.sync.server import ServerConnection, serve

from tests.telephony.local_carrier.phone import has_tone, strength, tone


class Listener:
    """A Media Streams server in a thread."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.news = threading.Condition()
        self.connections: list[ServerConnection] = []
        self._server = serve(self._serve, "127.0.0.1", 0, compression=None)
        self.port = self._server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/media"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _serve(self, connection: ServerConnection) -> None:
        self.headers.append({name.lower(): value for name, value in connection.request.headers.raw_items()})
        self.connections.append(connection)
        for frame in connection:
            with self.news:
                self.messages.append(json.loads(frame))
                self.news.notify_all()

    def wait_for(self, event: str, count: int = 1, timeout_s: float = 8.0) -> dict:
        deadline = time.monotonic() + timeout_s
        with self.news:
            while True:
                found = [message for message in self.messages if message["event"] == event]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                assert left > 0, f"no {event}; got {[message['event'] for message in self.messages][:20]}"
                self.news.wait(left)

    def sound(self, track: str) -> bytes:
        with self.news:
            return b"".join(
                base64.b64decode(message["media"]["payload"])
                for message in self.messages
                if message["event"] == "media" and message["media"]["track"] == track
            )

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def test_fork_of_both_tracks_has_twilios_messages(carrier, application, phones, line, listener):
    callee = phones.number()
    application.on(
        "/voice",
        f'<Start><Stream url="{listener.url}" name="copy" track="both_tracks" statusCallback="/stream">'
        f'<Parameter name="interaction" value="i-1"/></Stream></Start><Dial>{callee.address}</Dial>',
    )
    caller = phones.number()
    call_sid = caller.dial(line.number)
    callee.answer()
    caller.say(tone(700, 1.0), wait=False)
    callee.say(tone(1100, 1.0))
    caller.hang_up()
    stop = listener.wait_for("stop")
    connected, start = listener.messages[:2]
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    sid = start["streamSid"]
    assert sid.startswith("MZ")
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": sid,
        "start": {
            "accountSid": carrier.account_sid,
            "streamSid": sid,
            "callSid": call_sid,
            "tracks": ["inbound", "outbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"interaction": "i-1"},
        },
    }
    media = [message for message in listener.messages if message["event"] == "media"]
    assert [message["sequenceNumber"] for message in media] == [str(number) for number in range(2, len(media) + 2)]
    inbound = [message["media"] for message in media if message["media"]["track"] == "inbound"]
    assert [part["chunk"] for part in inbound] == [str(number) for number in range(1, len(inbound) + 1)]
    assert all(len(base64.b64decode(part["payload"])) == 160 for part in inbound)
    steps = {int(after["timestamp"]) - int(before["timestamp"]) for before, after in itertools.pairwise(inbound)}
    assert steps == {20}
    assert stop == {
        "event": "stop",
        "sequenceNumber": str(len(media) + 2),
        "streamSid": sid,
        "stop": {"accountSid": carrier.account_sid, "callSid": call_sid},
    }
    assert max(strength(listener.sound("inbound")[at : at + 1600], 700) for at in range(0, 12000, 800)) > 0.5
    assert max(strength(listener.sound("outbound")[at : at + 1600], 1100) for at in range(0, 12000, 800)) > 0.5
    application.wait_for("/stream", 2)
    told = [asked.params for asked in application.requests("/stream")]
    assert [each["StreamEvent"] for each in told] == ["stream-started", "stream-stopped"]
    assert {each["StreamSid"] for each in told} == {sid}
    assert {each["StreamName"] for each in told} == {"copy"}


def test_handshake_is_signed(carrier, application, phones, line, listener):
    application.on("/voice", f'<Start><Stream url="{listener.url}"/></Start><Gather timeout="30"/>')
    caller = phones.number()
    caller.dial(line.number)
    listener.wait_for("start")
    signature = listener.headers[0]["x-twilio-signature"]
    assert RequestValidator(carrier.auth_token).validate(listener.url, {}, signature)


def test_default_track_is_what_the_leg_says(application, phones, line, listener, sounds):
    application.on("/voice", f'<Start><Stream url="{listener.url}"/></Start><Play loop="0">{sounds(1300, 1.0)}</Play>')
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_to_hear(1300)
    caller.say(tone(700, 0.8))
    assert listener.messages[1]["start"]["tracks"] == ["inbound"]
    assert has_tone(listener.sound("inbound")[-4000:], 700)
    assert listener.sound("outbound") == b""
    caller.hang_up()


def test_stop_by_name_ends_the_copy_and_the_call_goes_on(application, phones, line, listener):
    application.on(
        "/voice",
        f'<Start><Stream url="{listener.url}" name="copy"/></Start><Gather numDigits="1" action="/next" timeout="30"/>',
    )
    application.on("/next", '<Stop><Stream name="copy"/></Stop><Gather timeout="30"/>')
    caller = phones.number()
    caller.dial(line.number)
    listener.wait_for("media")
    caller.press("1")
    listener.wait_for("stop")
    assert not caller.has_seen("ended")
    caller.hang_up()


@pytest.mark.parametrize("by", ["sid", "name"])
def test_stream_is_started_and_stopped_by_rest(application, phones, client, line, listener, by):
    application.on("/voice", '<Gather timeout="30"/>')
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_for("answered")
    made = client.calls(call_sid).streams.create(
        url=listener.url,
        name="rest",
        track="both_tracks",
        parameter1_name="a",
        parameter1_value="b",
        status_callback=f"{application.url}/stream",
    )
    assert (made.status, made.name, made.call_sid) == ("in-progress", "rest", call_sid)
    assert listener.wait_for("start")["start"]["customParameters"] == {"a": "b"}
    listener.wait_for("media", 5)
    stopped = client.calls(call_sid).streams(made.sid if by == "sid" else "rest").update(status="stopped")
    assert stopped.status == "stopped"
    listener.wait_for("stop")
    application.wait_for("/stream", StreamEvent="stream-stopped")
    caller.hang_up()


def test_server_that_goes_away_ends_the_stream_only(application, phones, line, listener):
    application.on(
        "/voice", f'<Start><Stream url="{listener.url}" statusCallback="/stream"/></Start><Gather timeout="30"/>'
    )
    caller = phones.number()
    caller.dial(line.number)
    listener.wait_for("media")
    listener.connections[0].close()
    application.wait_for("/stream", StreamEvent="stream-stopped")
    assert not caller.has_seen("ended")
    caller.hang_up()


def test_server_that_is_not_there_is_a_stream_error(application, phones, line):
    application.on(
        "/voice",
        '<Start><Stream url="ws://127.0.0.1:9/media" statusCallback="/stream"/></Start><Gather timeout="30"/>',
    )
    caller = phones.number()
    caller.dial(line.number)
    told = application.wait_for("/stream", StreamEvent="stream-error").params
    assert told["StreamError"]
    assert not caller.has_seen("ended")
    caller.hang_up()


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"url": "ws://example.com/media"}, 400),
        ({"url": "http://127.0.0.1/media"}, 400),
        ({"url": "ws://127.0.0.1:1/media?a=b"}, 400),
        ({"url": "ws://127.0.0.1:1/", "parameter1_name": "a", "parameter1_value": "b" * 500}, 400),
    ],
)
def test_stream_that_cannot_be_is_refused(application, phones, client, line, options, status):
    application.on("/voice", '<Gather timeout="30"/>')
    caller = phones.number()
    call_sid = caller.dial(line.number)
    caller.wait_for("answered")
    with pytest.raises(TwilioRestException) as refused:
        client.calls(call_sid).streams.create(**options)
    assert refused.value.status == status
    caller.hang_up()


def test_call_that_is_over_has_no_streams(client, line, listener):
    call = client.calls.create(to="client:nobody-home", from_=line.number, twiml="<Response/>")
    with pytest.raises(TwilioRestException):
        client.calls(call.sid).streams.create(url=listener.url)
