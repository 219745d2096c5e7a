from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from ivr_flows.events import CallEvent, DigitsEntered, SpeechHeard
from ivr_flows.facts import MASK, Collected, Fact, NotUnderstood, TimedOut
from ivr_flows.instructions import InputKind, Listen, Prompt
from ivr_flows.nodes.asking import QuestionNode, is_silence, is_sure
from ivr_flows.nodes.base import Call, Go, Outcome, Wait, Way
from ivr_flows.patterns import VariableName
from ivr_flows.said import wrong
from ivr_flows.spoken import NO_WORDS, YES_WORDS, digits_said, yes_or_no
from ivr_flows.texts import PromptText, Target

YES_KEY, NO_KEY = "1", "2"


def _usable_pattern(pattern: str) -> str:
    try:
        _whole(pattern)
    except Exception as error:  # pydantic's own error type for a pattern that Rust's regex refuses is private
        raise wrong(
            "is not a pattern that can be used (no look-around, no back-references, no thousandfold repeats)"
        ) from error
    return pattern


def _whole(pattern: str) -> TypeAdapter[str]:
    """A checker for the whole text. Rust's regex engine runs in linear time: no pattern can hold up a call."""
    return TypeAdapter(Annotated[str, StringConstraints(pattern=f"^(?:{pattern})$")])


