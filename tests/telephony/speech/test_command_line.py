"""Speech by hand: say, hear, check, fetch."""

from pathlib import Path

import pytest

from telephony.speech.__main__ import main


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPEECH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SPEECH_FETCH", "never")
    monkeypatch.delenv("VOSK_MODELS", raising=False)


def test_what_is_said_into_a_file_is_heard_from_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "hold.wav"
    assert main(["say", "Your call is important to us.", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 8000 Hz, hibari heart\n"
    assert main(["hear", str(out)]) == 0
    assert "Your call is important to us" in capsys.readouterr().out


def test_check_says_which_engine_serves_which_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out.startswith("English: Whisper tiny.en (no Vosk model at hand: SPEECH_FETCH is never")
    assert main(["fetch"]) == 0
    assert capsys.readouterr().out.startswith("English: Whisper tiny.en (")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["say", "x", "--language", "xx", "--out", "x.wav"], "There is no voice for the language 'xx'"),
        (["say", "", "--out", "/no/such/folder/x.wav"], "cannot be written"),
        (["hear", "/no/such/file.wav"], "cannot be read"),
        (["hear", "/no/such/file.wav", "--language", "es"], "not understood here"),
    ],
)
def test_what_cannot_be_done_is_said_plainly(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert sentence in capsys.readouterr().err


def test_a_bad_setting_is_said_plainly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SPEECH_FETCH", "perhaps")
    assert main(["check"]) == 1
    assert capsys.readouterr().err == "SPEECH_FETCH is 'perhaps'; it may be auto or never.\n"
