"""Drafts and who is writing: one draft for each flow, one writer at a time, and nobody's work saved over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events
from app.accounts.models import User
from app.db import database_now
from app.flows.archive import hold, kept_text
from app.flows.files import FlowFiles
from app.flows.models import Draft, EditLock, FlowFile, KnownFlow
from app.forms import Refusal
from app.words import N_
from ivr_flows.beside import read_with_tests
from ivr_flows.faults import FlowError
from ivr_flows.includes import own_text

LOCK_LASTS = timedelta(minutes=5)
"""How long a silent writer keeps the lock; the editor's page speaks up every minute."""

SAVED_OVER = N_("Somebody saved this draft meanwhile. The page shows what stands now; nothing of theirs is lost.")
NO_DRAFT = N_("There is no draft of this flow.")
NO_FLOW = N_("There is no flow of this name.")


def draft_state(session: Session, files: FlowFiles, name: str, user_id: int) -> dict[str, Any]:
    """What the editor draws from nothing. Shape: docs/contracts.md. Refusal 404 for a flow that nobody knows."""
    flow, draft = find_flow(session, files, name), session.get(Draft, name)
    live = flow.live_version if flow else None
    is_draft = draft is not None and draft.state == "open"
    return {
        "name": name,
        "text": draft.text if draft is not None and is_draft else _standing_text(session, files, name, live),
        "rev": draft.rev if draft else 0,
        "base_version": draft.base_version if draft and is_draft else live,
        "live_version": live,
        "is_draft": is_draft,
        "saved": _saved(session, draft) if draft and is_draft else None,
        "can_restore": draft is not None and draft.state == "discarded",
        "lock": lock_json(session, name, user_id),
        "conflict": _file_conflict(session, name) or _moved(session, draft if is_draft else None, flow),
        "files": _files(session, name, live),
    }


def find_flow(session: Session, files: FlowFiles, name: str) -> KnownFlow | None:
    """The flow's row; None for one that is only a file so far, and a broken one. Refusal 404 for neither."""
    flow = session.get(KnownFlow, name, populate_existing=True)
    if flow is None and not files.path(name).is_file():
        raise Refusal(404, "not_found", NO_FLOW)
    return flow


def save_draft(
    session: Session, files: FlowFiles, name: str, user: User, text: str, rev: int, *, seen_live: str | None = None
) -> int:
    """Keep the text as the draft and take (or keep) the lock; the draft's new `rev`.

    `rev` is the one that the text was written on. `seen_live` says that the writer has seen that live version and
    wrote on it. Refusal 409 with the `draft` that stands when somebody else saved or writes.
    """
    find_flow(session, files, name)
    flow = hold(session, name)
    draft = session.get(Draft, name, with_for_update=True)
    if draft is not None and _is_repeated(draft, user, text, rev):
        return draft.rev
    claim_lock(session, files, name, user)
    if (draft.rev if draft else 0) != rev:
        raise Refusal(409, "draft_changed", SAVED_OVER, draft=draft_state(session, files, name, user.id))
    if draft is None:
        draft = Draft(flow=name, rev=0, base_version=flow.live_version, state="open")
        session.add(draft)
    if draft.state != "open" or (seen_live is not None and seen_live == flow.live_version):
        draft.base_version = flow.live_version
    draft.text, draft.state, draft.author_id = text, "open", user.id
    draft.rev += 1
    draft.saved_at = database_now(session)
    session.flush()
    return draft.rev


def discard_draft(session: Session, files: FlowFiles, name: str, user: User) -> int:
    """Throw the draft away; it can be had back until the next one begins."""
    return _turn(session, files, name, user, "open", "discarded", "flow.draft_discarded")


def restore_draft(session: Session, files: FlowFiles, name: str, user: User) -> int:
    """Have the draft back that was thrown away last."""
    return _turn(session, files, name, user, "discarded", "open", "flow.draft_restored")


def take_lock(session: Session, files: FlowFiles, name: str, user: User, *, take_over: bool) -> dict[str, Any]:
    """Begin to write, or say that one still does; Refusal 409 with the `lock` when somebody else writes."""
    find_flow(session, files, name)
    hold(session, name)
    claim_lock(session, files, name, user, take_over=take_over)
    return lock_json(session, name, user.id) or {}


