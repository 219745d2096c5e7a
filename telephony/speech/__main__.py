"""Speech by hand.

python -m telephony.speech say "Please hold." --language en --out hold.wav
python -m telephony.speech hear hold.wav --language en
python -m telephony.speech check      which engine serves which language
python -m telephony.speech fetch      fetch missing Vosk models, then check
"""

import argparse
import shutil
import sys
from pathlib import Path

from telephony.speech.choice import EngineChoice, prepare, settle
from telephony.speech.errors import SpeechError
from telephony.speech.recogniser import Recogniser
from telephony.speech.settings import SpeechSettings
from telephony.speech.tts import RATES_HZ, Speaker, voice_for
from telephony.speech.turns import turns_of


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; 0 when done, 1 with a plain sentence on standard error when not."""
    asked = _parser().parse_args(arguments)
    try:
        settings = SpeechSettings.from_env()
        match asked.command:
            case "say":
                _say(settings, asked.text, asked.language, asked.rate, asked.out)
            case "hear":
                _hear(settings, asked.file, asked.language)
            case "check":
                _check(settle(settings))
            case "fetch":
                _check(prepare(settings, _show, asked.again_after))
    except SpeechError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _say(settings: SpeechSettings, text: str, language: str, rate_hz: int, out: Path) -> None:
    speaker = Speaker(settings)
    try:
        shutil.copyfile(speaker.render_sync(text, language, rate_hz), out)
    except OSError as error:
        raise SpeechError(f"{out} cannot be written: {error.strerror}.") from error
    finally:
        speaker.close()
    voice = voice_for(language)
    _show(f"{out}: {rate_hz} Hz, {voice.engine} {voice.name}")


def _hear(settings: SpeechSettings, file: Path, language: str) -> None:
    recogniser = Recogniser(settings)
    try:
        results = recogniser.transcribe_sync(file, language=language)
    finally:
        recogniser.close_sync()
    for turn in turns_of(results):
        who = f"[{turn.channel}] " if len(results) > 1 else ""
        _show(f"{turn.start:7.2f} {who}{turn.text}")


def _check(choices: dict[str, EngineChoice]) -> None:
    for choice in choices.values():
        _show(choice.sentence)


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m telephony.speech", description="Speech by hand.")
    commands = parser.add_subparsers(dest="command", required=True)
    say = commands.add_parser("say", help="write spoken text to a WAV file")
    say.add_argument("text")
    say.add_argument("--out", type=Path, required=True)
    say.add_argument("--language", default="en")
    say.add_argument("--rate", type=int, choices=RATES_HZ, default=RATES_HZ[0])
    hear = commands.add_parser("hear", help="transcribe a WAV file, each channel for itself")
    hear.add_argument("file", type=Path)
    hear.add_argument("--language", default="en")
    commands.add_parser("check", help="say which engine serves which language")
    fetch = commands.add_parser("fetch", help="fetch missing Vosk models, then check")
    fetch.add_argument("--again-after", type=float, default=0, metavar="HOURS", help="leave out what failed since")
    return parser


if __name__ == "__main__":
    sys.exit(main())
