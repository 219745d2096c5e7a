"""Media streams: what is said on a call appears as text, and nothing a stranger sends does any harm."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
import pytest
import uvicorn
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from twilio.request_validator import RequestValidator
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.config import Settings
from app.db import unit_of_work
from app.events import WHISPER_CHANNEL, Event
from app.interactions.models import Interaction, State, Utterance
from app.interactions.move import move
from app.worker import plain_url
from telephony.media import MAX_MESSAGE_CHARS, media_socket, mulaw_to_pcm16
from telephony.speech.choice import EngineChoice
from telephony.speech.errors import SpeechError
from telephony.speech.stt import Event as Heard
from telephony.speech.stt import Word
from telephony.urls import StreamGrant, Urls
from tests import factories

START = {"event": "start", "sequenceNumber": "1", "start": {"tracks": ["inbound", "outbound"]}, "streamSid": "MZ1"}
FRAME = base64.b64encode(b"\xff" * 160).decode()


@dataclass
class Hearing:
    """Hears as it is told: the events of `script`, once that many bytes came."""

    script: dict[int, Heard]
    fed: bytearray = field(default_factory=bytearray)
    told: asyncio.Queue[Heard | None] = field(default_factory=asyncio.Queue)

    def feed(self, pcm16: bytes) -> None:
        for at in sorted(self.script):
            if len(self.fed) < at <= len(self.fed) + len(pcm16):
                self.told.put_nowait(self.script[at])
        self.fed += pcm16

    async def events(self) -> AsyncIterator[Heard]:
        while (event := await self.told.get()) is not None:
            yield event

    async def finish(self) -> None:
        self.told.put_nowait(None)


@dataclass
class Ears:
    """The recogniser's edge: English only, and what each side will be heard to say."""

    scripts: list[dict[int, Heard]]
    opened: list[Hearing] = field(default_factory=list)
    broken: bool = False

    @property
    def choices(self) -> dict[str, EngineChoice]:
        return {"en": EngineChoice("en", "vosk", "for tests")}

    def serves(self, language: str) -> bool:
        return language.startswith("en")

    async def open(self, rate_hz: int = 8000, language: str = "en-US") -> Hearing:
        if self.broken:
            raise SpeechError("no ears today")
        self.opened.append(Hearing(self.scripts[len(self.opened)]))
        return self.opened[-1]


@pytest.fixture
def ears() -> Ears:
    hello = (Word("hello", 0.1, 0.4, 0.9), Word("there", 0.5, 0.8, 0.7))
    return Ears(
        [
            {640: Heard("partial", "hello"), 1280: Heard("final", "hello there", hello, 0.8)},
            {1280: Heard("final", "good morning", (), 1.2)},
        ]
    )


@pytest.fixture
def talk(session: Session) -> Interaction:
    """A call that an agent has taken."""
    queue = factories.queue(session)
    ana = factories.agent(session, "Ana", [queue])
    call = factories.waiting_call(session, queue)
    move(session, call, State.OFFERED, actor="system", agent_id=ana.id)
    move(session, call, State.ACTIVE, actor=f"user:{ana.id}")
    session.commit()
    return call


@dataclass
class Web:
    """A real server with nothing but the media socket, and how a carrier connects to it."""

    port: int

    def connect(self, path: str, headers: dict[str, str]) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}{path}", additional_headers=headers, proxy=None, max_size=None)


@pytest.fixture
def web(settings: Settings, ears: Ears) -> Iterator[Web]:
    app = Starlette(routes=[WebSocketRoute("/media/{token}", media_socket)])
    app.state.settings = settings
    app.state.ears = ears
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Web(listener.getsockname()[1])
    server.should_exit = True
    thread.join()


def address(settings: Settings, interaction_id: uuid.UUID, language: str = "en") -> tuple[str, dict[str, str]]:
    url = Urls.of(settings).media(StreamGrant(interaction_id, language))
    signed = RequestValidator(settings.twilio_auth_token).compute_signature(url, {})
    return url.removeprefix("ws://web.test"), {"x-twilio-signature": signed}


