"""What a simulated caller says into a microphone, understood by the recogniser that hears real callers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Protocol

import structlog
from pydantic import ValidationError

from app.flows.play import bad_act, flow_to_play, others
from app.flows.publish import House
from app.forms import BadInput, Refusal
from app.words import N_
from ivr_flows.instructions import Listen
from ivr_flows.simulator import Given, SimulatedCall, acts_of

log = structlog.get_logger()

RATE_HZ = 8000
LONGEST_S = 15
SHORTEST_S = 0.1
MAX_BYTES = RATE_HZ * LONGEST_S
MAX_CHARS = 4 * -(-MAX_BYTES // 3)

NO_SOUND = N_("This is no sound: mu-law at 8,000 Hz in base64 is needed.")
TOO_SHORT = N_("That was too short to be heard.")
TOO_LONG = N_("At most 15 seconds are heard at once.")
DEAF = N_("Speech in this language is not understood here. Type what the caller says.")
AWAY = N_("The recogniser does not answer. Try again, or type what the caller says.")


class NobodyListens(Exception):
    """No engine here understands this language."""


class Ear(Protocol):
    """Understands one utterance. Injected as `app.extensions["caller_ear"]`."""

    def __call__(self, mulaw: bytes, language: str, hints: Sequence[str]) -> tuple[str, float | None]:
        """The words ("" for none) and how sure they are, 0 to 1. NobodyListens when no engine serves the language;
        whatever else it raises means that the recogniser is away.
        """


def heard(
    ear: Ear, house: House, name: str, text: str, given: dict[str, Any], acts: list[Any], audio: str
) -> dict[str, Any]:
    """What is understood of a sound at this moment of a simulated call: `{say, confidence}`, `say` "" for nothing.

    The language, and the words that the flow waits for, are the call's own. BadInput for sounds and acts that are
    none, FlowError for a text that cannot be played, Refusal 409 and 503 when nobody can hear.
    """
    sound = _sound(audio)
    flow = flow_to_play(house, name, text)
    try:
        call = SimulatedCall(flow, Given.model_validate(given), others(house, flow))
        for act in acts_of(acts):
            call.act(act)
    except ValidationError as wrong:
        raise bad_act(wrong) from wrong
    asked = call.listens
    try:
        words, confidence = ear(sound, asked.language if asked else call.state.language, _hints(asked))
    except NobodyListens as deaf:
        raise Refusal(409, "not_understood_here", DEAF) from deaf
    except Exception as away:
        log.warning("flows.ear_failed", why=type(away).__name__)
        raise Refusal(503, "recogniser_away", AWAY) from away
    return {"say": words, "confidence": None if confidence is None else round(confidence, 2)}


def _hints(asked: Listen | None) -> tuple[str, ...]:
    return tuple(asked.hints) if asked and "speech" in asked.inputs else ()


def _sound(audio: str) -> bytes:
    if len(audio) > MAX_CHARS:
        raise BadInput("audio", TOO_LONG)
    try:
        sound = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise BadInput("audio", NO_SOUND) from wrong
    if len(sound) < SHORTEST_S * RATE_HZ:
        raise BadInput("audio", TOO_SHORT)
    return sound
