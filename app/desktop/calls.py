"""What an agent does with their own call. The carrier is told first, with no transaction open; then it is written."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.orm import Session

from app import events
from app.db import unit_of_work
from app.desktop.call_control import CallControl, CallRefused
from app.desktop.forms import Target
from app.desktop.state import LIVE, call_json
from app.forms import BadInput, Refusal
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction, move
from app.routing import transfers
from app.routing.consults import open_consult
from app.routing.in_hand import ConsultKind, ConsultState
from app.routing.models import OfferState
from app.routing.parts import handed_on_part
from app.routing.release import request_hang_up
from app.words import N_

TALKING = (State.ACTIVE, State.HELD)


def hold_call(control: CallControl, interaction_id: uuid.UUID, user_id: int, *, held: bool) -> dict[str, Any]:
    """Hold the customer with music or take them back; the call as it then stands. Asked twice, it is done once."""
    wanted = State.HELD if held else State.ACTIVE
    with own_call(interaction_id, user_id, TALKING) as (session, interaction):
        if interaction.state == wanted:
            return call_json(session, interaction, user_id)
        _refuse_while_asking(session, interaction)
    with carrier_asked():
        control.hold(interaction_id, held=held)
    with own_call(interaction_id, user_id, TALKING) as (session, interaction):
        if interaction.state != wanted and move(session, interaction, wanted, actor=f"user:{user_id}"):
            _tell(session, interaction, "call.held" if held else "call.resumed")
        return call_json(session, interaction, user_id)


def mute_call(control: CallControl, interaction_id: uuid.UUID, user_id: int, *, muted: bool) -> dict[str, Any]:
    """Silence the agent's own leg, or not; the call as it then stands."""
    with own_call(interaction_id, user_id, TALKING):
        pass
    with carrier_asked():
        control.mute(interaction_id, user_id, muted=muted)
    with own_call(interaction_id, user_id, TALKING) as (session, interaction):
        _tell(session, interaction, "call.muted", muted=muted)
        session.flush()
        return call_json(session, interaction, user_id)


def send_digits(control: CallControl, interaction_id: uuid.UUID, user_id: int, digits: str) -> dict[str, Any]:
    """Play tones to the other side. They may be a card's number or a code: they are kept nowhere."""
    with own_call(interaction_id, user_id, (State.ACTIVE,)) as (session, interaction):
        standing = call_json(session, interaction, user_id)
    with carrier_asked():
        control.send_digits(interaction_id, digits)
    return standing


def hang_up_call(interaction_id: uuid.UUID, user_id: int) -> dict[str, Any]:
    """End the call for everybody: the wish is written and a job carries it out, whatever happens to this process."""
    with own_call(interaction_id, user_id, LIVE) as (session, interaction):
        request_hang_up(session, interaction_id, user_id)
        return call_json(session, interaction, user_id)


def hand_on(interaction_id: uuid.UUID, user_id: int, to: Target, *, warm: bool, note: str | None) -> dict[str, Any]:
    """Transfer the call: at once, or (`warm`) after a word with whoever answers. The call as it then stands, or None.

    A flow is asked for no word: it is always entered at once.
    """
    with unit_of_work() as session:
        if warm and to.agent is not None:
            transfers.ask_agent(session, interaction_id, user_id, to.agent, third=False, note=note)
        elif warm and to.number is not None:
            transfers.ask_number(session, interaction_id, user_id, to.number, third=False)
        elif warm and to.queue is not None:
            transfers.ask_queue(session, interaction_id, user_id, to.queue, note)
        elif to.agent is not None:
            transfers.to_agent(session, interaction_id, user_id, to.agent, note)
        elif to.number is not None:
            transfers.to_number(session, interaction_id, user_id, to.number, note)
        elif to.queue is not None:
            transfers.to_queue(session, interaction_id, user_id, to.queue, note)
        elif to.flow is not None:
            transfers.to_flow(session, interaction_id, user_id, to.flow, note)
        return standing(session, interaction_id, user_id)


