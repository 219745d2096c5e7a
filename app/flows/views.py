"""The flow pages and their JSON. Shapes: docs/contracts.md."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.accounts.models import User
from app.db import request_session, unit_of_work
from app.flows import drafts, publish
from app.flows.archive import known_queues
from app.flows.canary import promote, start_trial, stop, trial_report
from app.flows.forms import (
    CallForm,
    CanaryForm,
    ConflictForm,
    DiffForm,
    DraftForm,
    HearForm,
    LockForm,
    NewFlowForm,
    PeriodForm,
    PublishForm,
    RollbackForm,
    ScenarioForm,
    SimulateForm,
    TextForm,
    sized,
)
from app.flows.hear import Ear, heard
from app.flows.listing import listed_flows
from app.flows.new import create_flow
from app.flows.play import DraftCalls, as_test_call, call_with_text, simulated
from app.flows.prove import checked, fault_json, problem_in_words, tested
from app.flows.publish import NO_VERSION, House
from app.flows.replay import replay
from app.flows.traffic import period_of, traffic
from app.forms import Refusal, parse
from app.pages import limiter, wants_json
from app.words import N_, in_their_language
from ivr_flows.diff import changes, unified
from ivr_flows.faults import FlowError
from ivr_flows.includes import own_text
from ivr_flows.patterns import NODE_ID_PATTERN
from ivr_flows.schema import flow_json_schema
from ivr_flows.store import ENTRY_POINTS

UNPLAYABLE = N_("This cannot be played yet: mend what is listed.")

IS_NAME = re.compile(rf"{NODE_ID_PATTERN}\Z")

bp = Blueprint("flows", __name__, url_prefix="/admin/flows")


def own_limit() -> str:
    return f"user:{current_user.get_id()}"


def house() -> House:
    made: House = current_app.extensions["flow_house"]
    return made


@bp.before_request
def look_at_files() -> None:
    """What stands in the files counts before anything is answered. What is no flow's name is not here."""
    name = (request.view_args or {}).get("name")
    if name is not None and (not IS_NAME.match(name) or name == ENTRY_POINTS):
        raise Refusal(404, "not_found", drafts.NO_FLOW)
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
    return {"version": version, "text": own_text(_text(name, version))}


@bp.get("/<name>/diff")
def diff(name: str) -> ResponseReturnValue:
    """`?from=live&to=draft` (also `file` or a version): `{changes: [{node, how, words}], text}`."""
    form = parse(DiffForm)
    old, new = _text(name, form.from_, may_be_new=True), _text(name, form.to)
    found = [change.to_json(in_their_language) for change in changes(old, new)]
    return {"changes": found, "text": unified(old, new, form.from_, form.to)}


@bp.get("/<name>/canary")
def canary(name: str) -> ResponseReturnValue:
    """The trial that is on, or the last one, with the outcomes of both sides."""
    return trial_report(request_session(), house(), name)


@bp.post("/<name>/canary")
@limiter.limit("30/minute", key_func=own_limit)
def try_out(name: str) -> ResponseReturnValue:
    """`{percent, numbers, rev?}`: try the draft on a share of the calls, or change the share of the trial at hand."""
    form = parse(CanaryForm)
    start_trial(house(), current_user.id, name, form.rev, form.percent, form.numbers)
    return trial_report(request_session(), house(), name)


@bp.post("/<name>/canary/promote")
@limiter.limit("30/minute", key_func=own_limit)
def promote_(name: str) -> ResponseReturnValue:
    """The version on trial goes live: `{version}`."""
    return {"version": promote(house(), current_user.id, name)}


@bp.post("/<name>/canary/stop")
@limiter.limit("30/minute", key_func=own_limit)
def stop_(name: str) -> ResponseReturnValue:
    """The trial ends; the live version answers everybody."""
    stop(house(), current_user.id, name)
    return trial_report(request_session(), house(), name)


@bp.get("/<name>/traffic")
@limiter.limit("120/minute", key_func=own_limit)
def traffic_(name: str) -> ResponseReturnValue:
    """`?from=&to=&version=`: where callers went and left."""
    form = parse(PeriodForm)
    drafts.find_flow(request_session(), house().files, name)
    period = period_of(form.from_, form.to, datetime.now(UTC))
    counted = traffic(request_session(), name, period, form.version)
    return {"from": period.since.isoformat(), "to": period.until.isoformat(), "version": form.version} | counted


