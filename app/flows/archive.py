"""Which version of a flow is live: the database says so, whoever changed it. Files are one author, pages another.

A file that changes becomes the live version by itself, except where that would take back what somebody published on a
page: then the two stand beside each other until an admin chooses (a conflict).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import events
from app.config import Settings
from app.db import sessions, unit_of_work
from app.flows.files import FlowFiles, Named
from app.flows.models import Canary, FlowFile, FlowVersion, KnownFlow, Release
from app.routing.models import Queue
from ivr_flows.store import ENTRY_POINTS, FlowStore

Verdict = Literal["same", "adopt", "behind", "conflict"]

FILES_ACTOR = "system"


class DatabaseArchive:
    """Implements ivr_flows.store.VersionArchive on the tables of this room, in transactions of its own."""

    def __init__(self, files: FlowFiles) -> None:
        self._files = files

    def save(self, name: str, version: str, text: str) -> None:
        with unit_of_work() as session:
            if not _is_noted(session, self._files.place, name, version):
                take_in_file(session, self._files, name, version, text)

    def live(self) -> Mapping[str, str]:
        query = select(KnownFlow.name, KnownFlow.live_version).where(KnownFlow.live_version.is_not(None))
        with unit_of_work() as session:
            return {row.name: row.live_version for row in session.execute(query)}

    def fetch(self, name: str, version: str) -> str | None:
        with sessions() as session:
            return kept_text(session, name, version)


def open_store(settings: Settings) -> FlowStore:
    """The flows that are live, and those of FLOWS_DIR, checked against the queues that exist."""
    archive = DatabaseArchive(FlowFiles(settings.flows_dir))
    return FlowStore(settings.flows_dir, archive, queues=known_queues, hosts=settings.http_allow_hosts)


def known_queues() -> Collection[str] | None:
    """The queues' keys; None (nothing is checked) while no queue has been set up."""
    with unit_of_work() as session:
        return frozenset(session.scalars(select(Queue.key))) or None


def kept_text(session: Session, flow: str, version: str) -> str | None:
    kept = session.get(FlowVersion, (flow, version))
    return kept.text if kept else None


def keep_text(session: Session, flow: str, version: str, text: str) -> None:
    """Have this version found by `FlowStore.get(flow, version)` from now on, whether or not it ever goes live."""
    row = insert(FlowVersion).values(flow=flow, version=version, text=text)
    session.execute(row.on_conflict_do_nothing())


def hold(session: Session, name: str) -> KnownFlow:
    """The flow's row, made when it is new, held until the transaction ends: its changes follow each other."""
    session.execute(insert(KnownFlow).values(name=name).on_conflict_do_nothing())
    held = select(KnownFlow).where(KnownFlow.name == name).with_for_update()
    return session.scalars(held.execution_options(populate_existing=True)).one()


def release(
    session: Session,
    flow: KnownFlow,
    version: str,
    *,
    source: str,
    author_id: int | None = None,
    author: str = "",
    message: str = "",
) -> Release:
    """Make a kept version the live one; a trial of another ends. The flow's row must be held."""
    flow.live_version, flow.live_source = version, source
    line = Release(
        flow=flow.name,
        version=version,
        author_id=author_id,
        author=author,
        message=message,
        source=source,
        went_live=True,
    )
    session.add(line)
    running = session.scalars(select(Canary).where(Canary.flow == flow.name, Canary.ended_at.is_(None))).one_or_none()
    if running is not None:
        running.ended_at = func.clock_timestamp()
        running.outcome = "promoted" if running.version == version else "replaced"
    session.flush()
    return line


