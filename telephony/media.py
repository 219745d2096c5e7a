"""`/media/<token>`: the carrier streams both sides of a conversation here, and what is said appears on the desktop.

Native ASGI and free of business rules: frames go to the recognisers (in a process of their own), partial texts are
whispered, final ones are stored. Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import functools
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from app import events
from app.config import Settings
from app.db import database_now, unit_of_work
from app.interactions.models import Interaction, State, Utterance
from telephony.signature import HEADER, is_signed_handshake
from telephony.speech.choice import EngineChoice
from telephony.speech.errors import SpeechError
from telephony.speech.languages import heard_as
from telephony.speech.recogniser import Recogniser
from telephony.speech.recogniser import Session as Hearing
from telephony.speech.stt import Event, Word
from telephony.urls import StreamGrant, read_media_token
from telephony.voices import carrier_voice

log = structlog.get_logger()

RATE_HZ = 8000
MAX_TOKEN_CHARS = 512
MAX_MESSAGE_CHARS = 64 * 1024
MAX_PAYLOAD_BYTES = 8000  # a second of audio; the carrier sends 20 ms
MAX_GAP_S = 600.0  # silence put in for audio that never came; a longer hole is not filled
PARTIALS_EVERY_S = 0.25
SPEAKERS = {"inbound": "customer", "outbound": "agent"}
"""The stream is forked from the customer's leg: what comes from it is the customer, what goes to it the agent."""

POLICY_VIOLATION, UNSUPPORTED, TOO_BIG = 1008, 1003, 1009


class Ears(Protocol):
    """Opens one recogniser per side. Implemented by telephony.speech.recogniser.Recogniser."""

    @property
    def choices(self) -> Mapping[str, EngineChoice]: ...

    def serves(self, language: str) -> bool: ...

    async def open(self, rate_hz: int = 8000, language: str = "en-US") -> Hearing: ...


async def media_socket(websocket: WebSocket) -> None:
    """Take one media stream until it ends.

    Without a token of ours or the carrier's signature the handshake is refused (403). Frames that make no sense close
    the socket (1003 binary, 1008 nonsense, 1009 too long); the call itself is never touched.
    """
    settings: Settings = websocket.app.state.settings
    grant = await _granted(websocket, settings)
    if grant is None:
        log.warning("media.refused")
        await websocket.close(POLICY_VIOLATION)
        return
    await websocket.accept()
    ears: Ears = getattr(websocket.app.state, "ears", None) or recogniser()
    conversation = Conversation(grant, ears)
    try:
        await _take_messages(websocket, conversation)
    finally:
        await conversation.close()


@functools.cache
def recogniser() -> Recogniser:
    """This process's recogniser of calls; its engines load when the first stream comes."""
    return Recogniser()


async def _granted(websocket: WebSocket, settings: Settings) -> StreamGrant | None:
    token = websocket.path_params.get("token", "")
    signature = websocket.headers.get(HEADER)
    if len(token) > MAX_TOKEN_CHARS or not is_signed_handshake(settings, websocket.url.path, signature):
        return None
    return read_media_token(settings.secret_key, token)


async def _take_messages(websocket: WebSocket, conversation: Conversation) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                await websocket.close(UNSUPPORTED)
                return
            if len(text) > MAX_MESSAGE_CHARS:
                await websocket.close(TOO_BIG)
                return
            try:
                goes_on = await conversation.take(text)
            except BadMessage as bad:
                log.warning("media.bad_message", why=str(bad))
                await websocket.close(POLICY_VIOLATION)
                return
            if not goes_on:
                await websocket.close()
                return


class BadMessage(ValueError):
    """A frame that is no Media Streams message; says why, never what was in it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose words they are. `began_s`: how long the talk had lasted when this stream began (a call may come back)."""

    interaction_id: uuid.UUID
    speaker: str
    engine: str
    began_s: float


@dataclass
class Side:
    """One side of the conversation: its recogniser and how much of its audio has come."""

    hearing: Hearing
    reader: asyncio.Task[None]
    fed_s: float = 0.0


@dataclass
class Conversation:
    """Both sides of one stream. Recognition that fails is logged, and the call goes on without it."""

    grant: StreamGrant
    ears: Ears
    sides: dict[str, Side] = field(default_factory=dict)
    started: bool = False

    async def take(self, text: str) -> bool:
        """Take in one message; False when the stream is over. Raises BadMessage."""
        message = _parsed(text)
        match message.get("event"):
            case "start":
                await self._start(message)
            case "media" if self.started:
                self._hear(message.get("media"))
            case "stop":
                return False
            case "connected" | "mark" | "dtmf" | "media":
                pass
            case other:
                raise BadMessage(f"no such event: {str(other)[:20]!r}")
        return True

    async def _start(self, message: Mapping[str, Any]) -> None:
        if self.started:
            raise BadMessage("started twice")
        self.started = True
        start = message.get("start")
        tracks = start.get("tracks") if isinstance(start, dict) else None
        if not isinstance(tracks, list):
            raise BadMessage("no tracks")
        language = carrier_voice(self.grant.language).language
        if not self.ears.serves(language):
            log.info("media.language_not_heard", language=language)
            return
        began_s = await run_in_threadpool(talked_for_s, self.grant.interaction_id)
        engine = self.ears.choices[heard_as(language)].engine
        for track in SPEAKERS:
            if track in tracks:
                await self._open(track, language, Source(self.grant.interaction_id, SPEAKERS[track], engine, began_s))

    async def _open(self, track: str, language: str, source: Source) -> None:
        try:
            hearing = await self.ears.open(rate_hz=RATE_HZ, language=language)
        except SpeechError as error:
            log.warning("media.not_heard", why=str(error), interaction_id=str(self.grant.interaction_id))
            return
        reader = asyncio.create_task(_read(hearing, source))
        self.sides[track] = Side(hearing, reader)

    def _hear(self, media: object) -> None:
        if not isinstance(media, dict):
            raise BadMessage("media without media")
        side = self.sides.get(str(media.get("track")))
        audio = mulaw_to_pcm16(_payload(media))
        if side is None:
            return
        gap = _gap_s(media, side.fed_s)
        if gap:
            side.hearing.feed(bytes(round(gap * RATE_HZ) * 2))
        side.hearing.feed(audio)
        side.fed_s += gap + len(audio) / 2 / RATE_HZ

    async def close(self) -> None:
        """Wait for the last words, then let the recognisers go."""
        for side in self.sides.values():
            with contextlib.suppress(SpeechError):
                await side.hearing.finish()
        for side in self.sides.values():
            try:
                await side.reader
            except Exception:
                log.exception("media.transcript_broke", interaction_id=str(self.grant.interaction_id))


