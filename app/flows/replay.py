"""A past call on the diagram of its own version: where it was, what was heard, pressed and said, and when."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.customers.models import Customer
from app.events import Event
from app.flows.archive import kept_text
from app.forms import Refusal
from app.interactions.models import Interaction
from app.interactions.recordings import recordings_of
from app.words import N_
from ivr_flows.graph import graph_of
from ivr_flows.includes import own_text

NO_CALL = N_("No such call came through a flow.")
GIVEN = {
    "key_pressed": "key",
    "words_understood": "heard",
    "not_understood": "given",
    "collected": "value",
    "survey_answered": "answer",
}
"""Facts that are a caller's answer, and the field that holds what was pressed or said."""
WORDLESS = frozenset(
    {
        *("timed_out", "person_asked", "survey_skipped", "caller_left"),
        *("verification_passed", "verification_failed", "verification_locked"),
    }
)
"""Facts that tell of an answer without its words."""

Json = dict[str, Any]


def replay(session: Session, interaction_id: uuid.UUID) -> Json:
    """A call's whole way: shape in docs/contracts.md. Refusal 404 for one that was in no flow."""
    interaction = session.get(Interaction, interaction_id)
    told = list(session.scalars(_told(interaction_id)))
    if interaction is None or not told:
        raise Refusal(404, "not_found", NO_CALL)
    visits = _visits(told)
    customer = session.get_one(Customer, interaction.customer_id)
    recordings = _recordings(session, interaction_id)
    first = visits[0] if visits else {"flow": told[0].data.get("flow", ""), "version": told[0].data.get("version", "")}
    return {
        "interaction_id": str(interaction_id),
        "flow": first["flow"],
        "version": first["version"],
        "graph": _graph(session, first["flow"], first["version"]),
        "flows": _other_graphs(session, visits, first),
        "steps": visits,
        "state": interaction.state,
        "recording": recordings[0] if recordings else None,
        "recording_id": recordings[0]["id"] if recordings else None,
        "recordings": recordings,
        "customer": {"id": str(customer.id), "name": customer.name},
        "remote": interaction.remote_address,
        "called_at": interaction.created_at.isoformat(),
        "ended_at": interaction.ended_at.isoformat() if interaction.ended_at else None,
    }


def _told(interaction_id: uuid.UUID) -> Any:
    kinds = ("flow.entered", "flow.step")
    return select(Event).where(Event.interaction_id == interaction_id, Event.kind.in_(kinds)).order_by(Event.id)


def _visits(told: Iterable[Event]) -> list[Json]:
    """One entry for each time the call stood at a node and was told something there.

    What the caller then did is its `input`; asked again at the same node, the call stands there once more.
    """
    visits: list[Json] = []
    flow = version = ""
    for event in told:
        data = event.data
        if event.kind == "flow.entered":
            flow, version = data["flow"], data["version"]
            continue
        flow, version = data.get("flow", flow), data.get("version", version)
        if data["kind"] == "node_entered":
            visits.append(_visit(event, flow, version, data.get("about", {})))
        elif visits:
            _add(visits, event)
        if visits and data.get("said"):
            _hear(visits, event, flow, version)
    return visits


def _visit(event: Event, flow: str, version: str, about: Json) -> Json:
    node, came_from = event.data.get("node", ""), about.get("came_from")
    return {
        "at": event.at.isoformat(),
        "flow": flow,
        "version": version,
        "node": node,
        "edge": [came_from, node] if came_from else None,
        "way": about.get("way") or None,
        "heard": [],
        "input": None,
        "confidence": None,
        "answered_at": None,
        "facts": [],
    }


def _add(visits: list[Json], event: Event) -> None:
    """What happened at the node where the call stands."""
    data, here = event.data, visits[-1]
    kind, about = data["kind"], data.get("about", {})
    if kind in GIVEN:
        here["input"] = about.get(GIVEN[kind], data["text"])
        here["confidence"] = about.get("confidence")
        here["answered_at"] = event.at.isoformat()
    elif kind in WORDLESS:
        here["input"] = here["input"] or data["text"]
        here["answered_at"] = event.at.isoformat()
    here["facts"].append(data["text"])


def _hear(visits: list[Json], event: Event, flow: str, version: str) -> None:
    """What the caller heard at the end of a step belongs to the node where the call stands then."""
    here = visits[-1]
    if here["answered_at"] is not None and event.data["kind"] != "node_entered":  # asked again
        again = _visit(event, flow, version, {}) | {"node": here["node"]}
        visits.append(again)
        here = again
    here["heard"] = [*here["heard"], *event.data["said"]]


def _graph(session: Session, flow: str, version: str) -> Json:
    return graph_of(own_text(kept_text(session, flow, version) or ""), flow)


def _other_graphs(session: Session, visits: Iterable[Json], first: Json) -> list[Json]:
    """The diagrams of the flows that the call went on in."""
    been = dict.fromkeys((visit["flow"], visit["version"]) for visit in visits)
    others = [pair for pair in been if pair != (first["flow"], first["version"])]
    return [{"flow": flow, "version": version, "graph": _graph(session, flow, version)} for flow, version in others]


def _recordings(session: Session, interaction_id: uuid.UUID) -> list[Json]:
    """The call's recordings, the longest first: that is the conversation, others are messages."""
    found = recordings_of(session, [interaction_id])[interaction_id]
    return sorted(found, key=lambda one: one["duration_s"] or 0, reverse=True)
