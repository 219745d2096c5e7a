"""Times that a flow offers for callbacks, without those whose slot in the queue's calendar is full by now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callbacks.calendar import full_among
from app.callbacks.policy import policy_of
from app.routing.models import Queue
from ivr_flows.nodes.callback import CallbackNode
from ivr_flows.schema import Flow
from ivr_flows.state import State


def without_full_times(session: Session, flow: Flow, state: State, now: datetime) -> State:
    """The state as a callback node should see it; every other node's stays as it is."""
    node = flow.nodes.get(state.node)
    if not isinstance(node, CallbackNode) or node.times is None:
        return state
    queue = session.scalars(select(Queue).where(Queue.key == node.queue)).one_or_none()
    if queue is None:
        return state
    full = full_among(session, queue, policy_of(session, queue.id), node.times.all_after(now))
    return replace(state, call=replace(state.call, full_times=full))
