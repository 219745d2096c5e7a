"""What the callbacks did not tell: every half minute our open legs are held against the carrier's own list.

Closes legs whose end was never heard of, finds the calls of lost answers, and ends calls that nobody needs any more.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock, jobs
from app.accounts.models import User
from app.db import database_now, unit_of_work
from app.interactions.models import TERMINAL, Interaction
from app.routing.in_hand import Consult
from telephony import legs
from telephony.carrier import CarrierCall, CarrierError
from telephony.legs import LegNews
from telephony.models import Leg
from telephony.room import Room

log = structlog.get_logger()

YOUNGEST = timedelta(seconds=10)
"""Callbacks of a leg younger than this are still on their way."""
LOST_AFTER = timedelta(seconds=45)
"""A call that the carrier does not know this long after the attempt was never made."""
ORPHAN_AFTER = timedelta(seconds=60)
"""How long after its interaction's end a leg may still say goodbye."""


@clock.tick("voice.reconcile", every_s=30)
def ask_to_reconcile(session: Session) -> None:
    """The carrier is asked by a job: the clock's transaction must not wait for it."""
    jobs.enqueue(session, "voice.reconcile", lock="voice.reconcile")


def reconcile(room: Room) -> int:
    """Settle every open leg; how many had to be changed. One that cannot be settled never stops the others."""
    open_calls = room.carrier.open_calls()
    with unit_of_work() as session:
        old = select(Leg.id).where(Leg.state != "ended", Leg.created_at < func.clock_timestamp() - YOUNGEST)
        leg_ids = list(session.scalars(old.order_by(Leg.id)))
    changed = 0
    for leg_id in leg_ids:
        try:
            changed += settle(room, leg_id, open_calls)
        except Exception:
            log.exception("reconcile.failed", leg_id=leg_id)
    _end_orphans(room, open_calls)
    return changed


def settle(room: Room, leg_id: int, open_calls: dict[str, CarrierCall] | None = None) -> bool:
    """Hold one leg against the carrier; True when that taught us something."""
    with unit_of_work() as session:
        leg = session.get_one(Leg, leg_id)
        now = database_now(session)
        address = address_of(session, leg)
    news = _ask(room, leg, address, now - leg.created_at, open_calls or {})
    if news is None or legs.STATES.get(news.status) == leg.state:
        return False
    with unit_of_work() as session:
        locked = legs.lock_leg(session, leg_id)
        if locked is not None:
            legs.take_news(session, room, locked, news)
    log.info("reconcile.settled", leg_id=leg_id, status=news.status)
    return True


def _ask(room: Room, leg: Leg, address: str, age: timedelta, open_calls: dict[str, CarrierCall]) -> LegNews | None:
    if leg.call_sid is None:
        found = room.carrier.find_call(address, leg.created_at)
        if found is not None:
            return LegNews(found.sid, found.status)
        return LegNews(None, "failed") if age > LOST_AFTER else None
    call = open_calls.get(leg.call_sid) or room.carrier.find_call_by_sid(leg.call_sid)
    return LegNews(leg.call_sid, call.status if call else "failed")


def address_of(session: Session, leg: Leg) -> str:
    """Whom the carrier was asked to ring for this leg."""
    if leg.consult_id is not None:
        return session.get_one(Consult, leg.consult_id).number or ""
    if leg.user_id is not None:
        return f"client:{session.get_one(User, leg.user_id).client_identity}"
    return session.get_one(Interaction, leg.interaction_id).remote_address


def _end_orphans(room: Room, open_calls: dict[str, CarrierCall]) -> None:
    """Calls of interactions that ended a while ago: a Hang up that never reached the carrier."""
    with unit_of_work() as session:
        orphans = session.scalars(
            select(Leg.call_sid)
            .join(Interaction, Interaction.id == Leg.interaction_id)
            .where(
                Leg.state != "ended",
                Leg.call_sid.in_(open_calls),
                Interaction.state.in_(TERMINAL),
                Interaction.ended_at < func.clock_timestamp() - ORPHAN_AFTER,
            )
        ).all()
    for call_sid in orphans:
        try:
            room.carrier.end_leg(str(call_sid))
        except CarrierError as error:
            log.warning("reconcile.orphan_stays", why=error.reason)
