"""Agreed times are times of the wall clock: when the rules of a time zone change, their moments are counted anew.

Lawmakers move clocks at short notice. The edition of the zones that the moments were counted by is kept; the first
clock that runs on another edition counts every open callback again from its local date, time and zone (DOMAIN 3).
"""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.callbacks.models import WAITING_FOR_A_DIAL, Callback, CallbackSetting, CallbackState
from app.callbacks.rows import hold_if_free, tell
from app.clock import tick
from ivr_flows.callback_times import on_the_clock

log = structlog.get_logger()

SETTING = "zones"
LONGEST_NAME = 40


@tick("callbacks.zones", every_s=60)
def follow_the_zones(session: Session) -> int:
    """Count agreed times anew where the edition of the time zones has changed; how many moved.

    One that somebody is at work with is left to the next time, and so is the note that all are done.
    """
    kept = session.get(CallbackSetting, SETTING)
    current = {"edition": edition()}
    if kept is not None and kept.value == current:
        return 0
    agreed = select(Callback.id).where(Callback.local_start.is_not(None), Callback.state.in_(WAITING_FOR_A_DIAL))
    moved, is_busy = 0, False
    for callback_id in session.scalars(agreed).all():
        callback = hold_if_free(session, callback_id)
        is_busy = is_busy or callback is None
        moved += callback is not None and recount(session, callback)
    if not is_busy:
        now_known = insert(CallbackSetting).values(key=SETTING, value=current)
        session.execute(now_known.on_conflict_do_update(index_elements=["key"], set_={"value": current}))
        session.expire_all()
        log.info("callbacks.zones_followed", edition=current["edition"], moved=moved)
    return moved


def recount(session: Session, callback: Callback) -> bool:
    """Move a held callback to the moment when the clocks show what was agreed; False when they do already."""
    if callback.local_start is None or callback.local_zone is None or callback.state not in WAITING_FOR_A_DIAL:
        return False
    zone, wall = ZoneInfo(callback.local_zone), datetime.fromisoformat(callback.local_start)
    if callback.window_start.astimezone(zone).replace(tzinfo=None) == wall:
        return False
    begin = on_the_clock(wall, zone)
    by = begin - callback.window_start
    if not by:
        return False
    if callback.state == CallbackState.WAITING and callback.due_at == callback.window_start:
        callback.due_at = begin
    if callback.state != CallbackState.REQUESTED:
        callback.expires_at += by
    if callback.own_until is not None:
        callback.own_until += by
    callback.window_start, callback.window_end, callback.virtual_start = begin, callback.window_end + by, begin
    session.flush()
    tell(session, callback, "callback.moved", actor="system", at=begin.isoformat(), reason="zones_changed")
    return True


@cache
def edition() -> str:
    """Which edition of the IANA time zones this process counts by, such as 2026b."""
    for folder in map(Path, zoneinfo.TZPATH):
        if folder.is_dir():
            return _edition_of(folder)
    try:
        return version("tzdata")
    except PackageNotFoundError:
        return "none"


def _edition_of(folder: Path) -> str:
    """By the file that says so; a system without one is known by when its zones were written."""
    for name in ("tzdata.zi", "+VERSION", "version"):
        source = folder / name
        if source.is_file():
            with source.open(encoding="utf-8", errors="replace") as lines:
                return lines.readline().removeprefix("# version").strip()[:LONGEST_NAME]
    return f"of {folder.stat().st_mtime_ns}"
