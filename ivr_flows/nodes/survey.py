from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from ivr_flows.events import CallEvent, DigitsEntered, SpeechHeard
from ivr_flows.facts import Fact, NotUnderstood, SurveyAnswered, SurveySkipped, TimedOut
from ivr_flows.instructions import InputKind, Listen, Prompt
from ivr_flows.nodes.asking import AskingNode, is_silence, is_sure
from ivr_flows.nodes.base import Call, Go, Outcome, Part, Wait, Way
from ivr_flows.nodes.menu import Key
from ivr_flows.patterns import Name, VariableName
from ivr_flows.said import wrong
from ivr_flows.spoken import NO_WORDS, YES_WORDS, best_choice, number_said, yes_or_no
from ivr_flows.texts import PromptText, Target, Words

YES_KEY, NO_KEY = "1", "2"


@dataclass(frozen=True, slots=True)
class Answer:
    value: str | int
    by: Literal["key", "voice"]


class SurveyChoice(Part):
    """One answer of a question that has choices; `value` is what is written down."""

    key: Key | None = None
    """The key that gives it."""
    words: Words | None = None
    """What a caller may say for it."""
    value: Name
    """What is written down."""


class Question(Part):
    """One question.

    `expect: scale` takes a number from `lowest` to `highest`, `yes_no` takes 1 or yes and 2 or no, `choice` takes one
    of `choices`, `words` takes whatever is said. The answer is also kept in the variable that `id` names.
    """

    id: VariableName
    """The question's name on the record, and the variable that gets the answer."""
    ask: PromptText
    """What the caller is asked."""
    expect: Literal["scale", "yes_no", "choice", "words"] = "scale"
    """What counts as an answer: a number on a scale, yes or no, one of the choices, or words."""
    lowest: int = Field(default=1, ge=0, le=1)
    """The lowest number of the scale: 0 or 1."""
    highest: int = Field(default=5, ge=2, le=10)
    """The highest number of the scale."""
    choices: tuple[SurveyChoice, ...] = Field(default=(), max_length=10)
    """The answers to choose from, for expect: choice."""

    @model_validator(mode="after")
    def _has_its_choices(self) -> Question:
        if (self.expect == "choice") != bool(self.choices):
            raise wrong("choices belong to 'expect: choice', and to that only")
        return self

    def answer(self, event: DigitsEntered | SpeechHeard, language: str) -> Answer | None:
        """The answer that was given; None when it is none to this question."""
        by: Literal["key", "voice"] = "key" if isinstance(event, DigitsEntered) else "voice"
        given = event.digits if isinstance(event, DigitsEntered) else event.text.strip()
        value = self._pressed(given) if by == "key" else self._said(given, language)
        return None if value is None else Answer(value, by)

    def inputs(self, language: str) -> tuple[InputKind, ...]:
        return ("digits",) if self.expect == "choice" and not self.hints(language) else ("digits", "speech")

    def hints(self, language: str) -> tuple[str, ...]:
        if self.expect == "yes_no":
            base = language.split("-")[0]
            return (*YES_WORDS.get(base, ()), *NO_WORDS.get(base, ()))
        return tuple(phrase for phrases in self._phrases(language).values() for phrase in phrases)

    def _pressed(self, digits: str) -> str | int | None:
        match self.expect:
            case "scale":
                return self._in_scale(int(digits) if digits.isascii() and digits.isdigit() else None)
            case "yes_no":
                return {YES_KEY: "yes", NO_KEY: "no"}.get(digits)
            case "choice":
                return next((choice.value for choice in self.choices if choice.key == digits), None)
            case _:
                return None

    def _said(self, text: str, language: str) -> str | int | None:
        match self.expect:
            case "scale":
                return self._in_scale(number_said(text, language))
            case "yes_no":
                answer = yes_or_no(text, language)
                return None if answer is None else "yes" if answer else "no"
            case "choice":
                found = best_choice(text, self._phrases(language))
                return found[0] if found else None
            case _:
                return text

    def _in_scale(self, number: int | None) -> int | None:
        return number if number is not None and self.lowest <= number <= self.highest else None

    def _phrases(self, language: str) -> dict[str, tuple[str, ...]]:
        return {choice.value: choice.words.in_language(language) for choice in self.choices if choice.words}


