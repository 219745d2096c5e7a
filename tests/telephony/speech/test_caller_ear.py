"""What is said to a draft is understood by the engines that hear real callers."""

from __future__ import annotations

import pytest

from app.flows.hear import NobodyListens
from telephony.caller_ear import CallerEar
from telephony.local_carrier.audio import pcm16_to_mulaw
from telephony.speech.recogniser import Recogniser
from telephony.speech.tts import Speaker
from tests.telephony.speech.phone import pcm_of


def spoken(speaker: Speaker, words: str) -> bytes:
    return pcm16_to_mulaw(pcm_of(speaker.render_sync(words, "en-US")))


def test_words_are_understood_with_how_sure_they_are(speaker: Speaker, recogniser: Recogniser) -> None:
    words, confidence = CallerEar(lambda: recogniser)(spoken(speaker, "I would like to talk to sales."), "en", ())
    assert "sales" in words.lower()
    assert confidence is not None and 0 < confidence <= 1


def test_two_people_may_speak_one_after_the_other(speaker: Speaker, recogniser: Recogniser) -> None:
    ear = CallerEar(lambda: recogniser)
    first = ear(spoken(speaker, "Yes please."), "en", ("yes",))
    second = ear(spoken(speaker, "Billing, please."), "en", ("billing",))
    assert "yes" in first[0].lower() and "billing" in second[0].lower()


def test_silence_holds_no_words(recogniser: Recogniser) -> None:
    assert CallerEar(lambda: recogniser)(b"\xff" * 16_000, "en", ()) == ("", None)


def test_a_language_that_nobody_understands_is_said_so(recogniser: Recogniser) -> None:
    with pytest.raises(NobodyListens):
        CallerEar(lambda: recogniser)(b"\xff" * 8_000, "fr", ())
