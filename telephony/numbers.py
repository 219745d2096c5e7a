"""Our numbers: what pages may see and change, and whether the carrier sends their calls to us."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import jobs
from app.db import unit_of_work
from app.numbers import NumberRefused, OurNumber
from ivr_flows.faults import FlowError
from ivr_flows.store import FlowStore
from telephony.carrier import carrier_errors
from telephony.flows import seed_numbers
from telephony.models import PhoneNumber
from telephony.room import Room

log = structlog.get_logger()

LONGEST_LABEL = 60


class PhoneNumbers:
    """Implements app.numbers.Numbers."""

    def __init__(self, flows: FlowStore) -> None:
        self._flows = flows

    def all(self, session: Session) -> list[OurNumber]:
        return [self._shown(row) for row in session.scalars(select(PhoneNumber).order_by(PhoneNumber.id))]

    def flows(self) -> list[str]:
        return self._flows.names()

    def edit(self, session: Session, number_id: int, *, label: str, flow: str, language: str) -> OurNumber:
        row = session.get(PhoneNumber, number_id)
        if row is None:
            raise LookupError("There is no such number.")
        if not label.strip() or len(label) > LONGEST_LABEL or not label.isprintable():
            raise NumberRefused("label", f"Give the number a name of 1 to {LONGEST_LABEL} characters.")
        if flow not in self._flows.names():
            raise NumberRefused("flow", f"There is no flow called {flow[:60]!r}.")
        if self._live_version(flow) is None:
            raise NumberRefused("flow", f"The flow {flow} is broken: mend its file first.")
        if language and language not in self._flows.get(flow).languages:
            raise NumberRefused("language", f"The flow {flow} does not speak {language[:20]!r}.")
        row.label, row.flow, row.language = label.strip(), flow, language
        session.flush()
        return self._shown(row)

    def _shown(self, row: PhoneNumber) -> OurNumber:
        known = row.provider_sid is not None
        return OurNumber(row.id, row.number, row.label, row.flow, row.language, known, self._live_version(row.flow))

    def _live_version(self, flow: str) -> str | None:
        """The version that answers now; None while the flow is broken and no good version of it was ever live."""
        try:
            return self._flows.get(flow).version
        except FlowError:
            return None


def seed(session: Session, room: Room) -> None:
    """Rows for the flow folder's numbers; the carrier hears of them by a job."""
    seed_numbers(session, room.flows)
    ask_to_sync(session)


def ask_to_sync(session: Session) -> None:
    """A number that the carrier does not send to us yet: tell the carrier, by a job."""
    unknown = select(PhoneNumber.id).where(PhoneNumber.provider_sid.is_(None))
    if session.execute(unknown.limit(1)).first():
        jobs.enqueue(session, "voice.numbers", lock="voice.numbers")


def sync_numbers(room: Room) -> None:
    """Make the carrier send the calls and texts of our numbers to us, and note which ones do.

    The embedded carrier is told outright. At Twilio a number is bought and pointed here by its owner: a number whose
    webhooks are ours is noted, and nothing is changed there.
    """
    with unit_of_work() as session:
        rows = {row.number: row.provider_sid for row in session.scalars(select(PhoneNumber))}
    if not rows:
        return
    wanted = webhooks(room)
    with carrier_errors():
        there = {each.phone_number: each for each in room.carrier.client.incoming_phone_numbers.list(page_size=500)}
        found = {number: _settle(room, number, there.get(number), wanted) for number in rows}
    with unit_of_work() as session:
        for row in session.scalars(select(PhoneNumber).where(PhoneNumber.number.in_(found))):
            row.provider_sid = found[row.number]


def webhooks(room: Room) -> dict[str, str]:
    """The addresses that a number of ours must have at the carrier."""
    base = room.urls.base
    return {
        "voice_url": room.urls.incoming(),
        "voice_fallback_url": room.urls.fallback(),
        "status_callback": room.urls.status(),
        "sms_url": f"{base}/sms/incoming",
        "sms_fallback_url": f"{base}/sms/fallback",
    }


def _settle(room: Room, number: str, there: Any, wanted: dict[str, str]) -> str | None:
    """The number's sid at the carrier once its calls come to us, else None."""
    if there is not None and there.voice_url == wanted["voice_url"] and there.sms_url == wanted["sms_url"]:
        return str(there.sid)
    if not room.settings.is_local:
        return None
    numbers = room.carrier.client.incoming_phone_numbers
    settled = numbers(there.sid).update(**wanted) if there else numbers.create(phone_number=number, **wanted)
    log.info("number.registered", sid=settled.sid)
    return str(settled.sid)
