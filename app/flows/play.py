"""Playing a text without a telephone, keeping such a call as a test call, and ringing a real one with it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app import jobs
from app.accounts.models import User
from app.flows.drafts import draft_version
from app.flows.prove import surroundings
from app.flows.publish import House
from app.forms import BadInput, Refusal
from app.words import N_
from ivr_flows.engine import FlowLookup
from ivr_flows.loader import load_flow, read_flow_text
from ivr_flows.scenario_writer import scenario_of, with_scenario
from ivr_flows.schema import Flow
from ivr_flows.simulator import simulate
from ivr_flows.store import SCENARIOS_ENDING

NOT_WRITABLE = N_("The test call cannot be saved: the folder of flow files may not be written to, or it just changed.")


def simulated(house: House, name: str, text: str, given: dict[str, Any], acts: list[Any]) -> dict[str, Any]:
    """A whole call on this text, from its first ring. FlowError when the text cannot be played; BadInput for acts."""
    flow = load_flow(text, name, known=surroundings(house.store, name))
    try:
        return simulate(flow, given, acts, _flows(house, flow)).to_json()
    except ValidationError as wrong:
        raise _bad(wrong) from wrong


def save_as_scenario(
    house: House, name: str, text: str, title: str, given: dict[str, Any], acts: list[Any]
) -> dict[str, Any]:
    """Write a simulated call as a test call into <flow>.scenarios.yaml: the scenario. FlowError when it cannot be."""
    flow = load_flow(text, name, known=surroundings(house.store, name))
    try:
        scenario = scenario_of(flow, title, given, acts, _flows(house, flow))
    except ValidationError as wrong:
        raise _bad(wrong) from wrong
    beside = house.files.folder / f"{name}{SCENARIOS_ENDING}"
    before = read_flow_text(beside) if beside.exists() else None
    after = with_scenario(before or "", scenario, beside.name)
    if not house.files.replace(beside, after, before):
        raise Refusal(409, "not_writable", NOT_WRITABLE)
    return scenario


def call_with_draft(session: Session, house: House, name: str, user: User, to: str) -> str:
    """Ring `to` (E.164 or client:…) and play what stands in the editor to whoever answers: its version."""
    version = draft_version(session, house.files, name)
    jobs.enqueue(session, "voice.call_draft", flow=name, version=version, to=to, user_id=user.id)
    return version


def _flows(house: House, flow: Flow) -> FlowLookup:
    def find(name: str, version: str | None) -> Flow:
        return flow if name == flow.name else house.store.get(name, version)

    return find


def _bad(wrong: ValidationError) -> BadInput:
    first = wrong.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "acts"
    return BadInput(field, f"{field}: {first['msg']}")
