"""Legs at the carrier: ring one, move it to another document, end it.

The attempt is written before the carrier is asked and the outcome after, with no transaction open in between; an answer
that was lost is looked up, never asked for again blindly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from app import crash
from app.accounts.models import User
from app.db import database_now, unit_of_work
from app.interactions.models import Interaction
from telephony import legs, reconcile
from telephony.carrier import CarrierError, MachineDetection
from telephony.legs import LegNews
from telephony.models import Leg
from telephony.room import Room

log = structlog.get_logger()

LONGEST_TWIML = 4000  # the carrier takes no more in a request; the loop's address then gives what stands


@dataclass(frozen=True, slots=True)
class Ring:
    """A leg to be rung: what the carrier needs, and when the first try was made."""

    leg_id: int
    to: str
    identity: str | None
    from_: str
    answer_url: str
    status_url: str
    ring_s: int
    parameters: dict[str, str]
    attempted_at: datetime
    is_retry: bool
    machines: MachineDetection | None = None


def attempted(
    session: Session,
    interaction: Interaction,
    role: str,
    user_id: int | None = None,
    offer_id: int | None = None,
    **of: Any,
) -> Leg:
    """Write down a leg that is about to be rung; `of` are its other columns."""
    leg = Leg(interaction_id=interaction.id, role=role, user_id=user_id, offer_id=offer_id, state="attempted", **of)
    leg.created_at = database_now(session)
    session.add(leg)
    session.flush()
    return leg


def agent_ring(
    session: Session,
    leg: Leg,
    *,
    from_: str,
    answer_url: str,
    status_url: str,
    ring_s: int,
    parameters: dict[str, str],
    is_retry: bool,
) -> Ring:
    """The ring of an agent's softphone for this leg."""
    identity = session.get_one(User, leg.user_id).client_identity
    return Ring(
        leg.id,
        f"client:{identity}",
        identity,
        from_,
        answer_url,
        status_url,
        ring_s,
        parameters,
        leg.created_at,
        is_retry,
    )


def ring_leg(room: Room, ring: Ring) -> None:
    """Ring a leg whose attempt is written. After a lost answer the call is looked up; it is never rung twice."""
    if ring.is_retry and (found := room.carrier.find_call(ring.to, ring.attempted_at)) is not None:
        store(room, ring.leg_id, LegNews(found.sid, found.status))
        return
    try:
        sid = _ask_to_ring(room, ring)
    except CarrierError as error:
        _ring_failed(room, ring, error)
        return
    crash.point("O2" if ring.identity is not None else "K3")
    store(room, ring.leg_id, LegNews(sid, "queued"))
    crash.point("O3")


def _ask_to_ring(room: Room, ring: Ring) -> str:
    common = {
        "from_": ring.from_,
        "answer_url": ring.answer_url,
        "status_url": ring.status_url,
        "fallback_url": room.urls.fallback(),
    }
    if ring.identity is not None:
        return room.carrier.ring_client(ring.identity, ring_s=ring.ring_s, parameters=ring.parameters, **common)
    return room.carrier.ring_number(ring.to, ring_s=ring.ring_s, machines=ring.machines, **common)


def _ring_failed(room: Room, ring: Ring, error: CarrierError) -> None:
    """Unsure: the leg is `unknown` until looked up. Refused for good: the leg has failed. Else: try again."""
    log.warning("ring.failed", leg_id=ring.leg_id, why=error.reason, unsure=error.unsure)
    if error.unsure:
        with unit_of_work() as session:
            leg = legs.lock_leg(session, ring.leg_id)
            if leg is not None and leg.state == "attempted":
                leg.state = "unknown"
        raise error
    if error.retryable:
        raise error
    store(room, ring.leg_id, LegNews(None, "failed"))


def store(room: Room, leg_id: int, news: LegNews) -> None:
    """Take in what the carrier said of a leg."""
    with unit_of_work() as session:
        leg = legs.lock_leg(session, leg_id)
        if leg is not None:
            legs.take_news(session, room, leg, news)


def move_leg(room: Room, leg: Leg, document: str) -> bool:
    """Give a caller's leg another document; False when its call is over, which is then noted."""
    if leg.call_sid is None:
        return False
    too_long = len(document) > LONGEST_TWIML
    where = {"url": room.urls.wait(leg.interaction_id)} if too_long else {"twiml": document}
    try:
        room.carrier.move_leg(leg.call_sid, **where)
    except CarrierError as error:
        if not error.gone:
            raise
        store(room, leg.id, LegNews(leg.call_sid, "completed"))
        return False
    return True


def end_leg(room: Room, leg: Leg, *, only_ringing: bool = False) -> None:
    """Hang a leg up. One whose call is not known is looked up first; none at the carrier means that it never rang."""
    call_sid = leg.call_sid
    if call_sid is None:
        found = room.carrier.find_call(_address(leg), leg.created_at)
        store(room, leg.id, LegNews(found.sid, found.status) if found else LegNews(None, "failed"))
        call_sid = found.sid if found else None
    if call_sid is not None:
        room.carrier.end_leg(call_sid, only_ringing=only_ringing)


def _address(leg: Leg) -> str:
    with unit_of_work() as session:
        return reconcile.address_of(session, leg)


def unless_gone(ask: Callable[[], None]) -> None:
    """Ask something of a leg; when it is over there is nothing to ask."""
    try:
        ask()
    except CarrierError as error:
        if not error.gone:
            raise