def mulaw_to_pcm16(frame: bytes) -> bytes:
    """Decode G.711 mu-law to signed 16-bit little-endian PCM, same rate, two bytes per sample."""
    return _MULAW[np.frombuffer(frame, np.uint8)].tobytes()


def _mulaw_table() -> np.ndarray[Any, np.dtype[np.int16]]:
    """The 256 values of G.711 mu-law. Source: ITU-T G.711, table 2a."""
    codes = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (codes >> 4) & 7, (codes & 15).astype(np.int32)
    magnitude = (((mantissa << 3) + 132) << exponent) - 132
    return np.where(codes & 128, -magnitude, magnitude).astype("<i2")


_MULAW = _mulaw_table()


def _parsed(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadMessage("not JSON") from None
    if not isinstance(message, dict):
        raise BadMessage("not an object")
    return message


def _payload(media: Mapping[str, Any]) -> bytes:
    payload = media.get("payload")
    if not isinstance(payload, str):
        raise BadMessage("media without a payload")
    try:
        audio = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise BadMessage("a payload that is not base64") from None
    if len(audio) > MAX_PAYLOAD_BYTES:
        raise BadMessage("a payload that is too long")
    return audio


def _gap_s(media: Mapping[str, Any], fed_s: float) -> float:
    """Seconds that are missing before this frame (lost, or muted at the carrier), so that times stay true."""
    stamp = media.get("timestamp")
    if not isinstance(stamp, str) or not stamp.isascii() or not stamp.isdigit() or len(stamp) > 10:
        return 0.0
    missing = int(stamp) / 1000 - fed_s
    return missing if 0.1 < missing < MAX_GAP_S else 0.0


async def _read(hearing: Hearing, source: Source) -> None:
    """Pass on what one side's recogniser hears, until it has ended. A partial text is passed on four times a second."""
    loop = asyncio.get_running_loop()
    next_partial = 0.0
    async for event in hearing.events():
        match event.kind:
            case "partial" if loop.time() >= next_partial:
                next_partial = loop.time() + PARTIALS_EVERY_S
                await run_in_threadpool(whisper_partial, source, event.text)
            case "final" if event.text:
                await run_in_threadpool(store_final, source, event)
            case "error":
                log.warning("media.recogniser", interaction_id=str(source.interaction_id), why=event.text)


def talked_for_s(interaction_id: uuid.UUID) -> float:
    """How long ago the talk began, so that a second stream's words follow the first's."""
    with unit_of_work() as session:
        interaction = session.get(Interaction, interaction_id)
        if interaction is None or interaction.answered_at is None:
            return 0.0
        return max(0.0, (database_now(session) - interaction.answered_at).total_seconds())


def whisper_partial(source: Source, text: str) -> None:
    """Show what is being said to whoever watches this conversation. Nothing is kept."""
    with unit_of_work() as session:
        events.whisper(
            session,
            f"interaction:{source.interaction_id}",
            "transcript.partial",
            {"interaction_id": str(source.interaction_id), "speaker": source.speaker, "text": text},
        )


def store_final(source: Source, event: Event) -> None:
    """Keep what was said. What the agent's side "says" while the customer is on hold is music, and is not kept."""
    with unit_of_work() as session:
        interaction = session.get(Interaction, source.interaction_id)
        on_hold = interaction is not None and interaction.state in (State.HELD, State.AGENT_LOST)
        if interaction is None or (source.speaker == "agent" and on_hold):
            return
        start_s = event.words[0].start if event.words else event.t_audio
        said = Utterance(
            interaction_id=source.interaction_id,
            speaker=source.speaker,
            start_s=round(source.began_s + start_s, 3),
            end_s=round(source.began_s + max(event.t_audio, start_s), 3),
            text=event.text,
            words=[_word_json(word, source.began_s) for word in event.words],
            confidence=event.confidence,
            engine=source.engine,
        )
        session.add(said)
        session.flush()
        events.record(
            session,
            "transcript.said",
            actor="caller" if source.speaker == "customer" else f"user:{interaction.agent_id}",
            customer_id=interaction.customer_id,
            interaction_id=interaction.id,
            users=(interaction.agent_id,) if interaction.agent_id is not None else (),
            speaker=source.speaker,
            text=said.text,
            start_s=said.start_s,
            end_s=said.end_s,
            utterance_id=said.id,
        )


def _word_json(word: Word, began_s: float) -> dict[str, Any]:
    return {
        "text": word.text,
        "start": round(began_s + word.start, 3),
        "end": round(began_s + word.end, 3),
        "conf": word.conf,
    }
