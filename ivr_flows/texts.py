"""Texts in several languages and prompts made of them, as flow files write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from ivr_flows.expressions import BadTemplate, check_expression, check_template, speakable
from ivr_flows.said import sentence_of, wrong

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_AUDIO = re.compile(r"(https?://[!-~]+|/[!-~]*)\Z")
MAX_PARTS = 20


@dataclass(frozen=True, slots=True)
class Text:
    """One text, in one language or several. A bare text has the key "" and is in the flow's first language."""

    by_language: Mapping[str, str]

    def in_language(self, language: str, default: str) -> str:
        """The text for this language.

        Else for the language without its region, the flow's first one, or whatever there is.
        """
        for tag in (language, language.split("-")[0], default, ""):
            if tag in self.by_language:
                return self.by_language[tag]
        return next(iter(self.by_language.values()))

    def is_in(self, language: str) -> bool:
        return language in self.by_language

    @classmethod
    def read(cls, value: Any) -> Text:
        return cls(_by_language(value, _checked_text))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.read(value)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _TEXT_SCHEMA


@dataclass(frozen=True, slots=True)
class Audio(Text):
    """The address of a recording, one or by language: https://…, or a path on the host's own site (/audio/…)."""

    @classmethod
    def read(cls, value: Any) -> Audio:
        return cls(_by_language(value, _checked_address))


@dataclass(frozen=True, slots=True)
class SpokenPart:
    text: Text
    language: str | None = None  # None: the caller's language


@dataclass(frozen=True, slots=True)
class PlayedPart:
    audio: Audio


@dataclass(frozen=True, slots=True)
class SharedPart:
    """A prompt that the flow, or a file it includes, has under `prompts`."""

    name: str


@dataclass(frozen=True, slots=True)
class PromptText:
    """What a caller hears: a text, a text by language, a shared prompt, or a list of parts that are spoken or played
    one after the other.

    prompt: Hello.
    prompt: {en: Hello., es: Hola.}
    prompt: {use: closed_notice}
    prompt: [{play: /audio/jingle.wav}, {say: {en: Hello., es: Hola.}}, {say: Para español oprima dos., language: es}]
    """

    parts: tuple[SpokenPart | PlayedPart | SharedPart, ...]

    def texts(self) -> Iterator[Text]:
        """The texts and recordings that should exist in every language of the flow."""
        for part in self.parts:
            if isinstance(part, PlayedPart):
                yield part.audio
            elif isinstance(part, SpokenPart) and part.language is None:
                yield part.text

    def shared(self) -> Iterator[str]:
        """The names of the shared prompts in it."""
        for part in self.parts:
            if isinstance(part, SharedPart):
                yield part.name

    @classmethod
    def read(cls, value: Any) -> PromptText:
        if isinstance(value, dict) and "use" in value:
            return cls((_part(value),))
        if not isinstance(value, list):
            return cls((SpokenPart(Text.read(value)),))
        if not 1 <= len(value) <= MAX_PARTS:
            raise wrong("must have 1 to {most} parts", most=MAX_PARTS)
        return cls(tuple(_part(part) for part in value))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.read(value)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "anyOf": [
                _USE_SCHEMA,
                _TEXT_SCHEMA,
                {"type": "array", "minItems": 1, "maxItems": MAX_PARTS, "items": _PART_SCHEMA},
            ]
        }


class Condition(str):
    """An expression that holds or not, for instance: customer.is_known and vars.account"""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_condition)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1}


class Template(str):
    """A text for machines, the same in every language, with variables: an address, a header, a field's value."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.read)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string"}

    @classmethod
    def read(cls, value: Any) -> Template:
        if not isinstance(value, str):
            raise wrong("must be text (put it in quotes)")
        try:
            check_template(value)
        except BadTemplate as error:
            raise wrong("{what}", what=sentence_of(error)) from error
        return cls(speakable(value))


class Target(str):
    """The id of the node to go to. That it exists is checked when the whole flow is read."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_target)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1, "format": "node-id"}