def note_file(session: Session, place: str, flow: str, version: str, state: str) -> None:
    """What the file of this place holds: `same` as what was live then, `behind` it, or in `conflict` with it."""
    row = insert(FlowFile).values(place=place, flow=flow, version=version, state=state)
    now = {"version": version, "state": state, "seen_at": func.clock_timestamp()}
    session.execute(row.on_conflict_do_update(index_elements=[FlowFile.place, FlowFile.flow], set_=now))


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known when a file turns out to hold a version: `held` is what it held when it was last looked at."""

    live: str | None
    live_source: str | None
    held: str | None
    was_live: bool
    """Whether the file's version is in the flow's history."""
    is_undone: bool
    """Whether nothing is left in the file of what the live version had changed."""


def judge(version: str, standing: Standing) -> Verdict:
    """What to do with a file's version."""
    if version == standing.live:
        return "same"
    if standing.live is None:
        return "adopt"
    held_the_live = standing.held == standing.live
    if standing.live_source == "file":  # files follow each other; one that was merely left behind stays there
        return "adopt" if held_the_live or not standing.was_live else "behind"
    if held_the_live:  # the page wrote its version into the file, and somebody changed it afterwards
        return "conflict" if standing.is_undone else "adopt"
    return "behind" if standing.was_live else "conflict"


def take_in_file(session: Session, files: FlowFiles, name: str, version: str, text: str) -> Verdict:
    """Look at what a file holds, and make it live where nobody's work is lost by it."""
    flow = hold(session, name)
    held = session.scalar(select(FlowFile.version).where(FlowFile.place == files.place, FlowFile.flow == name))
    if held == version:  # another process of this place was faster
        return "same"
    if name != ENTRY_POINTS and files.version(name) != version:  # written meanwhile: the next look sees it
        return "same"
    keep_text(session, name, version, text)
    verdict: Verdict = "same" if flow.live_version == version else "adopt"
    if name != ENTRY_POINTS:
        verdict = judge(version, _standing(session, flow, held, version, text))
    if verdict == "adopt":
        _adopt(session, flow, version, files.named(name, text))
    elif verdict == "conflict":
        about: dict[str, Any] = {"flow": name, "file_version": version, "live_version": flow.live_version}
        events.record(session, "flow.conflict", actor=FILES_ACTOR, **about)
    note_file(session, files.place, name, version, "same" if verdict == "adopt" else verdict)
    return verdict


def _adopt(session: Session, flow: KnownFlow, version: str, named: Named) -> None:
    release(session, flow, version, source="file", author=named.author, message=named.message)
    about: dict[str, Any] = {
        "flow": flow.name,
        "version": version,
        "source": "file",
        "author": named.author,
        "message": named.message,
    }
    events.record(session, "flow.published", actor=FILES_ACTOR, **about)


def _is_noted(session: Session, place: str, name: str, version: str) -> bool:
    """Whether this file was looked at before, as it stands: nothing has changed here."""
    noted = select(FlowFile.version).where(FlowFile.place == place, FlowFile.flow == name)
    return session.scalar(noted) == version


def _standing(session: Session, flow: KnownFlow, held: str | None, version: str, text: str) -> Standing:
    went_live = select(Release.id).where(Release.flow == flow.name, Release.version == version).limit(1)
    return Standing(
        live=flow.live_version,
        live_source=flow.live_source,
        held=held,
        was_live=session.scalar(went_live) is not None,
        is_undone=_is_undone(session, flow, text),
    )


def _is_undone(session: Session, flow: KnownFlow, text: str) -> bool:
    live = kept_text(session, flow.name, flow.live_version) if flow.live_version else None
    before = version_before(session, flow)
    was = kept_text(session, flow.name, before) if before else None
    return live is not None and was is not None and undoes(text, live, was)


def version_before(session: Session, flow: KnownFlow) -> str | None:
    """The version that was live before the one that is."""
    earlier = select(Release.version).where(
        Release.flow == flow.name, Release.went_live, Release.version != flow.live_version
    )
    return session.scalar(earlier.order_by(Release.id.desc()).limit(1))


def undoes(text: str, live: str, before: str) -> bool:
    """Whether `text` holds nothing of what `live` had changed in `before`: it was not made from `live`."""
    then, now, here = before.splitlines(), live.splitlines(), set(text.splitlines())
    changes = [each for each in SequenceMatcher(None, then, now, autojunk=False).get_opcodes() if each[0] != "equal"]
    added = {line for _, _, _, first, last in changes for line in now[first:last]} - set(then)
    removed = {line for _, first, last, _, _ in changes for line in then[first:last]} - set(now)
    return bool(changes) and not added & here and removed <= here
