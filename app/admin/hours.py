"""Hours that queues share: weekly times, dates with times of their own, public holidays."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import available_timezones

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.admin.changes import Standing, Thing, change, fingerprint, history, refuse_the_late, register
from app.admin.pages import careful, done, me
from app.admin.queue_forms import Empty, Key, Name
from app.callbacks.models import CallbackPolicy
from app.db import request_session, unit_of_work
from app.forms import BadInput, Form, Refusal, Words, parse
from app.pages import wants_json
from app.routing.models import OpeningHours, Queue
from ivr_flows.nodes.hours import ALWAYS, DAYS
from ivr_flows.nodes.hours import OpeningHours as Rules

bp = Blueprint("opening_hours", __name__, url_prefix="/admin/hours")

MOST_EXCEPTIONS = 400
ROW = re.compile(r"exceptions-(\d{1,3})-(date|hours|name)\Z")
Line = Annotated[Words, StringConstraints(max_length=200)]
ShortLine = Annotated[Words, StringConstraints(max_length=20)]


def _times(value: Any) -> Any:
    """`9:00-12:00, 13:00-17:30` as people write it; nothing means closed."""
    if not isinstance(value, str):
        return value
    spans = [re.sub(r"\b(\d):", r"0\1:", each.strip().replace("–", "-")) for each in value.split(",") if each.strip()]
    return spans[0] if len(spans) == 1 else spans or "closed"


Times = Annotated[str | list[Line], BeforeValidator(_times)]


class ExceptionForm(Form):
    date: Line
    hours: Times = "closed"
    name: Annotated[Line | None, Empty] = None


class HoursForm(Form):
    """`{name, zone, weekly: {mon: "08:00-17:00"} or "24/7", exceptions: [{date, hours, name}], country, part}`.

    A page sends `mon`, `tue`, … and `exceptions-0-date`, … instead.
    """

    seen: Annotated[str, StringConstraints(max_length=64)] | None = None
    name: Name
    zone: Annotated[str, StringConstraints(max_length=60)]
    always: bool = False
    weekly: dict[ShortLine, Times] | ShortLine
    exceptions: Annotated[list[ExceptionForm], Field(max_length=MOST_EXCEPTIONS)] = Field(default_factory=list)
    country: Annotated[Annotated[str, StringConstraints(max_length=10)] | None, Empty] = None
    part: Annotated[Annotated[str, StringConstraints(max_length=20)] | None, Empty] = None

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, sent: Any) -> Any:
        if not isinstance(sent, dict) or "weekly" in sent:
            return sent
        rows: dict[int, dict[str, Any]] = {}
        for name, value in sent.items():
            if match := ROW.match(str(name)):
                rows.setdefault(int(match[1]), {})[match[2]] = value
        dated = [row for _, row in sorted(rows.items()) if str(row.get("date") or "").strip()]
        return sent | {"weekly": {day: sent.get(day, "") for day in DAYS}, "exceptions": dated}

    def rules(self) -> Standing:
        """As flows write hours. Raises BadInput."""
        country = {"country": self.country} | ({"part": self.part} if self.part else {}) if self.country else None
        rules = {
            "zone": self.zone,
            "weekly": ALWAYS if self.always or self.weekly == ALWAYS else self.weekly,
            "exceptions": [each.model_dump(exclude_none=True) for each in self.exceptions],
            "holidays": country,
        }
        return check_rules(rules)


class NewHoursForm(HoursForm):
    key: Key


def check_rules(rules: Standing) -> Standing:
    """The rules when the engine of flows understands them. Raises BadInput naming the part that it does not."""
    try:
        Rules.model_validate(rules)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        raise BadInput(str(first["loc"][0]) if first["loc"] else "rules", str(first["msg"])[:300]) from wrong
    return rules


def _read(session: Session, key: str) -> Standing | None:
    row = session.get(OpeningHours, key, with_for_update=True, populate_existing=True)
    return {"name": row.name, "rules": row.rules} if row else None


def _write(session: Session, key: str, standing: Standing | None, actor: str) -> None:
    row = session.get(OpeningHours, key)
    if standing is None:
        if used := _used_by(session, key):
            raise Refusal(409, "in_use", _("These queues use it: %(queues)s.", queues=", ".join(used)))
        session.delete(row)
    elif row is None:
        session.add(OpeningHours(key=key, **standing))
    else:
        row.name, row.rules = standing["name"], standing["rules"]


HOURS = register(Thing("hours.changed", _read, _write, lambda _s, _key, standing: standing["name"]))


@bp.get("")
def page() -> ResponseReturnValue:
    """admin/hours.html, or `{hours, history}` as JSON."""
    session = request_session()
    shown = {"hours": _listed(session), "history": history(session, [HOURS.kind])}
    if wants_json():
        return jsonify(shown)
    return render_template("admin/hours.html", **shown, days=DAYS, zones=sorted(available_timezones()))


@bp.post("")
@careful("opening_hours.page")
def add() -> ResponseReturnValue:
    """`{key}` and the fields of HoursForm. 400 by field."""
    form = parse(NewHoursForm)
    with unit_of_work() as session:
        if session.get(OpeningHours, form.key) is not None:
            raise BadInput("key", _("There are hours with this name for flows already."))
        change(session, HOURS, form.key, {"name": form.name, "rules": form.rules()}, actor=me())
    return done("opening_hours.page", 201)


@bp.post("/<key>")
@careful("opening_hours.page")
def edit(key: str) -> ResponseReturnValue:
    """The fields of HoursForm. 409 when somebody changed them since `seen`."""
    form = parse(HoursForm)
    with unit_of_work() as session:
        before = _known(session, key)
        refuse_the_late(before, form.seen)
        change(session, HOURS, key, {"name": form.name, "rules": form.rules()}, actor=me())
    return done("opening_hours.page")


@bp.post("/<key>/remove")
@careful("opening_hours.page")
def remove(key: str) -> ResponseReturnValue:
    """409 while a queue uses them."""
    with unit_of_work() as session:
        _known(session, key)
        change(session, HOURS, key, None, actor=me())
    return done("opening_hours.page")


def _known(session: Session, key: str) -> Standing:
    standing = _read(session, key) if len(key) <= 60 and "\x00" not in key else None
    if standing is None:
        raise LookupError("There are no such hours.")
    return standing


def _used_by(session: Session, key: str) -> list[str]:
    calls_back = CallbackPolicy.rules["hours"]["use"].astext == key
    uses = or_(Queue.hours["use"].astext == key, Queue.id.in_(select(CallbackPolicy.queue_id).where(calls_back)))
    return list(session.scalars(select(Queue.name).where(uses).order_by(Queue.name)))


def _listed(session: Session) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "key": row.key,
            "name": row.name,
            "rules": row.rules,
            "week": _week(row.rules),
            "is_open": Rules.model_validate(row.rules).at(now)[0],
            "used_by": _used_by(session, row.key),
            "seen": fingerprint({"name": row.name, "rules": row.rules}),
        }
        for row in session.scalars(select(OpeningHours).order_by(OpeningHours.name, OpeningHours.key))
    ]


def _week(rules: Standing) -> dict[str, str]:
    """The weekly times by day, as the form's fields show them."""
    weekly = Rules.model_validate(rules).weekly
    return {day: ", ".join(_clock(*span) for span in spans) for day, spans in weekly.items()}


def _clock(start: int, end: int) -> str:
    return f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"
