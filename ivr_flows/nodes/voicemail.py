from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from ivr_flows.events import CallEvent, Continued, InputTimedOut, RecordingLeft
from ivr_flows.facts import TimedOut, VoicemailLeft
from ivr_flows.instructions import Hangup, Prompt, RecordVoicemail
from ivr_flows.nodes.base import Call, End, Go, Node, Outcome, Wait, Way
from ivr_flows.patterns import Name
from ivr_flows.texts import PromptText, Target


class VoicemailNode(Node):
    """Let the caller leave a message, owned by the people of a queue.

        sales_message:
          kind: voicemail
          prompt: {en: Please leave a message after the tone.}
          mailbox: sales
          thanks: {en: Thank you. We will call you back.}

    Emits RecordVoicemail; resumes on RecordingLeft, and on InputTimedOut or Continued when nothing was said: then it
    asks once more (`tries`) and goes on. Recordings shorter than `min_length_s` count as nothing. Without `next` the
    call ends after `thanks`.
    """

    kind: Literal["voicemail"] = "voicemail"
    """Let the caller leave a message for the people of a queue."""
    prompt: PromptText
    """Said before the tone."""
    mailbox: Name
    """The key of the queue whose people own the message."""
    thanks: PromptText | None = None
    """Said after the message."""
    max_length_s: int = Field(default=120, ge=5, le=600)
    """The longest message, in seconds."""
    min_length_s: float = Field(default=1.0, ge=0, le=10)
    """A shorter recording, in seconds, counts as no message."""
    silence_s: int = Field(default=5, ge=2, le=30)
    """So many seconds of silence end the message."""
    finish_key: Literal["#", "*", ""] = "#"
    """The key that ends the message; empty for none."""
    tries: int = Field(default=2, ge=1, le=5)
    """How often the caller is asked for a message."""
    next: Target | None = None
    """The node that comes after; without it the call ends."""

    def enter(self, call: Call) -> Outcome:
        return self._record(call)

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        match event:
            case RecordingLeft(reference, duration_s) if duration_s >= self.min_length_s:
                left = VoicemailLeft(self.id, self.mailbox, reference, duration_s)
                return self._done(call, left, "voicemail", call.prompt(self.thanks))
            case RecordingLeft() | InputTimedOut() | Continued() if call.tries + 1 < self.tries:
                return self._record(call, facts=(TimedOut(self.id),), is_retry=True)
            case RecordingLeft() | InputTimedOut() | Continued():
                return self._done(call, TimedOut(self.id), "no_message", ())
            case _:
                return None

    def ways(self) -> Iterator[Way]:
        if self.next:
            yield Way("then", self.next, ("next",))

    @property
    def reaches_person(self) -> bool:
        return True

    def _record(self, call: Call, *, facts: tuple[TimedOut, ...] = (), is_retry: bool = False) -> Outcome:
        record = RecordVoicemail(
            prompts=call.prompt(self.prompt),
            mailbox=self.mailbox,
            language=call.language,
            max_length_s=self.max_length_s,
            finish_key=self.finish_key,
            silence_s=self.silence_s,
        )
        return Wait((record,), facts, is_retry=is_retry)

    def _done(self, call: Call, fact: VoicemailLeft | TimedOut, outcome: str, thanks: tuple[Prompt, ...]) -> Outcome:
        if self.next:
            return Go(self.next, thanks, (fact,))
        return End(outcome, (*thanks, Hangup()), (fact,))
