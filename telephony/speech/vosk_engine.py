"""Vosk: real streaming with partial results, one model per language, warmed recognisers kept for the next call.

A model is shared by all threads, a recogniser belongs to one stream at a time; decoding leaves the GIL free.
"""

import json
import threading
from pathlib import Path
from typing import Any

from telephony.speech.babble import babble
from telephony.speech.endpoint import Endpointer
from telephony.speech.errors import SpeechError
from telephony.speech.settings import is_model_folder
from telephony.speech.stt import Caps, Event, StreamOptions, Word

KEPT_PER_RATE = 16  # about 100 MB each once used
MAX_USES = 200  # a recogniser grows while it is used; a new one now and then keeps memory bounded
WARM_UP_S = 4.0
PARTIAL_LAG_S = 0.4  # Kaldi decodes in blocks: a partial tells what was said this long ago
UNKNOWN_WORD = "[unk]"  # lets a grammar match nothing, where the model knows it


class VoskEngine:
    """A StreamEngine. Loading takes 2 s warm, 20 s from a cold disk, and some hundred megabytes."""

    def __init__(self, folder: Path, language: str) -> None:
        if not is_model_folder(folder):
            raise SpeechError(f"{folder} holds no Vosk model: it needs am/ and conf/. Set VOSK_MODELS to one.")
        import vosk

        vosk.SetLogLevel(-1)
        try:
            self._model: Any = vosk.Model(str(folder))
        except Exception as error:  # vosk raises nothing more specific
            raise SpeechError(f"The Vosk model in {folder} could not be loaded; fetch it again.") from error
        self._vosk: Any = vosk
        self.name = folder.name
        self.caps = Caps(langs=(language,), partials=True, grammar=True)
        self._lock = threading.Lock()
        self._free: dict[int, list[_Recogniser]] = {}

    def open(self, options: StreamOptions) -> "VoskStream":
        if options.grammar:
            return VoskStream(_Recogniser(self._with_grammar(options), options.rate_hz), options, lambda used: None)
        return VoskStream(self._borrow(options.rate_hz), options, self._give_back)

    def warm(self, rate_hz: int, recognisers: int) -> None:
        """Build the search graphs of some recognisers, so that the first callers need not wait for it.

        Ten seconds of speech cost a new recogniser 4.6 s of CPU, one warmed with noise 3.7 and with babble 2.3; used
        ones take 1.4.
        """
        ready = [self._borrow(rate_hz) for _ in range(recognisers)]
        sound = babble(WARM_UP_S, rate_hz)
        for recogniser in ready:
            recogniser.feed(sound)
            self._give_back(recogniser)

    def knows(self, word: str) -> bool:
        """Whether the model's vocabulary has a word; a grammar drops phrases with others."""
        return int(self._model.vosk_model_find_word(word)) >= 0

    def _borrow(self, rate_hz: int) -> "_Recogniser":
        with self._lock:
            if free := self._free.get(rate_hz):
                return free.pop()
        return _Recogniser(self._vosk.KaldiRecognizer(self._model, float(rate_hz)), rate_hz)

    def _give_back(self, used: "_Recogniser") -> None:
        used.reset()
        with self._lock:
            free = self._free.setdefault(used.rate_hz, [])
            if len(free) < KEPT_PER_RATE and used.uses < MAX_USES:
                free.append(used)

    def _with_grammar(self, options: StreamOptions) -> Any:
        phrases = [hint for hint in options.hints if hint and all(self.knows(word) for word in hint.split())]
        if not phrases:
            raise SpeechError(
                f"None of the hints is in the vocabulary of {self.name}; open the stream without grammar."
            )
        unknown = [UNKNOWN_WORD] if self.knows(UNKNOWN_WORD) else []
        grammar = json.dumps([*phrases, *unknown], ensure_ascii=False)
        return self._vosk.KaldiRecognizer(self._model, float(options.rate_hz), grammar)


