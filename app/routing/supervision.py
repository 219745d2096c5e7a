"""A supervisor in somebody's call: listens, coaches, barges in, takes over, leaves.

Whether the agent is told follows a setting (`Settings.supervision_told`); the log is told always. An event that the
agent must not see names the call in its data only, so that it reaches the floor and the supervisor and nobody else.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import events
from app.db import database_now
from app.forms import Refusal
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction, move
from app.routing.consults import close_of, enqueue
from app.routing.in_hand import Supervision, SupervisionMode
from app.routing.models import Offer, OfferState
from app.routing.parts import hand_on, part_ended
from app.routing.presence import live_phone
from app.routing.reserve import has_call

TALKING = (State.ACTIVE, State.HELD)
TOLD = {
    "always": frozenset(SupervisionMode),
    "when_heard": frozenset(SupervisionMode) - {SupervisionMode.LISTEN},
    "never": frozenset({SupervisionMode.TAKE_OVER}),
}
"""The setting's words: in which modes the agent sees that somebody is there. Who takes over is always seen."""


def join(session: Session, interaction_id: uuid.UUID, user_id: int, mode: SupervisionMode, policy: str) -> Supervision:
    """Come into a call, or change how one is in it. The supervisor's own phone rings and answers itself.

    Raises Refusal: 404 for an unknown call, 409 when nobody talks in it, it is one's own, or one's phone is not ready.
    """
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        raise Refusal(404, "not_found", "There is no such call.")
    if interaction.agent_id == user_id:
        raise Refusal(409, "your_own", "This is your own call.")
    if interaction.state not in TALKING or interaction.agent_id is None or interaction.hangup_requested_by is not None:
        raise Refusal(409, "not_talking", "Nobody talks in this call now, so there is nothing to listen to.")
    there = _open_of(session, interaction_id, user_id)
    if there is None:
        return _come(session, interaction, user_id, mode, mode in TOLD[policy])
    _change(session, interaction, there, mode, there.told or mode in TOLD[policy])
    return there


def leave(session: Session, interaction_id: uuid.UUID, user_id: int) -> None:
    """Go out of the call; nobody else notices. Said twice, it changes nothing."""
    interaction = lock_interaction(session, interaction_id)
    there = _open_of(session, interaction_id, user_id)
    if interaction is not None and there is not None:
        _send_away(session, interaction, there)


def is_in(session: Session, supervision_id: int) -> Supervision | None:
    """The supervisor's phone answered: they are in the call; None when they are not wanted there any more."""
    there = session.get(Supervision, supervision_id, populate_existing=True)
    interaction = lock_interaction(session, there.interaction_id) if there is not None else None
    if there is None or interaction is None:
        return None
    session.refresh(there)
    if there.ended_at is not None or interaction.state not in TALKING:
        return None
    if there.joined_at is None:
        there.joined_at = database_now(session)
        session.flush()
        _tell(session, interaction, there, "supervisor.joined", mode=there.mode)
        _settle(session, interaction, there)
    return there


def agent_is_in(session: Session, interaction: Interaction) -> None:
    """The agent's line is in the call, maybe a new one: who coaches is paired with it."""
    coaching = _open().where(Supervision.interaction_id == interaction.id, Supervision.mode == SupervisionMode.COACH)
    for there in session.scalars(coaching.where(Supervision.joined_at.is_not(None))).all():
        enqueue(session, "voice.supervise", interaction, supervision_id=there.id)


def has_left(session: Session, supervision_id: int) -> None:
    """The supervisor's phone is out of the call, or never came into it."""
    there = session.get(Supervision, supervision_id, populate_existing=True)
    interaction = lock_interaction(session, there.interaction_id) if there is not None else None
    if there is None or interaction is None or there.ended_at is not None:
        return
    there.ended_at = database_now(session)
    session.flush()
    _tell(session, interaction, there, "supervisor.left")


def send_supervisors_away(session: Session, interaction: Interaction) -> None:
    """The call goes to somebody else, or nowhere: whoever listens is out of it."""
    for there in session.scalars(_open().where(Supervision.interaction_id == interaction.id)).all():
        _send_away(session, interaction, there)


def ask_for_help(session: Session, interaction_id: uuid.UUID, user_id: int, *, wanted: bool, note: str | None) -> None:
    """The agent asks the supervisors to come into the call, or does not need them any more. Raises Refusal."""
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        raise Refusal(404, "not_found", "There is no such call.")
    if interaction.agent_id != user_id:
        raise Refusal(403, "not_yours", "This call is not with you any more.")
    if not wanted:
        _help_is_there(session, interaction)
        return
    if interaction.state not in (*TALKING, State.AGENT_LOST):
        raise Refusal(409, "wrong_state", "This call is over.")
    asked = {"at": database_now(session).isoformat(), "note": (note or "").strip()[:200] or None}
    interaction.context = {**interaction.context, "help": asked}
    session.flush()
    _tell_call(session, interaction, "supervisor.help_asked", f"user:{user_id}", (user_id,), note=asked["note"])


def supervisors_of(session: Session, interaction_id: uuid.UUID) -> list[Supervision]:
    """Who is in a call and seen by its agent, in the order of coming."""
    told = _open().where(Supervision.interaction_id == interaction_id, Supervision.told)
    return list(session.scalars(told.where(Supervision.joined_at.is_not(None)).order_by(Supervision.id)))


