"""Redirect, Hangup and Reject: where the call goes.

https://www.twilio.com/docs/voice/twiml/redirect, …/hangup, …/reject
"""

from __future__ import annotations

from telephony.local_carrier.script import FINISH, Ask, GoTo, Outcome, Stage
from telephony.local_carrier.twiml import Node
from telephony.local_carrier.verbs.attributes import Attributes

REJECT_REASON = "rejected"
_STATUS_OF_REASON = {"rejected": "no-answer", "busy": "busy"}


async def redirect(verb: Node, stage: Stage) -> Outcome:
    """Go on with another document; an empty one is the same document again."""
    attributes = Attributes(verb, stage, 13710)
    url = stage.address(verb.text)
    if not url:
        stage.alert(13710, "<Redirect> needs an absolute URL here: this document has no address of its own.")
        return FINISH
    return GoTo(Ask(url, attributes.method()))


async def hang_up(_verb: Node, stage: Stage) -> Outcome:
    """End the call."""
    stage.call.end("completed")
    return FINISH


async def reject(verb: Node, stage: Stage) -> Outcome:
    """Turn the call away without answering it."""
    reason = Attributes(verb, stage).choice("reason", REJECT_REASON, _STATUS_OF_REASON)
    stage.call.end(_STATUS_OF_REASON[reason])
    return FINISH