def claim_lock(session: Session, files: FlowFiles, name: str, user: User, *, take_over: bool = False) -> None:
    """The flow's row must be held."""
    lock, now = session.get(EditLock, name, with_for_update=True), database_now(session)
    if lock is None:
        session.add(EditLock(flow=name, user_id=user.id, since=now, seen_at=now))
    elif lock.user_id == user.id:
        lock.seen_at = now
    elif take_over or _has_lapsed(lock, now):
        told: dict[str, Any] = {"flow": name, "user_id": user.id, "from_user_id": lock.user_id}
        events.record(session, "flow.lock_taken", actor=f"user:{user.id}", users=(lock.user_id,), **told)
        lock.user_id, lock.since, lock.seen_at = user.id, now, now
    else:
        holder = session.get_one(User, lock.user_id)
        raise Refusal(
            409,
            "locked",
            _("%(name)s is writing here. Take over if they have gone; what they saved is kept.", name=holder.name),
            lock=lock_json(session, name, user.id),
            draft=draft_state(session, files, name, user.id),
        )
    session.flush()


def release_lock(session: Session, name: str, user: User) -> None:
    """Stop writing; nothing happens when somebody else writes."""
    lock = session.get(EditLock, name, with_for_update=True)
    if lock is not None and lock.user_id == user.id:
        session.delete(lock)
        session.flush()


def lock_json(session: Session, name: str, user_id: int) -> dict[str, Any] | None:
    """Who writes: `{by, since, mine}`; None when nobody does."""
    query = select(EditLock, User.name).join(User, User.id == EditLock.user_id).where(EditLock.flow == name)
    row = session.execute(query).one_or_none()
    if row is None or _has_lapsed(row.EditLock, database_now(session)):
        return None
    return {"by": row.name, "since": row.EditLock.since.isoformat(), "mine": row.EditLock.user_id == user_id}


def _has_lapsed(lock: EditLock, now: Any) -> bool:
    return bool(now - lock.seen_at > LOCK_LASTS)


def _is_repeated(draft: Draft, user: User, text: str, rev: int) -> bool:
    """The same save once more, because its answer was lost."""
    return draft.rev == rev + 1 and draft.state == "open" and draft.author_id == user.id and draft.text == text


def _turn(session: Session, files: FlowFiles, name: str, user: User, before: str, after: str, told: str) -> int:
    find_flow(session, files, name)
    hold(session, name)
    draft = session.get(Draft, name, with_for_update=True)
    if draft is not None and draft.state == after:
        return draft.rev
    if draft is None or draft.state != before:
        raise Refusal(404, "no_draft", NO_DRAFT)
    claim_lock(session, files, name, user)
    draft.state = after
    draft.rev += 1  # a page that does not know of it must not save on
    events.record(session, told, actor=f"user:{user.id}", flow=name, rev=draft.rev)
    session.flush()
    return draft.rev


def _standing_text(session: Session, files: FlowFiles, name: str, live: str | None) -> str:
    """What a new draft starts from: the live text, else the file's, however broken."""
    if live is not None:
        return own_text(kept_text(session, name, live) or "")
    try:
        return read_with_tests(files.path(name))
    except FlowError:
        return ""


def _saved(session: Session, draft: Draft) -> dict[str, Any]:
    author = session.get(User, draft.author_id) if draft.author_id else None
    return {"by": author.name if author else "", "at": draft.saved_at.isoformat()}


def _file_conflict(session: Session, name: str) -> dict[str, Any] | None:
    """A file that holds something which nobody chose between yet."""
    query = select(FlowFile).where(FlowFile.flow == name, FlowFile.state == "conflict")
    file = session.scalars(query.order_by(FlowFile.seen_at.desc()).limit(1)).one_or_none()
    if file is None:
        return None
    return {
        "kind": "file",
        "file_version": file.version,
        "file_text": own_text(kept_text(session, name, file.version) or ""),
        "place": file.place,
        "since": file.seen_at.isoformat(),
    }


def _moved(session: Session, draft: Draft | None, flow: KnownFlow | None) -> dict[str, Any] | None:
    """Another version went live since the draft began."""
    if draft is None or flow is None or flow.live_version in (None, draft.base_version):
        return None
    text = own_text(kept_text(session, flow.name, str(flow.live_version)) or "")
    return {"kind": "live_moved", "file_version": flow.live_version, "file_text": text}


def _files(session: Session, name: str, live: str | None) -> list[dict[str, Any]]:
    """What the machines' files hold beside what is live."""
    rows = session.scalars(select(FlowFile).where(FlowFile.flow == name).order_by(FlowFile.place))
    return [{"place": row.place, "version": row.version, "state": _shown_state(row, live)} for row in rows]


def _shown_state(file: FlowFile, live: str | None) -> str:
    if file.version == live:
        return "same"
    return "conflict" if file.state == "conflict" else "behind"
