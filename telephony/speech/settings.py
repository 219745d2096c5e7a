"""What a person may set about speech, read from the environment once and checked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from telephony.speech.errors import SpeechError
from telephony.speech.languages import heard_as

FETCH_CHOICES = ("auto", "never")
ENGINE_CHOICES = ("vosk", "whisper")


@dataclass(frozen=True)
class SpeechSettings:
    """All settings of speech; each field names its environment variable."""

    cache_dir: Path = Path("var/speech")
    """SPEECH_CACHE: folder for rendered prompts and fetched models."""

    cache_mb: int = 256
    """SPEECH_CACHE_MB: how much rendered speech to keep; the least recently used goes first."""

    vosk_models: Mapping[str, Path] = field(default_factory=dict)
    """VOSK_MODELS: a folder of Vosk models or one model, or pairs "en=/folder;ko=/folder"."""

    languages: tuple[str, ...] = ("en",)
    """SPEECH_LANGUAGES: languages that callers speak, such as "en,es"; for these a Vosk model is fetched."""

    fetch: str = "auto"
    """SPEECH_FETCH: "auto" fetches a missing Vosk model once, "never" stays off the network."""

    models_url: str = "https://alphacephei.com/vosk/models/"
    """VOSK_MODELS_URL: where Vosk models are fetched from; a mirror inside your own network works."""

    engines: Mapping[str, str] = field(default_factory=dict)
    """SPEECH_ENGINES: pairs "en=whisper" that overrule our own choice of recogniser for a language."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "SpeechSettings":
        """Read and check. SpeechError names the variable and what it may hold."""
        given = os.environ if env is None else env
        return cls(
            cache_dir=Path(given.get("SPEECH_CACHE") or "var/speech").expanduser(),
            cache_mb=_whole_number("SPEECH_CACHE_MB", given.get("SPEECH_CACHE_MB"), default=256, at_least=8),
            vosk_models=_model_folders(given.get("VOSK_MODELS", "")),
            languages=_languages(given.get("SPEECH_LANGUAGES") or "en"),
            fetch=_one_of("SPEECH_FETCH", given.get("SPEECH_FETCH") or "auto", FETCH_CHOICES),
            models_url=_address("VOSK_MODELS_URL", given.get("VOSK_MODELS_URL") or cls.models_url),
            engines={
                lang: _one_of("SPEECH_ENGINES", engine, ENGINE_CHOICES)
                for lang, engine in _pairs("SPEECH_ENGINES", given.get("SPEECH_ENGINES", "")).items()
            },
        )


def is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a Vosk model in the usual layout; Kaldi aborts the process on anything else."""
    return (folder / "am" / "final.mdl").is_file() and (folder / "conf" / "mfcc.conf").is_file()


def language_of_model(name: str) -> str | None:
    """`en` from vosk-model-small-en-us-0.15; None when the name is not of that form."""
    parts = name.removeprefix("vosk-model-").removeprefix("small-").split("-")
    if not name.startswith("vosk-model-") or len(parts[0]) not in (2, 3):
        return None
    return {"cn": "zh", "kz": "kk", "vn": "vi", "ua": "uk"}.get(parts[0], parts[0])


def models_in(folder: Path) -> dict[str, Path]:
    """Model folders by language inside `folder`; of several for one language the last by name."""
    if not folder.is_dir():
        return {}
    found = {language_of_model(path.name): path for path in sorted(folder.iterdir()) if is_model_folder(path)}
    return {language: path for language, path in found.items() if language}


def _model_folders(text: str) -> dict[str, Path]:
    if "=" in text:
        folders = {lang: Path(name).expanduser() for lang, name in _pairs("VOSK_MODELS", text).items()}
        for lang, path in folders.items():
            if not is_model_folder(path):
                raise SpeechError(f"VOSK_MODELS: {path} (for {lang}) holds no Vosk model: it needs am/ and conf/.")
        return folders
    if not text.strip():
        return {}
    folder = Path(text.strip()).expanduser()
    language = language_of_model(folder.name)
    if is_model_folder(folder) and language:
        return {language: folder}
    if is_model_folder(folder):
        raise SpeechError(f"VOSK_MODELS: which language does {folder} speak? Write it as en={folder}.")
    if not (found := models_in(folder)):
        raise SpeechError(f"VOSK_MODELS: {folder} holds no folder named like vosk-model-small-en-us-0.15.")
    return found


def _pairs(name: str, text: str) -> dict[str, str]:
    pairs = [part.strip() for part in text.replace(",", ";").split(";") if part.strip()]
    for pair in pairs:
        if not all(side.strip() for side in (pair.partition("=")[0], pair.partition("=")[2])):
            raise SpeechError(f"{name}: {pair!r} is not of the form en=value.")
    return {heard_as(pair.partition("=")[0]): pair.partition("=")[2].strip() for pair in pairs}


def _languages(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(heard_as(part) for part in text.replace(";", ",").split(",") if part.strip()))


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value.strip().lower() not in choices:
        raise SpeechError(f"{name} is {value!r}; it may be {' or '.join(choices)}.")
    return value.strip().lower()


def _whole_number(name: str, value: str | None, default: int, at_least: int) -> int:
    if not value:
        return default
    if not value.strip().isdecimal() or int(value) < at_least:
        raise SpeechError(f"{name} is {value!r}; it must be a whole number of at least {at_least}.")
    return int(value)


def _address(name: str, value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise SpeechError(f"{name} is {value!r}; it must start with https:// or http://.")
    return value if value.endswith("/") else value + "/"
