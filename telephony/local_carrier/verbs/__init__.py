"""One module per verb: how it is read, what it defaults to, how it is performed on a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from telephony.local_carrier.script import Outcome, Stage
from telephony.local_carrier.twiml import Node
from telephony.local_carrier.verbs import dial, flow, gather, pause, play, record, say, stream

PERFORMERS: Mapping[str, Callable[[Node, Stage], Awaitable[Outcome]]] = {
    "Dial": dial.perform,
    "Gather": gather.perform,
    "Hangup": flow.hang_up,
    "Pause": pause.perform,
    "Play": play.perform,
    "Record": record.perform,
    "Redirect": flow.redirect,
    "Reject": flow.reject,
    "Say": say.perform,
    "Start": stream.start,
    "Stop": stream.stop,
}
