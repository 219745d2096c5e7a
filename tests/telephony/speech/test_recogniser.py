"""Live recognition through the child process, as a call uses it."""

import jiwer

from telephony.speech.recogniser import Recogniser
from telephony.speech.tts import Speaker
from tests.telephony.speech.phone import call_audio, over_the_phone, pcm_of, silence


def words(text: str) -> str:
    return jiwer.RemovePunctuation()(text).lower()


async def test_an_english_sentence_over_the_phone_is_understood(speaker: Speaker, recogniser: Recogniser) -> None:
    said = "I would like to speak to somebody in sales, please."
    session = await recogniser.open(language="en-US")
    await call_audio(session, over_the_phone(silence(0.5) + pcm_of(await speaker.render(said)) + silence(1.5)))
    result = await session.finish()
    events = [event async for event in session.events()]
    assert [event.kind for event in events] == ["speech_start", "final", "speech_end"]
    assert jiwer.wer(words(said), words(result.text)) <= 0.1
    assert result.confidence is not None and result.confidence > 0.7
    assert all(0.3 < word.start < word.end < 5 for word in result.words)
