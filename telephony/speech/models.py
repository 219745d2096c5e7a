"""Vosk models on disk, fetched once: checked by size and hash, unpacked beside, moved into place when whole.

Vosk's own download has no time limit, no checksum and leaves half a model behind; this replaces it.
"""

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from filelock import FileLock, Timeout

from telephony.speech.errors import SpeechError
from telephony.speech.languages import spoken_name
from telephony.speech.settings import SpeechSettings, is_model_folder, models_in

CONNECT_LIMIT_S, READ_LIMIT_S = 10.0, 30.0
WHOLE_LIMIT_S = 1800.0
MOST_FILES = 1000
UNPACKED_TIMES = 8  # how many times its packed size a model may take; small ones take about two
CHUNK = 1 << 18

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model as its makers published it: `size` and `sha256` of the zip, whose one folder is named `name`."""

    name: str
    size: int
    sha256: str


# Small models of https://alphacephei.com/vosk/models (Apache-2.0). The site gives no SHA-256; each of these is recorded
# alike by several projects that use the file.
KNOWN_MODELS = {
    "en": KnownModel(
        "vosk-model-small-en-us-0.15", 41205931, "30f26242c4eb449f948e42cb302dd7a686cb29a3423a8367f99ff41780942498"
    ),
    "zh": KnownModel(
        "vosk-model-small-cn-0.22", 43898754, "3af8b0e7e0f835ae9d414ce5df580237a3cfb08d586c9fbbb0f7ff29ad5b14ba"
    ),
    "de": KnownModel(
        "vosk-model-small-de-0.15", 46499967, "b7e53c90b1f0a38456f4cd62b366ecd58803cd97cd42b06438e2c131713d5e43"
    ),
    "es": KnownModel(
        "vosk-model-small-es-0.42", 39817833, "09b239888f633ef2f0b4e09736e3d9936acfd810bc65d53fad45261762c6511f"
    ),
    "fr": KnownModel(
        "vosk-model-small-fr-0.22", 42233323, "cabf6180e177eb9b3a9a9d43a437bd5e549f3a7d09525e5d69a3fed787be12ad"
    ),
    "it": KnownModel(
        "vosk-model-small-it-0.22", 49665141, "9ec65e75861d1c6c2e457cccd932705340dcdf233f5b239f00733b4de0bf3267"
    ),
    "ja": KnownModel(
        "vosk-model-small-ja-0.22", 49704573, "efa092d280153a77615e9e0c7d7283e93e600de3d19d3bec686c57ef19d52eac"
    ),
    "ko": KnownModel(
        "vosk-model-small-ko-0.22", 86914329, "eea36124087fed26c59996a4761519458e3bd185e8ea9d9865ad8760c4a1d989"
    ),
    "nl": KnownModel(
        "vosk-model-small-nl-0.22", 40441176, "039811c3b829de64e4f123a9f684a53784005b212a346ac0b899dc7efce2ed0a"
    ),
    "pt": KnownModel(
        "vosk-model-small-pt-0.3", 32453112, "6e1ce909032e1afa7a88e68a3d628ecafff302bdf195befab308826c395e93b7"
    ),
    "ru": KnownModel(
        "vosk-model-small-ru-0.22", 46236750, "961d5ff98a17f4aa6de69864d0aa71fa5bac682301d2b5d17a3f24c5c99a46d4"
    ),
}


def models_dir(settings: SpeechSettings) -> Path:
    return settings.cache_dir / "models"


def fetched(settings: SpeechSettings) -> dict[str, Path]:
    """Model folders that were fetched, by language."""
    return models_in(models_dir(settings))


def missing(settings: SpeechSettings, not_failed_for_h: float = 0) -> dict[str, KnownModel]:
    """The models that a fetch would bring: wanted, known, not at hand and not ruled out by a setting.

    With `not_failed_for_h`, models whose fetch failed within so many hours are left out: a machine without a network
    should not try at each start.
    """
    at_hand = {**fetched(settings), **settings.vosk_models}
    wanted = [lang for lang in settings.languages if lang not in at_hand and settings.engines.get(lang) != "whisper"]
    if settings.fetch == "never":
        return {}
    known = {language: KNOWN_MODELS[language] for language in wanted if language in KNOWN_MODELS}
    return {
        language: model
        for language, model in known.items()
        if _hours_since_failure(settings, model) >= not_failed_for_h
    }


def why_missing(language: str, settings: SpeechSettings) -> str:
    """Part of a sentence: why there is no model for a language, and what to do."""
    known = KNOWN_MODELS.get(language)
    if known is None:
        return f"none is known for {spoken_name(language)}; put one into VOSK_MODELS"
    if settings.fetch == "never":
        return "SPEECH_FETCH is never and VOSK_MODELS has none"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        failure = json.loads(_failure_note(settings, known).read_text())
        return f"the last fetch, {failure['at']}, failed: {failure['why']}"
    return "not fetched yet; run python -m telephony.speech fetch"


def fetch(model: KnownModel, settings: SpeechSettings, progress: Progress = lambda done, size: None) -> Path:
    """Bring a model and give its folder; the one at hand when it was brought before, by whichever process.

    `progress` gets bytes done and in all. SpeechError says why it failed, and what is left over is removed; the
    reason is kept for `why_missing`.
    """
    folder = models_dir(settings)
    target = folder / model.name
    if is_model_folder(target):
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{model.name}.lock", timeout=WHOLE_LIMIT_S):
            if not is_model_folder(target):
                _bring(model, settings, target, progress)
        _failure_note(settings, model).unlink(missing_ok=True)
        return target
    except Timeout:
        raise SpeechError(
            f"Another process has been fetching {model.name} for half an hour; try again later."
        ) from None
    except OSError as error:
        raise _noted(f"{model.name} could not be stored in {folder}: {error.strerror}", model, settings) from error
    except SpeechError as error:
        raise _noted(str(error), model, settings) from error


def _bring(model: KnownModel, settings: SpeechSettings, target: Path, progress: Progress) -> None:
    if shutil.disk_usage(target.parent).free < model.size * (UNPACKED_TIMES // 2 + 1):
        raise SpeechError(f"the disk has too little room for {model.name}")
    unfinished = f".fetch-{model.name}-"
    for left_over in target.parent.glob(f"{unfinished}*"):  # of a fetch that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=unfinished, dir=target.parent) as name:
        archive, unpacked = Path(name, "model.zip"), Path(name, "unpacked")
        _download(f"{settings.models_url}{model.name}.zip", model, archive, progress)
        _unpack(archive, model, unpacked)
        if not is_model_folder(unpacked / model.name):
            raise SpeechError(f"{model.name}.zip holds no Vosk model")
        if target.exists():  # half a model, left by hand
            shutil.rmtree(target)
        (unpacked / model.name).replace(target)


def _download(url: str, model: KnownModel, archive: Path, progress: Progress) -> None:
    seen, done = hashlib.sha256(), 0
    give_up = time.monotonic() + WHOLE_LIMIT_S
    limits = httpx.Timeout(READ_LIMIT_S, connect=CONNECT_LIMIT_S)
    try:
        with (
            httpx.stream("GET", url, timeout=limits, follow_redirects=True) as response,
            archive.open("wb") as file,
        ):
            if response.status_code != httpx.codes.OK:
                raise SpeechError(f"{url} answered {response.status_code}")
            for chunk in response.iter_bytes(CHUNK):
                done += len(chunk)
                if done > model.size:
                    raise SpeechError(f"{url} is larger than the {model.size:,} bytes it should have")
                if time.monotonic() > give_up:
                    raise SpeechError(f"{url} took longer than {WHOLE_LIMIT_S / 60:.0f} minutes")
                file.write(chunk)
                seen.update(chunk)
                progress(done, model.size)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SpeechError(f"{url} could not be read ({_reason(error)})") from error
    if done != model.size:
        raise SpeechError(f"{url} ended after {done:,} of {model.size:,} bytes")
    if seen.hexdigest() != model.sha256:
        raise SpeechError(f"{url} is not the file it should be: its SHA-256 is {seen.hexdigest()}")


def _unpack(archive: Path, model: KnownModel, folder: Path) -> None:
    """Unpack, refusing what a good model never has: paths that lead outside, links, thousands of files, a bomb."""
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            if len(members) > MOST_FILES or sum(m.file_size for m in members) > model.size * UNPACKED_TIMES + 1_000_000:
                raise SpeechError(f"{model.name}.zip unpacks to more than a model may have")
            for member in members:
                target = (folder / member.filename).resolve()
                is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
                if is_link or not target.is_relative_to(folder.resolve() / model.name):
                    raise SpeechError(f"{model.name}.zip holds a file outside its folder: {member.filename[:80]!r}")
            packed.extractall(folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise SpeechError(f"{model.name}.zip is broken ({_reason(error)})") from error


def _noted(why: str, model: KnownModel, settings: SpeechSettings) -> SpeechError:
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    with contextlib.suppress(OSError):
        _failure_note(settings, model).write_text(json.dumps({"at": at, "why": why}))
    return SpeechError(why)


def _failure_note(settings: SpeechSettings, model: KnownModel) -> Path:
    return models_dir(settings) / f"{model.name}.failed"


def _hours_since_failure(settings: SpeechSettings, model: KnownModel) -> float:
    try:
        return (time.time() - _failure_note(settings, model).stat().st_mtime) / 3600
    except OSError:
        return float("inf")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
