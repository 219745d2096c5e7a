"""Play: a sound from the web, or keys.

https://www.twilio.com/docs/voice/twiml/play
"""

from __future__ import annotations

from telephony.local_carrier.carrier import send_keys
from telephony.local_carrier.script import Outcome, Stage
from telephony.local_carrier.tones import DIALABLE
from telephony.local_carrier.twiml import Node
from telephony.local_carrier.verbs.attributes import Attributes

LOOP = 1
MOST_LOOPS = 1000
MAX_DIGITS = 500


async def perform(verb: Node, stage: Stage) -> Outcome:
    """Play to the end, as often as asked."""
    attributes = Attributes(verb, stage, 13410)
    digits = attributes.text("digits")
    if digits:
        await _play_digits(digits, stage)
    if not verb.text:
        if not digits:
            stage.alert(13420, "<Play> has neither a URL nor digits.")
        return None
    sound = await stage.carrier.media.sound(stage.conversation, stage.address(verb.text))
    for _ in range(attributes.number("loop", LOOP, 0, MOST_LOOPS) or MOST_LOOPS):
        await stage.voice.play(sound)
    return None


async def _play_digits(digits: str, stage: Stage) -> None:
    if not set(digits) <= DIALABLE or len(digits) > MAX_DIGITS:
        stage.alert(13410, f"digits are 0-9 A-D * # w W, at most {MAX_DIGITS}.")
        return
    await send_keys(stage.call, digits, stage.voice)
