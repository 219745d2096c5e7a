"""Our numbers: what pages may see and change, and whether the carrier sends their calls to us."""

from __future__ import annotations

from typing import Any

import structlog
import yaml
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import jobs
from app.customers.identify import BadAddress, normalise
from app.db import database_now, unit_of_work
from app.numbers import NumberRefused, NumberState, OurNumber
from ivr_flows.entry_points import EntryPoint
from ivr_flows.faults import FlowError
from ivr_flows.store import FlowStore
from telephony.carrier import carrier_errors
from telephony.flows import seed_numbers
from telephony.models import PhoneNumber
from telephony.room import Room

log = structlog.get_logger()

LONGEST_LABEL = 60
LEAST_PRIORITY, MOST_PRIORITY = -60, 120
REMOVED = PhoneNumber.removed_at.is_not(None)


class PhoneNumbers:
    """Implements app.numbers.Numbers."""

    def __init__(self, flows: FlowStore) -> None:
        self._flows = flows

    def all(self, session: Session) -> list[OurNumber]:
        return [
            self._shown(row) for row in session.scalars(select(PhoneNumber).where(~REMOVED).order_by(PhoneNumber.id))
        ]

    def flows(self) -> list[str]:
        return self._flows.names()

    def add(
        self, session: Session, number: str, *, label: str, flow: str, language: str, priority_min: int
    ) -> OurNumber:
        address = _address(number)
        self._check(label, flow, language, priority_min)
        made = insert(PhoneNumber).values(number=address, label="", flow=flow, source="page").on_conflict_do_nothing()
        is_new = session.execute(made.returning(PhoneNumber.id)).first() is not None
        row = session.scalars(select(PhoneNumber).where(PhoneNumber.number == address).with_for_update()).one()
        if not is_new and row.removed_at is None:
            raise NumberRefused("number", "That number is ours already: change it where it stands.")
        return self._written(session, row, label, flow, language, priority_min)

    def edit(
        self,
        session: Session,
        number_id: int,
        *,
        label: str,
        flow: str,
        language: str,
        priority_min: int | None = None,
    ) -> OurNumber:
        row = _held(session, number_id)
        if row is None or row.removed_at is not None:
            raise LookupError("There is no such number.")
        priority = row.priority_min if priority_min is None else priority_min
        self._check(label, flow, language, priority)
        return self._written(session, row, label, flow, language, priority)

    def remove(self, session: Session, number_id: int) -> None:
        row = _held(session, number_id)
        if row is None or row.removed_at is not None:
            raise LookupError("There is no such number.")
        row.removed_at, row.source = database_now(session), "page"
        session.flush()

    def follow_file(self, session: Session, number_id: int) -> OurNumber:
        row = _held(session, number_id)
        if row is None or row.removed_at is not None:
            raise LookupError("There is no such number.")
        point = self._flows.entry_points().numbers.get(row.number)
        if point is None:
            raise NumberRefused("number", "The file does not list that number.")
        row.label, row.flow, row.language = point.title or row.number, point.flow, point.language or ""
        row.priority_min, row.source = point.priority_min, "file"
        session.flush()
        return self._shown(row)

    def state(self, session: Session, number_id: int) -> NumberState | None:
        row = _held(session, number_id)
        return None if row is None or row.removed_at is not None else _state(self._in_force(row))

    def restore(self, session: Session, number_id: int, state: NumberState | None) -> None:
        if state is None:
            self.remove(session, number_id)
            return
        row = _held(session, number_id)
        if row is None:
            raise LookupError("There is no such number.")
        self._check(state["label"], state["flow"], state["language"], state["priority_min"])
        self._written(session, row, state["label"], state["flow"], state["language"], state["priority_min"])
        row.source = state["source"]
        session.flush()

    def as_file(self, session: Session) -> str:
        points = self._flows.entry_points()
        written: dict[str, Any] = {"default": _point(points.default)} if points.default else {}
        rows = session.scalars(select(PhoneNumber).order_by(PhoneNumber.number)).all()
        gone = {row.number for row in rows if row.removed_at is not None}
        numbers = {number: _point(point) for number, point in points.numbers.items() if number not in gone}
        numbers |= {row.number: _point(self._in_force(row)) for row in rows if row.removed_at is None}
        written["numbers"] = dict(sorted(numbers.items()))
        return "# Which number leads where, as it stands.\n" + str(
            yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=120)
        )

    def _check(self, label: str, flow: str, language: str, priority_min: int) -> None:
        if not label.strip() or len(label) > LONGEST_LABEL or not label.isprintable():
            raise NumberRefused("label", f"Give the number a name of 1 to {LONGEST_LABEL} characters.")
        if flow not in self._flows.names():
            raise NumberRefused("flow", f"There is no flow called {flow[:60]!r}.")
        if self._live_version(flow) is None:
            raise NumberRefused("flow", f"The flow {flow} is broken: mend its file first.")
        if language and language not in self._flows.get(flow).languages:
            raise NumberRefused("language", f"The flow {flow} does not speak {language[:20]!r}.")
        if not LEAST_PRIORITY <= priority_min <= MOST_PRIORITY:
            raise NumberRefused("priority_min", f"The priority is {LEAST_PRIORITY} to {MOST_PRIORITY} minutes.")

    def _written(
        self, session: Session, row: PhoneNumber, label: str, flow: str, language: str, priority_min: int
    ) -> OurNumber:
        row.label, row.flow, row.language, row.priority_min = label.strip(), flow, language, priority_min
        row.source, row.removed_at = "page", None
        session.flush()
        return self._shown(row)

    def _in_force(self, row: PhoneNumber) -> PhoneNumber:
        """The row; where it follows the file, with the file's words."""
        point = self._flows.entry_points().numbers.get(row.number) if row.source == "file" else None
        if point is None:
            return row
        return PhoneNumber(
            id=row.id,
            number=row.number,
            label=point.title or row.number,
            flow=point.flow,
            language=point.language or "",
            priority_min=point.priority_min,
            provider_sid=row.provider_sid,
            source=row.source,
        )

    def _shown(self, given: PhoneNumber) -> OurNumber:
        row = self._in_force(given)
        point = self._flows.entry_points().numbers.get(row.number)
        return OurNumber(
            row.id,
            row.number,
            row.label,
            row.flow,
            row.language,
            given.provider_sid is not None,
            self._live_version(row.flow),
            row.priority_min,
            row.source,
            _point(point) if point else None,
        )

    def _live_version(self, flow: str) -> str | None:
        """The version that answers now; None while the flow is broken and no good version of it was ever live."""
        try:
            return self._flows.get(flow).version
        except FlowError:
            return None