@dataclass(frozen=True, slots=True)
class Words:
    """Phrases a caller may say, one list or one by language: [sales, buy] or {en: [sales, buy], es: [ventas]}"""

    by_language: Mapping[str, tuple[str, ...]]

    def in_language(self, language: str) -> tuple[str, ...]:
        for tag in (language, language.split("-")[0], ""):
            if tag in self.by_language:
                return self.by_language[tag]
        return ()

    @classmethod
    def read(cls, value: Any) -> Words:
        if isinstance(value, list):
            return cls({"": _phrases(value)})
        if not isinstance(value, dict) or not value:
            raise wrong("must be a list of phrases, or one list for each language")
        return cls({_checked_language(tag): _phrases(phrases) for tag, phrases in value.items()})

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.read(value)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        phrases = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
        return {"anyOf": [phrases, {"type": "object", "minProperties": 1, "additionalProperties": phrases}]}


_TEXT_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "minLength": 1}},
    ]
}
_USE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"use": {"type": "string", "minLength": 1, "description": "A shared prompt, by its name."}},
    "required": ["use"],
    "additionalProperties": False,
}
_PART_SCHEMA: dict[str, Any] = {
    "anyOf": [
        _USE_SCHEMA,
        {
            "type": "object",
            "properties": {
                "say": {"description": "A text to speak, one or one for each language.", **_TEXT_SCHEMA},
                "language": {"description": "The language it is spoken in, whatever the caller's.", "type": "string"},
            },
            "required": ["say"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"play": {"description": "The address of a recording to play.", **_TEXT_SCHEMA}},
            "required": ["play"],
            "additionalProperties": False,
        },
    ]
}


def _by_language(value: Any, check: Any) -> dict[str, str]:
    if isinstance(value, dict) and value:
        return {_checked_language(tag): check(text, f" ({tag})") for tag, text in value.items()}
    return {"": check(value, "")}


def _checked_text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise wrong("must be a text, or one text for each language{where}", where=where)
    try:
        check_template(value)
    except BadTemplate as error:
        raise wrong("{what}{where}", what=sentence_of(error), where=where) from error
    return speakable(value)


def _checked_address(value: Any, where: str) -> str:
    if not isinstance(value, str) or not _AUDIO.match(value) or value.startswith("//"):
        raise wrong("must be the address of a recording (https://… or /…){where}", where=where)
    return value


def _checked_language(tag: Any) -> str:
    if not isinstance(tag, str) or not LANGUAGE.match(tag):
        raise wrong("'{tag}' is not a language; use a tag such as en, es or en-US", tag=tag)
    return tag


def _part(value: Any) -> SpokenPart | PlayedPart | SharedPart:
    match value:
        case {"use": str(name), **rest} if name and not rest:
            return SharedPart(name)
        case {"use": _}:
            raise wrong("{use: …} takes the name of a shared prompt, and nothing beside it")
        case {"play": audio, **rest} if not rest:
            return PlayedPart(Audio.read(audio))
        case {"say": text, **rest} if not set(rest) - {"language"}:
            return SpokenPart(Text.read(text), _checked_language(rest["language"]) if "language" in rest else None)
        case str():
            return SpokenPart(Text.read(value))
        case _:
            raise wrong("each part must be a text, {say: …}, {say: …, language: …}, {play: …} or {use: …}")


def _phrases(value: Any) -> tuple[str, ...]:
    good = isinstance(value, list) and value and all(isinstance(phrase, str) and phrase.strip() for phrase in value)
    if not good:
        raise wrong("must be a list of phrases")
    return tuple(value)


def _condition(value: Any) -> Condition:
    if not isinstance(value, str) or not value.strip():
        raise wrong("must be a condition, for instance: customer.is_known")
    try:
        check_expression(value)
    except BadTemplate as error:
        raise wrong("{what}", what=sentence_of(error)) from error
    return Condition(value.strip())


def _target(value: Any) -> Target:
    if not isinstance(value, str) or not value:
        raise wrong("must be the id of a node")
    return Target(value)
