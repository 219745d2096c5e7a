"""What a waiting caller hears where the queue names a small flow of its own for it.

The small flow has an engine's state beside the caller's place. Each round of the queue's loop is one step of it: what
it says, or one question; then the round's own address comes back with the answer. The wait itself stays ours: whether
an agent rings, and when the limit is reached, is looked at before every round. Nobody is told a later place or a longer
wait than before: the small flow is shown none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.callbacks.offer import is_offered
from app.interactions.models import Interaction
from app.routing.wait import Waiting
from ivr_flows import engine
from ivr_flows.events import CallEvent
from ivr_flows.facts import CallerLeft, Fact, FlowEnded, NodeEntered
from ivr_flows.faults import FlowError
from ivr_flows.instructions import ONCE, EnterQueue, RequestCallback
from ivr_flows.state import State
from ivr_flows.wait_flow import MOST_REFUSALS, goes_round, reason_to_leave, refusal
from telephony import callback_times, steps
from telephony.flows import flows_for_call
from telephony.models import FlowSession
from telephony.place import Place
from telephony.room import Room

log = structlog.get_logger()

QUIET = (NodeEntered, FlowEnded, CallerLeft)
"""Facts of every round that would drown the timeline."""
TELLABLE = ("position", "low_min", "high_min")


def next_round(
    session: Session, room: Room, place: Place, here: Waiting, interaction: Interaction, answer: Answer
) -> str | None:
    """The next round's document; None when the small flow cannot be used and the house's own loop plays.

    The place must be locked. Raises nothing that a broken flow could cause.
    """
    entering = place.enters_queue
    if entering is None or place.flow is None:
        return None
    try:
        may_tell = _never_worse(here, _told(session, place))
        names = _queue_names(place, may_tell, interaction) | {"callback": is_offered(session, interaction, here)}
        step = _step(session, room, place, entering, names, answer)
        return _performed(session, room, place, entering, step, may_tell)
    except FlowError as error:
        log.error("wait_flow.unusable", flow=entering.wait_flow, why=str(error)[:300])
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from a round: the step that it answers (None: the caller only just came), and the event."""

    step: int | None
    event: CallEvent


def _step(
    session: Session, room: Room, place: Place, entering: EnterQueue, queue: Mapping[str, Any], answer: Answer
) -> engine.Step:
    flows = flows_for_call(session, room.flows, place.flow.call.caller if place.flow else "", place.call_sid)
    state = _kept(session, place)
    if state is None or (answer.step == state.step and goes_round(state)):
        return _begun(place, entering, queue, flows, 0 if state is None else state.step)
    if answer.step != state.step:  # asked again, or back from an agent who did not come
        return engine.repeat(state)
    state = replace(state, call=replace(state.call, queue=queue))
    flow = flows(state.flow, state.version)
    state = callback_times.without_full_times(session, flow, state, place.now)
    step = engine.resume(flow, state, answer.event, now=place.now, flows=flows)
    return _refused(step, place, flows)


def _begun(
    place: Place, entering: EnterQueue, queue: Mapping[str, Any], flows: engine.FlowLookup, after: int
) -> engine.Step:
    """The small flow from its start; its steps go on counting, so that every round has an address of its own."""
    assert place.flow is not None
    call = replace(place.flow.call, now=place.now, language=place.flow.language, queue=queue)
    step = engine.start(flows(entering.wait_flow, None), call, flows=flows)
    return _refused(replace(step, state=replace(step.state, step=after + 1)), place, flows)


def _refused(step: engine.Step, place: Place, flows: engine.FlowLookup) -> engine.Step:
    """What cannot be done in a line is told to the flow as not to be had, so that it goes on."""
    for _ in range(MOST_REFUSALS):
        event = refusal(step.state)
        if event is None:
            break
        state = step.state
        after = engine.resume(flows(state.flow, state.version), state, event, now=place.now, flows=flows)
        step = engine.Step((*step.instructions[:-1], *after.instructions), after.state, (*step.facts, *after.facts))
    return step


def _performed(
    session: Session, room: Room, place: Place, entering: EnterQueue, step: engine.Step, may_tell: Waiting
) -> str | None:
    is_repeat = (kept := _kept(session, place)) is not None and kept.step == step.state.step
    if is_repeat:
        return _rendered(room, place, step)
    _tell(session, place, step.facts)
    done_once = [(number, one) for number, one in enumerate(step.instructions) if isinstance(one, ONCE)]
    for number, one in done_once:
        if not isinstance(one, RequestCallback):
            steps.perform_once(session, place, one, f"wait:{place.interaction_id}:{step.state.step}:{number}")
    _keep(session, place, step.state, may_tell)
    agreed = next((one for _, one in done_once if isinstance(one, RequestCallback)), None)
    if agreed is not None:
        return steps.agree_in_line(session, room, place, agreed, step.instructions)
    place.write_context(session)
    reason = reason_to_leave(entering, step.state)
    if reason is not None:
        return steps.leave_queue(session, room, place.interaction_id, reason)
    return _rendered(room, place, step)


def _rendered(room: Room, place: Place, step: engine.Step) -> str:
    here = room.urls.wait(place.interaction_id, w=str(step.state.step))
    return room.renderer.round_of_waiting(step.instructions, here)


def _queue_names(place: Place, here: Waiting, interaction: Interaction) -> dict[str, Any]:
    since = interaction.virtual_start or place.now
    return {
        "name": place.enters_queue.queue if place.enters_queue else "",
        "position": here.position,
        "low_min": here.low_min,
        "high_min": here.high_min,
        "waited_s": max(0, round((place.now - since).total_seconds())),
    }


def _never_worse(here: Waiting, told: Mapping[str, int]) -> Waiting:
    """Place and minutes, none of them later or longer than what this wait's small flow was shown before."""
    known = {name: number for name in TELLABLE if (number := getattr(here, name))}
    return replace(here, **{name: min(number, told.get(name, number)) for name, number in known.items()})


def _kept(session: Session, place: Place) -> State | None:
    """The small flow's state of this wait; one of an earlier wait of the call does not count."""
    kept = _row(session, place)
    return State.from_json(kept["state"]) if kept else None


def _told(session: Session, place: Place) -> dict[str, int]:
    """The least numbers that were shown in this wait."""
    told: dict[str, int] = _row(session, place).get("told", {})
    return told


def _row(session: Session, place: Place) -> dict[str, Any]:
    kept = session.scalar(select(FlowSession.wait).where(FlowSession.interaction_id == place.interaction_id))
    return kept if kept and kept["of"] == place.step else {}


def _keep(session: Session, place: Place, state: State, may_tell: Waiting) -> None:
    shown = {name: number for name in TELLABLE if (number := getattr(may_tell, name))}
    kept = {"of": place.step, "state": state.to_json(), "told": _told(session, place) | shown}
    session.execute(update(FlowSession).where(FlowSession.interaction_id == place.interaction_id).values(wait=kept))


def _tell(session: Session, place: Place, facts: tuple[Fact, ...]) -> None:
    steps.tell_aside(session, place, tuple(fact for fact in facts if not isinstance(fact, QUIET)))
