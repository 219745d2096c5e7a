"""Trials: a share of the calls, or the callers named, get a version that is not live yet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import events
from app.accounts.models import User
from app.db import database_now, unit_of_work
from app.flows.archive import hold, keep_text, kept_text, release
from app.flows.drafts import find_flow
from app.flows.models import Canary, Draft, KnownFlow, Release
from app.flows.publish import House, bring_home, draft_to_publish, prove
from app.flows.traffic import Period, answers, outcomes
from app.forms import Refusal
from app.words import N_
from ivr_flows.includes import own_text
from ivr_flows.loader import version_of

NOT_LIVE = N_("Publish the flow first: a trial needs a live version beside it.")
NO_TRIAL = N_("No trial is running.")
COUNTED = ("contained", "answered", "voicemail", "callback", "abandoned", "hung_up", "going_on")
NO_SIDES: dict[str, Any] = {"by": None, "until": None, "ended": None, "live": None, "canary": None}
NOBODY = N_("Give the trial a share of the calls, or numbers to try it from.")


def running(session: Session, flow: str) -> Canary | None:
    """The flow's open trial."""
    return session.scalars(select(Canary).where(Canary.flow == flow, Canary.ended_at.is_(None))).one_or_none()


def version_for_call(session: Session, flow: str, number: str, call_id: str) -> str | None:
    """The version on trial where this call is one of those that get it; None: the live one."""
    trial = running(session, flow)
    if trial is None:
        return None
    takes = number in trial.numbers or is_drawn(trial.id, call_id, trial.percent)
    return trial.version if takes else None


def is_drawn(trial_id: int, call_id: str, percent: float) -> bool:
    """Whether a call belongs to the share: always the same answer for the same call, another draw for another trial."""
    drawn = hashlib.sha256(f"{trial_id}:{call_id}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") / 2**64 * 100 < percent


def start_trial(house: House, user_id: int, name: str, rev: int | None, percent: float, numbers: Sequence[str]) -> None:
    """Try the draft as it stands on a share of the calls (`percent`, 0 to 100) and on calls from `numbers` (E.164).

    With a trial on: without `rev`, the same version goes on with another share; with it, the draft takes its place.
    The draft passes the check and its test calls first, and stays a draft.
    """
    if not percent and not numbers:
        raise Refusal(400, "bad_input", NOBODY)
    if rev is None and _change_share(house, user_id, name, percent, numbers):
        return
    text = draft_to_publish(house, user_id, name, rev)
    prove(house, name, text)
    with unit_of_work() as session:
        flow, user = hold(session, name), session.get_one(User, user_id)
        if flow.live_version is None:
            raise Refusal(409, "not_live", NOT_LIVE)
        _end(session, name, "replaced")
        version = version_of(text)
        keep_text(session, name, version, text)
        trial = Canary(
            flow=name,
            version=version,
            against=flow.live_version,
            percent=percent,
            numbers=list(numbers),
            user_id=user.id,
        )
        session.add_all([trial, _line(name, version, user, percent, numbers)])
        session.flush()
        _tell(session, "flow.canary_started", user, trial)


def promote(house: House, user_id: int, name: str) -> str:
    """Make the version on trial the live one: its version. Whoever is writing goes on from there."""
    with unit_of_work() as session:
        find_flow(session, house.files, name)
        flow, user = hold(session, name), session.get_one(User, user_id)
        trial = _open_trial(session, name)
        version, before = trial.version, flow.live_version
        text = kept_text(session, name, version) or ""
        release(session, flow, version, source="canary", author_id=user.id, author=user.name)
        _follow_up_draft(session, flow, text)
        _tell(session, "flow.canary_promoted", user, trial, before=before)
    bring_home(house, name, version, text, before)
    return version


def stop(house: House, user_id: int, name: str) -> None:
    """End the trial: new calls get the live version, those that have begun finish on theirs."""
    with unit_of_work() as session:
        find_flow(session, house.files, name)
        hold(session, name)
        trial = _open_trial(session, name)
        _end(session, name, "stopped")
        _tell(session, "flow.canary_stopped", session.get_one(User, user_id), trial)


def trial_report(session: Session, house: House, name: str) -> dict[str, Any]:
    """The open trial, or the last one, with both sides' outcomes since it began: shape in docs/contracts.md."""
    find_flow(session, house.files, name)
    newest = select(Canary).where(Canary.flow == name).order_by(Canary.id.desc()).limit(1)
    trial = session.scalars(newest).one_or_none()
    if trial is None:
        return {"running": False, "percent": 0, "numbers": [], "version": None, "since": None} | NO_SIDES
    period = Period(trial.started_at, trial.ended_at or database_now(session))
    return {
        "running": trial.ended_at is None,
        "version": trial.version,
        "percent": trial.percent,
        "numbers": trial.numbers,
        "by": session.get_one(User, trial.user_id).name,
        "since": trial.started_at.isoformat(),
        "until": trial.ended_at.isoformat() if trial.ended_at else None,
        "ended": trial.outcome,
        "live": _side(session, name, period, trial.against),
        "canary": _side(session, name, period, trial.version),
    }


def _side(session: Session, name: str, period: Period, version: str) -> dict[str, Any]:
    ended, asked = outcomes(session, name, period, version), answers(session, name, period, version)
    return {
        "version": version,
        "calls": ended["calls"],
        "containment": ended["containment"],
        "abandon_rate": ended["abandon_rate"],
        "no_match_rate": asked["no_match_rate"],
        "outcomes": {each: ended[each] for each in COUNTED} | {each: asked[each] for each in ("no_match", "no_input")},
    }


def _change_share(house: House, user_id: int, name: str, percent: float, numbers: Sequence[str]) -> bool:
    """Go on with another share; False when no trial is on."""
    with unit_of_work() as session:
        find_flow(session, house.files, name)
        hold(session, name)
        trial = running(session, name)
        if trial is None:
            return False
        trial.percent, trial.numbers = percent, list(numbers)
        _tell(session, "flow.canary_changed", session.get_one(User, user_id), trial)
    return True


def _open_trial(session: Session, name: str) -> Canary:
    trial = running(session, name)
    if trial is None:
        raise Refusal(404, "no_trial", NO_TRIAL)
    return trial


def _end(session: Session, name: str, outcome: str) -> None:
    trial = running(session, name)
    if trial is not None:
        trial.ended_at, trial.outcome = func.clock_timestamp(), outcome
        session.flush()  # the next one must find the place free


def _follow_up_draft(session: Session, flow: KnownFlow, text: str) -> None:
    """The draft that was on trial is published now; one that was changed since goes on, from the new live version."""
    draft = session.get(Draft, flow.name, with_for_update=True)
    if draft is None or draft.state != "open":
        return
    if version_of(draft.text) == version_of(own_text(text)):
        draft.state = "published"
        draft.rev += 1
    draft.base_version = flow.live_version


def _line(name: str, version: str, user: User, percent: float, numbers: Sequence[str]) -> Release:
    share = f"{percent:g} %" + (f", {len(numbers)} numbers" if numbers else "")
    return Release(
        flow=name,
        version=version,
        author_id=user.id,
        author=user.name,
        message=share,
        source="canary",
        went_live=False,
    )


def _tell(session: Session, kind: str, user: User, trial: Canary, **more: Any) -> None:
    """How many numbers, never which: numbers stay out of the log."""
    about: dict[str, Any] = {
        "flow": trial.flow,
        "version": trial.version,
        "percent": trial.percent,
        "numbers": len(trial.numbers),
    }
    events.record(session, kind, actor=f"user:{user.id}", **about, **more)
