"""What nodes that ask share: a question can be misheard, met with silence, or answered with "a person, please"."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from ivr_flows.events import CallEvent, Continued, DigitsEntered, InputTimedOut, SpeechHeard
from ivr_flows.facts import Fact, NotUnderstood, PersonAsked, TimedOut
from ivr_flows.instructions import Prompt
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Way
from ivr_flows.spoken import asks_for_person
from ivr_flows.texts import PromptText, Target

PERSON_KEY = "0"


class AskingNode(Node):
    """A node that waits for the caller's answer, asks again, and gives up politely.

    After `tries` answers that were not understood (or silences) the call goes to `no_match` (or `no_input`); without
    these to the flow's fallback. The key 0 and words such as "operator" go to `person`, without it to the fallback;
    `person: null` turns that off.
    """

    asks: ClassVar[bool] = True
    tries: int = Field(default=3, ge=1, le=10)
    """How often the question is asked before the call goes to no_match or no_input."""
    retry_prompt: PromptText | None = None
    """Said before the question is asked again."""
    no_input: Target | None = None
    """Where the call goes after so many silences; without it to the flow's fallback."""
    no_match: Target | None = None
    """Where the call goes after so many answers that were not understood; without it to the flow's fallback."""
    person: Target | None = None
    """Where the key 0 and words such as “operator” lead; without it to the fallback. null turns that off."""
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 5.0
    """Seconds of silence, after the prompt, that count as no answer."""
    speech_timeout_s: Annotated[float, Field(ge=0.5, le=20)] | None = None
    """Seconds of silence that end what the caller says; without it the recogniser decides."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.25
    """How sure the recogniser must be, from 0 to 1; less counts as not understood."""

    @property
    def offers_person(self) -> bool:
        return not ("person" in self.model_fields_set and self.person is None)

    def person_asked(self, call: Call, event: CallEvent) -> Outcome | None:
        """The way to a person, when the caller asks for one and this node offers it."""
        match event:
            case DigitsEntered(digits) if digits == PERSON_KEY and self.offers_person:
                return Go(self.person, facts=(PersonAsked(self.id),))
            case SpeechHeard(text) if self.offers_person and asks_for_person(text, call.language):
                return Go(self.person, facts=(PersonAsked(self.id),))
            case _:
                return None

    def asking_ways(self) -> Iterator[Way]:
        yield Way("no answer", self.no_input, ("no_input",))
        yield Way("not understood", self.no_match, ("no_match",))
        if self.offers_person:
            yield Way("asked for a person", self.person, ("person",))


class QuestionNode(AskingNode):
    """A node of one question."""

    @abstractmethod
    def ask(
        self, call: Call, *, lead: tuple[Prompt, ...] = (), facts: tuple[Fact, ...] = (), is_retry: bool = False
    ) -> Outcome:
        """Ask the question, after the `lead` prompts."""

    def ask_again(self, call: Call, fact: Fact, give_up: Target | None) -> Outcome:
        if call.tries + 1 >= self.tries:
            return Go(give_up, facts=(fact,))
        return self.ask(call, lead=call.prompt(self.retry_prompt), facts=(fact,), is_retry=True)

    def silence(self, call: Call) -> Outcome:
        return self.ask_again(call, TimedOut(self.id), self.no_input)

    def misunderstood(self, call: Call, given: str, reason: str, confidence: float | None = None) -> Outcome:
        return self.ask_again(call, NotUnderstood(self.id, given, confidence, reason), self.no_match)


class ChoosingNode(QuestionNode):
    """A question with a few answers to choose from, each by a key or by words."""

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        if is_silence(event):
            return self.silence(call)
        match event:
            case DigitsEntered(key):
                return self.pressed(key) or self.person_asked(call, event) or self._no_such(call, key)
            case SpeechHeard(text, confidence) if not is_sure(event, self.min_confidence):
                return self.misunderstood(call, text, "not heard clearly", confidence)
            case SpeechHeard(text, confidence):
                return self.said(call, event) or self.person_asked(call, event) or self._no_such(call, text, confidence)
            case _:
                return None

    @abstractmethod
    def pressed(self, key: str) -> Outcome | None:
        """Where this key leads; None when it chooses nothing."""

    @abstractmethod
    def said(self, call: Call, heard: SpeechHeard) -> Outcome | None:
        """Where these words lead, which were heard clearly; None when they choose nothing."""

    def _no_such(self, call: Call, given: str, confidence: float | None = None) -> Outcome:
        return self.misunderstood(call, given, "no such choice", confidence)


def is_silence(event: CallEvent) -> bool:
    match event:
        case InputTimedOut() | Continued() | DigitsEntered(""):
            return True
        case SpeechHeard(text):
            return not text.strip()
        case _:
            return False


def is_sure(event: SpeechHeard, at_least: float) -> bool:
    """Whether the recogniser was sure enough; one that gives no confidence is believed."""
    return event.confidence is None or event.confidence >= at_least
