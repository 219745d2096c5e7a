"""After the talk: an outcome and a note, or the timer's `WRAP_UP_TIMEOUT`. Nothing completes without one (A-12).

A note that was begun and not finished when the time is over is kept as it stands.
"""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events
from app.interactions.drafts import drafts_of, forget_draft
from app.interactions.due import each_due
from app.interactions.models import WRAP_UP_TIMEOUT, Disposition, Interaction, State
from app.interactions.move import lock_interaction
from app.interactions.notes import LONGEST_NOTE, add_note
from app.routing.release import end_work


class WrapUpRefused(ValueError):
    """The wrap-up cannot be finished like this; the message says what stands. `code` is for machines."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def finish_wrap_up(
    session: Session, interaction_id: uuid.UUID, user_id: int, code: str, note: str | None = None
) -> Interaction:
    """The agent gives the outcome (an active disposition's code) and maybe a note; the work is done.

    Late, after the timer, the code still replaces WRAP_UP_TIMEOUT. The same code again changes nothing.
    Raises WrapUpRefused, LookupError for an unknown interaction, and NoteRefused.
    """
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        raise LookupError("There is no such interaction.")
    _refuse_a_stranger(interaction, user_id)
    _refuse_an_unknown_code(session, code)
    if interaction.state == State.COMPLETED and interaction.disposition_code == code:
        return interaction
    _refuse_a_wrong_time(interaction)
    if note and note.strip():
        add_note(session, interaction.customer_id, user_id, note, interaction_id)
    forget_draft(session, user_id, interaction.customer_id, "wrap")
    interaction.disposition_code = code
    session.flush()
    if interaction.state == State.WRAPPING:
        end_work(session, interaction, actor=f"user:{user_id}", reason="wrapped_up")
    _tell(session, interaction, actor=f"user:{user_id}")
    return interaction


def expire_wrap_ups(session: Session) -> int:
    """Complete every wrap-up whose time is over with WRAP_UP_TIMEOUT; how many there were."""
    due = Interaction.state == State.WRAPPING
    return each_due(session, due, _time_out)


def _time_out(session: Session, interaction: Interaction) -> None:
    _keep_begun_note(session, interaction)
    interaction.disposition_code = WRAP_UP_TIMEOUT
    session.flush()
    end_work(session, interaction, actor="system", reason="wrap_up_timeout")
    _tell(session, interaction, actor="system")


def _keep_begun_note(session: Session, interaction: Interaction) -> None:
    if interaction.agent_id is None:
        return
    begun = drafts_of(session, interaction.agent_id, interaction.customer_id)["wrap"].strip()
    if begun and len(begun) <= LONGEST_NOTE:
        add_note(session, interaction.customer_id, interaction.agent_id, begun, interaction.id)
        forget_draft(session, interaction.agent_id, interaction.customer_id, "wrap")


def _refuse_a_stranger(interaction: Interaction, user_id: int) -> None:
    if interaction.agent_id != user_id:
        raise WrapUpRefused("not_yours", "This call is not yours: its own agent writes the outcome.")


def _refuse_an_unknown_code(session: Session, code: str) -> None:
    known = session.scalars(select(Disposition).where(Disposition.code == code, Disposition.active)).first()
    if known is None:
        raise WrapUpRefused("unknown_code", "There is no such outcome any more: choose one of the list.")


def _refuse_a_wrong_time(interaction: Interaction) -> None:
    if interaction.state == State.COMPLETED and interaction.disposition_code != WRAP_UP_TIMEOUT:
        raise WrapUpRefused("already_done", f"The outcome is already written: {interaction.disposition_code}.")
    if interaction.state not in (State.WRAPPING, State.COMPLETED):
        raise WrapUpRefused("not_over", "The call is not over yet: hang up first.")


def _tell(session: Session, interaction: Interaction, *, actor: str) -> None:
    events.record(
        session,
        "wrap_up.done",
        actor=actor,
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(interaction.agent_id,) if interaction.agent_id is not None else (),
        queue_id=interaction.queue_id,
        code=interaction.disposition_code,
    )