def media(track: str, timestamp: str = "0", payload: str = FRAME) -> dict[str, Any]:
    return {"event": "media", "media": {"track": track, "chunk": "1", "timestamp": timestamp, "payload": payload}}


def stream(web: Web, settings: Settings, call: Interaction, *messages: Any, language: str = "en") -> int:
    """Send a whole stream and wait until the other end has closed it; the code it closed with."""
    path, headers = address(settings, call.id, language)
    with web.connect(path, headers) as wire:
        for message in messages:
            wire.send(message if isinstance(message, str) else json.dumps(message))
        with pytest.raises(ConnectionClosed) as closed:
            wire.recv(timeout=10)
    return closed.value.rcvd.code if closed.value.rcvd else 0


def said() -> list[Utterance]:
    with unit_of_work() as session:
        return list(session.scalars(select(Utterance).order_by(Utterance.speaker)))


def said_in_the_end(count: int) -> list[Utterance]:
    """What was kept once the stream's end has been worked off: `count` utterances, by speaker (agent first)."""
    deadline = time.monotonic() + 10
    while len(found := said()) < count and time.monotonic() < deadline:
        time.sleep(0.02)  # polled with a deadline
    assert len(found) == count
    return found


def test_both_sides_words_are_kept_with_their_times(
    web: Web, settings: Settings, talk: Interaction, session: Session
) -> None:
    frames = [media(track, str(20 * n)) for n in range(5) for track in ("inbound", "outbound")]
    stream(web, settings, talk, {"event": "connected"}, START, *frames, {"event": "stop"})
    agent, customer = said_in_the_end(2)
    assert (customer.text, agent.text, customer.engine) == ("hello there", "good morning", "vosk")
    began = customer.start_s - 0.1
    assert 0 <= began < 30
    assert customer.words[1] == {
        "text": "there",
        "start": pytest.approx(began + 0.5, abs=0.002),
        "end": pytest.approx(began + 0.8, abs=0.002),
        "conf": 0.7,
    }
    told = session.scalars(select(Event).where(Event.kind == "transcript.said")).all()
    assert {(event.actor, event.data["text"]) for event in told} == {
        ("caller", "hello there"),
        (f"user:{talk.agent_id}", "good morning"),
    }
    assert all(f"user:{talk.agent_id}" in event.topics for event in told)


def test_partial_words_are_whispered_and_not_kept(
    web: Web, settings: Settings, talk: Interaction, database_url: str
) -> None:
    with psycopg.connect(plain_url(database_url), autocommit=True) as listener:
        listener.execute(f"LISTEN {WHISPER_CHANNEL}")
        stream(web, settings, talk, START, media("inbound"), media("inbound"), {"event": "stop"})
        [notice] = listener.notifies(timeout=5, stop_after=1)
    heard = json.loads(notice.payload)
    assert heard["topic"] == f"interaction:{talk.id}"
    assert heard["data"] == {"interaction_id": str(talk.id), "speaker": "customer", "text": "hello"}
    assert said() == []


def test_music_on_hold_is_not_what_the_agent_said(
    web: Web, settings: Settings, talk: Interaction, session: Session
) -> None:
    move(session, talk, State.HELD, actor="system")
    session.commit()
    stream(web, settings, talk, START, *[media("outbound")] * 5, *[media("inbound")] * 5, {"event": "stop"})
    assert [each.speaker for each in said_in_the_end(1)] == ["customer"]


def test_audio_that_never_came_is_silence_so_that_times_stay_true(
    web: Web, settings: Settings, talk: Interaction, ears: Ears
) -> None:
    stream(web, settings, talk, START, media("inbound", "0"), media("inbound", "1020"), {"event": "stop"})
    assert len(ears.opened[0].fed) == round(1.04 * 8000) * 2


