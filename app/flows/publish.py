"""Making a version live: a draft, an older version, or what a file holds. Every one is a line of the flow's history."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import events
from app.accounts.models import User
from app.db import unit_of_work
from app.flows.archive import hold, keep_text, kept_text, note_file, release
from app.flows.drafts import NO_DRAFT, SAVED_OVER, claim_lock, draft_state, find_flow
from app.flows.files import FlowFiles
from app.flows.models import Canary, Draft, FlowFile, KnownFlow, Release
from app.flows.prove import fault_in_words, proven
from app.forms import Refusal
from app.words import N_
from ivr_flows.faults import FlowError
from ivr_flows.includes import own_text
from ivr_flows.loader import load_flow, version_of
from ivr_flows.store import FlowStore

NOT_READY = N_("This cannot go live yet: mend what is listed, or make its test calls pass.")
MOVED = N_("Another version went live since this draft began. Look at what changed, then save your draft on it.")
NOTHING_NEW = N_("The draft is the same as what is live.")
NO_VERSION = N_("This flow has no such version.")
SETTLED = N_("There is nothing to choose between any more.")
MOST_VERSIONS = 200
IS_VERSION = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class House:
    """What publishing needs of this process: the flows as calls see them, and the folder of files."""

    store: FlowStore
    files: FlowFiles


def publish_draft(house: House, user_id: int, name: str, message: str, rev: int) -> str:
    """Make the draft live, if it passes the check and its test calls: its version.

    Refusal 422 with `faults` and `tests`; 409 with the `draft` that stands when it was saved meanwhile, somebody else
    writes, or another version went live since it began.
    """
    text = draft_to_publish(house, user_id, name, rev)
    prove(house, name, text)
    version = version_of(text)
    with unit_of_work() as session:
        flow, user = hold(session, name), session.get_one(User, user_id)
        draft = _publishable(session, house, flow, user, rev)
        before = flow.live_version
        keep_text(session, name, version, text)
        release(session, flow, version, source="page", author_id=user.id, author=user.name, message=message)
        draft.state, draft.rev, draft.base_version = "published", draft.rev + 1, version
        told: dict[str, Any] = {
            "flow": name,
            "version": version,
            "before": before,
            "source": "page",
            "message": message,
        }
        events.record(session, "flow.published", actor=f"user:{user.id}", **told)
    bring_home(house, name, version, text, before)
    return version


def roll_back(house: House, user_id: int, name: str, version: str, message: str) -> str:
    """Make an older version live again; calls that have begun stay on theirs. Asked twice, it is done once.

    Refusal 404 for a version that was never live or on trial, 422 for one that the house cannot run any more.
    """
    with unit_of_work() as session:
        find_flow(session, house.files, name)
        flow, user = hold(session, name), session.get_one(User, user_id)
        text = _released_text(session, name, version)
        before = flow.live_version
        if before == version:
            return version
        _must_run(name, text)
        release(session, flow, version, source="rollback", author_id=user.id, author=user.name, message=message)
        told: dict[str, Any] = {"flow": name, "version": version, "before": before, "message": message}
        events.record(session, "flow.rolled_back", actor=f"user:{user.id}", **told)
    bring_home(house, name, version, text, before)
    return version


def settle_conflict(house: House, user_id: int, name: str, file_version: str, take: str) -> str:
    """Choose between what a file holds and what is live: the live version's hash.

    `file`: the file's text passes the check and its test calls and goes live. `page`: what is live stays, and is
    written over the file; the file's text stays in the history.
    """
    with unit_of_work() as session:
        find_flow(session, house.files, name)
        _unsettled(session, name, file_version)
        text = kept_text(session, name, file_version) or ""
    if take == "file":
        prove(house, name, text)
    with unit_of_work() as session:
        flow, user = hold(session, name), session.get_one(User, user_id)
        _unsettled(session, name, file_version)
        if take == "file":
            release(session, flow, file_version, source="file", author_id=user.id, author=user.name)
        else:
            session.add(_set_aside(name, file_version, user))
        now = "same" if take == "file" else "behind"
        settled = update(FlowFile).where(FlowFile.flow == name, FlowFile.version == file_version)
        session.execute(settled.values(state=now))
        told: dict[str, Any] = {"flow": name, "file_version": file_version, "take": take, "version": flow.live_version}
        events.record(session, "flow.conflict_settled", actor=f"user:{user.id}", **told)
        live = str(flow.live_version)
        live_text = kept_text(session, name, live) or ""
    bring_home(house, name, live, live_text, file_version)
    return live


def versions(session: Session, files: FlowFiles, name: str) -> list[dict[str, Any]]:
    """The flow's history, newest first: `{id, version, author, at, message, source, live, canary}`."""
    flow = find_flow(session, files, name)
    lines = select(Release).where(Release.flow == name).order_by(Release.id.desc()).limit(MOST_VERSIONS)
    trial = session.scalar(select(Canary.version).where(Canary.flow == name, Canary.ended_at.is_(None)))
    listed, live = [], flow.live_version if flow else None
    for line in session.scalars(lines):
        is_live = line.went_live and line.version == live
        listed.append(_line_json(line, live=is_live, canary=line.source == "canary" and line.version == trial))
        live = None if is_live else live  # the same text may have been live before; only its last time counts
        trial = None if listed[-1]["canary"] else trial
    return listed


