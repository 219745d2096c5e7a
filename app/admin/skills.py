"""Skills, and how well each agent has them."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from pydantic import Field, StringConstraints, model_validator
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.admin import changes
from app.admin.changes import Standing, Thing, change, history, register
from app.admin.pages import careful, done, me
from app.admin.queue_forms import MOST_ID, Key, Name
from app.db import request_session, unit_of_work
from app.forms import BadInput, Form, Refusal, Words, parse
from app.pages import wants_json
from app.routing.models import AgentSkill, Skill

bp = Blueprint("skills", __name__, url_prefix="/admin/skills")

PAGE = 50
BEST = 5


class SkillForm(Form):
    name: Name


class NewSkillForm(SkillForm):
    key: Key


class LevelsForm(Form):
    """`{levels: {skill id: 0 to 5}}`, or form fields `level-<id>`; 0 takes the skill away."""

    levels: dict[Annotated[int, Field(ge=1, le=MOST_ID)], Annotated[int, Field(ge=0, le=BEST)]]

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, sent: Any) -> Any:
        if not isinstance(sent, dict) or "levels" in sent:
            return sent
        return {"levels": {name.removeprefix("level-"): sent[name] for name in sent if name.startswith("level-")}}


class FindForm(Form):
    q: Annotated[Words, StringConstraints(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=10_000)] = 1


def _read_skill(session: Session, key: str) -> Standing | None:
    skill = session.get(Skill, int(key), with_for_update={"key_share": True}, populate_existing=True)
    return {"key": skill.key, "name": skill.name} if skill else None


def _write_skill(session: Session, key: str, standing: Standing | None, actor: str) -> None:
    skill = session.get(Skill, int(key))
    if standing is None:
        if session.scalars(select(AgentSkill.user_id).where(AgentSkill.skill_id == int(key)).limit(1)).first():
            raise Refusal(409, "in_use", _("Agents have this skill. Take it from them first."))
        session.delete(skill)
    elif skill is None:
        session.add(Skill(id=int(key), **standing))
    else:
        skill.key, skill.name = standing["key"], standing["name"]


def _read_level(session: Session, key: str) -> Standing | None:
    held = session.get(AgentSkill, _pair(key), with_for_update=True, populate_existing=True)
    return {"level": held.level} if held else None


def _write_level(session: Session, key: str, standing: Standing | None, actor: str) -> None:
    user_id, skill_id = _pair(key)
    if session.get(User, user_id) is None or session.get(Skill, skill_id) is None:
        raise LookupError("The person or the skill is gone.")
    held = session.get(AgentSkill, (user_id, skill_id))
    if held is None and standing is not None:
        session.add(AgentSkill(user_id=user_id, skill_id=skill_id, level=standing["level"]))
    elif held is not None and standing is None:
        session.delete(held)
    elif held is not None and standing is not None:
        held.level = standing["level"]


def _level_label(session: Session, key: str, _standing: Standing) -> str:
    user_id, skill_id = _pair(key)
    user, skill = session.get(User, user_id), session.get(Skill, skill_id)
    return f"{user.name if user else key}: {skill.name if skill else key}"


def _pair(key: str) -> tuple[int, int]:
    user_id, _colon, skill_id = key.partition(":")
    return int(user_id), int(skill_id)


SKILL = register(Thing("skill.changed", _read_skill, _write_skill, lambda _s, _key, standing: standing["name"]))
LEVEL = register(Thing("agent_skill.changed", _read_level, _write_level, _level_label, moves_work=True))


@bp.get("")
def page() -> ResponseReturnValue:
    """admin/skills.html, or `{skills, agents, pages, history}` as JSON. `?q=` finds agents by name, `?page=` turns."""
    asked = parse(FindForm)
    session = request_session()
    agents, pages = _agents(session, asked)
    shown = {"skills": _skills(session), "agents": agents, "pages": pages, "q": asked.q, "page": asked.page}
    shown["history"] = history(session, [SKILL.kind, LEVEL.kind])
    return jsonify(shown) if wants_json() else render_template("admin/skills.html", **shown)


@bp.post("")
@careful("skills.page")
def add() -> ResponseReturnValue:
    """`{key, name}`: one more skill. 400 for a key that is taken."""
    form = parse(NewSkillForm)
    with unit_of_work() as session:
        if session.scalars(select(Skill).where(Skill.key == form.key)).first():
            raise BadInput("key", _("There is a skill with this name for flows already."))
        skill = Skill(key=form.key, name=form.name)
        session.add(skill)
        session.flush()
        changes.tell(session, SKILL, str(skill.id), None, actor=me())
    return done("skills.page", 201)


@bp.post("/<int:skill_id>")
@careful("skills.page")
def rename(skill_id: int) -> ResponseReturnValue:
    """`{name}`."""
    form = parse(SkillForm)
    key = str(min(skill_id, MOST_ID))
    with unit_of_work() as session:
        before = SKILL.read(session, key)
        if before is None:
            raise LookupError("There is no such skill.")
        change(session, SKILL, key, before | {"name": form.name}, actor=me())
    return done("skills.page")


@bp.post("/<int:skill_id>/remove")
@careful("skills.page")
def remove(skill_id: int) -> ResponseReturnValue:
    """409 while an agent has it."""
    with unit_of_work() as session:
        change(session, SKILL, str(min(skill_id, MOST_ID)), None, actor=me())
    return done("skills.page")


@bp.get("/agents/<int:user_id>")
@careful("skills.page")
def agent(user_id: int) -> ResponseReturnValue:
    """admin/agent_skills.html, or `{agent, skills: [{id, key, name, level}]}` as JSON."""
    session = request_session()
    user = _user(session, user_id)
    levels = _levels(session, [user.id]).get(user.id, {})
    shown = {
        "agent": {"id": user.id, "name": user.name},
        "skills": [each | {"level": levels.get(each["id"], 0)} for each in _skills(session)],
    }
    return jsonify(shown) if wants_json() else render_template("admin/agent_skills.html", **shown)


@bp.post("/agents/<int:user_id>")
@careful("skills.page")
def give(user_id: int) -> ResponseReturnValue:
    """How well this agent has each of the skills sent (LevelsForm); the others stay."""
    form = parse(LevelsForm)
    with unit_of_work() as session:
        user = _user(session, user_id)
        for skill_id, level in sorted(form.levels.items()):
            key, after = f"{user.id}:{skill_id}", {"level": level} if level else None
            if LEVEL.read(session, key) != after:
                change(session, LEVEL, key, after, actor=me())
    return done("skills.page")


def _user(session: Session, user_id: int) -> User:
    user = session.get(User, min(user_id, MOST_ID))
    if user is None:
        raise LookupError("There is no such person.")
    return user


def _skills(session: Session) -> list[dict[str, Any]]:
    held = select(AgentSkill.skill_id, func.count().label("agents")).group_by(AgentSkill.skill_id).subquery()
    rows = session.execute(
        select(Skill.id, Skill.key, Skill.name, func.coalesce(held.c.agents, 0).label("agents"))
        .join(held, held.c.skill_id == Skill.id, isouter=True)
        .order_by(Skill.name, Skill.id)
    )
    return [dict(row._mapping) for row in rows]


def _agents(session: Session, asked: FindForm) -> tuple[list[dict[str, Any]], int]:
    """One page of agents with what they can, and how many pages there are."""
    found = select(User.id, User.name).where(User.active)
    if asked.q:
        found = found.where(User.name.icontains(asked.q, autoescape=True))
    pages = -(-(session.execute(select(func.count()).select_from(found.subquery())).scalar() or 0) // PAGE)
    rows = session.execute(found.order_by(User.name, User.id).limit(PAGE).offset((asked.page - 1) * PAGE)).all()
    levels = _levels(session, [row.id for row in rows])
    names = {each["id"]: each["name"] for each in _skills(session)}
    return [
        {
            "id": row.id,
            "name": row.name,
            "skills": [{"name": names[id_], "level": level} for id_, level in levels.get(row.id, {}).items()],
        }
        for row in rows
    ], max(1, pages)


def _levels(session: Session, user_ids: list[int]) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = {}
    rows = session.execute(
        select(AgentSkill.user_id, AgentSkill.skill_id, AgentSkill.level)
        .join(Skill, Skill.id == AgentSkill.skill_id)
        .where(AgentSkill.user_id.in_(user_ids))
        .order_by(Skill.name)
    )
    for user_id, skill_id, level in rows:
        found.setdefault(user_id, {})[skill_id] = level
    return found
