from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from ivr_flows.events import SpeechHeard
from ivr_flows.facts import Fact, KeyPressed, WordsUnderstood
from ivr_flows.instructions import InputKind, Listen, Prompt
from ivr_flows.nodes.asking import PERSON_KEY, ChoosingNode
from ivr_flows.nodes.base import Call, Go, Outcome, Part, Wait, Way
from ivr_flows.patterns import KEY_PATTERN
from ivr_flows.spoken import PERSON_WORDS, best_choice, key_said
from ivr_flows.texts import PromptText, Target, Words


def _as_text(value: Any) -> Any:
    """`key: 1` means the key "1": nobody should have to think about quotes."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


KeyWritten = Annotated[int, Field(ge=0, le=9)] | Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
Key = Annotated[
    str, BeforeValidator(_as_text, json_schema_input_type=KeyWritten), StringConstraints(pattern=KEY_PATTERN)
]


class Choice(Part):
    """One choice of a menu: a key, words, or both."""

    key: Key | None = None
    """The key to press: 0 to 9, * or #."""
    words: Words | None = None
    """What the caller may say instead: phrases, or phrases by language."""
    to: Target
    """The node this choice leads to."""


class MenuNode(ChoosingNode):
    """Let the caller choose by key or by word.

        main_menu:
          kind: menu
          prompt: {en: "For sales, press 1 or say sales.", es: "Para ventas, oprima el 1 o diga ventas."}
          choices:
            - {key: 1, words: {en: [sales, buy], es: [ventas, comprar]}, to: sales}

    Emits Listen; resumes on DigitsEntered, SpeechHeard, InputTimedOut or Continued. Words are matched anywhere in
    what was said; the longest phrase wins, and two equally good choices count as not understood. A key may also be
    said ("press two").
    """

    kind: Literal["menu"] = "menu"
    """Let the caller choose by key or by word."""
    prompt: PromptText
    """What the caller hears before choosing; name every key and word."""
    choices: tuple[Choice, ...] = Field(min_length=1, max_length=12)
    """What there is to choose from; five at most are easy to remember."""

    def enter(self, call: Call) -> Outcome:
        return self.ask(call)

    def ask(
        self, call: Call, *, lead: tuple[Prompt, ...] = (), facts: tuple[Fact, ...] = (), is_retry: bool = False
    ) -> Outcome:
        return Wait((self._listen(call, (*lead, *call.prompt(self.prompt))),), facts, is_retry=is_retry)

    def ways(self) -> Iterator[Way]:
        for index, choice in enumerate(self.choices):
            words = ", ".join(next(iter(choice.words.by_language.values()))) if choice.words else ""
            label = " or ".join(
                filter(None, [f"key {choice.key}" if choice.key else "", f"“{words}”" if words else ""])
            )
            yield Way(label, choice.to, ("choices", index, "to"))
        yield from self.asking_ways()

    def pressed(self, key: str) -> Outcome | None:
        choice = self._by_key().get(key)
        return Go(choice.to, facts=(KeyPressed(self.id, key),)) if choice else None

    def said(self, call: Call, heard: SpeechHeard) -> Outcome | None:
        found = best_choice(heard.text, self._phrases(call.language)) or self._key_named(heard.text, call.language)
        if not found:
            return None
        index, phrase = found
        understood = WordsUnderstood(self.id, heard.text, phrase, heard.confidence)
        return Go(self.choices[int(index)].to, facts=(understood,))

    def _key_named(self, heard: str, language: str) -> tuple[str, str] | None:
        key = key_said(heard, language)
        for index, choice in enumerate(self.choices):
            if key is not None and choice.key == key:
                return str(index), key
        return None

    def _by_key(self) -> dict[str, Choice]:
        return {choice.key: choice for choice in self.choices if choice.key is not None}

    def _phrases(self, language: str) -> dict[str, tuple[str, ...]]:
        return {
            str(index): choice.words.in_language(language) for index, choice in enumerate(self.choices) if choice.words
        }

    def _listen(self, call: Call, prompts: tuple[Prompt, ...]) -> Listen:
        phrases = [phrase for group in self._phrases(call.language).values() for phrase in group]
        people = PERSON_WORDS.get(call.language.split("-")[0], ()) if self.offers_person else ()
        keys = set(self._by_key()) | ({PERSON_KEY} if self.offers_person else set())
        inputs: tuple[InputKind, ...] = ("digits", "speech") if phrases else ("digits",)
        return Listen(
            prompts=prompts,
            inputs=inputs,
            language=call.language,
            timeout_s=self.timeout_s,
            speech_timeout_s=self.speech_timeout_s,
            max_digits=1,
            keys=tuple(sorted(keys)),
            hints=tuple(dict.fromkeys([*phrases, *people])) if phrases else (),
        )
