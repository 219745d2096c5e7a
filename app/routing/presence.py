"""Presence: what the agent chose, whether their phone can really ring, and in plain words why not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import events
from app.db import database_now
from app.interactions.models import Interaction, State
from app.routing.dispatch import is_live, request_dispatch
from app.routing.models import (
    OPEN_OFFER,
    AgentSession,
    AgentState,
    Offer,
    OfferState,
    Presence,
    PresenceSpell,
)
from app.routing.strategies import idle_since_after_break
from app.words import N_

LEASE_S = 45
"""How long a tab counts as alive without a heartbeat (one every 15 s)."""
CLOSED_LEASE_S = 15
"""How long a tab that said goodbye counts: a reload keeps the presence, a closed browser does not."""
LONGEST_REASON = 60

PROBLEMS = {
    "microphone_blocked": N_("You will not ring: microphone blocked - allow it in the browser's address bar."),
    "no_microphone": N_("You will not ring: no microphone found - plug one in, then reload this page."),
    "not_registered": N_("You will not ring: the phone is not connected yet - wait a moment, or reload this page."),
    "other_tab": N_("You will not ring in this tab: another tab holds the phone - use that one, or close it."),
    "no_gesture": N_("You will not ring: the browser waits for a click - click anywhere on this page."),
    "closed": N_("You will not ring: the desktop was closed - open it again."),
}
"""What a tab may report, with what the agent can do about it."""

NO_SESSION = N_("You will not ring: no desktop is connected - reload this page, or check your network.")
OFFLINE = N_("You will not ring: you are offline - choose Available.")
ON_BREAK = N_("You will not ring: you are on a break - choose Available when you are back.")
RESTING = N_("No new calls for a moment: you have a short pause after the last one.")
MISSED = N_("You will not ring: you missed a call - choose Available to get calls again.")
LEAVING = {
    Presence.BREAK: N_("No new calls: you go on a break when this work ends - choose Available to stay."),
    Presence.OFFLINE: N_("No new calls: your shift ends with this work - choose Available to stay."),
}


class PresenceError(ValueError):
    """A presence, reason, session or problem that cannot be accepted; the message says what can."""


@dataclass(frozen=True, slots=True)
class Reachability:
    """Whether a call would ring. `why` are sentences for the agent, `codes` say the same to machines."""

    reachable: bool
    why: list[str]
    routing_status: str
    codes: list[str]


def agent_state(session: Session, user_id: int, *, lock: bool = False) -> AgentState:
    """The agent's row, made on first sight (offline); with `lock`, held until the transaction ends."""
    session.execute(insert(AgentState).values(user_id=user_id, **_newcomer()).on_conflict_do_nothing())
    query = select(AgentState).where(AgentState.user_id == user_id).execution_options(populate_existing=True)
    return session.scalars(query.with_for_update(key_share=True) if lock else query).one()


def _newcomer() -> dict[str, object]:
    return {"presence": Presence.OFFLINE.value, "not_responding": False, "version": 1}


def set_presence(
    session: Session, user_id: int, presence: str, reason: str | None = None, *, by: int | None = None
) -> AgentState:
    """The agent chooses `available`, `break` (with a reason such as lunch) or `offline`; or supervisor `by` for them.

    While there is work at hand the choice waits in `next_presence`: no new offers from now, applied when the work
    ends. Choosing Available takes that back. Any choice clears `not_responding`. Raises PresenceError.
    """
    chosen = _known_presence(presence)
    if reason is not None and len(reason) > LONGEST_REASON:
        raise PresenceError(f"The reason of a break has at most {LONGEST_REASON} characters.")
    state = agent_state(session, user_id, lock=True)
    busy = open_offer(session, user_id) is not None
    if busy and chosen is not Presence.AVAILABLE and state.presence == Presence.AVAILABLE:
        state.next_presence, state.next_reason = chosen.value, reason
    else:
        state.next_presence = state.next_reason = None
        _change(session, state, chosen, reason)
    if state.not_responding:
        state.not_responding = False
        state.idle_since = database_now(session)
    state.set_by = by
    state.version += 1
    announce(session, state, actor=f"user:{by or user_id}")
    if chosen is Presence.AVAILABLE:
        request_dispatch(session)
    return state


def _known_presence(presence: str) -> Presence:
    try:
        return Presence(presence)
    except ValueError:
        raise PresenceError(f"There is no presence {presence[:20]!r}: give available, break or offline.") from None