def add_third(interaction_id: uuid.UUID, user_id: int, to: Target | None) -> dict[str, Any]:
    """Somebody more joins the talk: whoever is being consulted (`to` None), or somebody who is rung for it."""
    with unit_of_work() as session:
        if to is None:
            transfers.join_all(session, interaction_id, user_id)
        elif to.agent is not None:
            transfers.ask_agent(session, interaction_id, user_id, to.agent, third=True)
        elif to.number is not None:
            transfers.ask_number(session, interaction_id, user_id, to.number, third=True)
        else:
            raise BadInput("to", "A third is a colleague or a number.")
        return standing(session, interaction_id, user_id)


def in_one_transaction(
    act: Callable[[Session, uuid.UUID, int], object], interaction_id: uuid.UUID, user_id: int
) -> dict[str, Any]:
    """Do one thing with the own call; `{call}` as it then stands for this agent, None once it is not theirs."""
    with unit_of_work() as session:
        act(session, interaction_id, user_id)
        return standing(session, interaction_id, user_id)


def standing(session: Session, interaction_id: uuid.UUID, user_id: int) -> dict[str, Any]:
    """`{call}`: the call as it stands for this agent, their wrap-up of it too; None when it is not theirs any more."""
    session.flush()
    interaction = session.get_one(Interaction, interaction_id)
    theirs = interaction.agent_id == user_id and interaction.state in (*LIVE, State.WRAPPING)
    part = handed_on_part(session, interaction_id, user_id)
    wraps = part is not None and part.state == OfferState.WRAPPING
    return {"call": call_json(session, interaction, user_id) if theirs or wraps else None}


def _refuse_while_asking(session: Session, interaction: Interaction) -> None:
    consult = open_consult(session, interaction.id)
    if consult is not None and consult.kind == ConsultKind.CONSULT and consult.state != ConsultState.JOINED:
        raise Refusal(
            409,
            "consulting",
            "You have asked a colleague first: bring all together, hand the customer over, or end that talk.",
        )


@contextmanager
def own_call(
    interaction_id: uuid.UUID, user_id: int, states: tuple[State, ...]
) -> Iterator[tuple[Session, Interaction]]:
    """One transaction on this agent's own call in one of `states`. Refuses with 404, 403 or 409 and what stands."""
    with unit_of_work() as session:
        interaction = lock_interaction(session, interaction_id)
        if interaction is None:
            raise Refusal(404, "not_found", "There is no such call.")
        if interaction.agent_id != user_id:
            raise Refusal(403, "not_yours", "This call is not with you any more.")
        if interaction.state not in states:
            standing = call_json(session, interaction, user_id)
            raise Refusal(409, "wrong_state", _TOO_LATE.get(State(interaction.state), _OVER), call=standing)
        yield session, interaction


_OVER = N_("This call is over.")
_TOO_LATE = {
    State.ACTIVE: N_("The call is active."),
    State.HELD: N_("The customer is on hold. Take them back first."),
    State.AGENT_LOST: N_("Your line was lost; you are being rung again."),
    State.WRAPPING: N_("The caller has hung up; only the wrap-up is left."),
}


@contextmanager
def carrier_asked() -> Iterator[None]:
    """Turn the carrier's refusal into ours: 409 when the leg is gone, else 502."""
    try:
        yield
    except CallRefused as refused:
        status, code = (409, "call_over") if refused.gone else (502, "carrier_failed")
        raise Refusal(status, code, str(refused)) from refused


def _tell(session: Session, interaction: Interaction, kind: str, **data: Any) -> None:
    events.record(
        session,
        kind,
        actor=f"user:{interaction.agent_id}",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(interaction.agent_id,) if interaction.agent_id is not None else (),
        queue_id=interaction.queue_id,
        **data,
    )
