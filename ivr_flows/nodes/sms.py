from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from ivr_flows.facts import SmsRequested
from ivr_flows.instructions import SendSms
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Way
from ivr_flows.texts import Target, Text

_TEXTABLE = re.compile(r"\+[1-9][0-9]{6,14}\Z")


class SmsNode(Node):
    """Send the caller a text and go on.

        send_link: {kind: sms, text: {en: "Pay here: https://meridian.example/pay"}, next: after_it, no_number: message}
        after_it: {kind: sms, when: after_call, text: {en: "Thank you for calling Meridian."}, next: goodbye}

    Emits SendSms and never waits: whether the text arrives is the message's own story on the timeline. A caller
    without a number (withheld, a SIP address, a browser) goes to `no_number`, without it to `next`. With `when:
    after_call` the text is written now and leaves when the call is over, also after a talk with an agent.
    """

    kind: Literal["sms"] = "sms"
    """Send the caller a text and go on."""
    text: Text
    """The message."""
    when: Literal["now", "after_call"] = "now"
    """Send it now, or when the call is over."""
    next: Target
    """The node that comes after."""
    no_number: Target | None = None
    """Where a caller goes whose number takes no texts; without it to next."""

    def enter(self, call: Call) -> Outcome:
        if not _TEXTABLE.match(call.context.caller):
            return Go(self.no_number or self.next)
        text = call.text(self.text)
        return Go(self.next, (SendSms(text, self.when),), (SmsRequested(self.id, text),)) if text else Go(self.next)

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))
        if self.no_number:
            yield Way("no number to text", self.no_number, ("no_number",))