@bp.post("/<name>/simulate")
@limiter.limit("600/minute", key_func=own_limit)
def simulate_(name: str) -> ResponseReturnValue:
    """`{text?, given, acts}` in, the simulated call out; 422 with `faults` when the text cannot be played."""
    form = parse(SimulateForm)
    try:
        return simulated(house(), name, _text_or_draft(name, form.text), form.given, form.acts)
    except FlowError as error:
        raise unplayable(error) from error


@bp.post("/<name>/hear")
@limiter.limit("60/minute", key_func=own_limit)
def hear(name: str) -> ResponseReturnValue:
    """`{text?, given, acts, audio}`: what the caller of a simulated call says, as mu-law at 8,000 Hz in base64, at most
    15 s; `{say, confidence}` out, `say` "" when nothing was understood.
    """
    form = parse(HearForm)
    ear: Ear = current_app.extensions["caller_ear"]
    text = _text_or_draft(name, form.text)
    request_session.rollback()  # nothing is held while the recogniser listens
    try:
        return heard(ear, house(), name, text, form.given, form.acts, form.audio)
    except FlowError as error:
        raise unplayable(error) from error


@bp.post("/<name>/scenarios")
@limiter.limit("60/minute", key_func=own_limit)
def scenarios(name: str) -> ResponseReturnValue:
    """`{text?, name, given, acts}` in, `{scenario, text}` out: the text with this simulated call as one more test call,
    for the writer to save.
    """
    form = parse(ScenarioForm)
    try:
        text = _text_or_draft(name, form.text)
        return as_test_call(house(), name, text, form.name, form.given, form.acts)
    except FlowError as error:
        raise unplayable(error) from error


@bp.post("/<name>/call")
@limiter.limit("10/minute", key_func=own_limit)
def call(name: str) -> ResponseReturnValue:
    """`{to, text?}`: a telephone rings and plays what stands in the editor; 202 `{call_sid}`."""
    form = parse(CallForm)
    calls: DraftCalls = current_app.extensions["draft_calls"]
    text = _text_or_draft(name, form.text)
    request_session.rollback()  # nothing is held while the carrier is asked
    try:
        return {"call_sid": call_with_text(calls, name, text, form.to)}, 202
    except FlowError as error:
        raise unplayable(error) from error


@bp.get("/replay/<uuid:interaction>")
def replay_page(interaction: uuid.UUID) -> ResponseReturnValue:
    """flows/replay.html with `page_data`: a past call on the diagram of its own version."""
    data = replay(request_session(), interaction)
    return data if wants_json() else render_template("flows/replay.html", page_data=data)


@bp.get("/replay/<uuid:interaction>.json")
def replay_json(interaction: uuid.UUID) -> ResponseReturnValue:
    return replay(request_session(), interaction)


def unplayable(error: FlowError) -> Refusal:
    """A text that cannot be played, with what is wrong with it."""
    faults = [fault_json(fault) for fault in error.faults]
    return Refusal(422, "unusable", UNPLAYABLE, faults=faults)


def _draft(name: str) -> dict[str, Any]:
    known = house()
    state = drafts.draft_state(request_session(), known.files, name, current_user.id)
    problem = known.store.problems().get(name)
    return state | {
        "problem": problem_in_words(problem),
        "queues": sorted(known_queues() or ()),
        "flows": known.store.names(),
    }


def _given_text(name: str) -> str:
    """The text sent, or what stands in the editor; of a flow that is known."""
    return _text_or_draft(name, parse(TextForm).text)


def _text_or_draft(name: str, given: str | None) -> str:
    state = drafts.draft_state(request_session(), house().files, name, current_user.id)
    return sized(str(state["text"]) if given is None else given)


def _text(name: str, which: str, *, may_be_new: bool = False) -> str:
    flow = drafts.find_flow(request_session(), house().files, name)
    text = publish.whole_text_of(request_session(), house().files, name, which)
    if text is None and may_be_new and which == "live" and (flow is None or flow.live_version is None):
        return ""  # of a flow that was never live, everything is new
    if text is None:
        raise Refusal(404, "no_version", NO_VERSION)
    return text
