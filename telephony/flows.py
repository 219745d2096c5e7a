"""Which flow, at which version, answers a call."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.flows.canary import version_for_call
from ivr_flows.engine import FlowLookup
from ivr_flows.entry_points import EntryPoint
from ivr_flows.schema import Flow
from ivr_flows.store import FlowStore
from telephony.models import PhoneNumber


def entry_point(session: Session, store: FlowStore, number: str) -> EntryPoint | None:
    """Where a call to this number of ours begins: an admin's word, else the flow folder's; None: nobody's number."""
    row = session.scalars(select(PhoneNumber).where(PhoneNumber.number == number)).one_or_none()
    if row is None:
        return store.entry_points().for_number(number)
    if row.removed_at is not None:
        return None
    if row.source == "file" and number in store.entry_points().numbers:
        return store.entry_points().numbers[number]
    # model_construct: a row may name what the file's rules would refuse; the flow's own look-up then says so
    return EntryPoint.model_construct(
        flow=row.flow, language=row.language or None, priority_min=row.priority_min, title=row.label
    )


def live_version_for(session: Session, flow: str, number: str, call_sid: str) -> str | None:
    """The version that answers a call which begins now; None: the live one.

    `number` is the caller's (E.164 or `anonymous`). The answer is the same for the same call, so that a canary's share
    can be drawn from `call_sid`.
    """
    return version_for_call(session, flow, number, call_sid)


def flows_for_call(session: Session, store: FlowStore, number: str, call_sid: str) -> FlowLookup:
    """How a call finds the flows that it goes on in: those it has been in at its own version, others like a call that
    begins there.
    """

    def find(name: str, version: str | None) -> Flow:
        return store.get(name, version or live_version_for(session, name, number, call_sid))

    return find


def seed_numbers(session: Session, store: FlowStore) -> int:
    """Give every number of the flow folder's entry points a row, where it has none yet; how many were added."""
    added = 0
    for number, point in store.entry_points().numbers.items():
        row = insert(PhoneNumber).values(
            number=number,
            label=point.title or number,
            flow=point.flow,
            language=point.language or "",
            priority_min=point.priority_min,
        )
        made = session.execute(
            row.on_conflict_do_nothing(index_elements=[PhoneNumber.number]).returning(PhoneNumber.id)
        )
        added += made.first() is not None
    return added
