"""Playing a text without a telephone, keeping such a call as a test call, and ringing a real one with it."""

from __future__ import annotations

from typing import Any, Protocol

import structlog
from pydantic import ValidationError

from app.flows.prove import surroundings
from app.flows.publish import House
from app.forms import BadInput, Refusal
from app.words import N_
from ivr_flows.engine import FlowLookup
from ivr_flows.faults import FlowError
from ivr_flows.loader import load_flow, read_flow_text
from ivr_flows.scenario_writer import scenario_of, with_scenario
from ivr_flows.schema import Flow
from ivr_flows.simulator import simulate
from ivr_flows.store import SCENARIOS_ENDING

log = structlog.get_logger()

CARRIER_AWAY = N_("The carrier does not answer. Try again in a moment.")
NOT_WRITABLE = N_("The test call cannot be saved: the folder of flow files may not be written to, or it just changed.")


def simulated(house: House, name: str, text: str, given: dict[str, Any], acts: list[Any]) -> dict[str, Any]:
    """A whole call on this text, from its first ring. FlowError when the text cannot be played; BadInput for acts."""
    flow = load_flow(house.store.whole(text), name, known=surroundings(house.store, name))
    try:
        return simulate(flow, given, acts, _flows(house, flow)).to_json()
    except ValidationError as wrong:
        raise _bad(wrong) from wrong


def save_as_scenario(
    house: House, name: str, text: str, title: str, given: dict[str, Any], acts: list[Any]
) -> dict[str, Any]:
    """Write a simulated call as a test call into <flow>.scenarios.yaml: the scenario. FlowError when it cannot be."""
    flow = load_flow(house.store.whole(text), name, known=surroundings(house.store, name))
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


class DraftCalls(Protocol):
    """Rings a telephone with a text of a flow. Injected as `app.extensions["draft_calls"]`."""

    def __call__(self, to: str, flow: str, text: str) -> str:
        """The call's id. FlowError for a text that cannot run, ValueError (in words) for an address that may not be
        rung; whatever else it raises means that the carrier did not take the call.
        """


def call_with_text(calls: DraftCalls, name: str, text: str, to: str) -> str:
    """Ring `to` (E.164 or client:…) and play this text to whoever answers: the call's id.

    FlowError for a text that cannot run; Refusal 409 for an address that may not be rung, 503 when the carrier is away.
    """
    try:
        return calls(to, name, text)
    except FlowError:
        raise
    except ValueError as refused:
        raise Refusal(409, "not_to_be_rung", str(refused)) from refused
    except Exception as away:
        log.warning("flows.draft_call_failed", why=type(away).__name__)
        raise Refusal(503, "carrier_away", CARRIER_AWAY) from away


def _flows(house: House, flow: Flow) -> FlowLookup:
    def find(name: str, version: str | None) -> Flow:
        return flow if name == flow.name else house.store.get(name, version)

    return find


def _bad(wrong: ValidationError) -> BadInput:
    first = wrong.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "acts"
    return BadInput(field, f"{field}: {first['msg']}")