class SurveyNode(AskingNode):
    """Ask a few questions, by key or voice, and keep the answers on the record.

        how_was_it:
          kind: survey
          survey: satisfaction
          questions:
            - {id: rating, ask: {en: "How satisfied are you, from 1 to 5?"}, highest: 5}
            - {id: solved, ask: {en: "Was your question answered? Press 1 for yes, 2 for no."}, expect: yes_no}
            - {id: comment, ask: {en: What could we do better?}, expect: words}
          thanks: {en: Thank you for your answers.}
          next: goodbye

    Emits Listen for each question; resumes on DigitsEntered, SpeechHeard, InputTimedOut or Continued. Each answer is
    told as soon as it is given, so those of a caller who hangs up are kept. After `tries` silences the survey is over
    and the call goes to `no_input`, without it to `next`; a question that is not understood `tries` times is passed
    over, or the call goes to `no_match` where the flow has that.
    """

    kind: Literal["survey"] = "survey"
    """Ask a few questions and keep the answers on the record."""
    survey: Name
    """The survey's name on the record and in reports."""
    questions: tuple[Question, ...] = Field(min_length=1, max_length=20)
    """The questions, in order."""
    thanks: PromptText | None = None
    """Said after the last answer."""
    tries: int = Field(default=2, ge=1, le=10)
    """How often a question is asked before it is passed over."""
    next: Target
    """The node that comes after."""

    @model_validator(mode="after")
    def _ids_differ(self) -> SurveyNode:
        ids = [question.id for question in self.questions]
        twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
        if twice:
            raise wrong("two questions have the id '{id}'", id=twice)
        return self

    def enter(self, call: Call) -> Outcome:
        return self._question(call, 0, {})

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        if is_silence(event):
            return self._silent(call)
        if not isinstance(event, DigitsEntered | SpeechHeard):
            return None
        question = self.questions[_now_at(call)]
        is_clear = isinstance(event, DigitsEntered) or is_sure(event, self.min_confidence)
        answer = question.answer(event, call.language) if is_clear else None
        if answer is None:
            return self.person_asked(call, event) or self._unclear(call, event)
        score = answer.value if isinstance(answer.value, int) else None
        fact = SurveyAnswered(self.id, self.survey, question.id, str(answer.value), score, answer.by)
        answers = {**_answers(call), question.id: answer.value}
        return self._question(call, _now_at(call) + 1, answers, facts=(fact,))

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))
        if self.no_input:
            yield Way("no answer", self.no_input, ("no_input",))
        if self.no_match:
            yield Way("not understood", self.no_match, ("no_match",))
        if self.offers_person:
            yield Way("asked for a person", self.person, ("person",))

    def sets(self) -> Iterator[str]:
        for question in self.questions:
            yield question.id

    def _silent(self, call: Call) -> Outcome:
        facts = (TimedOut(self.id),)
        if _tries(call) + 1 < self.tries:
            return self._again(call, facts)
        return Go(self.no_input or self.next, facts=(*facts, self._skipped(call)), variables=_answers(call))

    def _unclear(self, call: Call, event: DigitsEntered | SpeechHeard) -> Outcome:
        given = event.digits if isinstance(event, DigitsEntered) else event.text
        confidence = event.confidence if isinstance(event, SpeechHeard) else None
        facts = (NotUnderstood(self.id, given, confidence, "no answer to the question"),)
        if _tries(call) + 1 < self.tries:
            return self._again(call, facts)
        if self.no_match:
            return Go(self.no_match, facts=(*facts, self._skipped(call)), variables=_answers(call))
        return self._question(call, _now_at(call) + 1, _answers(call), facts=(*facts, self._skipped(call)))

    def _skipped(self, call: Call) -> SurveySkipped:
        return SurveySkipped(self.id, self.survey, self.questions[_now_at(call)].id)

    def _again(self, call: Call, facts: tuple[Fact, ...]) -> Outcome:
        listen = self._listen(call, self.questions[_now_at(call)], call.prompt(self.retry_prompt))
        return Wait((listen,), facts, {**call.pending, "tries": _tries(call) + 1}, is_retry=True)

    def _question(self, call: Call, number: int, answers: dict[str, Any], *, facts: tuple[Fact, ...] = ()) -> Outcome:
        if number >= len(self.questions):
            return Go(self.next, call.prompt(self.thanks), facts, variables=answers)
        listen = self._listen(call, self.questions[number], ())
        return Wait((listen,), facts, {"question": number, "tries": 0, "answers": answers})

    def _listen(self, call: Call, question: Question, lead: tuple[Prompt, ...]) -> Listen:
        takes_two_keys = question.expect == "scale" and question.highest > 9
        return Listen(
            prompts=(*lead, *call.prompt(question.ask)),
            inputs=question.inputs(call.language),
            language=call.language,
            timeout_s=self.timeout_s,
            speech_timeout_s=self.speech_timeout_s,
            max_digits=2 if takes_two_keys else 1,
            finish_key="#" if takes_two_keys else "",
            hints=question.hints(call.language),
        )

    def person_asked(self, call: Call, event: CallEvent) -> Outcome | None:
        """The way to a person; the answers given so far are kept."""
        outcome = super().person_asked(call, event)
        return Go(outcome.to, facts=outcome.facts, variables=_answers(call)) if isinstance(outcome, Go) else None


def _now_at(call: Call) -> int:
    return int(call.pending["question"])


def _tries(call: Call) -> int:
    return int(call.pending["tries"])


def _answers(call: Call) -> dict[str, Any]:
    return dict(call.pending["answers"])
