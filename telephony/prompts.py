"""Audio that we serve: waiting music, ringback, and with PROMPT_VOICE=home every prompt, rendered here.

A prompt's address is a hash made with our secret, and what it says is kept in a folder beside the speech cache, so that
nobody can make us speak a text of theirs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from flask import Blueprint, Response, abort, current_app, send_file

from telephony import music
from telephony.twiml import say_with_carrier

log = structlog.get_logger()

bp = Blueprint("prompts", __name__)

EXTENSION = "home_voice"
HASH = re.compile(r"[0-9a-f]{40}")
A_DAY_S = 86_400

Render = Callable[[str, str], Path]
"""Text and language to a WAV file for a phone line; may take a second the first time."""


class HomeVoice:
    """Speaks with our own voices: a prompt is registered under its hash and rendered when the carrier fetches it."""

    def __init__(self, folder: Path, secret: str, base_url: str, render: Render) -> None:
        self._folder = folder
        self._secret = secret.encode()
        self._base_url = base_url
        self._render = render

    def __call__(self, parent: Any, text: str, language: str) -> None:
        """Add a Play of this text to a verb; where the disk fails us the carrier's voice says it."""
        try:
            parent.play(f"{self._base_url}/prompts/{self.register(text, language)}.wav")
        except OSError:
            log.exception("prompt.not_registered")
            say_with_carrier(parent, text, language)

    def register(self, text: str, language: str) -> str:
        """Keep what this hash says, once; the hash."""
        key = hmac.new(self._secret, f"{language}\0{text}".encode(), hashlib.sha1).hexdigest()
        place = self._place(key)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = place.with_suffix(f".{id(place)}.draft")
            draft.write_text(json.dumps([text, language]), encoding="utf-8")
            draft.replace(place)
        return key

    def audio(self, key: str) -> Path | None:
        """The prompt's WAV file; None for a hash that nobody registered."""
        try:
            text, language = json.loads(self._place(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return self._render(text, language)

    def _place(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


@bp.get("/prompts/<key>.wav")
def prompt(key: str) -> Response:
    """A rendered prompt. 404 for what we never said."""
    voice: HomeVoice | None = current_app.extensions.get(EXTENSION)
    path = voice.audio(key) if voice is not None and HASH.fullmatch(key) else None
    if path is None:
        abort(404)
    return send_file(path.resolve(), mimetype="audio/wav", max_age=A_DAY_S, conditional=True)


@bp.get("/voice/music.wav")
def waiting_music() -> Response:
    """What a waiting or held caller hears."""
    return _wav(music.waiting_music())


@bp.get("/voice/moment.wav")
def a_moment() -> Response:
    """What a caller hears while something is looked up."""
    return _wav(music.moment())


@bp.get("/voice/ringback.wav")
def ringback() -> Response:
    """What somebody hears while the other telephone rings."""
    return _wav(music.ringback())


def _wav(audio: bytes) -> Response:
    response = Response(audio, mimetype="audio/wav")
    response.cache_control.max_age = A_DAY_S
    response.cache_control.public = True
    return response
