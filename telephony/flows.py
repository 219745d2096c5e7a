"""Where the voice room's flows come from: the folder of flow files, with every good version kept in the database."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import unit_of_work
from app.routing.models import Queue
from ivr_flows.entry_points import EntryPoint
from ivr_flows.store import FlowStore
from telephony.models import FlowVersion, PhoneNumber


class DatabaseArchive:
    """Implements ivr_flows.store.VersionArchive on the table of flow versions, in transactions of its own."""

    def save(self, name: str, version: str, text: str) -> None:
        row = insert(FlowVersion).values(flow=name, version=version, text=text)
        newest = row.on_conflict_do_update(
            index_elements=[FlowVersion.flow, FlowVersion.version], set_={"seen_at": func.clock_timestamp()}
        )
        with unit_of_work() as session:
            session.execute(newest)

    def latest(self, name: str) -> tuple[str, str] | None:
        kept = select(FlowVersion.version, FlowVersion.text).where(FlowVersion.flow == name)
        with unit_of_work() as session:
            row = session.execute(kept.order_by(FlowVersion.seen_at.desc()).limit(1)).first()
        return (row.version, row.text) if row else None

    def fetch(self, name: str, version: str) -> str | None:
        with unit_of_work() as session:
            kept = session.get(FlowVersion, (name, version))
            return kept.text if kept else None


def open_store(settings: Settings) -> FlowStore:
    """The flows of FLOWS_DIR, checked against the queues that exist."""
    return FlowStore(settings.flows_dir, DatabaseArchive(), queues=known_queues)


def known_queues() -> Collection[str] | None:
    """The queues' keys; None (nothing is checked) while no queue has been set up."""
    with unit_of_work() as session:
        return frozenset(session.scalars(select(Queue.key))) or None


def entry_point(session: Session, store: FlowStore, number: str) -> EntryPoint | None:
    """Where a call to this number of ours begins: its row, else what the flow folder says; None: nobody's number."""
    row = session.scalars(select(PhoneNumber).where(PhoneNumber.number == number)).one_or_none()
    if row is None:
        return store.entry_points().for_number(number)
    # model_construct: a row may name what the file's rules would refuse; the flow's own look-up then says so
    return EntryPoint.model_construct(
        flow=row.flow, language=row.language or None, priority_min=row.priority_min, title=row.label
    )


def live_version_for(session: Session, flow: str, number: str, call_sid: str) -> str | None:
    """The version that answers a call which begins now; None: the live one.

    `number` is the caller's (E.164 or `anonymous`). The answer is the same for the same call, so that a canary's share
    can be drawn from `call_sid`.
    """
    return None


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
