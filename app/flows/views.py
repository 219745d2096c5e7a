"""The flow pages and their JSON. Shapes: docs/contracts.md."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.accounts.models import User
from app.db import request_session, unit_of_work
from app.flows import drafts, publish
from app.flows.forms import (
    ConflictForm,
    DraftForm,
    LockForm,
    NewFlowForm,
    PublishForm,
    RollbackForm,
    TextForm,
    sized,
)
from app.flows.listing import listed_flows
from app.flows.new import create_flow
from app.flows.prove import checked, fault_json, tested
from app.flows.publish import NO_VERSION, House
from app.forms import Refusal, parse
from app.pages import limiter, wants_json
from app.words import N_
from ivr_flows.faults import FlowError
from ivr_flows.schema import flow_json_schema

UNPLAYABLE = N_("This cannot be played yet: mend what is listed.")

bp = Blueprint("flows", __name__, url_prefix="/admin/flows")


def own_limit() -> str:
    return f"user:{current_user.get_id()}"


def house() -> House:
    made: House = current_app.extensions["flow_house"]
    return made


@bp.before_request
def look_at_files() -> None:
    """What stands in the files counts before anything is answered."""
    house().store.names()


def _user(session: Any) -> User:
    found: User = session.get_one(User, current_user.id)
    return found


@bp.get("")
def flows() -> ResponseReturnValue:
    """flows/list.html with `page_data` `{flows: [...]}`; a script gets that as JSON."""
    data = {"flows": listed_flows(request_session(), house())}
    return data if wants_json() else render_template("flows/list.html", page_data=data)


@bp.post("")
@limiter.limit("20/minute", key_func=own_limit)
def create() -> ResponseReturnValue:
    """A new flow as a draft: `{name, title?, text?}` in, `{name, rev}` out, 201."""
    form = parse(NewFlowForm)
    with unit_of_work() as session:
        rev = create_flow(session, house(), _user(session), form.name, form.title, sized(form.text or ""))
    return {"name": form.name, "rev": rev}, 201


@bp.get("/schema.json")
def schema() -> ResponseReturnValue:
    """JSON Schema of a flow file, for code editors."""
    return jsonify(flow_json_schema())


@bp.get("/<name>")
def editor(name: str) -> ResponseReturnValue:
    """flows/editor.html with `page_data`: the draft's state and the flow's `problem`."""
    data = _draft(name)
    return data if wants_json() else render_template("flows/editor.html", page_data=data)


@bp.get("/<name>/draft")
def draft(name: str) -> ResponseReturnValue:
    """The draft's state, or the live text that a new one starts from."""
    return _draft(name)


@bp.put("/<name>/draft")
@limiter.limit("240/minute", key_func=own_limit)
def save(name: str) -> ResponseReturnValue:
    """`{text, rev, base_version?}` in, `{rev}` out; 409 with the `draft` that stands when somebody else wrote."""
    form = parse(DraftForm)
    text = sized(form.text)
    with unit_of_work() as session:
        rev = drafts.save_draft(
            session, house().files, name, _user(session), text, form.rev, seen_live=form.base_version
        )
    return {"rev": rev}


@bp.delete("/<name>/draft")
def discard(name: str) -> ResponseReturnValue:
    """Throw the draft away: `{rev}`. POST …/draft/restore has it back."""
    with unit_of_work() as session:
        return {"rev": drafts.discard_draft(session, house().files, name, _user(session))}


@bp.post("/<name>/draft/restore")
def restore(name: str) -> ResponseReturnValue:
    """Have the draft back that was thrown away last: `{rev}`."""
    with unit_of_work() as session:
        return {"rev": drafts.restore_draft(session, house().files, name, _user(session))}


@bp.post("/<name>/lock")
@limiter.limit("120/minute", key_func=own_limit)
def lock(name: str) -> ResponseReturnValue:
    """`{take_over?}`: begin to write, or go on; `{lock}`. 409 with the `lock` of whoever writes."""
    form = parse(LockForm)
    with unit_of_work() as session:
        taken = drafts.take_lock(session, house().files, name, _user(session), take_over=form.take_over)
    return {"lock": taken}


@bp.delete("/<name>/lock")
def unlock(name: str) -> ResponseReturnValue:
    """Stop writing. 204, also when somebody else writes."""
    with unit_of_work() as session:
        drafts.release_lock(session, name, _user(session))
    return "", 204


@bp.post("/<name>/check")
@limiter.limit("240/minute", key_func=own_limit)
def check(name: str) -> ResponseReturnValue:
    """`{text?}` (the draft without it) in, `{faults, graph}` out; what is wrong is the answer, not an error."""
    return checked(house().store, name, _given_text(name))


@bp.post("/<name>/test")
@limiter.limit("60/minute", key_func=own_limit)
def test(name: str) -> ResponseReturnValue:
    """`{text?}` in; `{passed, failed, results, coverage}` out; 422 with `faults` when it cannot be played."""
    try:
        return tested(house().store, house().files, name, _given_text(name))
    except FlowError as error:
        raise unplayable(error) from error


@bp.post("/<name>/publish")
@limiter.limit("30/minute", key_func=own_limit)
def publish_(name: str) -> ResponseReturnValue:
    """`{message, rev}` in, `{version}` out; 422 with `faults` and `tests`, 409 with the `draft` that stands."""
    form = parse(PublishForm)
    return {"version": publish.publish_draft(house(), current_user.id, name, form.message, form.rev)}


@bp.post("/<name>/rollback")
@limiter.limit("30/minute", key_func=own_limit)
def rollback(name: str) -> ResponseReturnValue:
    """`{version, message}` in, `{version}` out: that version is live again."""
    form = parse(RollbackForm)
    return {"version": publish.roll_back(house(), current_user.id, name, form.version, form.message)}


@bp.post("/<name>/conflict")
@limiter.limit("30/minute", key_func=own_limit)
def settle(name: str) -> ResponseReturnValue:
    """`{take: "page" | "file", file_version}`: choose between the file and what is live; `{version}` is live then."""
    form = parse(ConflictForm)
    return {"version": publish.settle_conflict(house(), current_user.id, name, form.file_version, form.take)}


@bp.get("/<name>/versions")
def history(name: str) -> ResponseReturnValue:
    """`{versions: [...]}`, newest first."""
    return {"versions": publish.versions(request_session(), house().files, name)}


@bp.get("/<name>/versions/<version>")
def version(name: str, version: str) -> ResponseReturnValue:
    """`{version, text}`."""
    return {"version": version, "text": _text(name, version)}


def unplayable(error: FlowError) -> Refusal:
    """A text that cannot be played, with what is wrong with it."""
    faults = [fault_json(fault) for fault in error.faults]
    return Refusal(422, "unusable", UNPLAYABLE, faults=faults)


def _draft(name: str) -> dict[str, Any]:
    known = house()
    state = drafts.draft_state(request_session(), known.files, name, current_user.id)
    problem = known.store.problems().get(name)
    return state | {"problem": str(problem) if problem else None}


def _given_text(name: str) -> str:
    """The text sent, or what stands in the editor; of a flow that is known."""
    given = parse(TextForm).text
    state = drafts.draft_state(request_session(), house().files, name, current_user.id)
    return sized(str(state["text"]) if given is None else given)


def _text(name: str, which: str) -> str:
    drafts.find_flow(request_session(), house().files, name)
    text = publish.text_of(request_session(), name, which)
    if text is None:
        raise Refusal(404, "no_version", NO_VERSION)
    return text
