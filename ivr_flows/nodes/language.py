from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from ivr_flows.events import SpeechHeard
from ivr_flows.facts import Fact, KeyPressed, LanguageChosen, WordsUnderstood
from ivr_flows.instructions import InputKind, Listen, Prompt
from ivr_flows.nodes.asking import ChoosingNode
from ivr_flows.nodes.base import Call, Go, Outcome, Part, Wait, Way
from ivr_flows.nodes.menu import Key
from ivr_flows.patterns import LanguageTag
from ivr_flows.said import wrong
from ivr_flows.spoken import best_choice
from ivr_flows.texts import PromptText, Target, Words


class LanguageChoice(Part):
    """One language to choose, by a key, by words in whatever language, or by both."""

    key: Key | None = None
    """The key that chooses it."""
    words: Words | None = None
    """What a caller may say for it."""
    language: LanguageTag
    """The language the caller then hears; one of the flow's."""

    def phrases(self) -> tuple[str, ...]:
        """What a caller may say for it, in every language: nobody knows yet which one the caller speaks."""
        return tuple(phrase for group in self.words.by_language.values() for phrase in group) if self.words else ()


class LanguageNode(ChoosingNode):
    """Let the caller choose a language, or set one, and go on.

        which_language:
          kind: language
          prompt:
            - {say: "For English, press 1.", language: en}
            - {say: "Para español, oprima el 2.", language: es}
          choices:
            - {key: 1, words: [english, inglés], language: en}
            - {key: 2, words: [spanish, español], language: es}
          next: main_menu
        spanish: {kind: language, language: es, next: main_menu}

    With `language` it sets that one at once; with `prompt` and `choices` it emits Listen and resumes on DigitsEntered,
    SpeechHeard, InputTimedOut or Continued. Words count whatever language they are in. A caller who stays silent, or
    is not understood, keeps the language at hand and goes to `no_input` or `no_match`, without these to `next`.
    Languages must be the flow's.
    """

    kind: Literal["language"] = "language"
    """Let the caller choose a language, or set one."""
    language: LanguageTag | None = None
    """Set this language at once, without asking."""
    prompt: PromptText | None = None
    """The question; say each part in its own language."""
    choices: tuple[LanguageChoice, ...] = Field(default=(), max_length=12)
    """The languages to choose from."""
    next: Target
    """The node that comes after."""

    @model_validator(mode="after")
    def _sets_or_asks(self) -> LanguageNode:
        asks = self.prompt is not None and bool(self.choices)
        if (self.language is not None) == asks or (self.prompt is not None) != bool(self.choices):
            raise wrong("needs either language, or both prompt and choices")
        return self

    def enter(self, call: Call) -> Outcome:
        return self._go(self.language, ()) if self.language else self.ask(call)

    def ask(
        self, call: Call, *, lead: tuple[Prompt, ...] = (), facts: tuple[Fact, ...] = (), is_retry: bool = False
    ) -> Outcome:
        words = [phrase for choice in self.choices for phrase in choice.phrases()]
        inputs: tuple[InputKind, ...] = ("digits", "speech") if words else ("digits",)
        listen = Listen(
            prompts=(*lead, *call.prompt(self.prompt)),
            inputs=inputs,
            language=call.language,
            timeout_s=self.timeout_s,
            speech_timeout_s=self.speech_timeout_s,
            max_digits=1,
            keys=tuple(sorted(choice.key for choice in self.choices if choice.key)),
            hints=tuple(dict.fromkeys(words)),
        )
        return Wait((listen,), facts, is_retry=is_retry)

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))
        if self.choices:
            yield Way("no answer", self.no_input or self.next, ("no_input",))
            yield Way("not understood", self.no_match or self.next, ("no_match",))
            if self.offers_person:
                yield Way("asked for a person", self.person, ("person",))

    @property
    def is_question(self) -> bool:
        return self.language is None

    def ask_again(self, call: Call, fact: Fact, give_up: Target | None) -> Outcome:
        return super().ask_again(call, fact, give_up or self.next)

    def pressed(self, key: str) -> Outcome | None:
        for choice in self.choices:
            if choice.key == key:
                return self._go(choice.language, (KeyPressed(self.id, key),))
        return None

    def said(self, call: Call, heard: SpeechHeard) -> Outcome | None:
        found = best_choice(heard.text, {choice.language: choice.phrases() for choice in self.choices})
        if not found:
            return None
        language, phrase = found
        return self._go(language, (WordsUnderstood(self.id, heard.text, phrase, heard.confidence),))

    def _go(self, language: str, facts: tuple[Fact, ...]) -> Outcome:
        return Go(self.next, facts=(*facts, LanguageChosen(language)), language=language)
