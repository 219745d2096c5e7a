"""Which recogniser serves which language, and why: settled at start, shown to people."""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from telephony.speech import models
from telephony.speech.errors import SpeechError
from telephony.speech.languages import spoken_name
from telephony.speech.settings import SpeechSettings
from telephony.speech.whisper_engine import NAME as WHISPER_NAME
from telephony.speech.whisper_engine import bundled_model


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """`engine` is "vosk", "whisper" or "none"; `model` its folder; `why` a sentence for start-up and the admin page."""

    language: str
    engine: str
    why: str
    model: Path | None = None

    @property
    def serves(self) -> bool:
        return self.engine != "none"

    @property
    def model_name(self) -> str:
        if self.engine == "whisper":
            return WHISPER_NAME
        return self.model.name if self.model else ""

    @property
    def sentence(self) -> str:
        """For people: "English: Whisper tiny.en (no Vosk model at hand: ...)"."""
        who = f"{self.engine.capitalize()} {self.model_name}" if self.serves else "speech is not understood"
        return f"{spoken_name(self.language)}: {who} ({self.why})"


def settle(settings: SpeechSettings) -> dict[str, EngineChoice]:
    """Choose an engine for every language that callers speak or that has a model. Looks at the disk only."""
    on_disk = vosk_models(settings)
    languages = dict.fromkeys([*settings.languages, *on_disk, *settings.engines])
    return {language: _choose(language, settings, on_disk.get(language)) for language in languages}


def vosk_models(settings: SpeechSettings) -> Mapping[str, Path]:
    """Model folders by language: what was fetched, overruled by what a person set."""
    return {**models.fetched(settings), **settings.vosk_models}


def _choose(language: str, settings: SpeechSettings, vosk_model: Path | None) -> EngineChoice:
    wanted = settings.engines.get(language)
    whisper_model = bundled_model() if language == "en" else None
    no_vosk = _why_no_vosk(language, settings, vosk_model)
    if wanted != "whisper" and vosk_model and not no_vosk:
        return EngineChoice(language, "vosk", "live words while they are spoken", vosk_model)
    if wanted != "vosk" and whisper_model:
        why = "set by SPEECH_ENGINES" if wanted else f"no Vosk model at hand: {no_vosk}"
        return EngineChoice(language, "whisper", f"{why}; words come after each utterance", whisper_model)
    if wanted == "whisper":
        return EngineChoice(language, "none", "SPEECH_ENGINES asks for Whisper, whose model here hears English only")
    return EngineChoice(language, "none", f"no Vosk model at hand: {no_vosk}")


def _why_no_vosk(language: str, settings: SpeechSettings, vosk_model: Path | None) -> str:
    if importlib.util.find_spec("vosk") is None:
        return "the vosk package is not installed"
    return "" if vosk_model else models.why_missing(language, settings)


def prepare(
    settings: SpeechSettings, say: Callable[[str], None], not_failed_for_h: float = 0
) -> dict[str, EngineChoice]:
    """Fetch the models that are missing, then settle. Tells `say` what it does; never fails for want of a network."""
    for language, model in models.missing(settings, not_failed_for_h).items():
        say(
            f"Fetching {model.name} ({model.size / 1_000_000:.0f} MB) so that {spoken_name(language)} is heard live ..."
        )
        try:
            models.fetch(model, settings, _tell_progress(say))
            say(f"{model.name} is ready.")
        except SpeechError as error:
            say(f"Going on without it: {error}.")
    return settle(settings)


def _tell_progress(say: Callable[[str], None]) -> models.Progress:
    """A line at each tenth of the way."""
    told = 0

    def progress(done: int, size: int) -> None:
        nonlocal told
        if done * 10 // size > told:
            told = done * 10 // size
            say(f"  {told * 10} %")

    return progress
