"""Every text of the pages exists in every language, with its blanks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from tests.frontend.preview import make_preview

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ["zh_Hans", "zh_Hant"]
BLANK = re.compile(r"%\(\w+\)s|\{\w+\}")


def texts_in_templates_and_views() -> set[str]:
    methods = [("templates/**.html", "jinja2"), ("**.py", "python")]
    found = extract_from_dir(
        str(ROOT / "app"), method_map=methods, keywords={"_": None, "gettext": None, "ngettext": (1, 2)}
    )
    return {text[0] if isinstance(text, tuple) else text for _, _, text, _, _ in found}


ROOMS = {"flows", "floor"}
"""Folders of scripts whose pages hand over words of their own."""


def texts_in_scripts(room: str | None = None) -> set[str]:
    """Of the scripts of one room, or of those that all pages share."""
    call = re.compile(r'\b(?:t|mark)\(\s*("(?:[^"\\]|\\.)*")')
    folder = ROOT / "app" / "frontend"
    found = [(path, path.relative_to(folder).parts) for path in folder.rglob("*.ts") if path.name != "texts.ts"]
    scripts = [path for path, parts in found if (room in parts if room else not ROOMS & set(parts))]
    return {json.loads(found) for script in scripts for found in call.findall(script.read_text())}


def catalogue(language: str) -> dict[str, Message]:
    with (ROOT / "app" / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
        entries = read_po(source, locale=language)
    return {entry.id[0] if isinstance(entry.id, tuple) else entry.id: entry for entry in entries if entry.id}


def handed_over(page: str) -> set[str]:
    found = re.findall(r"data-texts>\s*(.*?)\s*</script>", make_preview().test_client().get(page).text, re.S)
    return {text for part in found for text in json.loads(part)}


def test_texts_of_scripts_are_handed_over_by_the_page() -> None:
    assert handed_over("/phone") == texts_in_scripts()


@pytest.mark.parametrize("page", ["/admin/flows", "/admin/flows/main", "/admin/flows/replay/1"])
def test_flow_pages_hand_over_the_texts_of_their_own_scripts_too(page: str) -> None:
    assert handed_over(page) == texts_in_scripts("flows") | texts_in_scripts()


def test_floor_pages_hand_over_the_texts_of_their_own_scripts() -> None:
    template = (ROOT / "app" / "templates" / "supervisor" / "_texts.html").read_text()
    keys = re.findall(r'^  ("(?:[^"\\]|\\.)*"): _\(', template, re.M)
    assert {json.loads(key) for key in keys} == texts_in_scripts("floor")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_with_its_blanks(language: str) -> None:
    known = catalogue(language)
    wanted = texts_in_templates_and_views()
    assert sorted(wanted - set(known)) == []
    for text in wanted:
        translated = known[text].string
        first = translated[0] if isinstance(translated, (tuple, list)) else translated
        assert first, text
        assert sorted(BLANK.findall(first)) == sorted(BLANK.findall(text)), text


@pytest.mark.parametrize(("language", "words"), [("zh_Hans", "登录"), ("zh_Hant", "登入"), ("en", "Sign in")])
def test_page_speaks_the_chosen_language(language: str, words: str) -> None:
    page = make_preview().test_client().get(f"/login?lang={language}").text
    assert f"<h1>{words}</h1>" in page
