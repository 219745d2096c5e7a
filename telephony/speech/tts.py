"""Text to speech: text in, a WAV file for a phone line out, each text rendered once.

    speaker = Speaker()
    path = await speaker.render("Please hold.", "en-US")    # or speaker.render_sync(...) from a thread

English is spoken by hibari, every other language by espeak-ng, which also stands in when hibari is missing or fails.
"""

import asyncio
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import tempfile
import threading
import time
import unicodedata
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from telephony.speech.child import OneAtATime
from telephony.speech.errors import SpeechError
from telephony.speech.languages import Voice, espeak_voice, heard_as, normalise
from telephony.speech.settings import SpeechSettings

MAX_TEXT_CHARS = 4096  # the carrier's own limit for one <Say>
RATES_HZ = (8000, 16000, 24000)
WORDS_PER_MINUTE = 160  # espeak's own 200 is too fast for a menu
FIRST_LIMIT_S = 30.0  # loading an engine from a cold disk
LIMIT_S, LIMIT_PER_CHAR_S = 5.0, 0.02
RECIPE = 2  # part of every cache key: raise it when level, edges, speed or seed change
JUST_USED_S = 60.0  # a file handed out this recently is not pruned
AMERICAN_VOICE, BRITISH_VOICE = "heart", "emma"
BRITISH = ("en-gb", "en-au", "en-ie", "en-in", "en-nz", "en-za")


class Speaker:
    """Renders speech in one child process and keeps the results. Safe from any thread and any event loop."""

    def __init__(self, settings: SpeechSettings | None = None) -> None:
        self._settings = settings or SpeechSettings.from_env()
        self._folder = self._settings.cache_dir / "tts"
        self._child = OneAtATime("telephony.speech.tts_worker")
        self._pool = ThreadPoolExecutor(1, "speaker")  # the child does one job at a time
        self._lock = threading.Lock()
        self._under_way: dict[Path, Future[Path]] = {}
        self._engines_started: set[str] = set()
        self._cached_bytes: int | None = None

    async def render(self, text: str, language: str = "en", rate_hz: int = 8000) -> Path:
        """A WAV file (mono, s16) of the text; from the cache when it was rendered before.

        Text with nothing to pronounce gives a short silence, so that an empty template never ends a call.
        SpeechError: unknown language, text over MAX_TEXT_CHARS, rate not in RATES_HZ, or the engine failed twice.
        The file may be pruned a minute later: open it now, or render again.
        """
        found = self._find_or_start(text, language, rate_hz)
        # Shielded: a caller who hangs up must not cancel the same text for the others.
        return found if isinstance(found, Path) else await asyncio.shield(asyncio.wrap_future(found))

    def render_sync(self, text: str, language: str = "en", rate_hz: int = 8000) -> Path:
        """As `render`, for threads; never call it on an event loop."""
        found = self._find_or_start(text, language, rate_hz)
        return found if isinstance(found, Path) else found.result()

    async def warm(self) -> None:
        """Start the child and load the English voice, so that the first caller need not wait for it."""
        await self.render("Hello.")

    def close(self) -> None:
        """Stop the child. Renders that have not begun are cancelled, the one under way fails."""
        self._child.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _find_or_start(self, text: str, language: str, rate_hz: int) -> Path | Future[Path]:
        spoken = speakable(text)
        voice = voice_for(language)
        if rate_hz not in RATES_HZ:
            raise SpeechError(f"Speech can be rendered at {', '.join(map(str, RATES_HZ))} Hz, not at {rate_hz!r}.")
        path = self._path_of(spoken, voice, rate_hz)
        if _is_whole(path):
            os.utime(path)  # the least recently used goes first
            return path
        with self._lock:
            under_way = self._under_way.get(path)
            if under_way is None:
                under_way = self._pool.submit(self._render, spoken, language, voice, rate_hz)
                self._under_way[path] = under_way
                under_way.add_done_callback(lambda done: self._under_way.pop(path, None))
            return under_way

    def _render(self, text: str, language: str, voice: Voice, rate_hz: int) -> Path:
        try:
            return self._render_with(text, voice, rate_hz)
        except SpeechError:
            if voice.engine == "espeak":
                raise
            return self._render_with(text, Voice("espeak", espeak_voice(language)), rate_hz)

    def _render_with(self, text: str, voice: Voice, rate_hz: int) -> Path:
        path = self._path_of(text, voice, rate_hz)
        if _is_whole(path):
            return path
        name = _unfinished_beside(path)
        try:
            job = {
                "engine": voice.engine,
                "voice": voice.name,
                "text": text,
                "words_per_minute": WORDS_PER_MINUTE,
                "rate_hz": rate_hz,
                "path": str(Path(name).resolve()),
            }
            self._child.call(job, self._limit_s(voice.engine, text))
            self._engines_started.add(voice.engine)
            size = Path(name).stat().st_size
            Path(name).replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
        self._make_room(size)
        return path

    def _limit_s(self, engine: str, text: str) -> float:
        start_s = LIMIT_S if engine in self._engines_started else FIRST_LIMIT_S
        return start_s + LIMIT_PER_CHAR_S * len(text)

    def _path_of(self, text: str, voice: Voice, rate_hz: int) -> Path:
        made_by = (voice.engine, _version(voice.engine), voice.name, rate_hz, WORDS_PER_MINUTE, RECIPE, text)
        key = hashlib.sha256(repr(made_by).encode()).hexdigest()
        return self._folder / key[:2] / f"{key}.wav"

    def _make_room(self, added: int) -> None:
        """Keep the folder under its bound, pruning to four fifths so that not every render has to look again."""
        bound = self._settings.cache_mb * 1_000_000
        if self._cached_bytes is not None:
            self._cached_bytes += added
        if self._cached_bytes is None or self._cached_bytes > bound:
            self._cached_bytes = prune(self._folder, bound)