def _held(session: Session, number_id: int) -> PhoneNumber | None:
    """The row, held until the transaction ends: changes of one number follow each other."""
    held = select(PhoneNumber).where(PhoneNumber.id == number_id).with_for_update()
    return session.scalars(held.execution_options(populate_existing=True)).one_or_none()


def _address(number: str) -> str:
    """The number in E.164. NumberRefused when nobody could be called there."""
    try:
        address = normalise("phone", number)
    except BadAddress as wrong:
        raise NumberRefused("number", str(wrong)) from wrong
    if address is None or not address.startswith("+"):
        raise NumberRefused("number", "Write the number with + and the country code, like +15005550006.")
    return address


def _state(row: PhoneNumber) -> NumberState:
    return {name: getattr(row, name) for name in ("number", "label", "flow", "language", "priority_min", "source")}


def _point(point: EntryPoint | PhoneNumber) -> dict[str, Any]:
    """An entry point as the file writes it, without what says nothing."""
    title = point.label if isinstance(point, PhoneNumber) else point.title
    fields = {"flow": point.flow, "language": point.language, "priority_min": point.priority_min, "title": title}
    return {name: value for name, value in fields.items() if value}


def seed(session: Session, room: Room) -> None:
    """Rows for the flow folder's numbers; the carrier hears of them by a job."""
    seed_numbers(session, room.flows)
    ask_to_sync(session)


def ask_to_sync(session: Session) -> None:
    """A number that the carrier does not send to us yet: tell the carrier, by a job."""
    unknown = select(PhoneNumber.id).where(PhoneNumber.provider_sid.is_(None), ~REMOVED)
    if session.execute(unknown.limit(1)).first():
        jobs.enqueue(session, "voice.numbers", lock="voice.numbers")


def sync_numbers(room: Room) -> None:
    """Make the carrier send the calls and texts of our numbers to us, and note which ones do.

    The embedded carrier is told outright. At Twilio a number is bought and pointed here by its owner: a number whose
    webhooks are ours is noted, and nothing is changed there.
    """
    with unit_of_work() as session:
        rows = {row.number: row.provider_sid for row in session.scalars(select(PhoneNumber).where(~REMOVED))}
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
