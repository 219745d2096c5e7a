from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from ivr_flows.events import CallEvent, Continued, InputTimedOut, RecordingLeft
from ivr_flows.facts import Recorded, TimedOut
from ivr_flows.instructions import Record
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Wait, Way
from ivr_flows.patterns import VariableName
from ivr_flows.texts import PromptText, Target


class RecordNode(Node):
    """Record what the caller says and go on.

        reason:
          kind: record
          prompt: {en: "After the tone, please tell us what has happened."}
          max_length_s: 30
          next: sales

    Emits Record; resumes on RecordingLeft, and on InputTimedOut or Continued when nothing was said: then it asks once
    more (`tries`) and goes to `no_input`, without it to `next`. The recording belongs to the call's record, as a
    message does, and nobody has to call back. Recordings shorter than `min_length_s` count as nothing. `into` names a
    variable for the recording's address, for a look-up that wants it.
    """

    kind: Literal["record"] = "record"
    """Record what the caller says and go on."""
    prompt: PromptText
    """Said before the tone."""
    into: VariableName | None = None
    """The variable that gets the recording's address."""
    max_length_s: int = Field(default=60, ge=2, le=600)
    """The longest recording, in seconds."""
    min_length_s: float = Field(default=1.0, ge=0, le=10)
    """A shorter recording, in seconds, counts as nothing said."""
    silence_s: int = Field(default=5, ge=2, le=30)
    """So many seconds of silence end the recording."""
    finish_key: Literal["#", "*", ""] = "#"
    """The key that ends the recording; empty for none."""
    beep: bool = True
    """Whether a tone is heard before it."""
    tries: int = Field(default=2, ge=1, le=5)
    """How often the caller is asked."""
    next: Target
    """The node that comes after."""
    no_input: Target | None = None
    """Where the call goes when nothing was said; without it to next."""

    def enter(self, call: Call) -> Outcome:
        return self._record(call)

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        match event:
            case RecordingLeft(reference, duration_s) if duration_s >= self.min_length_s:
                kept = {self.into: reference} if self.into else {}
                return Go(self.next, facts=(Recorded(self.id, reference, duration_s),), variables=kept)
            case RecordingLeft() | InputTimedOut() | Continued() if call.tries + 1 < self.tries:
                return self._record(call, facts=(TimedOut(self.id),), is_retry=True)
            case RecordingLeft() | InputTimedOut() | Continued():
                return Go(self.no_input or self.next, facts=(TimedOut(self.id),))
            case _:
                return None

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))
        if self.no_input:
            yield Way("nothing said", self.no_input, ("no_input",))

    def _record(self, call: Call, *, facts: tuple[TimedOut, ...] = (), is_retry: bool = False) -> Outcome:
        record = Record(
            prompts=call.prompt(self.prompt),
            language=call.language,
            max_length_s=self.max_length_s,
            finish_key=self.finish_key,
            silence_s=self.silence_s,
            beep=self.beep,
        )
        return Wait((record,), facts, is_retry=is_retry)
