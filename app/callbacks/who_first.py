"""Whom a callback rings first: the agent, or the customer while an agent is kept free for them."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.callbacks.models import TRYING, Callback, CallbackState
from app.callbacks.policy import policy_of
from app.callbacks.rows import open_try
from app.interactions.models import Interaction
from app.routing.models import AgentSession, AgentState, Presence, QueueMember

AGENT_FIRST, CUSTOMER_FIRST = "agent_first", "customer_first"
FEW_AGENTS = 10
"""Below this many agents in a queue, one waits on the line; from it on, one is reserved and rung after the 1."""


def mode_of(session: Session, callback: Callback) -> str:
    """Whom to call first, by the queue's rule and by how many agents are there."""
    wanted = policy_of(session, callback.queue_id).mode
    if wanted != "auto":
        return wanted
    there = (
        select(func.count())
        .select_from(AgentState)
        .join(QueueMember, QueueMember.user_id == AgentState.user_id)
        .where(
            QueueMember.queue_id == callback.queue_id,
            AgentState.presence == Presence.AVAILABLE,
            select(AgentSession.id)
            .where(AgentSession.user_id == AgentState.user_id, AgentSession.expires_at > func.clock_timestamp())
            .exists(),
        )
    )
    return CUSTOMER_FIRST if (session.scalar(there) or 0) >= FEW_AGENTS else AGENT_FIRST


def customer_is_called(session: Session, interaction: Interaction) -> bool:
    """Whether this is a callback whose customer is called before the agent to whom it is offered is rung."""
    if interaction.callback_id is None:
        return False
    callback = session.get_one(Callback, interaction.callback_id)
    if callback.state not in (CallbackState.DUE, *TRYING):
        return False
    tried = open_try(session, callback)
    return (tried.mode if tried else mode_of(session, callback)) != AGENT_FIRST
