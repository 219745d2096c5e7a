"""Trials: a share of the calls, or the callers named, get a version that is not live yet."""

from __future__ import annotations

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.flows.models import Canary


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
