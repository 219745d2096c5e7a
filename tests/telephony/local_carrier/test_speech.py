"""Say and speech in Gather, with the real engines and real sound."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from telephony.local_carrier.verbs.gather import confidence_of
from telephony.speech.recogniser import Recogniser
from telephony.speech.stt import Word
from telephony.speech.tts import Speaker
from tests.telephony.local_carrier.phone import loudness

SLOW_S = 60.0  # the engines load their models at the first word


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory):
    """A caller's voice: text as a WAV file."""
    speaker = Speaker()

    def speak(text: str) -> Path:
        return speaker.render_sync(text, "en-US")

    yield speak
    speaker.close()


def test_say_is_heard_as_its_words(application, phones, line):
    application.on("/voice", "<Say>Your order has been shipped today.</Say>")
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("ended", timeout_s=SLOW_S)

    async def words() -> str:
        recogniser = Recogniser()
        try:
            (result,) = await recogniser.transcribe(caller.heard_pcm16(), 8000, "en-US")
            return result.text.lower()
        finally:
            await recogniser.close()

    heard = asyncio.run(words())
    assert "order" in heard
    assert "shipped" in heard


def test_say_in_an_unknown_language_is_an_alert_and_the_call_goes_on(application, phones, line, sounds):
    application.on("/voice", f'<Say language="xx-XX">hello</Say><Play>{sounds(440, 0.5)}</Play>')
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_to_hear(440, timeout_s=SLOW_S)


def test_spoken_answer_reaches_the_action(application, phones, line, spoken):
    application.on(
        "/voice",
        '<Gather input="speech dtmf" action="/heard" speechTimeout="auto" timeout="30" hints="sales,support"/>',
    )
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    caller.say(spoken("I would like to talk to sales."))
    told = application.wait_for("/heard", timeout_s=SLOW_S).params
    assert "sales" in told["SpeechResult"].lower()
    assert 0.0 <= float(told["Confidence"]) <= 1.0
    assert "Digits" not in told
    caller.wait_for("ended")


def test_key_pressed_first_wins_over_speech(application, phones, line):
    application.on("/voice", '<Gather input="dtmf speech" numDigits="1" action="/heard" timeout="30"/>')
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    caller.press("4")
    told = application.wait_for("/heard").params
    assert told["Digits"] == "4"
    assert "SpeechResult" not in told


def test_prompt_falls_silent_when_the_caller_speaks(application, phones, line, spoken, sounds):
    application.on(
        "/voice",
        '<Gather input="speech" action="/heard" speechTimeout="auto" timeout="30">'
        f'<Play loop="0">{sounds(1300, 2.0)}</Play></Gather>',
    )
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_to_hear(1300)
    caller.say(spoken("I would like to talk to support."))
    caller.wait_for_silence(SLOW_S)
    told = application.wait_for("/heard", timeout_s=SLOW_S).params
    assert "support" in told["SpeechResult"].lower()


def test_nothing_said_within_the_timeout_goes_on(application, phones, line, sounds):
    application.on(
        "/voice", f'<Gather input="speech" action="/heard" timeout="1"/><Play>{sounds(440, 0.6)}</Play>'
    )  # fmt: skip
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_to_hear(440, timeout_s=SLOW_S)
    assert application.requests("/heard") == []


def test_language_that_nobody_understands_still_takes_keys(application, phones, line):
    application.on(
        "/voice", '<Gather input="dtmf speech" language="zu-ZA" numDigits="1" action="/heard" timeout="30"/>'
    )
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("answered")
    caller.press("2")
    assert application.wait_for("/heard", timeout_s=SLOW_S).params["Digits"] == "2"


def test_application_error_is_said_to_the_caller(application, phones, line):
    application.on("/voice", "<Broken>")
    caller = phones.number()
    caller.dial(line.number)
    caller.wait_for("ended", timeout_s=SLOW_S)
    assert loudness(caller.heard) > 100
    assert len(caller.heard) > 8000


def test_confidence_is_the_mean_of_the_words_that_have_one():
    assert confidence_of([]) is None
    words = [Word("a", 0.0, 0.1, 0.5), Word("b", 0.1, 0.2, 1.0)]
    assert confidence_of(words) == 0.75
