"""`python -m app.translate` (script/translate): catalogues of app/translations follow the words in code and templates.

Run it after changing words; it adds what is new to each messages.po, drops what is gone, compiles, and says what is
not translated yet. flask_security.po holds Flask-Security's own sentences, in the languages it lacks.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "app" / "translations"
LANGUAGES = ("zh_Hans", "zh_Hant")
ROOMS = ("app", "telephony", "recordings", "digital_channels", "ivr_flows")

KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    "BadAddress": None,
    "BadInput": (2,),
    "CallRefused": None,
    "CallbackRefused": (2,),
    "MessageRefused": (2,),
    "NoteRefused": None,
    "NumberRefused": (2,),
    "PersonRefused": (2,),
    "PresenceError": None,
    "Refusal": (3,),
    "WrapUpRefused": (2,),
}
"""What marks a text: functions, and refusals with the place of their message among the arguments."""

KEYWORDS_OF_FLOWS = {"said": (1,), "wrong": (1,), "_goes": (1,)}
"""What makes a sentence of a pattern in ivr_flows, which knows no languages (ivr_flows/said.py)."""

WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
"""In every header: the day it was written is git's to know, and would make two branches differ."""


def words_in_use() -> Catalog:
    """Every marked text of the rooms."""
    catalog = _empty(None)
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    for room in ROOMS:
        keywords = KEYWORDS_OF_FLOWS if room == "ivr_flows" else KEYWORDS
        for _file, _line, message, _comments, context in extract_from_dir(
            str(ROOT / room), methods, {"**.html": {"encoding": "utf-8"}}, keywords, comment_tags=()
        ):
            catalog.add(message, context=context)
    return catalog


def path_of(language: str, domain: str = "messages") -> Path:
    """Where a catalogue lies."""
    return FOLDER / language / "LC_MESSAGES" / f"{domain}.po"


def read(path: Path, language: str) -> Catalog:
    """A catalogue as it is written; an empty one for a new language."""
    if not path.exists():
        return _empty(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def brought_up_to_date(old: Catalog, words: Catalog, language: str) -> Catalog:
    """The words in use with what was translated of them."""
    new = _empty(language)
    for message in words:
        if not message.id:
            continue
        known = old.get(message.id)
        new.add(message.id, known.string if known else None, flags=message.flags)
    return new


def untranslated(catalog: Catalog) -> list[str]:
    """The texts that have no translation, or one with other places to fill than the text has."""
    return [str(message.id) for message in catalog if message.id and (not _is_full(message.string) or message.check())]


def _is_full(translation: str | tuple[str, ...] | list[str] | None) -> bool:
    if isinstance(translation, str):
        return bool(translation)
    return bool(translation) and all(translation or ())


def _empty(language: str | None) -> Catalog:
    return Catalog(
        locale=language,
        project="Throughline",
        version="1",
        header_comment="",
        creation_date=WRITTEN,
        revision_date=WRITTEN,
        last_translator="",
        language_team="",
        msgid_bugs_address="",
        fuzzy=False,
    )


def compiled(catalog: Catalog, path: Path) -> None:
    """Write the .mo that runs beside the .po that people read."""
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)


def main() -> int:
    """Update and compile every catalogue; 1 when a text is not translated."""
    words, missing = words_in_use(), 0
    for language in LANGUAGES:
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = brought_up_to_date(read(path, language), words, language)
        with path.open("wb") as file:
            write_po(file, catalog, width=0, sort_output=True, no_location=True)
        compiled(catalog, path)
        security = path_of(language, "flask_security")
        if security.exists():
            compiled(read(security, language), security)
        for text in untranslated(catalog):
            missing += 1
            sys.stdout.write(f"{language}: not translated: {text}\n")
    sys.stdout.write(f"{len(words)} texts, {missing} to translate.\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
