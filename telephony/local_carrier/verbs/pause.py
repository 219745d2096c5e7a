"""Pause: wait. As the first verb of an incoming call it lets the caller hear ringing for so long.

https://www.twilio.com/docs/voice/twiml/pause
"""

from __future__ import annotations

import asyncio

from telephony.local_carrier.script import Outcome, Stage
from telephony.local_carrier.twiml import Node
from telephony.local_carrier.verbs.attributes import Attributes

LENGTH_S = 1
MAX_LENGTH_S = 86_400


async def perform(verb: Node, stage: Stage) -> Outcome:
    """Wait in silence."""
    length_s = Attributes(verb, stage, 13910).number("length", LENGTH_S, 0, MAX_LENGTH_S)
    await asyncio.sleep(length_s)
    if stage.is_main:
        stage.call.answer()
    return None