def supervision_of(session: Session, user_id: int) -> Supervision | None:
    """The call that this supervisor is in, or is being rung for."""
    return session.scalars(_open().where(Supervision.user_id == user_id)).one_or_none()


def _come(session: Session, interaction: Interaction, user_id: int, mode: SupervisionMode, told: bool) -> Supervision:
    if not live_phone(session, user_id):
        raise Refusal(409, "phone_not_ready", "Your phone is not ready: open the agent desktop and allow its sound.")
    if has_call(session, user_id):
        raise Refusal(409, "busy", "You have a call of your own at hand: finish it first.")
    row = insert(Supervision).values(
        interaction_id=interaction.id, user_id=user_id, agent_id=interaction.agent_id, mode=mode.value, told=told
    )
    made = session.execute(row.on_conflict_do_nothing().returning(Supervision.id)).scalar()
    if made is None:
        raise Refusal(409, "elsewhere", "You are in another call: leave it first.")
    there = session.get_one(Supervision, made)
    _tell(session, interaction, there, "supervisor.asked", mode=mode.value)
    enqueue(session, "voice.ring_supervisor", interaction, supervision_id=made)
    return there


def _change(session: Session, interaction: Interaction, there: Supervision, mode: SupervisionMode, told: bool) -> None:
    if there.mode == mode and mode is not SupervisionMode.TAKE_OVER:
        return
    there.mode, there.told = mode.value, told
    session.flush()
    if there.joined_at is not None:
        _tell(session, interaction, there, "supervisor.changed", mode=mode.value)
        _settle(session, interaction, there)


def _settle(session: Session, interaction: Interaction, there: Supervision) -> None:
    """What follows from being in a call in this mode."""
    if there.mode != SupervisionMode.LISTEN:
        _help_is_there(session, interaction)
    if there.mode == SupervisionMode.TAKE_OVER:
        _take_over(session, interaction, there)
    else:
        enqueue(session, "voice.supervise", interaction, supervision_id=there.id)


def _take_over(session: Session, interaction: Interaction, there: Supervision) -> None:
    """The call is the supervisor's: first they are heard by all, then the agent's line ends, so nobody is alone; they
    wrap up their own part.
    """
    before = interaction.agent_id
    close_of(session, interaction, "taken_over")
    hand_on(session, interaction, "taken_over")
    now = database_now(session)
    own = insert(Offer).values(
        interaction_id=interaction.id,
        user_id=there.user_id,
        queue_id=interaction.queue_id,
        role="primary",
        state=OfferState.ACCEPTED.value,
        created_at=now,
        expires_at=now,
    )
    if session.execute(own.on_conflict_do_nothing().returning(Offer.id)).first() is None:
        raise Refusal(409, "busy", "You have a call of your own at hand: finish it first.")
    there.ended_at = now
    actor = f"user:{there.user_id}"
    move(session, interaction, State.ACTIVE, actor=actor, reason="taken_over", agent_id=there.user_id)
    enqueue(session, "voice.supervise", interaction, supervision_id=there.id)
    enqueue(session, "voice.end_hold", interaction)
    users = (there.user_id, *((before,) if before is not None else ()))
    _tell_call(session, interaction, "supervisor.took_over", actor, users, agent=before)
    if before is not None:
        enqueue(session, "voice.let_go", interaction, user_id=before)
        part_ended(session, before)


def _send_away(session: Session, interaction: Interaction, there: Supervision) -> None:
    there.ended_at = database_now(session)
    session.flush()
    enqueue(session, "voice.end_supervision", interaction, supervision_id=there.id)
    _tell(session, interaction, there, "supervisor.left")


def _help_is_there(session: Session, interaction: Interaction) -> None:
    if "help" not in interaction.context:
        return
    interaction.context = {name: value for name, value in interaction.context.items() if name != "help"}
    session.flush()
    users = (interaction.agent_id,) if interaction.agent_id is not None else ()
    _tell_call(session, interaction, "supervisor.help_over", "system", users)


def _open() -> Any:
    return select(Supervision).where(Supervision.ended_at.is_(None)).execution_options(populate_existing=True)


def _open_of(session: Session, interaction_id: uuid.UUID, user_id: int) -> Supervision | None:
    own = _open().where(Supervision.interaction_id == interaction_id, Supervision.user_id == user_id)
    found: Supervision | None = session.scalars(own).one_or_none()
    return found


def _tell(session: Session, interaction: Interaction, there: Supervision, kind: str, **data: Any) -> None:
    actor = f"user:{there.user_id}"
    if there.told:
        _tell_call(session, interaction, kind, actor, (there.user_id, there.agent_id), **data)
        return
    about: dict[str, Any] = {"interaction": str(interaction.id), "agent": there.agent_id, "told": False}
    events.record(session, kind, actor=actor, users=(there.user_id,), **about, **data)


def _tell_call(
    session: Session, interaction: Interaction, kind: str, actor: str, users: tuple[int, ...], **data: Any
) -> None:
    events.record(
        session,
        kind,
        actor=actor,
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=users,
        queue_id=interaction.queue_id,
        interaction=str(interaction.id),
        **data,
    )