@pytest.mark.parametrize(
    "timestamp", ["-5", "9" * 30, "tomorrow", "7200000"], ids=["negative", "huge", "no number", "two hours"]
)
def test_a_wild_timestamp_puts_in_no_silence(
    web: Web, settings: Settings, talk: Interaction, ears: Ears, timestamp: str
) -> None:
    stream(web, settings, talk, START, media("inbound", timestamp), {"event": "stop"})
    assert len(ears.opened[0].fed) == 320


@pytest.mark.parametrize(
    "handshake", ["no signature", "wrong signature", "another token", "a token of somebody else", "a long token"]
)
def test_a_stranger_is_refused_at_the_door(web: Web, settings: Settings, talk: Interaction, handshake: str) -> None:
    path, headers = address(settings, talk.id)
    if handshake == "no signature":
        headers = {}
    elif handshake == "wrong signature":
        headers = {"x-twilio-signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    else:
        token = {"another token": "abc", "a long token": "a" * 5000}.get(handshake)
        foreign = Urls("ws://web.test", "not-our-secret").media(StreamGrant(talk.id, "en"))
        path = f"/media/{token}" if token else foreign.removeprefix("ws://web.test")
        signed = RequestValidator(settings.twilio_auth_token).compute_signature("ws://web.test" + path, {})
        headers = {"x-twilio-signature": signed}
    with pytest.raises(InvalidStatus, match="403"):
        web.connect(path, headers)


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[" * 5000,
        "[]",
        '{"event": "explode"}',
        '{"event": "start"}',
        '{"event": "start", "start": {"tracks": "inbound"}}',
        json.dumps(START) + " ",
        '{"event": "media", "media": 7}',
        '{"event": "media", "media": {"track": "inbound"}}',
        '{"event": "media", "media": {"track": "inbound", "payload": "***"}}',
        json.dumps(media("inbound", payload=base64.b64encode(b"\0" * 9000).decode())),
        "x" * (MAX_MESSAGE_CHARS + 1),
    ],
    ids=[
        "no JSON", "deep", "a list", "unknown event", "start without tracks", "tracks are text", "started twice",
        "media is a number", "no payload", "no base64", "too much audio", "too long",
    ],
)  # fmt: skip
def test_nonsense_closes_the_stream_and_touches_nothing(
    web: Web, settings: Settings, talk: Interaction, message: str
) -> None:
    assert stream(web, settings, talk, START, message) in (1008, 1009)
    assert said() == []
    with unit_of_work() as session:
        assert session.get_one(Interaction, talk.id).state == "active"


def test_a_binary_frame_closes_the_stream(web: Web, settings: Settings, talk: Interaction) -> None:
    path, headers = address(settings, talk.id)
    with web.connect(path, headers) as wire:
        wire.send(b"\0" * 160)
        with pytest.raises(ConnectionClosed, match="1003"):
            wire.recv(timeout=10)


def test_a_language_nobody_hears_is_streamed_in_peace(
    web: Web, settings: Settings, talk: Interaction, ears: Ears
) -> None:
    stream(web, settings, talk, START, media("inbound"), {"event": "stop"}, language="es")
    assert ears.opened == []


def test_ears_that_fail_leave_the_stream_alone(web: Web, settings: Settings, talk: Interaction, ears: Ears) -> None:
    ears.broken = True
    stream(web, settings, talk, START, media("inbound"), {"event": "stop"})
    assert said() == []


def test_a_carrier_that_vanishes_still_leaves_the_last_words(web: Web, settings: Settings, talk: Interaction) -> None:
    path, headers = address(settings, talk.id)
    with web.connect(path, headers) as wire:
        for message in (START, *[media("inbound")] * 5):
            wire.send(json.dumps(message))
        wire.socket.shutdown(socket.SHUT_RDWR)
    assert [each.text for each in said_in_the_end(1)] == ["hello there"]


@pytest.mark.parametrize(
    ("code", "sample"), [(0xFF, 0), (0x7F, 0), (0x00, -32124), (0x80, 32124), (0xF0, 120), (0x6D, -164)]
)
def test_mu_law_follows_the_standard(code: int, sample: int) -> None:
    assert np.frombuffer(mulaw_to_pcm16(bytes([code])), "<i2")[0] == sample
