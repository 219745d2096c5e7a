"""What a small flow may do while the caller waits in a line: the rules that the host and simulated calls share.

The small flow is an engine's state of its own beside the caller's place. It talks and asks; the wait itself (who
rings, how long) is none of its business.
"""

from __future__ import annotations

from ivr_flows.engine import LAST_RESORT
from ivr_flows.events import CallEvent, Continued, LookupAnswered, TransferEnded
from ivr_flows.instructions import (
    EnterQueue,
    Instruction,
    LookUp,
    Record,
    RecordVoicemail,
    TransferToAgent,
    TransferToNumber,
)
from ivr_flows.state import State

MOST_REFUSALS = 5  # things that cannot be done in a line: look-ups, transfers, recordings


def refusal(state: State) -> CallEvent | None:
    """What the small flow is told when it wants what cannot be done in a line; None for all else."""
    match last_of(state):
        case LookUp():
            return LookupAnswered(problem="refused")
        case TransferToNumber() | TransferToAgent():
            return TransferEnded("failed")
        case Record():
            return Continued()
        case _:
            return None


def reason_to_leave(entering: EnterQueue, state: State) -> str | None:
    """Why the caller leaves the line, when the small flow comes to a message or to another queue."""
    match last_of(state):
        case RecordVoicemail() if state.node != LAST_RESORT:
            return "voicemail"
        case EnterQueue(queue=queue) if queue != entering.queue:
            return "overflow"
        case _:
            return None


def goes_round(state: State) -> bool:
    """Whether the small flow is through: it ended, met its limit, or said "go on waiting"."""
    return state.ended or state.node == LAST_RESORT or isinstance(last_of(state), EnterQueue)


def last_of(state: State) -> Instruction | None:
    return state.instructions[-1] if state.instructions else None