def whole_text_of(session: Session, files: FlowFiles, name: str, which: str) -> str | None:
    """The text that `which` names, with what it includes: `live`, `draft`, `file` (the one in conflict) or a version.

    None: there is none.
    """
    flow, draft = session.get(KnownFlow, name), session.get(Draft, name)
    if which == "draft":
        is_open = draft is not None and draft.state == "open"
        return files.whole(name, draft.text) if draft and is_open else whole_text_of(session, files, name, "live")
    if which == "file":
        held = select(FlowFile.version).where(FlowFile.flow == name, FlowFile.state == "conflict")
        which = session.scalar(held.order_by(FlowFile.seen_at.desc()).limit(1)) or ""
    if which == "live":
        which = (flow.live_version if flow else None) or ""
    return kept_text(session, name, which) if IS_VERSION.fullmatch(which) else None


def draft_to_publish(house: House, user_id: int, name: str, rev: int | None) -> str:
    """The draft's text, if this user may publish it now; Refusal as for publish_draft. `rev` None: as it stands."""
    with unit_of_work() as session:
        find_flow(session, house.files, name)
        flow, user = hold(session, name), session.get_one(User, user_id)
        return house.files.whole(name, _publishable(session, house, flow, user, rev).text)


def _publishable(session: Session, house: House, flow: KnownFlow, user: User, rev: int | None) -> Draft:
    draft = session.get(Draft, flow.name, with_for_update=True, populate_existing=True)
    rev = draft.rev if draft is not None and rev is None else rev
    if draft is None or (draft.state != "open" and draft.rev == rev):
        raise Refusal(404, "no_draft", NO_DRAFT)
    claim_lock(session, house.files, flow.name, user)
    standing: Mapping[str, Any] = {}
    if draft.rev != rev or draft.state != "open" or draft.base_version != flow.live_version:
        standing = draft_state(session, house.files, flow.name, user.id)
    if draft.rev != rev or draft.state != "open":
        raise Refusal(409, "draft_changed", SAVED_OVER, draft=standing)
    if draft.base_version != flow.live_version:
        raise Refusal(409, "live_moved", MOVED, draft=standing)
    if version_of(house.files.whole(flow.name, draft.text)) == flow.live_version:
        raise Refusal(409, "nothing_new", NOTHING_NEW)
    return draft


def prove(house: House, name: str, text: str) -> None:
    """Refusal 422 with what is wrong, unless the text passes the check and its test calls."""
    faults, tests = proven(house.store, house.files, name, text)
    if tests["failed"] or any(fault["severity"] == "error" for fault in faults):
        raise Refusal(422, "not_ready", NOT_READY, faults=faults, tests=tests)


def _must_run(name: str, text: str) -> None:
    """A version that was good once may name kinds of nodes that are gone since."""
    try:
        load_flow(text, name)
    except FlowError as error:
        why = _("This version cannot be used any more: %(why)s", why=fault_in_words(error.faults[0]))
        raise Refusal(422, "unusable", why) from error


def _released_text(session: Session, name: str, version: str) -> str:
    known = select(Release.id).where(Release.flow == name, Release.version == version).limit(1)
    text = kept_text(session, name, version) if session.scalar(known) else None
    if text is None:
        raise Refusal(404, "no_version", NO_VERSION)
    return text


def _unsettled(session: Session, name: str, file_version: str) -> None:
    waits = select(FlowFile.place).where(
        FlowFile.flow == name, FlowFile.version == file_version, FlowFile.state == "conflict"
    )
    if session.scalar(waits.limit(1)) is None:
        raise Refusal(409, "settled", SETTLED)


def _set_aside(name: str, version: str, user: User) -> Release:
    return Release(
        flow=name, version=version, author_id=user.id, author=user.name, message="", source="file", went_live=False
    )


def bring_home(house: House, name: str, version: str, text: str, instead_of: str | None) -> None:
    """Write what went live into the file, if that still holds what was live before, and let this process see it."""
    with unit_of_work() as session:
        hold(session, name)
        if house.files.write(name, own_text(text), instead_of):
            held = house.files.version(name) or version  # another one, where an included file has changed since
            note_file(session, house.files.place, name, held, "same" if held == version else "behind")
    house.store.refresh()


def _line_json(line: Release, *, live: bool, canary: bool) -> dict[str, Any]:
    return {
        "id": line.id,
        "version": line.version,
        "author": line.author,
        "at": line.at.isoformat(),
        "message": line.message,
        "source": line.source,
        "went_live": line.went_live,
        "live": live,
        "canary": canary,
    }
