"""Is it alive, and may it get traffic? For balancers, start scripts and people."""

from __future__ import annotations

import shutil
from typing import Any

import httpx
from flask import Blueprint, current_app
from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import migrate
from app.config import Settings

bp = Blueprint("health", __name__)

DISK_FLOOR_BYTES = 500 * 1024 * 1024


@bp.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers. Says nothing of the database."""
    return {"status": "alive"}


@bp.get("/readyz")
def readyz() -> tuple[dict[str, Any], int]:
    """200 when every part works, else 503; each part with a sentence."""
    checks = check_all()
    ready = all(check["ok"] for check in checks.values())
    return {"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503


def check_all() -> dict[str, dict[str, Any]]:
    """Every part's state: {"database": {"ok": bool, "says": str}, …}."""
    settings: Settings = current_app.config["SETTINGS"]
    return {
        "database": _said(_database),
        "migrations": _said(_migrations),
        "carrier": _said(lambda: _carrier(settings)),
        "disk": _said(lambda: _disk(settings)),
    }


def _said(check: Any) -> dict[str, Any]:
    ok, says = check()
    return {"ok": ok, "says": says}


def _database() -> tuple[bool, str]:
    try:
        with current_app.config["ENGINE"].connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False, _("The database does not answer. Check DATABASE_URL and whether the server runs.")
    return True, _("answers")


def _migrations() -> tuple[bool, str]:
    try:
        with current_app.config["ENGINE"].connect() as connection:
            current = migrate.is_current(connection)
    except SQLAlchemyError:
        return False, _("The database does not answer.")
    return current, _("up to date") if current else _("The schema is behind. Run: flask --app app migrate")


def _carrier(settings: Settings) -> tuple[bool, str]:
    """The local carrier must answer; Twilio's own state is not ours to probe on every check."""
    if not settings.is_local:
        return True, "Twilio"
    try:
        answer = httpx.get(f"{settings.twilio_api_base}/healthz", timeout=2)
    except httpx.HTTPError:
        where = settings.twilio_api_base
        return False, _("The local carrier does not answer at %(where)s. Start it with script/server.", where=where)
    return (True, _("answers")) if answer.status_code == 200 else (False, _("The local carrier is ill: see its log."))


def _disk(settings: Settings) -> tuple[bool, str]:
    free = shutil.disk_usage(settings.var_dir if settings.var_dir.exists() else settings.var_dir.parent).free
    if free < DISK_FLOOR_BYTES:
        megabytes = {"free": free // 2**20, "floor": DISK_FLOOR_BYTES // 2**20}
        return False, _("Only %(free)s MB free for recordings; make room (at least %(floor)s MB).", **megabytes)
    return True, _("%(free)s GB free", free=free // 2**30)
