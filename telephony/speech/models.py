"""Vosk models on disk, fetched once."""

from pathlib import Path

from telephony.speech.settings import SpeechSettings, models_in


def models_dir(settings: SpeechSettings) -> Path:
    return settings.cache_dir / "models"


def fetched(settings: SpeechSettings) -> dict[str, Path]:
    """Model folders that were fetched, by language."""
    return models_in(models_dir(settings))


def why_missing(language: str, settings: SpeechSettings) -> str:
    return "none was fetched and VOSK_MODELS names none"
