"""Voice: the carrier's webhooks, what is done at the carrier, streams, prompts and speech."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings
    from telephony.speech.tts import Speaker


def register(app: Flask, settings: Settings) -> None:
    """Open the voice room: webhooks, prompts, jobs, ticks, and what the desktop is given of them."""
    from app import clock
    from app.accounts.entry import CARRIER, PUBLIC, enter
    from telephony import draft_calls, numbers, prompts, webhooks
    from telephony import jobs as hands
    from telephony.caller_ear import CallerEar
    from telephony.calls import CarrierCalls
    from telephony.phone_trace import PhoneTrace
    from telephony.room import EXTENSION, open_room
    from telephony.tokens import PhoneTokens, SoftphoneTokens
    from telephony.twiml import say_with_carrier

    speak = say_with_carrier
    if settings.prompt_voice == "home":
        folder = settings.var_dir / "prompts"
        speak = prompts.HomeVoice(folder, settings.secret_key, settings.public_base_url, _render)
        app.extensions[prompts.EXTENSION] = speak
    room = open_room(settings, app.extensions["flow_house"].store, speak)
    app.extensions[EXTENSION] = room
    app.extensions["call_control"] = CarrierCalls(room)
    app.extensions["softphone_tokens"] = SoftphoneTokens(settings, room.carrier)
    app.extensions["draft_calls"] = functools.partial(draft_calls.ring, room=room)
    app.extensions["caller_ear"] = CallerEar()
    app.extensions["our_numbers"] = numbers.PhoneNumbers(room.flows)
    if settings.is_local:
        app.extensions["phone_tokens"] = PhoneTokens(room.carrier)
        app.extensions["phone_trace"] = PhoneTrace(settings)
    hands.register(room)
    clock.tick("voice.numbers", every_s=5)(numbers.ask_to_sync)
    enter(app, webhooks.bp, CARRIER)
    enter(app, prompts.bp, PUBLIC)


def _render(text: str, language: str) -> Path:
    return _speaker().render_sync(text, language)


@functools.cache
def _speaker() -> Speaker:
    """This process's voice; its engine starts with the first prompt."""
    from telephony.speech.tts import Speaker

    return Speaker()