def _change(session: Session, state: AgentState, to: Presence, reason: str | None) -> None:
    """Take up a presence. Idle time stops counting while away and goes on afterwards."""
    if to == state.presence and reason == state.reason:
        return
    now = database_now(session)
    if state.presence != Presence.AVAILABLE:
        state.idle_since = idle_since_after_break(state.idle_since, state.changed_at, now)
    state.presence, state.reason, state.changed_at = to.value, reason, now
    _log(session, state)


def _log(session: Session, state: AgentState) -> None:
    """The stretch of presence that ends now, and the one that begins."""
    session.execute(
        update(PresenceSpell)
        .where(PresenceSpell.user_id == state.user_id, PresenceSpell.ended_at.is_(None))
        .values(ended_at=state.changed_at)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        insert(PresenceSpell).values(
            user_id=state.user_id, presence=state.presence, reason=state.reason, started_at=state.changed_at
        )
    )


def work_ended(session: Session, user_id: int, *, handled: bool, rest_s: int = 0) -> None:
    """The agent's work is over: a presence chosen meanwhile applies once nothing else is at hand.

    Handled work ends the idle time; the queue's cool-down of `rest_s` then holds in every queue.
    """
    state = agent_state(session, user_id, lock=True)
    if handled:
        state.idle_since = database_now(session)
        if rest_s:
            state.rest_until = state.idle_since + timedelta(seconds=rest_s)
    if state.next_presence is not None and open_offer(session, user_id) is None:
        _change(session, state, Presence(state.next_presence), state.next_reason)
        state.next_presence = state.next_reason = None
    state.version += 1
    announce(session, state)


def park(session: Session, user_id: int) -> None:
    """The agent did not answer: no more offers until they say that they are there (RONA)."""
    state = agent_state(session, user_id, lock=True)
    state.not_responding = True
    state.changed_at = database_now(session)
    state.version += 1


def go_offline(session: Session, state: AgentState, reason: str) -> None:
    """Nobody is there any more: offline, told to the agent's other places."""
    state.next_presence = state.next_reason = state.set_by = None
    _change(session, state, Presence.OFFLINE, reason)
    state.version += 1
    announce(session, state)


def heartbeat(
    session: Session, user_id: int, session_id: uuid.UUID, phone_ready: bool, problem: str | None = None
) -> Reachability:
    """A tab is alive: renew its lease of 45 s by the database's clock and note whether its phone can ring.

    `problem` says why it cannot, one of PROBLEMS. A phone that has just become ready asks for work, and is rung again
    when its agent was lost in mid-call. Raises PresenceError.
    """
    if problem is not None and problem not in PROBLEMS:
        raise PresenceError(f"There is no problem {problem[:30]!r}: give one of {', '.join(PROBLEMS)}.")
    before = _phone_word(session, user_id)
    agent_state(session, user_id)
    _renew(session, user_id, session_id, phone_ready, None if phone_ready else problem)
    tell_phone(session, user_id, before)
    if phone_ready:
        if before is not None:
            request_dispatch(session)
        _bring_back(session, user_id)
    return reachability(session, user_id)


def _renew(session: Session, user_id: int, session_id: uuid.UUID, phone_ready: bool, problem: str | None) -> None:
    lease = func.clock_timestamp() + timedelta(seconds=LEASE_S)
    row = insert(AgentSession).values(
        id=session_id, user_id=user_id, phone_ready=phone_ready, problem=problem, expires_at=lease
    )
    renewed = session.execute(
        row.on_conflict_do_update(
            index_elements=[AgentSession.id],
            set_={"phone_ready": phone_ready, "problem": problem, "expires_at": lease},
            where=AgentSession.user_id == user_id,
        ).returning(AgentSession.id)
    ).first()
    if renewed is None:
        raise PresenceError("That session belongs to somebody else: reload the page to get one of your own.")


def _bring_back(session: Session, user_id: int) -> None:
    """An agent whose leg was lost in mid-call has a working phone again: ring it."""
    from app.routing.release import agent_back  # the end of a leg settles presence, so it imports this module

    lost = select(Interaction.id).where(Interaction.agent_id == user_id, Interaction.state == State.AGENT_LOST)
    for interaction_id in session.scalars(lost):
        agent_back(session, interaction_id)


def close_session(session: Session, user_id: int, session_id: uuid.UUID) -> None:
    """A tab says goodbye: it will not ring any more; a reload has 15 s to come back before the agent is offline."""
    tab = session.get(AgentSession, session_id, populate_existing=True)
    if tab is None or tab.user_id != user_id:
        return
    before = _phone_word(session, user_id)
    tab.phone_ready, tab.problem = False, "closed"
    tab.expires_at = min(tab.expires_at, database_now(session) + timedelta(seconds=CLOSED_LEASE_S))
    session.flush()
    tell_phone(session, user_id, before)


