"""Settings are read from the environment and refused plainly."""

from pathlib import Path

import pytest

from telephony.speech.choice import settle
from telephony.speech.errors import SpeechError
from telephony.speech.languages import espeak_voice, heard_as
from telephony.speech.settings import SpeechSettings
from telephony.speech.tts import voice_for
from tests.telephony.speech.conftest import KOREAN_MODEL


def test_an_empty_environment_gives_english_fetched_when_needed() -> None:
    settings = SpeechSettings.from_env({})
    assert settings.cache_dir == Path("var/speech")
    assert settings.languages == ("en",)
    assert settings.fetch == "auto"


def test_every_setting_is_read() -> None:
    settings = SpeechSettings.from_env(
        {
            "SPEECH_CACHE": "/tmp/speech",
            "SPEECH_CACHE_MB": "64",
            "SPEECH_LANGUAGES": "en-US, ko-KR",
            "SPEECH_FETCH": "Never",
            "VOSK_MODELS": f"ko={KOREAN_MODEL}",
            "VOSK_MODELS_URL": "http://mirror.example/models",
            "SPEECH_ENGINES": "en=whisper",
        }
    )
    assert settings.cache_dir == Path("/tmp/speech")
    assert (settings.cache_mb, settings.languages, settings.fetch) == (64, ("en", "ko"), "never")
    assert settings.vosk_models == {"ko": KOREAN_MODEL}
    assert settings.models_url == "http://mirror.example/models/"
    assert settings.engines == {"en": "whisper"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPEECH_CACHE_MB", "lots"),
        ("SPEECH_CACHE_MB", "1"),
        ("SPEECH_FETCH", "maybe"),
        ("SPEECH_ENGINES", "en=siri"),
        ("SPEECH_ENGINES", "whisper"),
        ("VOSK_MODELS", "/no/such/folder"),
        ("VOSK_MODELS", "en=/no/such/folder"),
        ("VOSK_MODELS", str(KOREAN_MODEL)),  # nothing in its name says Korean
        ("VOSK_MODELS_URL", "ftp://example"),
    ],
)
def test_a_bad_setting_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SpeechError, match=name):
        SpeechSettings.from_env({name: value})


def test_a_folder_of_models_gives_each_language_its_model(tmp_path: Path) -> None:
    (tmp_path / "vosk-model-small-ko-0.22").symlink_to(KOREAN_MODEL)
    (tmp_path / "vosk-model-small-en-us-0.15").mkdir()  # half a model
    (tmp_path / "notes.txt").write_text("")
    folder = tmp_path / "vosk-model-small-ko-0.22"
    assert SpeechSettings.from_env({"VOSK_MODELS": str(tmp_path)}).vosk_models == {"ko": folder}
    assert SpeechSettings.from_env({"VOSK_MODELS": str(folder)}).vosk_models == {"ko": folder}


def test_without_a_vosk_model_english_is_heard_by_whisper_and_the_reason_is_said(tmp_path: Path) -> None:
    settings = SpeechSettings(cache_dir=tmp_path, languages=("en", "es"), fetch="never")
    choices = settle(settings)
    assert choices["en"].engine == "whisper"
    assert choices["en"].sentence.startswith("English: Whisper tiny.en (no Vosk model at hand: ")
    assert choices["es"].engine == "none"
    assert choices["es"].sentence.startswith("Spanish: speech is not understood (")
    assert not choices["es"].serves


def test_a_vosk_model_serves_its_language_unless_the_setting_says_otherwise(tmp_path: Path) -> None:
    models = {"ko": KOREAN_MODEL, "en": KOREAN_MODEL}  # the choice looks at the folder's shape only
    chosen = settle(SpeechSettings(cache_dir=tmp_path, vosk_models=models))
    overruled = settle(SpeechSettings(cache_dir=tmp_path, vosk_models=models, engines={"en": "whisper"}))
    assert (chosen["en"].engine, chosen["ko"].engine) == ("vosk", "vosk")
    assert (overruled["en"].engine, overruled["ko"].engine) == ("whisper", "vosk")


@pytest.mark.parametrize(
    ("tag", "heard", "spoken"),
    [
        ("en-US", "en", "gmw/en-us"),
        ("en_GB", "en", "gmw/en"),
        ("zh-TW", "zh", "sit/cmn"),
        ("cmn-Hans-CN", "zh", "sit/cmn"),
        ("zh-HK", "yue", "sit/yue"),
        ("pt-BR", "pt", "roa/pt-br"),
        ("KO-kr", "ko", "ko"),
    ],
)
def test_a_language_tag_means_a_voice_and_a_recogniser(tag: str, heard: str, spoken: str) -> None:
    assert heard_as(tag) == heard
    assert espeak_voice(tag) == spoken


@pytest.mark.parametrize("tag", ["xx", "tlh-Latn", "", "e", "../etc", "en us; rm", "a" * 500, "\0"])
def test_an_unknown_language_is_refused_plainly(tag: str) -> None:
    with pytest.raises(SpeechError):
        voice_for(tag)