class CollectNode(QuestionNode):
    """Ask for a number or words and keep them in a variable.

        account:
          kind: collect
          prompt: {en: Please enter your eight-digit account number.}
          into: account_number
          min_length: 8
          max_length: 8
          confirm: {en: "I have {{ value | spell }}. Press 1 if that is right, or 2 to try again."}
          next: support

    Emits Listen; resumes on DigitsEntered, SpeechHeard, InputTimedOut or Continued. `expect: digits` takes keys and
    spoken digits, `expect: words` takes speech only. `confirm` reads the value back (`value` in its text) and takes 1
    or yes, 2 or no. `pattern` must fit the whole value (Rust's regular expressions). A `sensitive` value is masked in
    every fact and never shown to an agent. Lengths count characters of the value, 1 to 64.
    """

    kind: Literal["collect"] = "collect"
    """Ask for a number or words and keep them."""
    prompt: PromptText
    """The question."""
    into: VariableName
    """The variable that keeps the answer: vars.<name> in texts and conditions."""
    expect: Literal["digits", "words"] = "digits"
    """digits takes keys and spoken digits, words takes speech only."""
    min_length: int = Field(default=1, ge=1, le=64)
    """The fewest characters the answer may have."""
    max_length: int = Field(default=20, ge=1, le=64)
    """The most characters the answer may have; with so many keys pressed the caller need not wait."""
    pattern: Annotated[str, Field(max_length=200), AfterValidator(_usable_pattern)] | None = None
    """A regular expression that the whole answer must fit."""
    by_speech: bool = True
    """Whether the answer may be spoken; keys always work for digits."""
    finish_key: Literal["#", "*", ""] = "#"
    """The key that ends the answer; empty for none."""
    confirm: PromptText | None = None
    """Reads the answer back ({{ value | spell }}) and asks for 1 or yes, 2 or no."""
    sensitive: bool = False
    """Whether the answer is masked everywhere and never shown to an agent."""
    next: Target
    """The node that comes after."""

    @model_validator(mode="after")
    def _lengths_fit(self) -> CollectNode:
        if self.min_length > self.max_length:
            raise wrong("min_length is greater than max_length")
        if self.expect == "words" and not self.by_speech:
            raise wrong("words can only be spoken: leave out by_speech, or expect digits")
        return self

    def enter(self, call: Call) -> Outcome:
        return self.ask(call)

    def ask(
        self, call: Call, *, lead: tuple[Prompt, ...] = (), facts: tuple[Fact, ...] = (), is_retry: bool = False
    ) -> Outcome:
        prompts = (*lead, *call.prompt(self.prompt))
        return Wait((self._listen(call, prompts),), facts, is_retry=is_retry)

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        value = call.pending.get("value")
        return self._answered(call, event) if value is None else self._confirmed(call, event, str(value))

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))
        yield from self.asking_ways()

    def _answered(self, call: Call, event: CallEvent) -> Outcome | None:
        if is_silence(event):
            return self.silence(call)
        if not isinstance(event, DigitsEntered | SpeechHeard):
            return None
        person = self._person_asked_first(call, event)
        if person:
            return person
        value = self._value(call, event)
        problem = "not heard clearly" if value is None else self._problem(value)
        if value is None or problem:
            confidence = event.confidence if isinstance(event, SpeechHeard) else None
            return self.misunderstood(call, self._shown(_given(event)), problem, confidence)
        return self._read_back(call, value) if self.confirm else self._keep(value)

    def _person_asked_first(self, call: Call, event: CallEvent) -> Outcome | None:
        """A lone 0 asks for a person unless it could be the answer.

        So do the words, unless words are the answer and longer.
        """
        could_be_answer = (
            self.expect == "digits" and isinstance(event, DigitsEntered) and not self._problem(event.digits)
        )
        return None if could_be_answer else self.person_asked(call, event)

    def _value(self, call: Call, event: DigitsEntered | SpeechHeard) -> str | None:
        if isinstance(event, DigitsEntered):
            return event.digits if self.expect == "digits" else None
        if not is_sure(event, self.min_confidence):
            return None
        return digits_said(event.text, call.language) if self.expect == "digits" else event.text.strip()

    def _problem(self, value: str) -> str:
        """Why this value cannot be taken, or ""."""
        if len(value) < self.min_length:
            return "too short"
        if len(value) > self.max_length:
            return "too long"
        if self.pattern is not None and not _fits(self.pattern, value):
            return "not in the expected form"
        return ""

    def _shown(self, value: str) -> str:
        return MASK if self.sensitive else value

    def _read_back(self, call: Call, value: str, *, facts: tuple[Fact, ...] = (), is_retry: bool = False) -> Outcome:
        base = call.language.split("-")[0]
        listen = Listen(
            prompts=call.prompt(self.confirm, value=value),
            inputs=("digits", "speech") if self.by_speech else ("digits",),
            language=call.language,
            timeout_s=self.timeout_s,
            speech_timeout_s=self.speech_timeout_s,
            max_digits=1,
            keys=(YES_KEY, NO_KEY),
            hints=(*YES_WORDS.get(base, ()), *NO_WORDS.get(base, ())),
            sensitive=self.sensitive,
        )
        return Wait((listen,), facts, pending={"value": value}, is_retry=is_retry)

    def _confirmed(self, call: Call, event: CallEvent, value: str) -> Outcome | None:
        if is_silence(event):
            return self._confirm_again(call, TimedOut(self.id), self.no_input, value)
        if not isinstance(event, DigitsEntered | SpeechHeard):
            return None
        answer = self._yes_or_no(call, event)
        if answer is True:
            return self._keep(value)
        if answer is False:
            return self.misunderstood(call, self._shown(value), "the caller said it was wrong")
        unclear = NotUnderstood(self.id, self._shown(_given(event)), None, "neither yes nor no")
        return self.person_asked(call, event) or self._confirm_again(call, unclear, self.no_match, value)

    def _yes_or_no(self, call: Call, event: DigitsEntered | SpeechHeard) -> bool | None:
        by_key = {YES_KEY: True, NO_KEY: False}
        if isinstance(event, DigitsEntered):
            return by_key.get(event.digits)
        if not is_sure(event, self.min_confidence):
            return None
        answer = yes_or_no(event.text, call.language)
        return by_key.get(digits_said(event.text, call.language) or "") if answer is None else answer

    def _confirm_again(self, call: Call, fact: Fact, give_up: Target | None, value: str) -> Outcome:
        if call.tries + 1 >= self.tries:
            return Go(give_up, facts=(fact,))
        return self._read_back(call, value, facts=(fact,), is_retry=True)

    def _keep(self, value: str) -> Outcome:
        fact = Collected(self.id, self.into, self._shown(value), self.sensitive)
        return Go(
            self.next, facts=(fact,), variables={self.into: value}, sensitive=(self.into,) if self.sensitive else ()
        )

    def _listen(self, call: Call, prompts: tuple[Prompt, ...]) -> Listen:
        is_number = self.expect == "digits"
        return Listen(
            prompts=prompts,
            inputs=self._inputs(),
            language=call.language,
            timeout_s=self.timeout_s,
            speech_timeout_s=self.speech_timeout_s,
            max_digits=self.max_length if is_number else 1,
            finish_key=self.finish_key if is_number else "",
            sensitive=self.sensitive,
        )

    def _inputs(self) -> tuple[InputKind, ...]:
        if self.expect == "words":
            return ("digits", "speech")  # keys too, so that 0 still calls a person
        return ("digits", "speech") if self.by_speech else ("digits",)


def _given(event: DigitsEntered | SpeechHeard) -> str:
    return event.digits if isinstance(event, DigitsEntered) else event.text


def _fits(pattern: str, value: str) -> bool:
    try:
        _whole(pattern).validate_python(value)
    except ValidationError:
        return False
    return True