def voice_for(language: str) -> Voice:
    """The voice that speaks a language. SpeechError names the known languages for any other."""
    fallback = Voice("espeak", espeak_voice(language))
    if heard_as(language) != "en" or importlib.util.find_spec("hibari") is None:
        return fallback
    return Voice("hibari", _hibari_voice(normalise(language)))


def _hibari_voice(tag: str) -> str:
    """A British voice when the tag asks for one and somebody downloaded it; else the American one in the wheel.

    Even in the wrong accent hibari is understood far better than espeak (SPEECH: 4 % against 24 % words wrong).
    """
    if not tag.startswith(BRITISH):
        return AMERICAN_VOICE
    from hibari import voices

    try:
        voices.voice_path(BRITISH_VOICE, download_missing=False)
    except (FileNotFoundError, ValueError):
        return AMERICAN_VOICE
    return BRITISH_VOICE


def speakable(text: str) -> str:
    """The text as it goes to an engine: control characters and broken surrogates blanked, spaces joined.

    Empty when no letter or digit is in it, for engines make odd noises of dots and emoji. Markup is left alone: it is
    spoken, never obeyed. SpeechError when longer than MAX_TEXT_CHARS.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise SpeechError(f"The text has {len(text)} characters; one prompt may have {MAX_TEXT_CHARS}. Split it.")
    blanked = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") else c for c in text)
    tidy = " ".join(unicodedata.normalize("NFC", blanked).split())
    return tidy if any(c.isalnum() for c in tidy) else ""


def prune(folder: Path, bound: int) -> int:
    """Delete the least recently used files until `folder` holds four fifths of `bound` bytes; gives what it holds."""
    kept = sorted((stat.st_mtime, stat.st_size, path) for path, stat in _files(folder))
    total = sum(size for _, size, _ in kept)
    too_new = time.time() - JUST_USED_S
    if total <= bound:
        return total
    for used, size, path in kept:
        if total <= bound * 4 // 5 or used > too_new:
            break
        path.unlink(missing_ok=True)
        total -= size
    return total


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in folder.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):  # another process prunes the same folder
            found.append((path, path.stat()))
    return found


def _is_whole(path: Path) -> bool:
    """Whether a rendered file is there; after a power cut a file may be there and empty."""
    try:
        return path.stat().st_size > 44
    except (FileNotFoundError, NotADirectoryError):
        return False


def _unfinished_beside(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=".part", dir=path.parent)
    except OSError as error:
        raise SpeechError(f"The speech cache {path.parent} cannot be written: {error.strerror}.") from error
    os.close(handle)
    return name


def _version(engine: str) -> str:
    packages = {"hibari": "hibari-tts", "espeak": "espeakng-loader"}
    try:
        return importlib.metadata.version(packages[engine])
    except importlib.metadata.PackageNotFoundError:
        return "system"
