"""Which engine hears and which speaks each language, for the system page."""

from __future__ import annotations

from telephony.speech.choice import settle
from telephony.speech.errors import SpeechError
from telephony.speech.languages import spoken_name
from telephony.speech.settings import SpeechSettings
from telephony.speech.tts import voice_for


def speech_report() -> list[dict[str, str | None]]:
    """A row a language: `{language, listens, speaks, state: "ok" | "warn" | "down", detail}`. Looks at the disk."""
    try:
        choices = settle(SpeechSettings.from_env())
    except SpeechError as error:
        return [{"language": "-", "listens": None, "speaks": None, "state": "down", "detail": str(error)}]
    return [
        {
            "language": spoken_name(choice.language),
            "listens": f"{choice.engine.capitalize()} {choice.model_name}" if choice.serves else None,
            "speaks": _voice(choice.language),
            "state": "ok" if choice.serves else "warn",
            "detail": choice.sentence,
        }
        for choice in choices.values()
    ]


def _voice(language: str) -> str | None:
    try:
        voice = voice_for(language)
    except SpeechError:
        return None
    return f"{voice.engine} {voice.name}"
