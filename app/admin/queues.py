"""Queues and who serves them: added, changed, removed, taken back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.admin import changes
from app.admin.changes import Standing, Thing, change, fingerprint, history, refuse_the_late, register
from app.admin.pages import careful, done, me, people
from app.admin.queue_forms import MOST_ID, MemberForm, NewQueueForm, QueueForm, bounds
from app.db import request_session, unit_of_work
from app.forms import BadInput, Refusal, parse
from app.interactions.models import Interaction, Segment
from app.pages import wants_json
from app.routing.members import set_member
from app.routing.models import AtClose, Method, Offer, OpeningHours, Queue, QueueMember, Skill, SkillRule, WrapUpMode

bp = Blueprint("queues", __name__, url_prefix="/admin/queues")

SETTINGS = (
    "name",
    "active",
    "method",
    "skill_rule",
    "ring_s",
    "ring_group_n",
    "retry_cooldown_s",
    "rest_s",
    "sticky_s",
    "sticky_days",
    "voice_reserve_s",
    "weight",
    "value_rules",
    "rings",
    "max_wait_s",
    "max_length",
    "overflow",
    "hours",
    "at_close",
    "zone",
    "tell_position",
    "tell_position_to",
    "tell_wait",
    "tell_every_s",
    "wrap_up_mode",
    "wrap_up_s",
    "park_s",
    "service_level_s",
    "service_level_target",
    "short_abandon_s",
    "default_aht_s",
    "alerts",
)


# -- what there is to change


def _read_queue(session: Session, key: str) -> Standing | None:
    queue = session.get(Queue, int(key), with_for_update={"key_share": True}, populate_existing=True)
    return {"key": queue.key} | {name: getattr(queue, name) for name in SETTINGS} if queue else None


def _write_queue(session: Session, key: str, standing: Standing | None, actor: str) -> None:
    queue = session.get(Queue, int(key))
    if standing is None:
        _remove(session, queue)
    elif queue is None:
        session.add(Queue(id=int(key), **standing))
    else:
        for name, value in standing.items():
            setattr(queue, name, value)


def _remove(session: Session, queue: Queue | None) -> None:
    """Only a queue that nothing speaks of: what happened in a queue stays with its name."""
    if queue is None:
        return
    speaks_of_it = [exists().where(table.queue_id == queue.id) for table in (Interaction, Segment, Offer, QueueMember)]
    if any(session.execute(select(*speaks_of_it)).one()):
        raise Refusal(409, "in_use", _("It has people or a past. Switch it off instead: it then takes nobody in."))
    session.delete(queue)


def _read_member(session: Session, key: str) -> Standing | None:
    member = session.get(QueueMember, _pair(key), with_for_update=True, populate_existing=True)
    return {"level": member.level, "delay_s": member.delay_s} if member else None


def _write_member(session: Session, key: str, standing: Standing | None, actor: str) -> None:
    queue_id, user_id = _pair(key)
    queue, user = session.get(Queue, queue_id), session.get(User, user_id)
    if queue is None or user is None:
        raise LookupError("The queue or the person is gone.")
    set_member(session, queue, user, standing is not None, actor=actor)
    if standing is not None:
        member = session.get_one(QueueMember, (queue_id, user_id), populate_existing=True)
        member.level, member.delay_s = standing["level"], standing["delay_s"]


def _member_label(session: Session, key: str, _standing: Standing) -> str:
    queue_id, user_id = _pair(key)
    queue, user = session.get(Queue, queue_id), session.get(User, user_id)
    return f"{queue.name if queue else key}: {user.name if user else key}"


def _pair(key: str) -> tuple[int, int]:
    queue_id, _colon, user_id = key.partition(":")
    return int(queue_id), int(user_id)


def _queue_label(_session: Session, _key: str, standing: Standing) -> str:
    return str(standing["name"])


QUEUE = register(Thing("queue.changed", _read_queue, _write_queue, _queue_label, moves_work=True))
MEMBER = register(Thing("member.changed", _read_member, _write_member, _member_label))


# -- the pages


@bp.get("")
def page() -> ResponseReturnValue:
    """admin/queues.html, or `{queues, history}` as JSON."""
    session = request_session()
    shown = {"queues": _listed(session), "history": history(session, [QUEUE.kind, MEMBER.kind])}
    return jsonify(shown) if wants_json() else render_template("admin/queues.html", **shown)


@bp.post("")
@careful("queues.page")
def add() -> ResponseReturnValue:
    """`{key, name}`: a queue with the usual settings. 400 by field, 409 for a key that is taken."""
    form = parse(NewQueueForm)
    with unit_of_work() as session:
        if session.scalars(select(Queue).where(Queue.key == form.key)).first():
            raise BadInput("key", _("There is a queue with this name for flows already."))
        queue = Queue(key=form.key, name=form.name)
        session.add(queue)
        session.flush()
        changes.tell(session, QUEUE, str(queue.id), None, actor=me())
        queue_id = queue.id
    return done("queues.one", 201, queue_id=queue_id)


@bp.get("/<int:queue_id>")
@careful("queues.page")
def one(queue_id: int) -> ResponseReturnValue:
    """admin/queue.html, or `{queue, members, history}` as JSON."""
    session = request_session()
    standing = _standing(session, queue_id)
    shown = {
        "queue": standing | {"id": queue_id, "seen": fingerprint(standing)},
        "members": _members(session, queue_id),
        "history": history(session, [QUEUE.kind, MEMBER.kind], key=str(queue_id)),
    }
    if wants_json():
        return jsonify(shown)
    return render_template("admin/queue.html", **shown, **_choices(session, queue_id), bounds=bounds(QueueForm))


@bp.post("/<int:queue_id>")
@careful("queues.page")
def edit(queue_id: int) -> ResponseReturnValue:
    """All settings (QueueForm). 400 by field, 409 when somebody changed the queue since `seen`."""
    form = parse(QueueForm)
    with unit_of_work() as session:
        before = _standing(session, queue_id)
        refuse_the_late(before, form.seen)
        change(session, QUEUE, str(queue_id), _settings(session, form, before), actor=me())
    return done("queues.one", queue_id=queue_id)


@bp.post("/<int:queue_id>/remove")
@careful("queues.page")
def remove(queue_id: int) -> ResponseReturnValue:
    """409 when it has people or a past."""
    with unit_of_work() as session:
        change(session, QUEUE, str(min(queue_id, MOST_ID)), None, actor=me())
    return done("queues.page")


@bp.post("/<int:queue_id>/people")
@careful("queues.page")
def put(queue_id: int) -> ResponseReturnValue:
    """`{user_id, level, delay_s}`: into the queue, or changed in it."""
    form = parse(MemberForm)
    with unit_of_work() as session:
        key = f"{min(queue_id, MOST_ID)}:{form.user_id}"
        change(session, MEMBER, key, {"level": form.level, "delay_s": form.delay_s}, actor=me())
    return done("queues.one", queue_id=queue_id)


@bp.post("/<int:queue_id>/people/<int:user_id>/remove")
@careful("queues.page")
def take_out(queue_id: int, user_id: int) -> ResponseReturnValue:
    """A call that rings for them rings on."""
    with unit_of_work() as session:
        change(session, MEMBER, f"{min(queue_id, MOST_ID)}:{min(user_id, MOST_ID)}", None, actor=me())
    return done("queues.one", queue_id=queue_id)


def _standing(session: Session, queue_id: int) -> Standing:
    standing = QUEUE.read(session, str(min(queue_id, MOST_ID)))
    if standing is None:
        raise LookupError("There is no such queue.")
    return standing


def _settings(session: Session, form: QueueForm, before: Standing) -> Standing:
    """The form as it is kept."""
    _refuse_unknown_targets(session, form.overflow)
    sent = form.model_dump(mode="json", exclude={"seen", "hours", "alerts"})
    limits = {name.removeprefix("alert_"): sent.pop(name) for name in list(sent) if name.startswith("alert_")}
    return (
        before
        | sent
        | {
            "hours": _hours(session, form.hours, before),
            "alerts": {name: limit for name, limit in limits.items() if limit is not None},
        }
    )


def _hours(session: Session, key: str | None, before: Standing) -> dict[str, Any] | None:
    if key is None:
        return None
    if key == "own" and before["hours"] and "use" not in before["hours"]:
        own: dict[str, Any] = before["hours"]
        return own
    if session.get(OpeningHours, key) is None:
        raise BadInput("hours", _("There are no such hours any more: choose some of the list."))
    return {"use": key}


def _refuse_unknown_targets(session: Session, steps: list[dict[str, Any]]) -> None:
    known = set(session.scalars(select(Queue.key)))
    for step in steps:
        if step["action"] == "queue" and step["target"] not in known:
            raise BadInput("overflow", _("There is no queue %(key)s.", key=str(step["target"])[:60]))


def _listed(session: Session) -> list[dict[str, Any]]:
    counts = select(QueueMember.queue_id, func.count()).group_by(QueueMember.queue_id)
    members = dict(session.execute(counts).tuples().all())
    return [
        {
            "id": queue.id,
            "key": queue.key,
            "name": queue.name,
            "active": queue.active,
            "method": queue.method,
            "members": members.get(queue.id, 0),
            "hours": (queue.hours or {}).get("use") or ("own" if queue.hours else None),
            "service_level_s": queue.service_level_s,
            "service_level_target": queue.service_level_target,
            "max_wait_s": queue.max_wait_s,
            "alerts": len(queue.alerts),
        }
        for queue in session.scalars(select(Queue).order_by(Queue.name, Queue.id))
    ]


def _members(session: Session, queue_id: int) -> list[dict[str, Any]]:
    rows = session.execute(
        select(User.id, User.name, User.active, QueueMember.level, QueueMember.delay_s)
        .join(QueueMember, QueueMember.user_id == User.id)
        .where(QueueMember.queue_id == queue_id)
        .order_by(QueueMember.level, User.name, User.id)
    )
    return [dict(row._mapping) for row in rows]


def _choices(session: Session, queue_id: int) -> dict[str, Any]:
    """What the page's lists offer."""
    return {
        "people": people(session),
        "hours": session.execute(select(OpeningHours.key, OpeningHours.name).order_by(OpeningHours.name)).all(),
        "skills": session.execute(select(Skill.key, Skill.name).order_by(Skill.name)).all(),
        "others": session.execute(select(Queue.key, Queue.name).where(Queue.id != queue_id).order_by(Queue.name)).all(),
        "methods": list(Method),
        "skill_rules": list(SkillRule),
        "at_closes": list(AtClose),
        "wrap_up_modes": list(WrapUpMode),
    }
