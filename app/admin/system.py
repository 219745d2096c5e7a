"""How the house stands: what the system page shows. Every part answers with a sentence, none with an exception."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import Row, func, make_url, select, text
from sqlalchemy.orm import Session

from app import health
from app.accounts.models import User
from app.clock import LEASE
from app.config import Settings
from app.interactions.models import Interaction, State
from app.numbers import Numbers
from app.routing.models import AgentState, Queue, QueueMember

SpeechReport = Callable[[], list[dict[str, Any]]]

WORKER_SILENT_S = 30
BACKLOG_S = 30
SECRETS = frozenset(
    {
        "secret_key",
        "twilio_auth_token",
        "twilio_auth_token_previous",
        "twilio_api_key_secret",
        "recordings_url",
        "flow_secrets",
    }
)
"""Shown only as given or not. The recordings' address may hold a key of the store."""


def system_report(session: Session) -> dict[str, Any]:
    """`system` of admin/system.html, as docs/contracts.md has it; people and queues also have their ids."""
    settings: Settings = current_app.config["SETTINGS"]
    report: SpeechReport = current_app.extensions["speech_report"]
    numbers: Numbers = current_app.extensions["our_numbers"]
    return {
        "processes": _processes(session, settings),
        "speech": report(),
        "numbers": _numbers(session, numbers),
        "flows": numbers.flows(),
        "queues": _queues(session),
        "people": _people(session),
        "settings": _settings(settings),
    }


def _processes(session: Session, settings: Settings) -> list[dict[str, str]]:
    checks = health.check_all()
    return [
        _part("web", "ok", _("answers at %(address)s", address=settings.public_base_url)),
        _part("worker", *_worker(session)),
        _part("clock", *_clock(session)),
        _part("jobs", *_jobs(session)),
        *(_part(name, "ok" if check["ok"] else "down", check["says"]) for name, check in checks.items()),
    ]


def _part(name: str, state: str, detail: str) -> dict[str, str]:
    return {"name": name, "state": state, "detail": detail}


def _worker(session: Session) -> tuple[str, str]:
    silent = text("SELECT extract(epoch FROM clock_timestamp() - max(last_heartbeat)) FROM procrastinate_workers")
    seconds = session.execute(silent).scalar()
    if seconds is None:
        return "down", _("No worker runs: no phone rings and no text leaves. Start one with python -m app.worker.")
    if seconds > WORKER_SILENT_S:
        return "down", _("Last heard of %(s)s s ago. Start one with python -m app.worker.", s=round(seconds))
    return "ok", _("heard of %(s)s s ago", s=round(seconds))


def _clock(session: Session) -> tuple[str, str]:
    held = session.execute(
        text("SELECT expires_at > clock_timestamp() FROM lease WHERE name = :name"), {"name": LEASE}
    ).scalar()
    if not held:
        return "down", _("No worker holds the clock: deadlines are not watched.")
    return "ok", _("deadlines are watched")


def _jobs(session: Session) -> tuple[str, str]:
    """Work that is due and waits, and work that was given up."""
    row: Row[Any] = session.execute(
        text(
            """
            SELECT count(*) FILTER (WHERE status = 'todo' AND due) AS waiting,
                   count(*) FILTER (WHERE status = 'failed') AS failed,
                   coalesce(max(extract(epoch FROM clock_timestamp() - since))
                            FILTER (WHERE status = 'todo' AND due), 0) AS oldest_s
            FROM (SELECT job.status, coalesce(job.scheduled_at, '-infinity') <= clock_timestamp() AS due,
                         coalesce(job.scheduled_at, (SELECT max(at) FROM procrastinate_events
                                                     WHERE job_id = job.id AND type = 'deferred')) AS since
                  FROM procrastinate_jobs job WHERE job.status IN ('todo', 'failed')) AS open
            """
        )
    ).one()
    if row.oldest_s > BACKLOG_S:
        waits = {"n": row.waiting, "s": round(row.oldest_s)}
        return "warn", _("%(n)s wait, the oldest for %(s)s s. Is a worker running, or one too few?", **waits)
    if row.failed:
        return "warn", _("%(n)s were given up after their last try; the worker's log says why.", n=row.failed)
    return "ok", _("%(n)s wait", n=row.waiting) if row.waiting else _("all done")


def _numbers(session: Session, numbers: Numbers) -> list[dict[str, Any]]:
    return [
        {
            "id": each.id,
            "number": each.number,
            "label": each.label,
            "flow": each.flow,
            "language": each.language,
            "version": each.flow_version or "",
            "queue": None,
            "is_at_carrier": each.is_at_carrier,
        }
        for each in numbers.all(session)
    ]


def _queues(session: Session) -> list[dict[str, Any]]:
    members = _pairs(session, select(QueueMember.queue_id, func.count()).group_by(QueueMember.queue_id))
    waits = Interaction.state.in_((State.QUEUED, State.OFFERED))
    waiting = _pairs(session, select(Interaction.queue_id, func.count()).where(waits).group_by(Interaction.queue_id))
    return [
        {
            "id": queue.id,
            "key": queue.key,
            "name": queue.name,
            "members": members.get(queue.id, 0),
            "waiting": waiting.get(queue.id, 0),
            "service_level_s": queue.service_level_s,
            "max_wait_s": queue.max_wait_s,
            "wrap_up_s": queue.wrap_up_s,
        }
        for queue in session.scalars(select(Queue).order_by(Queue.id))
    ]


def _people(session: Session) -> list[dict[str, Any]]:
    presence = _pairs(session, select(AgentState.user_id, AgentState.presence))
    queues: dict[int, list[Queue]] = {}
    for user_id, queue in session.execute(
        select(QueueMember.user_id, Queue).join(Queue, Queue.id == QueueMember.queue_id).order_by(Queue.id)
    ):
        queues.setdefault(user_id, []).append(queue)
    return [
        {
            "id": user.id,
            "name": user.name,
            "email": user.email,
            "roles": [role.name for role in sorted(user.roles, key=lambda role: role.id)],
            "active": user.active,
            "presence": presence.get(user.id, "offline"),
            "queues": [queue.name for queue in queues.get(user.id, [])],
            "queue_ids": [queue.id for queue in queues.get(user.id, [])],
        }
        for user in session.scalars(select(User).order_by(User.active.desc(), User.name, User.id))
    ]


def _pairs(session: Session, query: Any) -> dict[Any, Any]:
    return dict(row._tuple() for row in session.execute(query))


def _settings(settings: Settings) -> list[dict[str, str]]:
    """Name, value and meaning, in the order they stand in app/config.py."""
    meanings = _meanings()
    return [
        {"name": each.name.upper(), "value": _shown(each.name, getattr(settings, each.name)), "meaning": meaning}
        for each in fields(settings)
        if (meaning := meanings.get(each.name, ""))
    ]


def _shown(name: str, value: Any) -> str:
    if name in SECRETS:
        return str(_("given") if value else _("not given"))
    if name == "database_url":
        return make_url(value).render_as_string(hide_password=True) if value else str(_("embedded"))
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)


def _meanings() -> dict[str, str]:
    """The sentence below each field of Settings, without its variable's name."""
    (body,) = [node for node in ast.parse(inspect.getsource(Settings)).body if isinstance(node, ast.ClassDef)]
    found: dict[str, str] = {}
    for field, sentence in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(sentence, ast.Expr):
            found[field.target.id] = str(ast.literal_eval(sentence.value)).partition(": ")[2]
    return found
