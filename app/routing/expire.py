"""The clock's questions to the ACD: is anything due? Each is safe to ask twice, by two workers, or late."""

from __future__ import annotations

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.clock import tick
from app.interactions.due import each_due
from app.interactions.models import Interaction, State
from app.interactions.wrap_up import expire_wrap_ups
from app.routing.consults import give_up_asking
from app.routing.dispatch import dispatch
from app.routing.enqueue import look_at_wait
from app.routing.hours import is_open
from app.routing.in_hand import Consult, ConsultState
from app.routing.models import OPEN_OFFER, AgentSession, AgentState, AtClose, Offer, OfferState, Presence, Queue
from app.routing.offers import time_out_offer
from app.routing.parking import give_up_parking
from app.routing.presence import go_offline, tell_phone
from app.routing.release import give_up_agent

log = structlog.get_logger()

AT_ONCE = 100
LEASE_OVER = "lease_over"
"""What is known of the phone of a tab that was not heard of again: whatever holds now is news."""


@tick("routing.offers", every_s=1)
def expire_offers(session: Session) -> int:
    """Time out every ringing offer past its deadline; how many."""
    due = select(Offer.id).where(Offer.state == OfferState.PENDING, Offer.expires_at <= func.clock_timestamp())
    timed_out = 0
    for offer_id in session.scalars(due.order_by(Offer.expires_at).limit(AT_ONCE)).all():
        try:
            with session.begin_nested():
                timed_out += time_out_offer(session, offer_id).won
        except Exception:
            log.exception("offer.expiry_failed", offer_id=offer_id)
    return timed_out


@tick("routing.sessions", every_s=5)
def expire_sessions(session: Session) -> int:
    """Forget tabs past their lease; agents without any, and without work at hand, go offline. How many did."""
    expired = select(AgentSession.id).where(AgentSession.expires_at <= func.clock_timestamp())
    gone_tabs = delete(AgentSession).where(AgentSession.id.in_(expired.with_for_update(skip_locked=True)))
    for user_id in sorted(set(session.scalars(gone_tabs.returning(AgentSession.user_id)))):
        tell_phone(session, user_id, LEASE_OVER)
    gone = (
        select(AgentState)
        .where(
            AgentState.presence != Presence.OFFLINE,
            ~select(AgentSession.id).where(AgentSession.user_id == AgentState.user_id).exists(),
            ~select(Offer.id).where(Offer.user_id == AgentState.user_id, Offer.state.in_(OPEN_OFFER)).exists(),
        )
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    agents = session.scalars(gone).all()
    for state in agents:
        go_offline(session, state, "connection_lost")
    return len(agents)


@tick("routing.queue_limits", every_s=1)
def expire_waits(session: Session) -> int:
    """Take the overflow steps that have come due, the end of the wait among them; how many contacts were looked at.

    A ringing offer is never cut: its caller is looked at when the offer has ended.
    """
    callers = (Interaction.state == State.QUEUED) & (Interaction.direction == "inbound")
    return each_due(session, callers, look_at_wait)


@tick("routing.closing", every_s=5)
def close_queues(session: Session) -> int:
    """Have everybody who waits in a queue that has just closed looked at, where it closes at once; how many."""
    closing = select(Queue).where(Queue.hours.is_not(None), Queue.at_close == AtClose.CLOSE_NOW)
    shut = [queue.id for queue in session.scalars(closing) if not is_open(session, queue)]
    if not shut:
        return 0
    callers = (Interaction.state == State.QUEUED) & (Interaction.direction == "inbound")
    soon = update(Interaction).where(callers, Interaction.queue_id.in_(shut))
    woken = session.execute(
        soon.values(wake_at=func.least(Interaction.wake_at, func.clock_timestamp()))
        .returning(Interaction.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(woken)


@tick("routing.agent_lost", every_s=1)
def expire_lost_agents(session: Session) -> int:
    """Stop waiting for agents who did not come back; how many."""
    return each_due(session, Interaction.state == State.AGENT_LOST, give_up_agent)


@tick("routing.parked", every_s=1)
def expire_parking(session: Session) -> int:
    """Send customers who were parked too long to the front of their queue; how many."""
    return each_due(session, Interaction.state == State.PARKED, give_up_parking)


@tick("routing.asking", every_s=5)
def expire_asking(session: Session) -> int:
    """End the waits for somebody of a queue that lasted as long as a caller may wait there; how many."""
    longest = func.make_interval(0, 0, 0, 0, 0, 0, Queue.max_wait_s)
    due = select(Consult.id).join(Queue, Queue.id == Consult.queue_id)
    due = due.where(Consult.state == ConsultState.WAITING, Consult.created_at + longest <= func.clock_timestamp())
    ended = 0
    for consult_id in session.scalars(due.limit(AT_ONCE)).all():
        try:
            with session.begin_nested():
                ended += give_up_asking(session, consult_id)
        except Exception:
            log.exception("consult.expiry_failed", consult_id=consult_id)
    return ended


@tick("routing.wrap_ups", every_s=1)
def expire_wrap_up_times(session: Session) -> int:
    """Complete wrap-ups whose time is over; how many."""
    return expire_wrap_ups(session)


@tick("routing.dispatch", every_s=2)
def look_for_matches(session: Session) -> int:
    """Match whoever can be matched; how many offers were made.

    The net under every lost request, and for callers whose agents' cool-down is over. It does not go through the job:
    the job of a worker that died holds its lock until it is found out.
    """
    return len(dispatch(session))
