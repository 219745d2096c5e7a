"""A draft is tried by telephone: it rings, and whoever picks up is a caller of the draft, with real audio.

The draft's text is kept as a version that is not live, and the address that the carrier asks names it in a token of
ours, so that the call stays on exactly this text whatever is typed meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.customers.identify import BadAddress, normalise
from app.db import unit_of_work
from app.flows.archive import keep_text
from ivr_flows.loader import load_flow
from ivr_flows.nodes.callback import COSTLY
from telephony import steps
from telephony.forms import CallForm
from telephony.models import PhoneNumber
from telephony.room import Room, room_of

SALT = "draft-call"
LIFE_S = 600  # from the ring to the answer
RING_S = 45
SOFTPHONE = re.compile(r"client:([A-Za-z0-9_]{1,60})")


class DraftCallRefused(ValueError):
    """This address cannot be rung with a draft; the message says why."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a draft call's address allows: one version of one flow, for the telephone that was rung."""

    flow: str
    version: str
    to: str


def ring(to: str, flow: str, text: str, *, room: Room | None = None) -> str:
    """Ring this telephone (E.164, or client:<identity> of a softphone) with this text of the flow; the call's sid.

    FlowError when the text is no flow that can run, DraftCallRefused for an address that must not be rung, CarrierError
    when the carrier does not take it. Must not be called inside a transaction.
    """
    room = room or room_of()
    text = room.flows.whole(text)
    version = load_flow(text, flow).version
    with unit_of_work() as session:
        ours = _our_numbers(session, room)
        address = _checked(to, ours)
        keep_text(session, flow, version, text)
    url = room.urls.draft(_tokens(room).dumps([flow, version, address]))
    asked = {
        "from_": next(iter(ours)),
        "answer_url": url,
        "status_url": room.urls.status(),
        "fallback_url": url,  # asked twice, it answers the same
        "ring_s": RING_S,
    }
    softphone = SOFTPHONE.fullmatch(address)
    if softphone:
        return room.carrier.ring_client(softphone[1], parameters={"draft": flow}, **asked)  # type: ignore[arg-type]
    return room.carrier.ring_number(address, **asked)  # type: ignore[arg-type]


def answered(session: Session, room: Room, token: str, form: CallForm) -> str:
    """The telephone was picked up: the draft's first step. An address that is not ours, or old, is said goodbye to."""
    grant = read_token(room, token)
    if grant is None or grant.to != form.to.partition("?")[0]:
        return room.documents.goodbye("goodbye", None)
    return steps.start_draft(session, room, form, grant.flow, grant.version)


def read_token(room: Room, token: str) -> Grant | None:
    """What a draft call's token allows; None when we did not make it, or too long ago."""
    try:
        flow, version, to = _tokens(room).loads(token, max_age=LIFE_S)
        return Grant(str(flow), str(version), str(to))
    except (BadSignature, ValueError, TypeError):
        return None


def _checked(to: str, ours: dict[str, None]) -> str:
    if SOFTPHONE.fullmatch(to):
        return to
    try:
        number = normalise("phone", to)
    except BadAddress as wrong:
        raise DraftCallRefused(str(wrong)) from wrong
    if number is None or not number.startswith("+"):
        raise DraftCallRefused("That number cannot be called: write it with + and the country code.")
    if number in ours:
        raise DraftCallRefused("That is a number of our own: the call would come back here.")
    if phonenumbers.number_type(phonenumbers.parse(number)) in COSTLY:
        raise DraftCallRefused("That number costs more than a call: give another.")
    return number


def _our_numbers(session: Session, room: Room) -> dict[str, None]:
    """Our numbers in order; the first is whom the ringing telephone shows."""
    rows = select(PhoneNumber.number).where(PhoneNumber.removed_at.is_(None)).order_by(PhoneNumber.id)
    ours = dict.fromkeys([*session.scalars(rows), *room.flows.entry_points().numbers])
    if not ours:
        raise DraftCallRefused("There is no number of our own to call from: add one first.")
    return ours


def _tokens(room: Room) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(room.urls.secret, salt=SALT)
