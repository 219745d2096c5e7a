"""Start and Stop: a Media Stream beside the call; neither waits.

https://www.twilio.com/docs/voice/twiml/stream
"""

from __future__ import annotations

from telephony.local_carrier.script import Outcome, Stage
from telephony.local_carrier.streams import StreamError, StreamOrder
from telephony.local_carrier.twiml import Node
from telephony.local_carrier.verbs.attributes import Attributes

TRACK = "inbound_track"


async def start(verb: Node, stage: Stage) -> Outcome:
    """Begin every stream named inside."""
    for noun in verb.children:
        if noun.name != "Stream":
            stage.alert(12200, f"<Start><{noun.name[:40]}> is not known to this carrier; it was skipped.")
            continue
        try:
            stage.carrier.streams.start(stage.call, _order(noun, stage))
        except StreamError as problem:
            stage.alert(problem.code, problem.message)
    return None


async def stop(verb: Node, stage: Stage) -> Outcome:
    """End streams by name."""
    for noun in verb.children:
        stream = stage.carrier.streams.find(stage.call, noun.attributes.get("name", ""))
        if noun.name != "Stream" or stream is None:
            stage.alert(12200, "<Stop> names no stream of this call; it was skipped.")
        else:
            stream.stop()
    return None


def _order(noun: Node, stage: Stage) -> StreamOrder:
    attributes = Attributes(noun, stage)
    parameters = {
        child.attributes.get("name", ""): child.attributes.get("value", "")
        for child in noun.children
        if child.name == "Parameter"
    }
    return StreamOrder(
        url=attributes.text("url"),
        name=attributes.text("name"),
        track=attributes.text("track", TRACK),
        callback=attributes.callback("statusCallback", ()),
        parameters=parameters,
    )
