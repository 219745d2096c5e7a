"""Say: read text aloud.

https://www.twilio.com/docs/voice/twiml/say - speech markup inside is read as its words; `<break>` is kept as silence.
"""

from __future__ import annotations

import re

from telephony.local_carrier.audio import silence
from telephony.local_carrier.script import Outcome, Stage
from telephony.local_carrier.speech import MAX_TEXT
from telephony.local_carrier.twiml import Node
from telephony.local_carrier.verbs.attributes import Attributes

LANGUAGE = "en-US"
LOOP = 1
MOST_LOOPS = 1000
MAX_BREAK_S = 10.0
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_BREAK_STRENGTHS_S = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}


async def perform(verb: Node, stage: Stage) -> Outcome:
    """Say it as often as asked."""
    attributes = Attributes(verb, stage, 13510)
    sound = await spoken(verb, stage, attributes.text("language") or LANGUAGE)
    for _ in range(attributes.number("loop", LOOP, 0, MOST_LOOPS) or MOST_LOOPS):
        await stage.voice.play(sound)
        if not sound:
            break
    return None


async def spoken(verb: Node, stage: Stage, language: str) -> bytes:
    """The verb's words in mu-law, with its breaks. Raises SpeechUnavailable."""
    parts = []
    for piece in pieces(verb):
        if isinstance(piece, float):
            parts.append(silence(piece))
        else:
            parts.append(await stage.carrier.speech.say(piece, language))
    return b"".join(parts)


def pieces(verb: Node) -> list[str | float]:
    """Stretches of words and, between them, seconds of silence."""
    found: list[str | float] = []
    words: list[str] = []

    def finish_words() -> None:
        text = " ".join("".join(words).split())
        words.clear()
        if text:
            found.append(text[:MAX_TEXT])

    def walk(node: Node) -> None:
        for part in node.content:
            if isinstance(part, str):
                words.append(part)
            elif part.name == "break":
                finish_words()
                found.append(break_s(part))
            elif part.name == "sub":
                words.append(part.attributes.get("alias", part.text))
            else:
                words.append(" " if part.name in {"p", "s"} else "")
                walk(part)
                words.append(". " if part.name in {"p", "s"} else "")

    walk(verb)
    finish_words()
    return found


def break_s(node: Node) -> float:
    """The length of a `<break>`, by time or by strength."""
    written = _TIME.fullmatch(node.attributes.get("time", ""))
    if written:
        seconds = float(written[1]) / (1000 if written[2] == "ms" else 1)
        return min(seconds, MAX_BREAK_S)
    return _BREAK_STRENGTHS_S.get(node.attributes.get("strength", "medium"), 0.4)