def phone_failed(session: Session, user_id: int) -> None:
    """The carrier could not ring this agent's phone, or its line is gone: believe it until the next heartbeat."""
    before = _phone_word(session, user_id)
    for tab in session.scalars(select(AgentSession).where(AgentSession.user_id == user_id, AgentSession.phone_ready)):
        tab.phone_ready, tab.problem = False, "not_registered"
    session.flush()
    tell_phone(session, user_id, before)


def tell_phone(session: Session, user_id: int, before: str | None) -> None:
    """Tell the agent's desktops and the floor at once when their phone came, went, or fails in another way."""
    problem = _phone_word(session, user_id)
    if problem != before:
        told: dict[str, Any] = {"user_id": user_id, "ready": problem is None, "problem": problem}
        events.record(session, "phone.changed", actor="system", users=(user_id,), **told)


def _phone_word(session: Session, user_id: int) -> str | None:
    """Why the agent's phone would not ring, in a code; None when it would."""
    return next((code for code, _ in _phone_trouble(session, user_id)), None)


def live_phone(session: Session, user_id: int) -> bool:
    """Whether a tab of this agent could ring now."""
    return (
        session.execute(select(AgentSession.id).where(AgentSession.user_id == user_id, is_live())).first() is not None
    )


def at_desk(session: Session, user_id: int) -> bool:
    """Whether a tab of this agent is alive, with a phone that could ring or without."""
    alive = select(AgentSession.id).where(
        AgentSession.user_id == user_id, AgentSession.expires_at > func.clock_timestamp()
    )
    return session.execute(alive).first() is not None


def open_offer(session: Session, user_id: int) -> Offer | None:
    """The work at hand: an offer that is pending, accepted or wrapping; of several a call, then what is talked over."""
    first = (Offer.channel != "voice", Offer.state != OfferState.ACCEPTED, Offer.state, Offer.id)
    at_hand = select(Offer).where(Offer.user_id == user_id, Offer.state.in_(OPEN_OFFER))
    return session.scalars(at_hand.order_by(*first).limit(1)).first()


def routing_status(session: Session, state: AgentState) -> str:
    """What the system derives: idle, offered, interacting, wrapping or not_responding. A call goes before texts."""
    offer = open_offer(session, state.user_id)
    if offer is not None:
        return {OfferState.PENDING: "offered", OfferState.ACCEPTED: "interacting", OfferState.WRAPPING: "wrapping"}[
            OfferState(offer.state)
        ]
    return "not_responding" if state.not_responding else "idle"


def reachability(session: Session, user_id: int) -> Reachability:
    """Whether the agent's phone would ring for a call, and everything that stands in the way, most basic first."""
    state = agent_state(session, user_id)
    obstacles = [*_own_choice(state), *_pause(session, state), *_phone_trouble(session, user_id)]
    return Reachability(
        reachable=not obstacles,
        why=[sentence for _, sentence in obstacles],
        routing_status=routing_status(session, state),
        codes=[code for code, _ in obstacles],
    )


def _own_choice(state: AgentState) -> list[tuple[str, str]]:
    if state.presence == Presence.OFFLINE:
        return [("offline", OFFLINE)]
    if state.presence == Presence.BREAK:
        return [("break", ON_BREAK)]
    if state.not_responding:
        return [("not_responding", MISSED)]
    if state.next_presence is not None:
        return [("next_presence", LEAVING[Presence(state.next_presence)])]
    return []


def _pause(session: Session, state: AgentState) -> list[tuple[str, str]]:
    if state.rest_until is None or state.rest_until <= database_now(session):
        return []
    return [("resting", RESTING)]


def _phone_trouble(session: Session, user_id: int) -> list[tuple[str, str]]:
    """Empty when one tab can ring; else what the most recently heard tab says."""
    if live_phone(session, user_id):
        return []
    alive = select(AgentSession.problem).where(
        AgentSession.user_id == user_id, AgentSession.expires_at > func.clock_timestamp()
    )
    problems = session.scalars(alive.order_by(AgentSession.expires_at.desc())).all()
    if not problems:
        return [("no_session", NO_SESSION)]
    telling = next((each for each in problems if each not in (None, "other_tab", "closed")), problems[0])
    code = telling or "not_registered"
    return [(code, PROBLEMS[code])]


def announce(session: Session, state: AgentState, *, actor: str = "system") -> None:
    """Tell the agent's desktops (and the floor) what the presence is now."""
    session.flush()
    events.record(
        session,
        "presence.changed",
        actor=actor,
        users=(state.user_id,),
        user_id=state.user_id,
        presence=state.presence,
        next_presence=state.next_presence,
        reason=state.reason,
        routing_status=routing_status(session, state),
    )