class _Recogniser:
    """A Kaldi recogniser that knows how much it has heard: its word times never start again from zero."""

    def __init__(self, kaldi: Any, rate_hz: int) -> None:
        kaldi.SetWords(True)
        self._kaldi = kaldi
        self.rate_hz = rate_hz
        self.heard_bytes = 0
        self.uses = 0

    @property
    def heard_s(self) -> float:
        return self.heard_bytes / 2 / self.rate_hz

    def feed(self, pcm16: bytes) -> bool:
        """Decode; True when the model's own rules say that an utterance ended."""
        self.heard_bytes += len(pcm16)
        return bool(self._kaldi.AcceptWaveform(pcm16))

    def partial(self) -> str:
        return str(json.loads(self._kaldi.PartialResult()).get("partial", "")).strip()

    def result(self, flush: bool) -> dict[str, Any]:
        heard: dict[str, Any] = json.loads(self._kaldi.FinalResult() if flush else self._kaldi.Result())
        if flush:
            self._kaldi.Reset()
        return heard

    def reset(self) -> None:
        self.uses += 1
        self._kaldi.FinalResult()
        self._kaldi.Reset()


class VoskStream:
    """One side of one call. Ends an utterance after the caller's speech timeout: the model's own rules may take 2 s."""

    def __init__(self, recogniser: _Recogniser, options: StreamOptions, give_back: Any) -> None:
        self._recogniser: _Recogniser | None = recogniser
        self._give_back = give_back
        self._endpointer = Endpointer(options.rate_hz, options.speech_timeout_s)
        self._chunk = options.rate_hz // 10 * 2
        self._started_at = recogniser.heard_s
        self._shown = ""
        self._in_utterance = False
        self._odd = b""

    def feed(self, pcm16: bytes) -> list[Event]:
        audio = self._odd + pcm16
        whole = len(audio) // 2 * 2
        self._odd = audio[whole:]
        chunks = (audio[at : min(at + self._chunk, whole)] for at in range(0, whole, self._chunk))
        return [event for chunk in chunks for event in self._hear(chunk)]

    def finish(self) -> list[Event]:
        events = self._final(flush=True)
        if self._in_utterance:
            events.append(self._event("speech_end"))
        self._in_utterance = False
        return events

    def close(self) -> None:
        recogniser, self._recogniser = self._recogniser, None
        if recogniser:
            self._give_back(recogniser)

    def _hear(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        ended_at: float | None = None
        for edge in self._endpointer.feed(chunk):
            ended_at = edge.at if edge.kind == "end" else None
            if edge.kind == "start" and not self._in_utterance:
                self._in_utterance = True
                events.append(Event("speech_start", t_audio=round(edge.at, 3)))
        if self._open.feed(chunk):
            events += self._final(flush=False)
        else:
            events += self._partial()
        if ended_at is not None and self._in_utterance:
            events += self._final(flush=True)
            events.append(Event("speech_end", t_audio=round(ended_at, 3)))
            self._in_utterance = False
        return events

    def _partial(self) -> list[Event]:
        text = self._open.partial()
        if not text or text == self._shown or self._is_noise:
            return []
        self._shown = text
        self._endpointer.note_speech(self._now - PARTIAL_LAG_S)
        return [*self._start_if_quiet(), self._event("partial", text)]

    def _final(self, flush: bool) -> list[Event]:
        heard = self._open.result(flush)
        self._shown = ""
        text = str(heard.get("text", "")).strip()
        if not text or text == UNKNOWN_WORD or self._is_noise:
            return []
        words = tuple(self._word(word) for word in heard.get("result", ()))
        return [*self._start_if_quiet(), Event("final", text, words, words[-1].end if words else self._now)]

    @property
    def _is_noise(self) -> bool:
        """Words without any sound just before are what a model makes up from noise; they must not stop a prompt."""
        return not self._in_utterance and self._endpointer.quiet_s > PARTIAL_LAG_S * 2

    def _start_if_quiet(self) -> list[Event]:
        """A word too short for the energy detector is an utterance too."""
        if self._in_utterance:
            return []
        self._in_utterance = True
        self._endpointer.hear_start()
        return [self._event("speech_start")]

    def _word(self, heard: dict[str, Any]) -> Word:
        start, end = (max(0.0, round(heard[side] - self._started_at, 3)) for side in ("start", "end"))
        return Word(heard["word"], start, end, round(float(heard.get("conf", 1.0)), 3))

    def _event(self, kind: Any, text: str = "") -> Event:
        return Event(kind, text, t_audio=self._now)

    @property
    def _open(self) -> _Recogniser:
        if self._recogniser is None:
            raise SpeechError("This stream is closed; open another one.")
        return self._recogniser

    @property
    def _now(self) -> float:
        return round(self._open.heard_s - self._started_at, 3)
