"""Which voice speaks a language, and what a language tag means to the recognisers.

Tags are BCP-47 as in TwiML (`en`, `en-GB`, `zh-TW`, `pt_BR`); case and underscores do not matter.
"""

from dataclasses import dataclass

from telephony.speech.errors import SpeechError


@dataclass(frozen=True, slots=True)
class Voice:
    """One way to speak: `engine` is "hibari" or "espeak", `name` the engine's own name of the voice."""

    engine: str
    name: str


# espeak-ng's voice per language. Its aliases ("zh") read back under another name: only names that read back are here.
ESPEAK_VOICES = {
    "en": "gmw/en-us",
    "en-gb": "gmw/en",
    "en-au": "gmw/en",
    "en-ie": "gmw/en",
    "en-nz": "gmw/en",
    "en-za": "gmw/en",
    "es": "roa/es",
    "es-us": "roa/es-419",
    "es-mx": "roa/es-419",
    "es-419": "roa/es-419",
    "fr": "roa/fr",
    "fr-be": "roa/fr-be",
    "fr-ch": "roa/fr-ch",
    "de": "gmw/de",
    "it": "roa/it",
    "pt": "roa/pt",
    "pt-br": "roa/pt-br",
    "nl": "gmw/nl",
    "ca": "roa/ca",
    "da": "gmq/da",
    "sv": "gmq/sv",
    "nb": "gmq/nb",
    "no": "gmq/nb",
    "fi": "urj/fi",
    "pl": "zlw/pl",
    "cs": "zlw/cs",
    "sk": "zlw/sk",
    "uk": "zle/uk",
    "ru": "zle/ru",
    "ro": "roa/ro",
    "hu": "urj/hu",
    "el": "grk/el",
    "tr": "trk/tr",
    "ar": "sem/ar",
    "he": "sem/he",
    "hi": "inc/hi",
    "bn": "inc/bn",
    "ta": "dra/ta",
    "id": "poz/id",
    "vi": "aav/vi",
    "th": "tai/th",
    "ja": "jpx/ja",
    "ko": "ko",
    "zh": "sit/cmn",
    "cmn": "sit/cmn",
    "yue": "sit/yue",
    "zh-hk": "sit/yue",  # the carrier's tag for Cantonese
}

SPOKEN_NAMES = {
    "ar": "Arabic",
    "ca": "Catalan",
    "cs": "Czech",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "yue": "Cantonese",
    "zh": "Chinese (Mandarin)",
}


def normalise(tag: str) -> str:
    """A tag in lower case with hyphens. SpeechError when it is no language tag at all."""
    tidy = tag.strip().replace("_", "-").lower()
    parts = tidy.split("-")
    if not (2 <= len(parts[0]) <= 3 and len(tidy) <= 35 and all(p.isascii() and p.isalnum() for p in parts)):
        raise SpeechError(f"{tag[:40]!r} is not a language tag; write one like en, en-GB or zh-TW.")
    return tidy


def spoken_name(language: str) -> str:
    """English name of a language for people to read; the tag itself when we have none."""
    return SPOKEN_NAMES.get(language, language)


def heard_as(tag: str) -> str:
    """The language that a recogniser hears for this tag: `en` for en-GB, `zh` for cmn-Hans-CN, `yue` for zh-HK."""
    tidy = normalise(tag)
    if tidy.startswith(("yue", "zh-hk", "zh-yue")):
        return "yue"
    primary = tidy.split("-")[0]
    return {"cmn": "zh", "nb": "no"}.get(primary, primary)


def espeak_voice(tag: str) -> str:
    """espeak-ng's voice for a tag: the exact tag, else its language. SpeechError with the known ones for any other."""
    tidy = normalise(tag)
    if tidy in ESPEAK_VOICES:
        return ESPEAK_VOICES[tidy]
    if tidy.startswith("zh-yue") or tidy.startswith("yue-"):
        return ESPEAK_VOICES["yue"]
    primary = tidy.split("-")[0]
    if primary in ESPEAK_VOICES:
        return ESPEAK_VOICES[primary]
    raise SpeechError(f"There is no voice for the language {tag!r}. Known: {', '.join(sorted(ESPEAK_VOICES))}.")
