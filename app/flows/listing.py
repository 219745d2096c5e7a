"""All flows at a glance."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.flows.models import Canary, Draft, FlowFile, KnownFlow, Release
from app.flows.prove import problem_in_words
from app.flows.publish import House
from ivr_flows.faults import FlowError
from ivr_flows.store import ENTRY_POINTS


def listed_flows(session: Session, house: House) -> list[dict[str, Any]]:
    """Every flow by name: what is live, since when and by whom, what is being written, what is wrong with it.

    `{name, title, languages, nodes, live_version, published: {author, at, message, source} | null, draft: {by, at} |
    null, canary: {percent, numbers} | null, conflict: bool, problem: text | null}`.
    """
    drafts = _drafts(session)
    live = session.scalars(select(KnownFlow.name).where(KnownFlow.live_version.is_not(None)))
    names = {*house.store.names(), *live, *drafts} - {ENTRY_POINTS}
    releases = select(Release).distinct(Release.flow).where(Release.went_live).order_by(Release.flow, Release.id.desc())
    published = {line.flow: line for line in session.scalars(releases)}
    trials = {each.flow: each for each in session.scalars(select(Canary).where(Canary.ended_at.is_(None)))}
    conflicts = set(session.scalars(select(FlowFile.flow).where(FlowFile.state == "conflict")))
    problems = house.store.problems()
    return [
        _facts(house, name)
        | {
            "name": name,
            "published": _published(published.get(name)),
            "draft": drafts.get(name),
            "canary": _trial(trials.get(name)),
            "conflict": name in conflicts,
            "problem": problem_in_words(problems.get(name)),
        }
        for name in sorted(names)
    ]


def _facts(house: House, name: str) -> dict[str, Any]:
    try:
        flow = house.store.get(name)
    except FlowError:
        return {"title": "", "languages": [], "nodes": 0, "live_version": None}
    return {
        "title": flow.title,
        "languages": list(flow.languages),
        "nodes": len(flow.nodes),
        "live_version": flow.version,
    }


def _drafts(session: Session) -> dict[str, dict[str, Any]]:
    query = (
        select(Draft.flow, Draft.saved_at, User.name)
        .join(User, User.id == Draft.author_id, isouter=True)
        .where(Draft.state == "open")
    )
    return {row.flow: {"by": row.name or "", "at": row.saved_at.isoformat()} for row in session.execute(query)}


def _published(line: Release | None) -> dict[str, Any] | None:
    if line is None:
        return None
    return {"author": line.author, "at": line.at.isoformat(), "message": line.message, "source": line.source}


def _trial(trial: Canary | None) -> dict[str, Any] | None:
    return None if trial is None else {"percent": trial.percent, "numbers": trial.numbers, "version": trial.version}
