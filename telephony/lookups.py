"""Look-ups of flows: a web service is asked in a webhook turn of its own, outside every transaction.

The first request for a look-up begins it, in a thread, and waits a moment for it. A quick answer is the next step at
once; otherwise the caller hears the flow's phrase and then music in short rounds, each of which looks again. The thread
takes the flow on by itself, so whichever round comes next, on whichever worker, finds the step that follows. Whether a
look-up was begun stands in the database before anything is asked: nothing is asked twice, and a worker that dies
meanwhile is noticed by the time that passes.
"""

from __future__ import annotations

import uuid
from concurrent.futures import wait
from dataclasses import dataclass

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db import unit_of_work
from ivr_flows.events import LookupAnswered
from ivr_flows.instructions import LookUp
from telephony import steps
from telephony.models import WebhookReceipt
from telephony.place import look_up
from telephony.room import Room

log = structlog.get_logger()

SOON_S = 1.0  # an answer within this long is heard without a word before it
GRACE_S = 3.0  # beyond the look-up's own limit: then whoever began it is gone
SOURCE = "flow.look_up"


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one request for a look-up found: the document that stands, or the look-up that is still open."""

    document: str = ""
    look: LookUp | None = None
    is_first: bool = False
    is_lost: bool = False


def next_round(room: Room, interaction_id: uuid.UUID, n: int, call_sid: str, *, was_told: bool) -> str:
    """What the caller hears while step `n` looks something up; the step that follows once that is done."""
    with unit_of_work() as session:
        turn = _turn(session, room, interaction_id, n, call_sid)
    if turn.look is None:
        return turn.document
    if turn.is_lost:
        _go_on(room, interaction_id, n, call_sid, LookupAnswered(problem="timeout"))
        return _standing(room, interaction_id, n)
    if turn.is_first and _is_done_soon(room, interaction_id, n, call_sid, turn.look):
        return _standing(room, interaction_id, n)
    return room.documents.looking_up(room.renderer, interaction_id, n, () if was_told else turn.look.hold)


def _turn(session: Session, room: Room, interaction_id: uuid.UUID, n: int, call_sid: str) -> _Turn:
    place = look_up(session, interaction_id)
    if place is None or place.call_sid != call_sid:
        return _Turn(room.documents.goodbye("goodbye", None))
    look = place.looks_up
    if place.step != n or look is None:
        return _Turn(steps.standing(room, place))
    is_first, age_s = _begun(session, interaction_id, n)
    return _Turn(look=look, is_first=is_first, is_lost=age_s > look.timeout_s + GRACE_S)


def _begun(session: Session, interaction_id: uuid.UUID, n: int) -> tuple[bool, float]:
    """Whether this very request begins the look-up, and how many seconds ago it was begun."""
    key = f"{interaction_id}:{n}"
    receipt = insert(WebhookReceipt).values(source=SOURCE, dedupe_key=key).on_conflict_do_nothing()
    if session.execute(receipt.returning(WebhookReceipt.id)).first() is not None:
        return True, 0.0
    age = select(func.extract("epoch", func.clock_timestamp() - WebhookReceipt.received_at))
    seconds = session.execute(age.where(WebhookReceipt.source == SOURCE, WebhookReceipt.dedupe_key == key)).scalar_one()
    return False, float(seconds)


def _is_done_soon(room: Room, interaction_id: uuid.UUID, n: int, call_sid: str, look: LookUp) -> bool:
    def work() -> None:
        try:
            _go_on(room, interaction_id, n, call_sid, room.web_services.ask(look))
        except Exception:  # the rounds notice by the time that passes
            log.exception("look_up.broken", interaction_id=str(interaction_id))

    done, _ = wait([room.web_services.submit(work)], timeout=SOON_S)
    return bool(done)


def _go_on(room: Room, interaction_id: uuid.UUID, n: int, call_sid: str, answered: LookupAnswered) -> None:
    with unit_of_work() as session:
        steps.resume_call(session, room, interaction_id, n, call_sid, answered)


def _standing(room: Room, interaction_id: uuid.UUID, n: int) -> str:
    with unit_of_work() as session:
        place = look_up(session, interaction_id)
        if place is None:
            return room.documents.goodbye("goodbye", None)
        if place.step == n and place.looks_up is not None:  # it broke on our side: the next round sees that it is late
            return room.documents.looking_up(room.renderer, interaction_id, n, ())
        return steps.standing(room, place)
