from __future__ import annotations

import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from ivr_flows.events import CallEvent, DigitsEntered, SpeechHeard
from ivr_flows.facts import MASK, Fact, VerificationFailed, VerificationLocked, VerificationPassed
from ivr_flows.instructions import InputKind, Listen, Prompt
from ivr_flows.nodes.asking import QuestionNode, is_silence, is_sure
from ivr_flows.nodes.base import Call, Go, Outcome, Wait, Way
from ivr_flows.patterns import VariableName
from ivr_flows.spoken import digits_said, words_of
from ivr_flows.texts import PromptText, Target, Text

PIN_KEYS = "0123456789"


class VerifyNode(QuestionNode):
    """Check that the caller knows a PIN, or a fact of the customer's record.

        check_pin:
          kind: verify
          prompt: {en: Please enter your four-digit PIN.}
          against: "{{ customer.fields.pin }}"
          length: 4
          next: support
          failed: sales

    Emits Listen; resumes on DigitsEntered, SpeechHeard, InputTimedOut or Continued. What the caller gives is compared
    with `against` and then forgotten: it stands in no fact, no variable and no path. `expect: digits` takes keys, and
    spoken digits with `by_speech`; `expect: words` takes speech and compares word by word. `attempts` wrong ones lock
    the caller out: the call goes to `failed`, now and whenever it comes here again. Wrong attempts of earlier calls
    count for `lock_minutes`, so hanging up and calling again gives no new ones. `into` is set to true or false, and
    `<into>_attempts` to the wrong attempts of this call. Where the record has nothing to compare with the call goes to
    `unknown`, without it to `failed`. Silence and what cannot be understood are no attempts: they go to `no_input` and
    `no_match` after `tries`.
    """

    unheard: ClassVar[frozenset[str]] = frozenset({"against"})
    kind: Literal["verify"] = "verify"
    """Check that the caller knows a PIN or a fact of the customer's record."""
    prompt: PromptText
    """The question."""
    against: Text
    """What the answer must be: a text with a variable or a field of the customer in it."""
    expect: Literal["digits", "words"] = "digits"
    """Keys, or spoken words."""
    by_speech: bool = False
    """Whether digits may be spoken; others may overhear them."""
    length: int | None = Field(default=None, ge=1, le=20)
    """How many digits end the input by themselves; without it the caller ends it with #."""
    attempts: int = Field(default=3, ge=1, le=10)
    """How many wrong attempts lock the caller out."""
    lock_minutes: int = Field(default=30, ge=0, le=1440)
    """How long wrong attempts of earlier calls count."""
    into: VariableName = "verified"
    """The variable that is set to true or false."""
    next: Target
    """Where verified callers go."""
    failed: Target
    """Where callers go who are locked out."""
    unknown: Target | None = None
    """Where callers go of whom the record has nothing to compare with; without it to failed."""

    def enter(self, call: Call) -> Outcome:
        if call.variables.get(self.into) is True:
            return Go(self.next)  # once in a call is enough
        if not self._expected(call):
            return Go(self.unknown or self.failed, variables={self.into: False})
        if self._wrong_so_far(call) >= self.attempts:
            return Go(self.failed, facts=(VerificationLocked(self.id),), variables={self.into: False})
        return self.ask(call)

    def ask(
        self, call: Call, *, lead: tuple[Prompt, ...] = (), facts: tuple[Fact, ...] = (), is_retry: bool = False
    ) -> Outcome:
        return Wait((self._listen(call, lead),), facts, is_retry=is_retry)

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        if is_silence(event):
            return self.silence(call)
        if not isinstance(event, DigitsEntered | SpeechHeard):
            return None
        given = self._given(call, event)
        if given and hmac.compare_digest(given.encode(), self._expected(call).encode()):
            return Go(self.next, facts=(VerificationPassed(self.id),), variables={self.into: True})
        person = self.person_asked(call, event)
        if person or given is None:
            return person or self.misunderstood(call, MASK, "not heard clearly")
        return self._wrong(call)

    def ways(self) -> Iterator[Way]:
        yield Way("verified", self.next, ("next",))
        yield Way("locked out", self.failed, ("failed",))
        yield Way("nothing to check", self.unknown or self.failed, ("unknown",))
        yield from self.asking_ways()

    def sets(self) -> Iterator[str]:
        yield self.into
        yield self._count_name

    @property
    def _count_name(self) -> str:
        return f"{self.into}_attempts"

    def _wrong(self, call: Call) -> Outcome:
        left = max(0, self.attempts - self._wrong_so_far(call) - 1)
        counted: dict[str, Any] = {self.into: False, self._count_name: self._wrong_in_this_call(call) + 1}
        fact = VerificationFailed(self.id, left)
        if left == 0:
            return Go(self.failed, facts=(fact, VerificationLocked(self.id)), variables=counted)
        listen = self._listen(call, call.prompt(self.retry_prompt))
        return Wait((listen,), (fact,), variables=counted)

    def _wrong_so_far(self, call: Call) -> int:
        earlier = call.context.customer.get("wrong_verifications", ())
        since = call.context.now - timedelta(minutes=self.lock_minutes)
        return self._wrong_in_this_call(call) + sum(_is_after(at, since) for at in earlier)

    def _wrong_in_this_call(self, call: Call) -> int:
        count = call.variables.get(self._count_name, 0)
        return count if isinstance(count, int) else 0

    def _expected(self, call: Call) -> str:
        return self._compared(call.text(self.against))

    def _given(self, call: Call, event: DigitsEntered | SpeechHeard) -> str | None:
        """What was given, in the form that is compared; None when it is none that could be right."""
        if isinstance(event, DigitsEntered):
            return event.digits if self.expect == "digits" else None
        if not is_sure(event, self.min_confidence):
            return None
        if self.expect == "words":
            return self._compared(event.text) or None
        return digits_said(event.text, call.language) if self.by_speech else None

    def _compared(self, text: str) -> str:
        if self.expect == "words":
            return " ".join(words_of(text))
        return "".join(char for char in text if char in PIN_KEYS)

    def _listen(self, call: Call, lead: tuple[Prompt, ...]) -> Listen:
        takes_speech = self.expect == "words" or self.by_speech
        inputs: tuple[InputKind, ...] = ("digits", "speech") if takes_speech else ("digits",)
        return Listen(
            prompts=(*lead, *call.prompt(self.prompt)),
            inputs=inputs,
            language=call.language,
            timeout_s=self.timeout_s,
            speech_timeout_s=self.speech_timeout_s,
            max_digits=self.length if self.expect == "digits" else 1,
            finish_key="#" if self.expect == "digits" else "",
            sensitive=True,
        )


def _is_after(at: object, since: datetime) -> bool:
    """Whether this time, as the host wrote it, is later; what cannot be read counts, so that nobody gains by it."""
    try:
        return datetime.fromisoformat(str(at)) > since
    except (ValueError, TypeError):
        return True
