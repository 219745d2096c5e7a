"""Playing a text without a telephone, keeping such a call as a test call, and ringing a real one with it."""

from __future__ import annotations

from typing import Any, Protocol

import structlog
from pydantic import ValidationError

from app.flows.prove import surroundings
from app.flows.publish import House
from app.forms import BadInput, Refusal
from app.words import N_, flow_words
from ivr_flows.beside import complete
from ivr_flows.engine import FlowLookup
from ivr_flows.faults import FlowError
from ivr_flows.loader import load_flow
from ivr_flows.scenario_writer import scenario_of, with_scenario
from ivr_flows.schema import Flow
from ivr_flows.simulator import simulate

log = structlog.get_logger()

CARRIER_AWAY = N_("The carrier does not answer. Try again in a moment.")


def simulated(house: House, name: str, text: str, given: dict[str, Any], acts: list[Any]) -> dict[str, Any]:
    """A whole call on this text, from its first ring. FlowError when the text cannot be played; BadInput for acts."""
    flow = flow_to_play(house, name, text)
    try:
        return simulate(flow, given, acts, others(house, flow)).to_json()
    except ValidationError as wrong:
        raise bad_act(wrong) from wrong


def flow_to_play(house: House, name: str, text: str) -> Flow:
    """The flow that this text is. FlowError when it cannot be played."""
    return load_flow(house.store.whole(text), name, known=surroundings(house.store, name))


def as_test_call(
    house: House, name: str, text: str, title: str, given: dict[str, Any], acts: list[Any]
) -> dict[str, Any]:
    """A simulated call as a test call: `{scenario, text}`, the flow's text with it. Whoever writes keeps that text as
    the draft, so that test calls are published and taken back with what they test. FlowError when it cannot be.
    """
    flow = flow_to_play(house, name, text)
    try:
        scenario = scenario_of(flow, title, given, acts, others(house, flow))
    except ValidationError as wrong:
        raise bad_act(wrong) from wrong
    whole = complete(text, house.files.path(name))
    return {"scenario": scenario, "text": with_scenario(whole, scenario, house.files.path(name).name)}


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


def others(house: House, flow: Flow) -> FlowLookup:
    """How a simulated call finds the flows that it goes on in; the flow at hand is found as it stands."""

    def find(name: str, version: str | None) -> Flow:
        return flow if name == flow.name else house.store.get(name, version)

    return find


def bad_act(wrong: ValidationError) -> BadInput:
    """What is wrong with the surroundings or the acts of a simulated call."""
    first = wrong.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "acts"
    return BadInput(field, f"{field}: {flow_words(first.get('ctx', {}).get('said') or first['msg'])}")
